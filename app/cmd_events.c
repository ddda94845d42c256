/* cmd_events.c - prints every event of a recorded trace, or of a live session as they come. */
#include "app/command.h"
#include "app/follow.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "collector/event_text.h"
#include "collector/trace_dir.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct args {
    const char *format, *reader;
    struct arg_list names, where;
    bool count, history;
};

static const struct arg options[] = {
    { "format", 'f', ARG_TEXT, "FORM", offsetof(struct args, format), "text or json (text)" },
    { "name", 'n', ARG_LIST, "PATTERN", offsetof(struct args, names), "only events of that name; wildcards allowed" },
    { "where", 'w', ARG_LIST, "CONDITION", offsetof(struct args, where), "only events for which it holds, as 'prev_tid = 0'; all of several" },
    { "count", 'c', ARG_FLAG, NULL, offsetof(struct args, count), "only say how many" },
    { "history", 0, ARG_FLAG, NULL, offsetof(struct args, history), "of a live session also what lttng-relayd holds already" },
    { "reader", 0, ARG_TEXT, "NAME", offsetof(struct args, reader), "auto: native where it understands the metadata, else babeltrace2; or one of them (auto)" },
    ARG_END
};

static const struct usage usage = {
    .name = "events",
    .synopsis = "events [OPTIONS] TRACE_DIR...\n"
                "       foretrace events [OPTIONS] net://HOST[:PORT]/host/HOSTNAME/SESSION",
    .summary = "Prints every event of recorded CTF traces, one a line, in the order of time: time in ns since\n"
               "the epoch, name, cpu, contexts, fields. Follows a live session as `tail -f` does a file.",
    .details = "A condition is FIELD OP VALUE. FIELD: of the payload (outer.inner where nested), a context, or cpu_id;\n"
               "payload.NAME and ctx.NAME look in one of them. OP: = != < <= > >=, and ~ for a text with wildcards. VALUE:\n"
               "a number (7, 0x1f, -1.5), or a text, in \"\" where it is empty or has spaces around it. Enumerations are\n"
               "compared by number, texts by their bytes. An event without the field is not printed, not for != either.\n"
               "lttng-relayd admits one viewer a session: one that a foretrace of the same user on this machine watches\n"
               "is read along with that.\n",
    .args = options,
};

struct printing {
    const struct args *args;
    bool json;
    uint64_t events, discarded, packets;
};

static void put_number(bool known, int64_t number, const char *otherwise)
{
    if (known)
        printf("%" PRId64, number);
    else
        fputs(otherwise, stdout);
}

static void put_json(const struct event_text *e)
{
    static struct bytes name;
    bytes_reset(&name);
    event_text_put_string(&name, e->name, strlen(e->name));
    printf("{\"t\":");
    put_number(e->time_ns != INT64_MIN, e->time_ns, "null");
    printf(",\"name\":%.*s,\"cpu\":", (int)name.size, (const char *)name.data);
    put_number(e->has_cpu, (int64_t)e->cpu, "null");
    printf(",\"context\":");
    fwrite(e->context.data, 1, e->context.size, stdout);
    printf(",\"fields\":");
    fwrite(e->fields.data, 1, e->fields.size, stdout);
    puts("}");
}

static void on_event(void *self, const struct event_text *e)
{
    struct printing *p = self;
    p->events++;
    if (p->json) {
        put_json(e);
        return;
    }
    put_number(e->time_ns != INT64_MIN, e->time_ns, "-");
    printf(" %s cpu=", e->name);
    put_number(e->has_cpu, (int64_t)e->cpu, "-");
    putchar(' ');
    fwrite(e->context.data, 1, e->context.size, stdout);
    putchar(' ');
    fwrite(e->fields.data, 1, e->fields.size, stdout);
    putchar('\n');
}

static void on_loss(void *self, const struct loss *loss)
{
    struct printing *p = self;
    if (loss->kind == LOSS_OUTAGE) /* told when it came */
        return;
    *(loss->kind == LOSS_PACKETS ? &p->packets : &p->discarded) += loss->count;
}

static void on_count(void *self, uint64_t events)
{
    struct printing *p = self;
    p->events += events;
}

static int print(struct printing *p, char *const *paths, size_t count, struct event_filter *filter, struct error *err)
{
    const struct event_text_consumer consumer = { .self = p, .filter = filter, .event = p->args->count ? NULL : on_event, .count = on_count, .loss = on_loss };
    const char *reader = p->args->reader ? p->args->reader : "auto";
    struct error why;
    if (strcmp(reader, "babeltrace2") == 0)
        return event_text_babeltrace2((const char *const *)paths, count, &consumer, err);
    int r = event_text_native((const char *const *)paths, count, &consumer, err);
    if (r != -ENOEXEC || strcmp(reader, "auto") != 0)
        return r;
    why = *err;
    r = event_text_babeltrace2((const char *const *)paths, count, &consumer, err);
    if (r == 0)
        log_warning("%s: read by babeltrace2", why.text);
    return r;
}

static void flush(void *self)
{
    (void)self;
    if (fflush(stdout) != 0) /* nobody reads it any more */
        raise(SIGPIPE);
}

static int print_live(struct printing *p, const char *url, struct event_filter *filter, int signals, struct error *err)
{
    const struct event_text_consumer consumer = { .self = p, .filter = filter, .event = p->args->count ? NULL : on_event, .count = on_count, .loss = on_loss };
    struct follow follow = { .url = url, .history = p->args->history, .consumer = &consumer, .signals = signals, .flush = flush };
    return follow_run(&follow, err);
}

static bool is_url(const char *text)
{
    return strncmp(text, "net://", 6) == 0;
}

static int check_operands(const struct args *args, int count, char **operands, struct error *err)
{
    bool live = is_url(operands[0]);
    for (int i = 0; i < count; i++)
        if (is_url(operands[i]) != live || (live && i > 0))
            return error_set(err, -EINVAL, "%s: one live session, or directories", operands[i]);
    if (live && args->reader && strcmp(args->reader, "babeltrace2") == 0)
        return error_set(err, -EINVAL, "--reader babeltrace2 reads recorded traces only");
    if (!live && args->history)
        return error_set(err, -EINVAL, "--history is for live sessions");
    return 0;
}

static int check(struct printing *p, struct event_filter **ret_filter, struct error *err)
{
    const struct args *args = p->args;
    p->json = args->format && strcmp(args->format, "json") == 0;
    if (args->format && !p->json && strcmp(args->format, "text") != 0)
        return error_set(err, -EINVAL, "--format %s: expected text or json", args->format);
    if (args->reader && strcmp(args->reader, "auto") != 0 && strcmp(args->reader, "native") != 0 && strcmp(args->reader, "babeltrace2") != 0)
        return error_set(err, -EINVAL, "--reader %s: expected auto, native or babeltrace2", args->reader);
    if (args->names.count == 0 && args->where.count == 0)
        return 0;
    int r = event_filter_new(args->names.items, args->names.count, args->where.items, args->where.count, ret_filter, err);
    return r < 0 ? error_wrap(err, r, "--where") : 0;
}

static void tell_losses(const struct printing *p)
{
    if (p->discarded)
        log_warning("the tracer discarded %" PRIu64 " event%s", p->discarded, text_s(p->discarded));
    if (p->packets)
        log_warning("%" PRIu64 " packet%s missing", p->packets, p->packets == 1 ? " is" : "s are");
}

int cmd_events(int argc, char **argv)
{
    struct args args = { 0 };
    struct printing p = { .args = &args };
    struct trace_dirs dirs = { 0 };
    struct event_filter *filter = NULL;
    struct error err, why;
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    if (first == argc) {
        args_complain(&usage, "no TRACE_DIR, and no live session, is given");
        return EXIT_USAGE;
    }
    int r = check_operands(&args, argc - first, argv + first, &err);
    if (r == 0)
        r = check(&p, &filter, &err);
    if (r < 0)
        return fail(&err), EXIT_USAGE;
    bool live = is_url(argv[first]);
    int signals = live ? loop_open_signals() : -1;
    if (!live)
        end_with_reader();
    for (int i = first; i < argc && r == 0 && !live; i++)
        r = trace_dirs_find(&dirs, argv[i], &err);
    if (r == 0)
        r = live ? print_live(&p, argv[first], filter, signals, &err) : print(&p, dirs.paths, dirs.count, filter, &err);
    trace_dirs_done(&dirs);
    if (args.count)
        printf("%" PRIu64 "\n", p.events);
    fflush(stdout);
    tell_losses(&p);
    for (uint32_t i = 0; i < args.where.count && r == 0; i++)
        if (event_filter_explain(filter, i, &why))
            log_warning("%s", why.text);
    event_filter_free(filter);
    return r < 0 ? fail(&err) : 0;
}
