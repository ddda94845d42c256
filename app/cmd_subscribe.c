/* cmd_subscribe.c - prints the alerts of a running foretrace. */
#include "alerts/client/subscriber.h"
#include "alerts/format.h"
#include "app/command.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct args {
    const char *format, *topic, *count, *timeout, *key, *server_key;
};

static const struct arg options[] = {
    { "format", 'f', ARG_TEXT, "FORM", offsetof(struct args, format), "text or json (text)" },
    { "topic", 't', ARG_TEXT, "PREFIX", offsetof(struct args, topic), "only topics that begin so, as alert.critical." },
    { "count", 'n', ARG_TEXT, "N", offsetof(struct args, count), "end after N alerts" },
    { "timeout", 0, ARG_TEXT, "SECONDS", offsetof(struct args, timeout), "end after so long without an alert" },
    { "key", 0, ARG_TEXT, "FILE", offsetof(struct args, key), "own secret key (`foretrace keygen`), for tcp" },
    { "server-key", 0, ARG_TEXT, "FILE", offsetof(struct args, server_key), "public key of the foretrace that publishes" },
    ARG_END
};

static const struct usage usage = {
    .name = "subscribe",
    .synopsis = "subscribe [OPTIONS] [ENDPOINT]",
    .summary = "Prints alerts as they are published, until interrupted. Without ENDPOINT\n"
               "(ipc://PATH or tcp://HOST:PORT) it listens where foretrace publishes by default.",
    .args = options,
};

static int default_endpoint(char endpoint[512], struct error *err)
{
    char dir[256];
    int r = dirs_runtime(dir, sizeof(dir), err);
    if (r == 0)
        snprintf(endpoint, 512, "ipc://%s/alerts", dir);
    return r;
}

static int load_keys(const struct args *args, struct security **ret_security, struct error *err)
{
    struct security_config config;
    options_default(security_options, &config);
    if (args->key && !text_copy(config.key.s, sizeof(config.key.s), args->key))
        return error_set(err, -ENAMETOOLONG, "--key: the path is too long");
    if (args->server_key && !text_copy(config.server_key.s, sizeof(config.server_key.s), args->server_key))
        return error_set(err, -ENAMETOOLONG, "--server-key: the path is too long");
    if (!args->key != !args->server_key)
        return error_set(err, -EINVAL, "--key and --server-key go together: who this is, and whom it trusts");
    return security_load(&config, ret_security, err);
}

static void print_alert(const struct alert *a, bool json)
{
    static struct bytes scratch;
    static char text[ALERT_JSON_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    if (json) {
        alert_format_json(a, &scratch, &out);
        text_puts(&out, "\n");
    } else {
        alert_format_text(a, isatty(STDOUT_FILENO), &out);
    }
    fputs(text, stdout);
    fflush(stdout);
}

static const int64_t silence_ns = 3000000000; /* a publisher is heard every second */

static int listen_to(struct subscriber *s, const struct args *args, uint64_t most, int timeout_ms)
{
    static struct alert alert;
    uint64_t taken = 0, missed = 0;
    bool json = args->format && strcmp(args->format, "json") == 0;
    int64_t heard_ns = clock_monotonic_ns(), begin_ns = heard_ns;
    bool anything = false, told = false;
    while (most == 0 || taken < most) {
        int r = subscriber_take(s, anything && timeout_ms < 0 ? -1 : 100, &alert);
        anything |= r != SUBSCRIBER_NOTHING;
        if (!anything && !told && clock_monotonic_ns() - begin_ns > silence_ns) {
            log_warning("nobody publishes there so far; waiting");
            told = true;
        }
        if (r == SUBSCRIBER_ALERT)
            heard_ns = clock_monotonic_ns();
        else if (timeout_ms >= 0 && clock_monotonic_ns() - heard_ns > timeout_ms * INT64_C(1000000))
            return taken > 0 ? 0 : EXIT_FAILURE;
        if (r == SUBSCRIBER_REFUSED)
            log_warning("a message was malformed or of another version, and is left out");
        if (r == SUBSCRIBER_ALERT) {
            print_alert(&alert, json);
            taken++;
        }
        if (subscriber_missed(s) != missed)
            log_warning("%" PRIu64 " alerts were missed", subscriber_missed(s) - missed);
        missed = subscriber_missed(s);
        if (ferror(stdout))
            return EXIT_FAILURE;
    }
    return 0;
}

int cmd_subscribe(int argc, char **argv)
{
    struct args args = { 0 };
    struct subscriber *s;
    struct security *security = NULL;
    struct error err;
    char endpoint[512];
    uint64_t most = 0, seconds = 0;
    int first = args_parse(&usage, argc, argv, &args, &err);
    if (first < 0)
        return first == ARGS_HELP ? 0 : (fail(&err), EXIT_USAGE);
    int r = 0;
    if (first < argc)
        snprintf(endpoint, sizeof(endpoint), "%s", argv[first]);
    else
        r = default_endpoint(endpoint, &err);
    if (r == 0 && ((args.count && text_parse_u64(args.count, &most) < 0) ||
                   (args.timeout && (text_parse_u64(args.timeout, &seconds) < 0 || seconds > 1000000))))
        r = error_set(&err, -EINVAL, "--count and --timeout take whole numbers");
    if (r == 0 && args.format && strcmp(args.format, "json") != 0 && strcmp(args.format, "text") != 0)
        r = error_set(&err, -EINVAL, "--format %s: expected text or json", args.format);
    if (r == 0)
        r = load_keys(&args, &security, &err);
    if (r == 0)
        r = subscriber_open(endpoint, args.topic, security, &s, &err);
    if (r < 0) {
        security_free(security);
        fail(&err);
        return EXIT_USAGE;
    }
    log_info("listening at %s", endpoint);
    int status = listen_to(s, &args, most, args.timeout ? (int)seconds * 1000 : -1);
    subscriber_close(s);
    security_free(security);
    return status;
}
