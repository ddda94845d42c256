/* auto.c - useful without configuration: a rate for every event, and pairs of
 * events that their names give away (X_begin and X_end) as latencies.
 *
 * A pair is keyed by thread and by the fields both events have whose names say
 * that they identify something. Work that is handed from thread to thread never
 * pairs that way: then the thread is left out. A pair that most ends do not fit
 * is none. All of this is decided by counting events, so a replay decides alike. */
#include "base/bytes.h"
#include "base/text.h"
#include "stream/analysis.h"
#include "stream/labels.h"
#include "stream/pair.h"
#include "stream/pair_names.h"
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 256,
    FIELDS_MAX = 16,
    SIDES_MAX = 2,       /* X_end may end X_begin and X_start */
    TRIAL_ENDS = 20,     /* none of so many fair ones matched: the thread is not part of the key */
    UNFAIR_ENDS = 500,   /* none of so many, fair or not */
    TRIAL_THREADS = 64,
    PROOF_ENDS = 1000    /* under half of so many matched: not a pair */
};

struct config {
    struct text_list exclude, evidence;
    uint32_t max_pending;
    struct duration collect_after;
};

static const struct option options[] = {
    OPTION(struct config, exclude, 0, 16, "lttng_ust_statedump:*, lttng_statedump_*", "events to leave out, wildcards allowed"),
    OPTION(struct config, evidence, 0, PAIR_EVIDENCE_MAX, "vpid, vtid, procname", "fields to show of the worst operations"),
    OPTION(struct config, max_pending, 1, 16777216, "16384", "operations pending at a time, per pair"),
    OPTION(struct config, collect_after, 1, 604800, "1m", "give up operations pending longer"),
    OPTION_END
};

static const struct metric_info emits[] = {
    METRIC("events", "events by name, as analysis 'rate'", METRIC_COUNTER, UNIT_NONE),
    METRIC("duration", "time between the events of a recognised pair, as analysis 'latency'", METRIC_LATENCY, UNIT_NANOSECONDS),
    METRIC_END,
};

/* ---- names ---- */

enum role { ROLE_BEGIN, ROLE_END };

/* ---- fields that identify ---- */

static bool identifies(const char *name)
{
    static const char *const words[] = { "id", "key", "ptr", "addr", "mutex", "handle", "cookie", "seq", "fd" };
    static const char *const others[] = { "valid", "void" };
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        size_t m = strlen(others[i]);
        if (n >= m && strcmp(name + n - m, others[i]) == 0)
            return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t m = strlen(words[i]);
        if (n >= m && strcasecmp(name + n - m, words[i]) == 0)
            return true;
    }
    return false;
}

/* Candidate fields of a class, with their places in its events' values. */
struct fields {
    uint32_t count;
    struct {
        char name[EVENT_NAME_MAX];
        bool text, identifier; /* identifier: a payload field that may be part of a key */
        int place;
    } item[FIELDS_MAX];
};

static int place_of(void *self, const char *name)
{
    const struct fields *f = self;
    for (uint32_t i = 0; i < f->count; i++)
        if (strcmp(f->item[i].name, name) == 0)
            return f->item[i].place;
    return -1;
}

static void add_field(struct fields *f, struct binder *b, const char *name, bool identifier)
{
    const struct field *field = binder_peek(b, name);
    if (!field || f->count == FIELDS_MAX || place_of(f, name) >= 0)
        return;
    int place = binder_field(b, name);
    if (place < 0)
        return;
    text_copy(f->item[f->count].name, sizeof(f->item[0].name), name);
    f->item[f->count].text = field->kind == VALUE_TEXT;
    f->item[f->count].identifier = identifier;
    f->item[f->count++].place = place;
}

static void collect_fields(struct fields *f, struct binder *b, const struct text_list *evidence)
{
    static const char *const threads[] = { "ctx.vtid", "ctx.tid", "ctx.pid_ns" };
    const struct event_class *class = binder_class(b);
    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
        add_field(f, b, threads[i], false);
    for (uint32_t i = 0; i < class->field_count; i++) {
        const struct field *field = &class->fields[i];
        if (field->scope == SCOPE_PAYLOAD && field->kind != VALUE_REAL && identifies(field->name))
            add_field(f, b, field->name, true);
    }
    for (uint32_t i = 0; i < evidence->count; i++)
        add_field(f, b, evidence->item[i].s, false);
}

/* ---- pairs ---- */

struct candidate {
    char base[EVENT_NAME_MAX];     /* "shop:request" */
    const struct pair_scheme *scheme;
    struct automatic *owner;
    struct fields begin, end;      /* of the class seen first on each side */
    bool has_begin, has_end;
    bool without_thread, proven;
    uint32_t seen_count, fair_ends; /* of the trial: threads, and ends of threads seen before */
    uint64_t seen[TRIAL_THREADS];
    uint32_t version;              /* of `pair`: sides resolved for another are resolved again */
    struct pair *pair;             /* NULL until both sides are known, and once dropped */
};

struct automatic {
    const struct config *config;
    struct stream *stream;
    struct family *rates, *covered_rates;
    struct candidate *candidates[CANDIDATES_MAX];
    uint32_t count;
};

/* One event class, for its rate and for its side of a pair. */
struct hooked {
    char name[EVENT_NAME_MAX];
    struct meter_ref meter;
    bool covered;                  /* the meter is that of a covered rate */
    struct fields fields;
    uint32_t side_count;
    struct hooked_side {
        enum role role;
        struct candidate *candidate;
        uint32_t version;          /* of the candidate's pair that `side` is for */
        bool usable;
        struct pair_side side;
    } sides[SIDES_MAX];
};

static bool in_both(const struct candidate *c, const char *name)
{
    for (uint32_t i = 0; i < c->begin.count; i++)
        for (uint32_t j = 0; j < c->end.count; j++)
            if (strcmp(c->begin.item[i].name, name) == 0 && strcmp(c->end.item[j].name, name) == 0)
                return c->begin.item[i].text == c->end.item[j].text;
    return false;
}

static const char *thread_field(const struct candidate *c)
{
    if (in_both(c, "ctx.vtid"))
        return "ctx.vtid";
    return in_both(c, "ctx.tid") ? "ctx.tid" : NULL;
}

static void add_key(struct pair_spec *spec, const char *name)
{
    if (spec->key_count == PAIRING_KEY_MAX)
        return;
    spec->begin_key[spec->key_count] = name;
    spec->end_key[spec->key_count++] = name;
}

static void choose_key(const struct candidate *c, struct pair_spec *spec)
{
    const char *thread = thread_field(c);
    if (thread && !c->without_thread)
        add_key(spec, thread);
    for (uint32_t i = 0; i < c->begin.count; i++)
        if (c->begin.item[i].identifier && in_both(c, c->begin.item[i].name))
            add_key(spec, c->begin.item[i].name);
}

static void make_pair(struct candidate *c)
{
    const struct automatic *a = c->owner;
    struct pair_spec spec = { .analysis = "latency",
                              .constant_label = "pair",
                              .constant_value = c->base,
                              .evidence_count = a->config->evidence.count,
                              .collect_ns = a->config->collect_after.ns,
                              .max_pending = a->config->max_pending,
                              .duplicates = PAIRING_NEWEST };
    for (uint32_t i = 0; i < spec.evidence_count; i++)
        spec.evidence[i] = a->config->evidence.item[i].s;
    if (c->pair)
        pair_publish(c->pair);
    pair_free(c->pair);
    c->pair = NULL;
    c->version++;
    choose_key(c, &spec);
    if (spec.key_count == 0) {
        stream_notice(a->stream,
                      "%s_%s and its end share neither a thread nor a field known as a key (id, key, ptr, addr ...): add the "
                      "context vtid to the session, or configure a latency with a key of its own",
                      c->base, c->scheme->begin);
        return;
    }
    c->pair = pair_new(a->stream, &spec);
}

static struct candidate *find_candidate(struct automatic *a, const char *name, size_t stem, const struct pair_scheme *scheme)
{
    for (uint32_t i = 0; i < a->count; i++) {
        struct candidate *c = a->candidates[i];
        if (c->scheme == scheme && strncmp(c->base, name, stem) == 0 && c->base[stem] == '\0')
            return c;
    }
    if (a->count == CANDIDATES_MAX) {
        stream_notice(a->stream, "%s: more than %d names of pairs; configure those that matter", name, CANDIDATES_MAX);
        return NULL;
    }
    struct candidate *c = xcalloc(1, sizeof(*c));
    memcpy(c->base, name, stem);
    c->scheme = scheme;
    c->owner = a;
    a->candidates[a->count++] = c;
    return c;
}

static void learn_side(struct candidate *c, enum role role, const struct fields *fields)
{
    bool *known = role == ROLE_BEGIN ? &c->has_begin : &c->has_end;
    if (*known)
        return;
    *(role == ROLE_BEGIN ? &c->begin : &c->end) = *fields;
    *known = true;
    if (c->has_begin && c->has_end)
        make_pair(c);
}

static void add_side(struct automatic *a, struct hooked *h, struct binder *b, enum role role, size_t stem,
                     const struct pair_scheme *scheme)
{
    struct candidate *c = h->side_count < SIDES_MAX ? find_candidate(a, h->name, stem, scheme) : NULL;
    if (!c)
        return;
    if (h->side_count == 0)
        collect_fields(&h->fields, b, &a->config->evidence);
    h->sides[h->side_count++] = (struct hooked_side){ .role = role, .candidate = c };
    learn_side(c, role, &h->fields);
}

static void find_sides(struct automatic *a, struct hooked *h, struct binder *b)
{
    size_t stem;
    for (size_t s = 0; s < PAIR_SCHEMES; s++) {
        if (pair_name_ends_in(h->name, pair_schemes[s].begin, &stem))
            add_side(a, h, b, ROLE_BEGIN, stem, &pair_schemes[s]);
        for (size_t e = 0; e < PAIR_ENDS_MAX && pair_schemes[s].ends[e]; e++)
            if (pair_name_ends_in(h->name, pair_schemes[s].ends[e], &stem))
                add_side(a, h, b, ROLE_END, stem, &pair_schemes[s]);
    }
}

/* Where work was pending already when tracing began, its ends match nothing and prove
 * nothing: a thread's first event may be such an end. Fair are the ends of threads
 * that were seen before. */
static void watch_threads(struct candidate *c, enum role role, struct fields *fields, const struct event *event)
{
    const char *name = thread_field(c);
    int place = name ? place_of(fields, name) : -1;
    if (place < 0 || c->without_thread)
        return;
    uint64_t thread = event->values[place].u;
    uint32_t i = 0;
    while (i < c->seen_count && c->seen[i] != thread)
        i++;
    if (i == c->seen_count && i < TRIAL_THREADS)
        c->seen[c->seen_count++] = thread;
    else if (role == ROLE_END)
        c->fair_ends += i < c->seen_count;
}

/* After an end: is this a pair at all, and does the thread belong to its key? */
static void judge(struct candidate *c)
{
    const struct pairing_counts *n = pair_counts(c->pair);
    uint64_t ends = n->ended + n->unmatched + n->backwards;
    bool tried = c->fair_ends >= TRIAL_ENDS || ends >= UNFAIR_ENDS;
    if (n->ended == 0 && tried && !c->without_thread && thread_field(c)) {
        struct pair_spec without = { 0 };
        c->without_thread = true;
        choose_key(c, &without);
        if (without.key_count > 0)
            make_pair(c);
        return;
    }
    if (ends < PROOF_ENDS)
        return;
    c->proven = true;
    if (n->ended * 2 >= ends)
        return;
    stream_notice(c->owner->stream, "%s: unpaired: only %llu of %llu ends match a %s_%s; not a latency", c->base,
                  (unsigned long long)n->ended, (unsigned long long)ends, c->base, c->scheme->begin);
    stream_count(c->owner->stream, "unpaired", c->base, 1);
    pair_retire(c->pair);
    pair_free(c->pair);
    c->pair = NULL;
    c->version++;
}

/* ---- events ---- */

static bool is_covered(const struct hooked *h)
{
    for (uint32_t i = 0; i < h->side_count; i++)
        if (h->sides[i].candidate->pair)
            return true;
    return false;
}

/* The rate of an event that is part of a pair is shown but not judged: the
 * pair's own rate is, and one fault should give one alert. */
static void count_event(struct automatic *a, struct hooked *h)
{
    bool covered = is_covered(h);
    struct meter *m = meter_get(h->meter);
    uint64_t before = 0;
    if (m && covered != h->covered) {
        before = m->count;
        stream_retire(a->stream, m);
        m = NULL;
    }
    if (!m) {
        struct label_key key = { 0 };
        label_key_add_text(&key, h->name);
        m = family_meter(covered ? a->covered_rates : a->rates, &key);
        if (!m)
            return;
        h->meter = meter_ref(m);
        h->covered = covered;
    }
    meter_count(m, before + 1);
}

static bool resolve_side(struct hooked *h, struct hooked_side *s)
{
    const struct candidate *c = s->candidate;
    if (s->version != c->version) {
        s->version = c->version;
        s->usable = c->pair && pair_side_init(c->pair, &s->side, s->role == ROLE_BEGIN, place_of, &h->fields, h->name,
                                              NULL) == 0;
    }
    return s->usable;
}

static void on_event(void *self, void *data, const struct event *event)
{
    struct hooked *h = data;
    count_event(self, h);
    for (uint32_t i = 0; i < h->side_count; i++) {
        struct hooked_side *s = &h->sides[i];
        struct candidate *c = s->candidate;
        if (!resolve_side(h, s))
            continue;
        if (!c->proven)
            watch_threads(c, s->role, &h->fields, event);
        if (s->role == ROLE_BEGIN) {
            pair_begin(c->pair, &s->side, event);
            continue;
        }
        pair_end(c->pair, &s->side, event);
        if (!c->proven)
            judge(c);
    }
}

static void bind(void *self, struct binder *b)
{
    struct automatic *a = self;
    const char *name = binder_class(b)->name;
    if (text_list_matches(&a->config->exclude, name))
        return;
    struct hooked *h = binder_alloc(b, sizeof(*h));
    text_copy(h->name, sizeof(h->name), name);
    find_sides(a, h, b);
    binder_hook(b, on_event, a, h);
}

/* ---- the rest ---- */

static void needs(const void *config, struct needs *n)
{
    static const char *const contexts[] = { "vpid", "vtid", "procname", "pid_ns" };
    const struct config *c = config;
    needs_event(n, "*");
    for (uint32_t i = 0; i < c->exclude.count; i++)
        needs_exclusion(n, c->exclude.item[i].s);
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++)
        needs_field(n, contexts[i]);
}

static void *open_auto(const void *config, struct stream *stream)
{
    static const char *const label = "event";
    struct automatic *a = xcalloc(1, sizeof(*a));
    struct meter_registry *meters = stream_meters(stream);
    a->config = config;
    a->stream = stream;
    a->rates = family_get(meters, "rate", "events", METRIC_COUNTER, UNIT_NONE, false, &label, 1);
    a->covered_rates = family_get(meters, "rate", "events", METRIC_COUNTER, UNIT_NONE, true, &label, 1);
    return a;
}

static void close_auto(void *self)
{
    struct automatic *a = self;
    for (uint32_t i = 0; i < a->count; i++) {
        pair_free(a->candidates[i]->pair);
        free(a->candidates[i]);
    }
    free(a);
}

static void lost(void *self, int64_t begin_ns, int64_t end_ns)
{
    struct automatic *a = self;
    (void)begin_ns;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->candidates[i]->pair)
            pair_lost(a->candidates[i]->pair, end_ns);
}

static void window(void *self)
{
    struct automatic *a = self;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->candidates[i]->pair)
            pair_publish(a->candidates[i]->pair);
}

static const char *const names[] = { "latency", "rate", NULL };

const struct analysis analysis_auto = {
    .name = "auto",
    .summary = "without configuration: a rate for every event, a latency for every pair of names",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .names = names,
    .needs = needs,
    .open = open_auto,
    .close = close_auto,
    .bind = bind,
    .lost = lost,
    .window = window,
};
