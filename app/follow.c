#include "app/follow.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "collector/ctf_text.h"
#include "collector/live.h"
#include "collector/live_follow.h"
#include "collector/live_tap.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int64_t tick_ns = 100000000, usual_timer_ns = 100000000, again_ns = 5000000000;
enum { READ_AHEAD = 64 << 20 };

struct following {
    struct follow *follow;
    struct event_text_consumer consumer;
    int64_t last_ns;            /* of what was handed on, and how much had that time; INT64_MIN: nothing was */
    uint64_t at_last;
    bool again;                 /* what was handed on is read once more: up to last_ns, and of that time so many */
    uint64_t again_at_last;
    struct relay_url url;
    struct loop *loop;
    struct ctf_text *text;
    struct live *live;          /* one of the two reads */
    struct live_follow *along;
    char path[TAP_PATH_MAX];
    bool ended, along_over;
    char held[1024];            /* a warning that is told unless reading along begins instead */
    int64_t along_at_ns;        /* monotonic: not to be tried again before */
};

static void on_notice(void *self, bool warning, const char *text)
{
    (void)self;
    if (warning)
        log_warning("%s", text);
    else
        log_info("%s", text);
}

static void tell_held(struct following *f)
{
    if (f->held[0])
        log_warning("%s", f->held);
    f->held[0] = '\0';
}

/* That the session has another viewer is no trouble where that is a foretrace: on_tick() knows. */
static void on_live_notice(void *self, bool warning, const char *text)
{
    struct following *f = self;
    tell_held(f);
    if (warning && f->path[0])
        text_copy(f->held, sizeof(f->held), text);
    else
        on_notice(f, warning, text);
}

static void on_along_notice(void *self, const char *text)
{
    on_notice(self, true, text);
}

/* ---- what is handed on: nothing twice ---- */

static bool is_again(struct following *f, int64_t time_ns)
{
    if (!f->again || time_ns < f->last_ns)
        return f->again;
    if (time_ns == f->last_ns && f->again_at_last > 0) {
        f->again_at_last--;
        return true;
    }
    f->again = time_ns == f->last_ns;
    return false;
}

static void on_event(void *self, const struct event_text *event)
{
    struct following *f = self;
    if (is_again(f, event->time_ns))
        return;
    f->at_last = event->time_ns == f->last_ns ? f->at_last + 1 : 1;
    f->last_ns = event->time_ns;
    f->follow->consumer->event(f->follow->consumer->self, event);
}

static void on_count(void *self, uint64_t events)
{
    struct following *f = self;
    f->follow->consumer->count(f->follow->consumer->self, events);
}

static void on_loss(void *self, const struct loss *loss)
{
    struct following *f = self;
    if (f->follow->consumer->loss && !(f->again && loss->end_ns <= f->last_ns))
        f->follow->consumer->loss(f->follow->consumer->self, loss);
}

static struct event_text_consumer wrap(struct following *f)
{
    const struct event_text_consumer *to = f->follow->consumer;
    return (struct event_text_consumer){ .self = f, .filter = to->filter, .event = to->event ? on_event : NULL, .count = on_count, .loss = on_loss };
}

static void on_phase(void *self, enum live_phase phase)
{
    struct following *f = self;
    f->ended |= phase == LIVE_ENDED;
}

static void on_along_end(void *self)
{
    struct following *f = self;
    f->along_over = true;
}

static int open_live(struct following *f, bool history, struct error *err)
{
    const struct live_setup setup = { .url = f->url,
                                      .reader = LIVE_READER_NATIVE,
                                      .from_now = !history && !f->again,
                                      .skip_ns = f->again ? f->last_ns : INT64_MIN,
                                      .buffer_bytes = READ_AHEAD,
                                      .window_ns = INT64_MIN,
                                      .raw = ctf_text_raw(f->text),
                                      .raw_self = f->text,
                                      .live_timer_ns = usual_timer_ns,
                                      .once = true,
                                      .loop = f->loop,
                                      .consumer = *ctf_text_events(f->text),
                                      .notice = on_live_notice,
                                      .phase = on_phase,
                                      .self = f };
    f->live = live_open(&setup, err);
    return f->live ? 0 : -EIO;
}

/* The session has a viewer: it may be another foretrace. */
static void read_along(struct following *f)
{
    int pid;
    const struct live_follow_setup setup = { .path = f->path, .loop = f->loop, .consumer = ctf_text_events(f->text), .raw = ctf_text_raw(f->text),
                                             .raw_self = f->text, .notice = on_along_notice, .ended = on_along_end, .self = f };
    if (f->path[0] == '\0' || clock_monotonic_ns() < f->along_at_ns || live_follow_open(&setup, &f->along, &pid) < 0)
        return;
    f->along_at_ns = clock_monotonic_ns() + again_ns; /* it may have its hands full, or be of another version */
    f->held[0] = '\0';
    log_info("foretrace watches that session (process %d): reading along, from now on", pid);
    live_close(f->live);
    f->live = NULL;
}

static int on_tick(void *self)
{
    struct following *f = self;
    struct error err;
    if (f->live)
        live_tick(f->live);
    if (f->ended)
        return LOOP_STOP;
    if (f->live && live_phase(f->live) == LIVE_WAITING)
        read_along(f);
    tell_held(f);
    if (!f->along_over)
        return 0;
    f->along_over = false;
    live_follow_close(f->along);
    f->along = NULL;
    f->again = f->last_ns != INT64_MIN; /* lttng-relayd has what came meanwhile */
    f->again_at_last = f->at_last;
    log_info("that foretrace does not watch it any more: reading %s", f->again ? "on where it ended" : "it from now on");
    if (open_live(f, false, &err) == 0)
        return 0;
    log_error("%s", err.text);
    return LOOP_STOP;
}

static int on_signal(void *self)
{
    const struct following *f = self;
    struct signalfd_siginfo info;
    bool end = false;
    while (read(f->follow->signals, &info, sizeof(info)) == sizeof(info))
        end |= info.ssi_signo != SIGCHLD;
    return end ? LOOP_STOP : 0;
}

static int after_callbacks(void *self)
{
    const struct following *f = self;
    f->follow->flush(f->follow->self);
    return 0;
}

int follow_run(struct follow *follow, struct error *err)
{
    struct following f = { .follow = follow, .last_ns = INT64_MIN };
    char directory[256];
    struct error ignored;
    int r = relay_url_parse(follow->url, &f.url, err);
    if (r < 0)
        return r;
    if (!f.url.session[0] || relay_url_has_wildcard(&f.url))
        return error_set(err, -EINVAL, "'%s' is not one session: expected net://HOST[:PORT]/host/HOSTNAME/SESSION (`foretrace sessions` lists them)", follow->url);
    if (dirs_runtime(directory, sizeof(directory), &ignored) == 0)
        live_tap_path(directory, &f.url, f.path);
    f.loop = loop_new();
    f.consumer = wrap(&f);
    f.text = ctf_text_new(&f.consumer);
    loop_add_fd(f.loop, follow->signals, on_signal, &f);
    loop_set_tick(f.loop, tick_ns, on_tick, &f);
    loop_set_after(f.loop, after_callbacks, &f);
    r = open_live(&f, follow->history, err);
    if (r == 0)
        r = loop_run(f.loop);
    tell_held(&f);
    live_close(f.live);
    live_follow_close(f.along);
    ctf_text_free(f.text);
    loop_free(f.loop);
    return r;
}
