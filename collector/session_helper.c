/* session_helper.c - the helper that calls liblttng-ctl. One request a line, one
 * answer a line (session.c). When its input ends it destroys what it created. */
#include "base/bytes.h"
#include "base/text.h"
#include "collector/helpers.h"
#include "collector/session_probe.h"
#include <inttypes.h>
#include <lttng/lttng.h>
#include <lttng/tracker.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 64 };
static const char channel_name[] = "foretrace";

struct control {
    char session[256];
    bool created, tracking_pids, tracking_users, has_ust, has_kernel;
};

static void answer_ok(const char *text)
{
    printf("ok\t%s\n", text);
}

/* liblttng-ctl's codes are negative from some calls, positive from others. */
static void answer_error(const char *what, int code)
{
    printf("error\t%s: %s\n", what, lttng_strerror(code < 0 ? code : -code));
}

static void answer(const char *what, int code)
{
    if (code == 0 || code == LTTNG_OK)
        answer_ok("");
    else
        answer_error(what, code);
}

static struct lttng_handle *open_domain(const struct control *c, const char *domain)
{
    struct lttng_domain d;
    memset(&d, 0, sizeof(d));
    bool kernel = strcmp(domain, "kernel") == 0;
    d.type = kernel ? LTTNG_DOMAIN_KERNEL : LTTNG_DOMAIN_UST;
    d.buf_type = kernel ? LTTNG_BUFFER_GLOBAL : LTTNG_BUFFER_PER_UID;
    return lttng_create_handle(c->session, &d);
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;
    return text_parse_u64(text, &value) == 0 ? value : 0;
}

/* create NAME CONTROL_URL DATA_URL TIMER_US */
static void do_create(struct control *c, char **w, size_t count)
{
    (void)count;
    struct lttng_session_descriptor *d = lttng_session_descriptor_live_network_create(w[1], w[2], w[3], number(w[4]));
    if (!d) {
        printf("error\tlttng_session_descriptor_live_network_create: refused '%s'\n", w[2]);
        return;
    }
    enum lttng_error_code r = lttng_create_session_ext(d);
    lttng_session_descriptor_destroy(d);
    text_copy(c->session, sizeof(c->session), w[1]);
    c->created = r == LTTNG_OK;
    answer("cannot create the live session", (int)r);
}

/* channel DOMAIN SIZE COUNT FILE_SIZE FILE_COUNT */
static void do_channel(struct control *c, char **w, size_t count)
{
    (void)count;
    struct lttng_handle *h = open_domain(c, w[1]);
    struct lttng_channel *channel = h ? lttng_channel_create(&h->domain) : NULL;
    int r = -LTTNG_ERR_NOMEM;
    if (channel) {
        text_copy(channel->name, sizeof(channel->name), channel_name);
        channel->enabled = 1;
        channel->attr.overwrite = 0;
        channel->attr.subbuf_size = number(w[2]);
        channel->attr.num_subbuf = number(w[3]);
        channel->attr.tracefile_size = number(w[4]);
        channel->attr.tracefile_count = number(w[5]);
        channel->attr.switch_timer_interval = 0;
        channel->attr.output = h->domain.type == LTTNG_DOMAIN_KERNEL ? LTTNG_EVENT_SPLICE : LTTNG_EVENT_MMAP;
        r = lttng_enable_channel(h, channel);
    }
    *(strcmp(w[1], "kernel") == 0 ? &c->has_kernel : &c->has_ust) |= r == 0;
    lttng_channel_destroy(channel);
    lttng_destroy_handle(h);
    answer(strcmp(w[1], "kernel") == 0 ? "cannot make a kernel channel (are the lttng-modules loaded, and are you root?)"
                                       : "cannot make a channel",
           r);
}

/* "read" of "syscall_entry_read", "*" of "syscall_*"; NULL: no system call. LTTng enables entry and exit together. */
static const char *syscall_of(const char *pattern)
{
    static const char *const prefixes[] = { "syscall_entry_", "syscall_exit_", "syscall_" };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(pattern, prefixes[i], strlen(prefixes[i])) == 0)
            return pattern + strlen(prefixes[i]);
    return NULL;
}

/* event DOMAIN PATTERN EXCLUSION ... */
static void do_event(struct control *c, char **w, size_t count)
{
    struct lttng_handle *h = open_domain(c, w[1]);
    struct lttng_event *event = lttng_event_create();
    const char *name = strcmp(w[1], "kernel") == 0 ? syscall_of(w[2]) : NULL;
    bool syscall = name != NULL;
    int r = -LTTNG_ERR_NOMEM;
    if (h && event) {
        text_copy(event->name, sizeof(event->name), syscall ? name : w[2]);
        event->type = syscall ? LTTNG_EVENT_SYSCALL : LTTNG_EVENT_TRACEPOINT;
        event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
        event->loglevel = -1;
        r = lttng_enable_event_with_exclusions(h, event, channel_name, NULL, (int)(count - 3), &w[3]);
    }
    lttng_event_destroy(event);
    lttng_destroy_handle(h);
    answer("cannot enable the event", r);
}

/* probe NAME WHERE */
static void do_probe(struct control *c, char **w, size_t count)
{
    struct lttng_handle *h = open_domain(c, "kernel");
    struct lttng_event *event = lttng_event_create();
    int r = -LTTNG_ERR_NOMEM;
    (void)count;
    if (h && event) {
        text_copy(event->name, sizeof(event->name), w[1]);
        event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
        event->loglevel = -1;
        r = session_probe_place(event, w[2]);
        if (r == 0)
            r = lttng_enable_event(h, event, channel_name);
    }
    lttng_event_destroy(event);
    lttng_destroy_handle(h);
    answer("cannot set the probe (is there such a symbol, and can it be probed?)", r);
}

static const struct {
    const char *name;
    enum lttng_event_context_type type;
} contexts[] = {
    { "pid", LTTNG_EVENT_CONTEXT_PID },           { "procname", LTTNG_EVENT_CONTEXT_PROCNAME },
    { "prio", LTTNG_EVENT_CONTEXT_PRIO },         { "nice", LTTNG_EVENT_CONTEXT_NICE },
    { "vpid", LTTNG_EVENT_CONTEXT_VPID },         { "tid", LTTNG_EVENT_CONTEXT_TID },
    { "vtid", LTTNG_EVENT_CONTEXT_VTID },         { "ppid", LTTNG_EVENT_CONTEXT_PPID },
    { "vppid", LTTNG_EVENT_CONTEXT_VPPID },       { "pthread_id", LTTNG_EVENT_CONTEXT_PTHREAD_ID },
    { "hostname", LTTNG_EVENT_CONTEXT_HOSTNAME }, { "ip", LTTNG_EVENT_CONTEXT_IP },
    { "interruptible", LTTNG_EVENT_CONTEXT_INTERRUPTIBLE },
    { "preemptible", LTTNG_EVENT_CONTEXT_PREEMPTIBLE },
    { "need_reschedule", LTTNG_EVENT_CONTEXT_NEED_RESCHEDULE },
    { "migratable", LTTNG_EVENT_CONTEXT_MIGRATABLE },
    { "cgroup_ns", LTTNG_EVENT_CONTEXT_CGROUP_NS }, { "ipc_ns", LTTNG_EVENT_CONTEXT_IPC_NS },
    { "mnt_ns", LTTNG_EVENT_CONTEXT_MNT_NS },     { "net_ns", LTTNG_EVENT_CONTEXT_NET_NS },
    { "pid_ns", LTTNG_EVENT_CONTEXT_PID_NS },     { "user_ns", LTTNG_EVENT_CONTEXT_USER_NS },
    { "uts_ns", LTTNG_EVENT_CONTEXT_UTS_NS },     { "time_ns", LTTNG_EVENT_CONTEXT_TIME_NS },
    { "uid", LTTNG_EVENT_CONTEXT_UID },           { "euid", LTTNG_EVENT_CONTEXT_EUID },
    { "suid", LTTNG_EVENT_CONTEXT_SUID },         { "gid", LTTNG_EVENT_CONTEXT_GID },
    { "egid", LTTNG_EVENT_CONTEXT_EGID },         { "sgid", LTTNG_EVENT_CONTEXT_SGID },
    { "vuid", LTTNG_EVENT_CONTEXT_VUID },         { "veuid", LTTNG_EVENT_CONTEXT_VEUID },
    { "vsuid", LTTNG_EVENT_CONTEXT_VSUID },       { "vgid", LTTNG_EVENT_CONTEXT_VGID },
    { "vegid", LTTNG_EVENT_CONTEXT_VEGID },       { "vsgid", LTTNG_EVENT_CONTEXT_VSGID },
};

/* context DOMAIN NAME */
static void do_context(struct control *c, char **w, size_t count)
{
    (void)count;
    struct lttng_event_context context;
    memset(&context, 0, sizeof(context));
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
        if (strcmp(contexts[i].name, w[2]) != 0)
            continue;
        struct lttng_handle *h = open_domain(c, w[1]);
        context.ctx = contexts[i].type;
        int r = lttng_add_context(h, &context, NULL, channel_name);
        lttng_destroy_handle(h);
        answer("cannot add the context", r);
        return;
    }
    printf("error\tno context '%s' is known\n", w[2]);
}

/* An empty set to include from: from here on only what is added is traced. */
static int open_tracker(const struct control *c, enum lttng_process_attr attribute, bool *tracking,
                        struct lttng_process_attr_tracker_handle **ret_tracker)
{
    enum lttng_error_code r = lttng_session_get_tracker_handle(c->session, LTTNG_DOMAIN_UST, attribute, ret_tracker);
    if (r != LTTNG_OK)
        return (int)r;
    if (!*tracking && lttng_process_attr_tracker_handle_set_tracking_policy(*ret_tracker, LTTNG_TRACKING_POLICY_INCLUDE_SET) !=
                          LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_OK)
        return LTTNG_ERR_UNK;
    *tracking = true;
    return 0;
}

static int tracker_result(enum lttng_process_attr_tracker_handle_status status)
{
    switch (status) {
    case LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_OK:
    case LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_EXISTS:
    case LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_MISSING:
        return 0;
    case LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_COMMUNICATION_ERROR:
        return LTTNG_ERR_NO_SESSIOND;
    case LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_SESSION_DOES_NOT_EXIST:
        return LTTNG_ERR_SESS_NOT_FOUND;
    case LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_INVALID:
        return LTTNG_ERR_INVALID;
    default:
        return LTTNG_ERR_UNK;
    }
}

static void do_track_pid(struct control *c, char **w, size_t count)
{
    (void)count;
    struct lttng_process_attr_tracker_handle *tracker = NULL;
    int r = open_tracker(c, LTTNG_PROCESS_ATTR_VIRTUAL_PROCESS_ID, &c->tracking_pids, &tracker);
    if (r == 0)
        r = tracker_result(lttng_process_attr_virtual_process_id_tracker_handle_add_pid(tracker, (pid_t)number(w[1])));
    lttng_process_attr_tracker_handle_destroy(tracker);
    answer("cannot track the process", r);
}

static void do_untrack_pid(struct control *c, char **w, size_t count)
{
    struct lttng_process_attr_tracker_handle *tracker = NULL;
    (void)count;
    int r = open_tracker(c, LTTNG_PROCESS_ATTR_VIRTUAL_PROCESS_ID, &c->tracking_pids, &tracker);
    if (r == 0)
        r = tracker_result(lttng_process_attr_virtual_process_id_tracker_handle_remove_pid(tracker, (pid_t)number(w[1])));
    lttng_process_attr_tracker_handle_destroy(tracker);
    answer("cannot untrack the process", r);
}

static void do_track_user(struct control *c, char **w, size_t count)
{
    (void)count;
    struct lttng_process_attr_tracker_handle *tracker = NULL;
    int r = open_tracker(c, LTTNG_PROCESS_ATTR_VIRTUAL_USER_ID, &c->tracking_users, &tracker);
    if (r == 0)
        r = tracker_result(lttng_process_attr_virtual_user_id_tracker_handle_add_user_name(tracker, w[1]));
    lttng_process_attr_tracker_handle_destroy(tracker);
    answer("cannot track the user", r);
}

/* LTTng 2.13.9 now and then gives a count with 2^63 added to it. */
static int add_losses(const struct control *c, const char *domain, uint64_t *discarded, uint64_t *lost)
{
    struct lttng_handle *h = open_domain(c, domain);
    struct lttng_channel *channels = NULL;
    int n = h ? lttng_list_channels(h, &channels) : 0;
    for (int i = 0; i < n; i++) {
        uint64_t value = 0;
        if (lttng_channel_get_discarded_event_count(&channels[i], &value) == 0)
            *discarded += value & INT64_MAX;
        if (lttng_channel_get_lost_packet_count(&channels[i], &value) == 0)
            *lost += value & INT64_MAX;
    }
    free(channels);
    lttng_destroy_handle(h);
    return n < 0 ? n : 0;
}

static void do_losses(struct control *c, char **w, size_t count)
{
    (void)w;
    (void)count;
    uint64_t discarded = 0, lost = 0;
    int r = c->has_ust ? add_losses(c, "ust", &discarded, &lost) : 0;
    if (r == 0 && c->has_kernel)
        r = add_losses(c, "kernel", &discarded, &lost);
    if (r < 0)
        answer_error("cannot list the channels", r);
    else
        printf("ok\t%" PRIu64 "\t%" PRIu64 "\n", discarded, lost);
}

static void do_destroy(struct control *c, char **w, size_t count)
{
    (void)w;
    (void)count;
    int r = c->created ? lttng_destroy_session_no_wait(c->session) : 0;
    c->created = false;
    answer("cannot destroy the session", r);
}

static void do_destroy_left(struct control *c, char **w, size_t count)
{
    (void)c;
    (void)count;
    answer("cannot destroy the session", lttng_destroy_session_no_wait(w[1]));
}

static void do_alive(struct control *c, char **w, size_t count)
{
    (void)c;
    (void)w;
    (void)count;
    answer_ok(lttng_session_daemon_alive() == 1 ? "yes" : "no");
}

static void do_start(struct control *c, char **w, size_t count)
{
    (void)w;
    (void)count;
    answer("cannot start tracing", lttng_start_tracing(c->session));
}

/* Waits by itself for the data, without a bound: the caller's deadline is one. */
static void do_stop(struct control *c, char **w, size_t count)
{
    (void)w;
    (void)count;
    answer("cannot stop tracing", lttng_stop_tracing(c->session));
}

static const struct verb {
    const char *name;
    size_t words; /* at least, itself included */
    void (*run)(struct control *c, char **words, size_t count);
} verbs[] = {
    { "alive", 1, do_alive },         { "create", 5, do_create },         { "channel", 6, do_channel },
    { "event", 3, do_event },         { "probe", 3, do_probe },         { "context", 3, do_context },       { "track-pid", 2, do_track_pid },
    { "untrack-pid", 2, do_untrack_pid }, { "track-user", 2, do_track_user }, { "start", 1, do_start },         { "stop", 1, do_stop },
    { "losses", 1, do_losses },       { "destroy", 1, do_destroy },       { "destroy-left", 2, do_destroy_left },
};

static void handle(struct control *c, char **words, size_t count)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, words[0]) == 0 && count >= verbs[i].words) {
            verbs[i].run(c, words, count);
            return;
        }
    }
    printf("error\trequest '%s' is not understood\n", words[0]);
}

int helper_session(int argc, char **argv)
{
    static struct control control;
    char *line = NULL;
    size_t capacity = 0;
    (void)argc;
    (void)argv;
    signal(SIGINT, SIG_IGN); /* the parent says when it is over */
    signal(SIGTERM, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (getline(&line, &capacity, stdin) > 0) {
        char *words[WORDS_MAX], *save = NULL;
        size_t count = 0;
        for (char *word = strtok_r(line, "\t\n", &save); word && count < WORDS_MAX; word = strtok_r(NULL, "\t\n", &save))
            words[count++] = word;
        if (count > 0)
            handle(&control, words, count);
        fflush(stdout);
    }
    if (control.created)
        lttng_destroy_session_no_wait(control.session);
    free(line);
    return 0;
}
