/* probe.c - kernel probes, kernel functions and user-space probes that LTTng sets: how often each is met, how long functions take, and
 * the time between any two of them (or other kernel events) in a thread.
 *
 * A probe at an instruction is an event NAME; one of a function is NAME_entry and NAME_exit (NAME_return of older tracers). Where none is configured, events that look
 * like these are taken for them: a recorded trace's. */
#include "base/bytes.h"
#include "base/text.h"
#include "stream/analysis.h"
#include "stream/kernel.h"
#include "stream/kernel_names.h"
#include "stream/operations.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config {
    struct operations_config of;
    struct text_list probes, pairs;
    struct duration collect_after;
};

static const struct option options[] = {
    OPERATIONS_OPTIONS("probe", "pair that took longer", "name of the pair, as sync=5ms", "0s", "pair still pending after this; 0s: none", "65536", "pairs pending"),
    OPTION(struct config, probes, 0, TEXT_LIST_MAX, "", "NAME=WHERE: SYMBOL, SYMBOL+OFFSET or 0xADDRESS in the kernel; function:SYMBOL; elf:PATH:SYMBOL or sdt:PATH:PROVIDER:NAME in a program"),
    OPTION(struct config, pairs, 0, TEXT_LIST_MAX, "", "NAME=BEGIN..END: the time between two of them, or other kernel events, in a thread"),
    OPTION(struct config, collect_after, 0, 604800, "1m", "give up pairs pending longer; 0s: never"),
    OPTION_END
};

enum { F_WHAT, F_PROCNAME, F_TID, F_PID, FIELDS };
static const struct observable hit = { "hit", MEASURE_EVENTS, UNIT_NONE, { "probe", "procname", "tid", "pid" } };
static const struct observable duration = { "duration", MEASURE_DURATION, UNIT_NANOSECONDS, { "pair", "procname", "tid", "pid" } };

static const struct metric_info emits[] = {
    METRIC_OF("hit", "hits", "how often a probe was met", METRIC_COUNTER, UNIT_NONE, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "probe"),
    METRIC_OF("hit", "process_hits", "the same by name of the thread", METRIC_COUNTER, UNIT_NONE, FACE_DETAIL | FACE_REPORT, "probe", "procname"),
    METRIC_SHOWING("hit", "thread_hits", "the same by thread", METRIC_COUNTER, UNIT_NONE, FACE_REPORT, "tid", "procname"),
    METRIC_OF("duration", "duration", "time in a function, or from one probe to the other", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_LIVE | FACE_REPORT | FACE_OVERVIEW, "pair"),
    METRIC_OF("duration", "process_duration", "the same by name of the thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_DETAIL | FACE_REPORT, "pair", "procname"),
    METRIC_SHOWING("duration", "thread_duration", "the same by thread", METRIC_LATENCY, UNIT_NANOSECONDS, FACE_REPORT, "tid", "procname"),
    METRIC_END,
};

enum { PAIRS_MAX = 256 };

struct probe {
    const struct config *config;
    struct stream *stream;
    struct observer *hit, *duration;
    struct operations pending; /* by pair and thread */
    uint32_t pair_count;
    char *pairs[PAIRS_MAX];    /* their names */
};

/* Kept of a beginning. */
struct begun {
    uint32_t pair, comm_size;
    int64_t tid, pid;          /* -1: not known */
    char comm[16];
};

/* What one event class is to a pair, or a probe. */
struct place {
    uint32_t pair;
    int tid, pid, comm;
    char name[EVENT_NAME_MAX]; /* the probe's */
};

/* ---- what is configured ---- */

/* NAME of "NAME=..."; *ret_rest is behind the '='. False: it is no such thing. */
static bool split(const char *item, char name[TEXT_MAX], const char **ret_rest)
{
    size_t n = strcspn(item, "=");
    struct text_out out = text_out_init(name, TEXT_MAX);
    text_put(&out, item, n);
    *ret_rest = item + n + (item[n] == '=');
    return n > 0 && item[n] == '=' && **ret_rest;
}

/* The BEGIN and END of "BEGIN..END". */
static bool split_pair(const char *text, char begin[TEXT_MAX], char end[TEXT_MAX])
{
    const char *dots = strstr(text, "..");
    struct text_out out = text_out_init(begin, TEXT_MAX);
    if (!dots || dots == text || !dots[2])
        return false;
    text_put(&out, text, (size_t)(dots - text));
    return text_copy(end, TEXT_MAX, dots + 2);
}

static const char *function_symbol(const char *where)
{
    static const char prefix[] = "function:";
    return strncmp(where, prefix, sizeof(prefix) - 1) == 0 ? where + sizeof(prefix) - 1 : NULL;
}

static bool is_end(const char *suffix)
{
    return strcmp(suffix, "_exit") == 0 || strcmp(suffix, "_return") == 0;
}

/* Is `class` the event of the probe `item`, and is that a function's? */
static bool is_probe(const char *item, const char *class, const char **ret_suffix)
{
    char name[TEXT_MAX];
    const char *where;
    if (!split(item, name, &where) || strncmp(class, name, strlen(name)) != 0)
        return false;
    *ret_suffix = class + strlen(name);
    return function_symbol(where) ? strcmp(*ret_suffix, "_entry") == 0 || is_end(*ret_suffix) : **ret_suffix == '\0';
}

static int check_where(const char *item, const char *where, struct error *err)
{
    const char *symbol = function_symbol(where);
    uint32_t colons = 0;
    for (const char *at = where; *at; at++)
        colons += *at == ':';
    bool elf = strncmp(where, "elf:/", 5) == 0, sdt = strncmp(where, "sdt:/", 5) == 0;
    bool good = elf ? colons == 2 : sdt ? colons == 3 : symbol ? *symbol && colons == 1 : colons == 0;
    if (!good || strpbrk(where, " \t\n") || where[strlen(where) - 1] == ':')
        return error_set(err, -EINVAL, "probes: '%s': expected NAME=SYMBOL, NAME=SYMBOL+OFFSET, NAME=0xADDRESS, NAME=function:SYMBOL, NAME=elf:/PATH:SYMBOL or NAME=sdt:/PATH:PROVIDER:NAME", item);
    return 0;
}

static int check(const void *config, struct error *err)
{
    const struct config *c = config;
    char name[TEXT_MAX], begin[TEXT_MAX], end[TEXT_MAX];
    const char *rest;
    int r = operations_check(&c->of, err);
    for (uint32_t i = 0; i < c->probes.count && r == 0; i++) {
        if (!split(c->probes.item[i].s, name, &rest) || strpbrk(name, " \t\n:*|,"))
            return error_set(err, -EINVAL, "probes: '%s' is not NAME=WHERE, as sync=vfs_fsync", c->probes.item[i].s);
        r = check_where(c->probes.item[i].s, rest, err);
    }
    for (uint32_t i = 0; i < c->pairs.count && r == 0; i++)
        if (!split(c->pairs.item[i].s, name, &rest) || !split_pair(rest, begin, end))
            r = error_set(err, -EINVAL, "pairs: '%s' is not NAME=BEGIN..END", c->pairs.item[i].s);
    if (r == 0 && c->of.timeout.ns > 0 && c->collect_after.ns > 0 && c->collect_after.ns <= c->of.timeout.ns)
        r = error_set(err, -EINVAL, "collect_after must be longer than timeout");
    return r;
}

static void need_end(const struct config *c, const char *name, struct needs *n)
{
    const char *suffix;
    for (uint32_t i = 0; i < c->probes.count; i++)
        if (is_probe(c->probes.item[i].s, name, &suffix))
            return;
    kernel_name_need(n, name, false);
}

static void needs(const void *config, struct needs *n)
{
    static const char *const contexts[] = { "ctx.pid", "ctx.tid", "ctx.procname" };
    const struct config *c = config;
    char name[TEXT_MAX], begin[TEXT_MAX], end[TEXT_MAX];
    const char *rest;
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
        needs_field(n, contexts[i]);
    for (uint32_t i = 0; i < c->probes.count; i++)
        needs_event(n, c->probes.item[i].s);
    for (uint32_t i = 0; i < c->pairs.count; i++) {
        if (!split(c->pairs.item[i].s, name, &rest) || !split_pair(rest, begin, end))
            continue;
        need_end(c, begin, n);
        need_end(c, end, n);
    }
}

/* ---- events ---- */

static int64_t int_at(const struct event *event, int at)
{
    const struct value *v = at < 0 ? NULL : &event->values[at];
    return v && (v->kind == VALUE_SIGNED || v->kind == VALUE_UNSIGNED) ? v->i : -1;
}

static void on_hit(void *self, void *data, const struct event *event)
{
    const struct probe *a = self;
    const struct place *p = data;
    struct value fields[FIELDS] = { { .kind = VALUE_NONE } };
    fields[F_WHAT] = value_of_text(p->name);
    if (p->comm >= 0)
        fields[F_PROCNAME] = event->values[p->comm];
    fields[F_TID] = value_int_or_none(int_at(event, p->tid));
    fields[F_PID] = value_int_or_none(int_at(event, p->pid));
    observe(a->hit, &(struct observed){ event->time_ns, event->time_ns, 1, fields });
}

static void on_begin(void *self, void *data, const struct event *event)
{
    struct probe *a = self;
    const struct place *p = data;
    int64_t tid = int_at(event, p->tid);
    uint64_t key[] = { p->pair, (uint64_t)tid };
    struct begun *b = tid < 0 ? NULL : operations_begin(&a->pending, key, event->time_ns);
    if (!b)
        return;
    *b = (struct begun){ .pair = p->pair, .tid = tid, .pid = int_at(event, p->pid) };
    const struct value *comm = p->comm < 0 ? NULL : &event->values[p->comm];
    if (!comm || comm->kind != VALUE_TEXT)
        return;
    b->comm_size = comm->size < sizeof(b->comm) ? comm->size : sizeof(b->comm);
    memcpy(b->comm, comm->text, b->comm_size);
}

static void fill(const struct probe *a, const struct begun *b, struct value *fields)
{
    fields[F_WHAT] = value_of_text(a->pairs[b->pair]);
    fields[F_PROCNAME] = value_of_bytes(b->comm, b->comm_size);
    fields[F_TID] = value_int_or_none(b->tid);
    fields[F_PID] = value_int_or_none(b->pid);
}

static void on_ended(void *self, struct pending *p, int64_t end_ns, const void *context)
{
    struct probe *a = self;
    struct value fields[FIELDS];
    (void)context;
    fill(a, pairing_data(&a->pending.pairing, p), fields);
    struct observed x = { p->begin_ns, end_ns, end_ns - p->begin_ns, fields };
    if (p->timed_out)
        observe_overdue(a->duration, EXCEEDANCE_ENDED, &x, a->config->of.timeout.ns);
    observe(a->duration, &x);
}

static void on_end(void *self, void *data, const struct event *event)
{
    struct probe *a = self;
    const struct place *p = data;
    int64_t tid = int_at(event, p->tid);
    uint64_t key[] = { p->pair, (uint64_t)tid };
    if (tid >= 0)
        operations_end(&a->pending, key, event->time_ns, on_ended, NULL);
}

static void overdue(struct probe *a, struct pending *p, int64_t time_ns, enum exceedance_kind kind)
{
    struct value fields[FIELDS];
    fill(a, pairing_data(&a->pending.pairing, p), fields);
    observe_overdue(a->duration, kind, &(struct observed){ p->begin_ns, time_ns, time_ns - p->begin_ns, fields }, a->config->of.timeout.ns);
}

OPERATIONS_OVERDUE(overdue, NULL);

/* ---- binding ---- */

static uint32_t pair_number(struct probe *a, const char *name, size_t size)
{
    uint32_t i = 0;
    while (i < a->pair_count && (strlen(a->pairs[i]) != size || memcmp(a->pairs[i], name, size) != 0))
        i++;
    if (i < a->pair_count || i == PAIRS_MAX)
        return i;
    a->pairs[i] = xcalloc(1, size + 1);
    memcpy(a->pairs[i], name, size);
    a->pair_count++;
    return i;
}

/* name: of the probe, or of the pair. */
static void hook(struct probe *a, struct binder *b, hook_fn fn, const char *name, size_t size)
{
    struct place *p = binder_alloc(b, sizeof(*p));
    *p = (struct place){ .tid = binder_field(b, "ctx.tid"), .pid = binder_field(b, "ctx.pid"), .comm = binder_field(b, "ctx.procname") };
    struct text_out out = text_out_init(p->name, sizeof(p->name));
    text_put(&out, name, size);
    if (fn != on_hit)
        p->pair = pair_number(a, name, size);
    if (fn != on_hit && (p->tid < 0 || p->pair == PAIRS_MAX))
        stream_notice(a->stream, "%s: event %s %s: pair %s is left out", a->config->of.name.s, binder_class(b)->name,
                      p->tid < 0 ? "has no context tid" : "is of one pair too many", p->name);
    else
        binder_hook(b, fn, a, p);
}

/* Of a function's probe, the suffix says which end; the name is what is before it. */
static void hook_probe(struct probe *a, struct binder *b, const char *class, const char *suffix)
{
    size_t size = (size_t)(suffix - class);
    if (is_end(suffix)) {
        hook(a, b, on_end, class, size);
        return;
    }
    hook(a, b, on_hit, class, size);
    if (*suffix)
        hook(a, b, on_begin, class, size);
}

/* A recorded trace's: nothing but `ip` is an instruction's; `ip` and `parent_ip` are a function's. */
static void hook_by_shape(struct probe *a, struct binder *b)
{
    const struct event_class *class = binder_class(b);
    uint32_t fields = 0;
    for (uint32_t i = 0; i < class->field_count; i++)
        fields += class->fields[i].scope == SCOPE_PAYLOAD;
    bool function = fields == 2 && binder_peek(b, "payload.parent_ip");
    if (!binder_peek(b, "payload.ip") || (fields != 1 && !function))
        return;
    const char *suffix = class->name + strlen(class->name), *last = function ? strrchr(class->name, '_') : NULL;
    if (last && (strcmp(last, "_entry") == 0 || is_end(last)))
        suffix = last;
    hook_probe(a, b, class->name, suffix);
}

static void bind(void *self, struct binder *b)
{
    struct probe *a = self;
    const struct config *c = a->config;
    const char *class = binder_class(b)->name, *rest, *suffix;
    char name[TEXT_MAX], begin[TEXT_MAX], end[TEXT_MAX];
    struct kernel_name canonical = kernel_name(class);
    if (c->probes.count + c->pairs.count == 0)
        hook_by_shape(a, b);
    for (uint32_t i = 0; i < c->probes.count; i++)
        if (is_probe(c->probes.item[i].s, class, &suffix))
            hook_probe(a, b, class, suffix);
    for (uint32_t i = 0; i < c->pairs.count; i++) {
        if (!split(c->pairs.item[i].s, name, &rest) || !split_pair(rest, begin, end))
            continue;
        if (strcmp(class, end) == 0 || kernel_name_is(&canonical, end)) /* first: what ends one may begin the next */
            hook(a, b, on_end, name, strlen(name));
        if (strcmp(class, begin) == 0 || kernel_name_is(&canonical, begin))
            hook(a, b, on_begin, name, strlen(name));
    }
}

/* ---- the analysis ---- */

static void *open_probe(const void *config, struct stream *stream)
{
    const struct config *c = config;
    struct probe *a = xcalloc(1, sizeof(*a));
    a->config = c;
    a->stream = stream;
    a->hit = observer_new(stream, &(struct observer_spec){ .analysis = c->of.name.s, .what = &hit, .emits = emits });
    a->duration = operations_observer(stream, &c->of, &duration, emits);
    operations_init(&a->pending, stream, c->of.name.s,
                    &(struct pairing_config){ .key_count = 2,
                                              .timeout_ns = c->of.timeout.ns,
                                              .collect_ns = c->collect_after.ns,
                                              .max_pending = c->of.max_pending,
                                              .duplicates = PAIRING_NEWEST, /* a function that calls itself */
                                              .data_size = sizeof(struct begun) },
                    &overdue_ops, a);
    return a;
}

static void close_probe(void *self)
{
    struct probe *a = self;
    operations_done(&a->pending);
    for (uint32_t i = 0; i < a->pair_count; i++)
        free(a->pairs[i]);
    free(a);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct probe *a = self;
    (void)begin_ns;
    operations_lost(&a->pending, end_ns);
}

static void window(void *self)
{
    struct probe *a = self;
    operations_publish(&a->pending);
}

const struct analysis analysis_probe = {
    .name = "probe",
    .summary = "probes in the kernel and in programs: rates, and times from one to the other",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .check = check,
    .needs = needs,
    .open = open_probe,
    .close = close_probe,
    .bind = bind,
    .lost = lost,
    .window = window,
};
