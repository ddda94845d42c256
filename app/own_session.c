#include "app/own_session.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* "shopd-foretrace-20261121T231018-4711-1": what is behind the mark is unique,
 * and no part of the identity of series (stream/feed.c). */
static void make_name(struct own_session *s)
{
    static unsigned number;
    time_t seconds = (time_t)(clock_wall_ns() / 1000000000);
    struct tm tm;
    char date[32];
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof(date), "%Y%m%dT%H%M%S", &tm);
    snprintf(s->name, sizeof(s->name), "%s-foretrace-%s-%d-%u", s->label, date, (int)getpid(), number++);
}

static void make_label(struct own_session *s, const char *label)
{
    const char *base = strrchr(label, '/') ? strrchr(label, '/') + 1 : label;
    size_t n = 0;
    for (; base[n] && n < sizeof(s->label) - 1; n++)
        s->label[n] = isalnum((unsigned char)base[n]) || strchr("_.-", base[n]) ? base[n] : '_';
    s->label[n] = '\0';
}

static int enable(struct own_session *s, struct error *err)
{
    static struct needs needs;
    memset(&needs, 0, sizeof(needs));
    for (uint32_t i = 0; i < s->config->analysis_count; i++)
        analysis_needs(s->config->analyses[i].analysis, s->config->analyses[i].config, &needs);
    if (needs.overflow)
        return error_set(err, -E2BIG, "the analyses need more than %d different events or contexts", NEEDS_MAX);
    int r = 0;
    for (uint32_t i = 0; i < needs.event_count && r == 0; i++) {
        bool all = strcmp(needs.events[i].s, "*") == 0;
        r = session_enable_event(s->control, needs.events[i].s, needs.exclusions, all ? needs.exclusion_count : 0, err);
        if (r < 0)
            error_wrap(err, r, "event '%s'", needs.events[i].s);
    }
    for (uint32_t i = 0; i < needs.context_count && r == 0; i++) {
        r = session_add_context(s->control, needs.contexts[i].s, err);
        if (r < 0)
            error_wrap(err, r, "context '%s'", needs.contexts[i].s);
    }
    return r;
}

static int create(struct own_session *s, struct error *err)
{
    char control[320], data[320], hostname[RELAY_NAME_MAX];
    bool local = strcmp(s->relayd.address, "127.0.0.1") == 0;
    snprintf(control, sizeof(control), "tcp4://%s:%u", s->relayd.address, s->relayd.control_port);
    snprintf(data, sizeof(data), "tcp4://%s:%u", s->relayd.address, s->relayd.data_port);
    make_name(s);
    int r = session_create(s->control, s->name, control, data, &s->config->session, !s->keep, err);
    s->exists = r == 0;
    if (r == 0)
        r = enable(s, err);
    if (r < 0)
        return r;
    if (gethostname(hostname, sizeof(hostname)) < 0)
        return error_set(err, -errno, "the host's name: %s", strerror(errno));
    hostname[strnlen(hostname, 63)] = '\0'; /* LTTng cuts it there */
    s->url = (struct relay_url){ .port = s->relayd.live_port };
    text_copy(s->url.address, sizeof(s->url.address), local ? "127.0.0.1" : s->relayd.address);
    text_copy(s->url.hostname, sizeof(s->url.hostname), hostname);
    text_copy(s->url.session, sizeof(s->url.session), s->name);
    return 0;
}

static int open_relayd(struct own_session *s, struct error *err)
{
    const char *given = s->config->session.relayd.s;
    if (!*given) {
        char state[PATH_MAX - 64]; /* may be large, which rules out the runtime directory */
        int r = s->keep ? 0 : dirs_state(s->config->delivery.state.s, state, sizeof(state), err);
        return r < 0 ? r : relayd_start(&s->relayd, s->keep, state, err);
    }
    if (s->keep)
        return error_set(err, -EINVAL, "--keep: with session.relayd, that lttng-relayd decides where traces are kept");
    return relayd_use(&s->relayd, given, err);
}

int own_session_open(struct own_session *s, const struct config *config, const char *label, const char *keep, struct error *err)
{
    *s = (struct own_session){ .config = config, .keep = keep };
    make_label(s, label);
    int r = session_open(&s->control, err);
    if (r == 0)
        r = sessiond_ensure(&s->sessiond, s->control, err);
    if (r == 0)
        r = open_relayd(s, err);
    if (r == 0)
        r = create(s, err);
    if (r < 0)
        own_session_close(s);
    return r;
}

void own_session_finish(struct own_session *s, struct tracer_losses *ret_losses)
{
    struct error err;
    *ret_losses = (struct tracer_losses){ 0 };
    if (!s->control || !s->exists)
        return;
    if (session_stop(s->control, &err) < 0)
        log_warning("%s", err.text);
    else if (session_losses(s->control, &ret_losses->events, &ret_losses->packets, &err) < 0)
        log_warning("the tracer's own count of losses is not known: %s", err.text);
    else
        ret_losses->known = true;
    if (session_destroy(s->control, &err) < 0)
        log_warning("%s", err.text);
    else
        s->exists = false;
}

/* A session whose helper hung is still there, and would cost its programs for ever. */
static void destroy_left(struct own_session *s)
{
    struct error err;
    int r = s->exists ? session_destroy_left(s->name, &err) : 0;
    if (r == -ETIMEDOUT)
        log_warning("%s; session %s may be left behind: `lttng destroy %s`", err.text, s->name, s->name);
    else if (r < 0)
        log_debug("session %s: %s", s->name, err.text); /* gone with its daemon */
    s->exists = false;
}

void own_session_close(struct own_session *s)
{
    struct error err;
    if (s->exists && s->control && session_destroy(s->control, &err) == 0)
        s->exists = false;
    session_close(s->control);
    s->control = NULL;
    relayd_stop(&s->relayd); /* one that is frozen holds lttng-sessiond up */
    destroy_left(s);
    sessiond_stop(&s->sessiond);
}

int own_session_renew(struct own_session *s, struct error *err)
{
    bool relayd_ours = s->relayd.process.pid > 0 || s->relayd.own_output;
    int status;
    session_abandon(s->control);
    s->control = NULL;
    if (s->sessiond.process.pid > 0 && process_wait(&s->sessiond.process, 0, &status))
        s->sessiond.process.pid = 0;
    if (relayd_ours && (s->relayd.process.pid <= 0 || process_wait(&s->relayd.process, 0, &status)))
        relayd_stop(&s->relayd);
    destroy_left(s);
    int r = session_open(&s->control, err);
    if (r == 0 && s->sessiond.process.pid <= 0)
        r = sessiond_ensure(&s->sessiond, s->control, err);
    if (r == 0 && s->relayd.process.pid <= 0 && !*s->config->session.relayd.s)
        r = open_relayd(s, err);
    return r < 0 ? r : create(s, err);
}
