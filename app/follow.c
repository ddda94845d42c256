#include "app/follow.h"
#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include "base/loop.h"
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
    struct relay_url url;
    struct loop *loop;
    struct ctf_text *text;
    struct live *live;          /* one of the two reads */
    struct live_follow *along;
    char path[TAP_PATH_MAX];
    bool ended, along_over;
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

static void on_along_notice(void *self, const char *text)
{
    on_notice(self, true, text);
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
                                      .from_now = !history,
                                      .buffer_bytes = READ_AHEAD,
                                      .window_ns = INT64_MIN,
                                      .raw = ctf_text_raw(f->text),
                                      .raw_self = f->text,
                                      .live_timer_ns = usual_timer_ns,
                                      .once = true,
                                      .loop = f->loop,
                                      .consumer = *ctf_text_events(f->text),
                                      .notice = on_notice,
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
    if (!f->along_over)
        return 0;
    f->along_over = false;
    live_follow_close(f->along);
    f->along = NULL;
    log_info("that foretrace does not watch it any more");
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
    struct following f = { .follow = follow };
    char directory[256];
    struct error ignored;
    int r = relay_url_parse(follow->url, &f.url, err);
    if (r < 0)
        return r;
    if (!f.url.session[0] || relay_url_has_wildcard(&f.url))
        return error_set(err, -EINVAL, "'%s' is not one session: expected net://HOST[:PORT]/host/HOSTNAME/SESSION (`foretrace sessions` lists them)", follow->url);
    if (dirs_runtime(directory, sizeof(directory), &ignored) == 0)
        live_tap_path(directory, f.url.hostname, f.url.session, f.path);
    f.loop = loop_new();
    f.text = ctf_text_new(follow->consumer);
    loop_add_fd(f.loop, follow->signals, on_signal, &f);
    loop_set_tick(f.loop, tick_ns, on_tick, &f);
    loop_set_after(f.loop, after_callbacks, &f);
    r = open_live(&f, follow->history, err);
    if (r == 0)
        r = loop_run(f.loop);
    live_close(f.live);
    live_follow_close(f.along);
    ctf_text_free(f.text);
    loop_free(f.loop);
    return r;
}
