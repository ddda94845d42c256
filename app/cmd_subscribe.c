/* cmd_subscribe.c - prints the alerts of a running foretrace, with libforetrace. */
#include "alerts/client/foretrace.h"
#include "alerts/format.h"
#include "app/command.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct args {
    const char *format, *severity, *count, *timeout, *replay, *key, *server_key;
    struct arg_list topics, analyses;
    bool no_firing, no_recovery;
};

static const struct arg options[] = {
    { "format", 'f', ARG_TEXT, "FORM", offsetof(struct args, format), "text or json (text)" },
    { "severity", 0, ARG_TEXT, "WORD", offsetof(struct args, severity), "only alerts at least so severe: warning or critical" },
    { "analysis", 0, ARG_LIST, "NAME", offsetof(struct args, analyses), "only alerts of that analysis; * stands for any text" },
    { "topic", 't', ARG_LIST, "PREFIX", offsetof(struct args, topics), "only topics that begin so, as alert.critical." },
    { "count", 'n', ARG_TEXT, "N", offsetof(struct args, count), "end after N alerts" },
    { "timeout", 0, ARG_TEXT, "SECONDS", offsetof(struct args, timeout), "end after so long without an alert" },
    { "no-firing", 0, ARG_FLAG, NULL, offsetof(struct args, no_firing), "leave out what fires already at the beginning" },
    { "no-recovery", 0, ARG_FLAG, NULL, offsetof(struct args, no_recovery), "do not ask for what was missed, only count it" },
    { "replay", 0, ARG_TEXT, "ENDPOINT", offsetof(struct args, replay), "where to ask for what was missed (beside ENDPOINT)" },
    { "key", 0, ARG_TEXT, "FILE", offsetof(struct args, key), "our secret key, for a publisher that encrypts" },
    { "server-key", 0, ARG_TEXT, "FILE", offsetof(struct args, server_key), "its public key" },
    ARG_END
};

static const struct usage usage = {
    .name = "subscribe",
    .synopsis = "subscribe [OPTIONS] [ENDPOINT]",
    .summary = "Prints alerts as they are published, until interrupted: first those that fire already.\n"
               "What was missed is asked for. Without ENDPOINT (ipc://PATH or tcp://HOST:PORT) it\n"
               "listens where foretrace publishes by default.",
    .args = options,
};

/* What was told of the subscriber so far. */
struct told {
    uint64_t missed, recovered, refused, restarts;
    bool nobody, silent;
    int64_t counts_ns;
};

static const int64_t silence_ms = 3000; /* a publisher is heard every second */

static void print_text(const struct foretrace_alert *a, struct text_out *out)
{
    static struct alert own;
    size_t size;
    const void *body = foretrace_alert_body(a, &size);
    struct wire_reader r = wire_reader_init(body, size);
    if (alert_get(&r, &own))
        alert_format_text(&own, isatty(STDOUT_FILENO), out);
    else /* words of a later version */
        text_printf(out, "%s %s %s: %s\n", a->severity_text, a->state_text, a->kind_text, a->summary);
}

static void print_alert(const struct foretrace_alert *a, bool json)
{
    static char text[ALERT_JSON_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    if (json) {
        puts(foretrace_alert_json(a));
    } else {
        print_text(a, &out);
        fputs(text, stdout);
    }
    fflush(stdout);
}

/* Once a second at most, when alerts keep coming. */
static void tell_counts(const struct foretrace_subscriber *s, struct told *told, int64_t now_ns, bool busy)
{
    if (busy && now_ns - told->counts_ns < INT64_C(1000000000))
        return;
    told->counts_ns = now_ns;
    uint64_t missed = foretrace_missed(s) - told->missed, recovered = foretrace_recovered(s) - told->recovered;
    uint64_t refused = foretrace_refused(s) - told->refused;
    if (foretrace_restarts(s) != told->restarts)
        log_warning("the publisher restarted");
    if (recovered)
        log_info("%" PRIu64 " alerts had been missed, and were recovered", recovered);
    if (missed)
        log_warning("%" PRIu64 " alerts were missed", missed);
    if (refused)
        log_warning("%" PRIu64 " messages were malformed or of another version, and are left out", refused);
    told->missed += missed;
    told->recovered += recovered;
    told->refused += refused;
    told->restarts = foretrace_restarts(s);
}

static void tell_silence(const struct foretrace_subscriber *s, struct told *told, int64_t since_begin_ms)
{
    int64_t silent = foretrace_silent_ms(s);
    bool nobody = silent < 0 && since_begin_ms > silence_ms;
    if (nobody && !told->nobody)
        log_warning("nobody publishes there so far; waiting");
    if (silent > silence_ms && !told->silent)
        log_warning("the publisher has not been heard for %" PRId64 " s; waiting", silent / 1000);
    if (silent >= 0 && silent <= silence_ms && told->silent)
        log_info("the publisher is back");
    told->nobody |= nobody;
    told->silent = silent > silence_ms;
}

static int listen_to(struct foretrace_subscriber *s, bool json, uint64_t most, int64_t timeout_ns)
{
    const struct foretrace_alert *a;
    struct told told = { 0 };
    uint64_t taken = 0;
    int64_t begin_ns = clock_monotonic_ns(), heard_ns = begin_ns;
    while (most == 0 || taken < most) {
        int r = foretrace_next(s, 100, &a);
        int64_t now_ns = clock_monotonic_ns();
        if (r < 0 && r != -EINTR) {
            log_error("%s: %s", foretrace_endpoint(s), strerror(-r));
            return EXIT_FAILURE;
        }
        if (r == 1) {
            print_alert(a, json);
            heard_ns = now_ns;
            taken++;
        } else if (timeout_ns >= 0 && now_ns - heard_ns > timeout_ns) {
            return taken > 0 ? 0 : EXIT_FAILURE;
        }
        tell_counts(s, &told, now_ns, r == 1);
        tell_silence(s, &told, (now_ns - begin_ns) / 1000000);
        if (ferror(stdout))
            return EXIT_FAILURE;
    }
    return 0;
}

static int choose_severity(struct foretrace_options *o, const char *word, struct error *err)
{
    for (int n = FORETRACE_OK; n <= FORETRACE_CRITICAL; n++)
        if (strcmp(word, foretrace_severity_name((enum foretrace_severity)n)) == 0)
            return foretrace_options_set_severity(o, (enum foretrace_severity)n);
    return error_set(err, -EINVAL, "--severity %s: expected warning or critical", word);
}

static int choose(struct foretrace_options *o, const struct args *args, struct error *err)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < args->topics.count; i++)
        r = foretrace_options_add_topic(o, args->topics.items[i]);
    for (uint32_t i = 0; r == 0 && i < args->analyses.count; i++)
        r = foretrace_options_add_analysis(o, args->analyses.items[i]);
    if (r == 0 && args->replay)
        r = foretrace_options_set_replay(o, args->replay);
    if (r == 0 && !args->key != !args->server_key)
        return error_set(err, -EINVAL, "--key and --server-key belong together");
    if (r == 0 && args->key)
        r = foretrace_options_set_key_files(o, args->key, args->server_key);
    foretrace_options_set_firing(o, !args->no_firing);
    foretrace_options_set_recovery(o, !args->no_recovery);
    if (r < 0)
        return error_set(err, r, "--topic, --analysis, --replay or a key: %s", strerror(-r));
    return args->severity ? choose_severity(o, args->severity, err) : 0;
}

static int connect_to(const char *endpoint, const struct args *args, struct foretrace_subscriber **ret_subscriber, struct error *err)
{
    struct foretrace_options *o = foretrace_options_new();
    char why[sizeof(err->text)];
    int r = choose(o, args, err);
    if (r == 0) {
        r = foretrace_connect(endpoint, o, ret_subscriber, why, sizeof(why));
        if (r < 0)
            error_set(err, r, "%s", why);
    }
    foretrace_options_free(o);
    return r;
}

int cmd_subscribe(int argc, char **argv)
{
    struct args args = { 0 };
    struct foretrace_subscriber *s;
    struct error err;
    uint64_t most = 0, seconds = 0;
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    int r = 0;
    if ((args.count && text_parse_u64(args.count, &most) < 0) ||
        (args.timeout && (text_parse_u64(args.timeout, &seconds) < 0 || seconds > 1000000)))
        r = error_set(&err, -EINVAL, "--count and --timeout take whole numbers");
    if (r == 0 && args.format && strcmp(args.format, "json") != 0 && strcmp(args.format, "text") != 0)
        r = error_set(&err, -EINVAL, "--format %s: expected text or json", args.format);
    if (r == 0)
        r = connect_to(first < argc ? argv[first] : NULL, &args, &s, &err);
    if (r < 0) {
        fail(&err);
        return EXIT_USAGE;
    }
    log_info("listening at %s", foretrace_endpoint(s));
    bool json = args.format && strcmp(args.format, "json") == 0;
    int status = listen_to(s, json, most, args.timeout ? (int64_t)seconds * 1000000000 : -1);
    foretrace_close(s);
    return status;
}
