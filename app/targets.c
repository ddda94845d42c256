#include "app/targets.h"
#include "base/log.h"
#include "base/text.h"
#include "collector/descendants.h"
#include "collector/program.h"
#include <errno.h>
#include <inttypes.h>

static int track_found(void *self, int pid, struct error *err)
{
    const struct targets *t = self;
    return session_track_pid(t->own->control, pid, err);
}

static int track_pids(const struct targets *t, struct error *err)
{
    int r = 0;
    for (uint32_t i = 0; i < t->pids.count && r == 0; i++) {
        uint64_t pid;
        if (text_parse_u64(t->pids.items[i], &pid) < 0)
            return error_set(err, -EINVAL, "--pid %s: not a number", t->pids.items[i]);
        if (!program_is_alive(t->pids.items[i]))
            return error_set(err, -ESRCH, "--pid %s: there is no such process", t->pids.items[i]);
        r = session_track_pid(t->own->control, (int)pid, err);
    }
    return r;
}

static int track_names(struct targets *t, struct error *err)
{
    for (uint32_t i = 0; i < t->names.count; i++) {
        int r = program_find(t->names.items[i], track_found, t, err);
        if (r < 0)
            return r;
        if (r == 0)
            return error_set(err, -ESRCH, "--name %s: no process of that name runs", t->names.items[i]);
    }
    return 0;
}

int targets_track(struct targets *t, struct error *err)
{
    int r = track_pids(t, err);
    if (r == 0)
        r = track_names(t, err);
    if (r == 0 && t->user)
        r = session_track_user(t->own->control, t->user, err);
    if (r == 0 && t->program && !t->everybody)
        r = session_track_pid(t->own->control, (int)t->program->pid, err);
    if (r == 0 && t->descendants)
        descendants_repeat(t->descendants);
    return r;
}

static void on_child_started(void *self, pid_t pid)
{
    struct targets *t = self;
    struct error err;
    if (t->frozen || !t->own->control)
        return;
    if (session_track_pid(t->own->control, (int)pid, &err) == 0) {
        log_debug("process %d is traced, too", (int)pid);
        return;
    }
    if (!t->untracked_told)
        log_warning("process %d, and perhaps more, are not traced: %s", (int)pid, err.text);
    t->untracked_told = true;
}

static void on_child_ended(void *self, pid_t pid)
{
    struct targets *t = self;
    struct error err;
    if (!t->frozen && t->own->control)
        session_untrack_pid(t->own->control, (int)pid, &err);
}

static int on_news(void *self)
{
    struct targets *t = self;
    descendants_look(t->descendants);
    return 0;
}

void targets_follow(struct targets *t, struct loop *loop)
{
    static const struct descendants_ops ops = { .started = on_child_started, .ended = on_child_ended };
    if (t->everybody || !t->program)
        return;
    t->descendants = descendants_open(t->program->pid, &ops, t);
    if (descendants_fd(t->descendants) >= 0)
        loop_add_fd(loop, descendants_fd(t->descendants), on_news, t);
}

bool targets_need_looks(const struct targets *t)
{
    return t->descendants && descendants_fd(t->descendants) < 0;
}

void targets_tick(struct targets *t)
{
    if (targets_need_looks(t))
        descendants_look(t->descendants);
}

void targets_freeze(struct targets *t)
{
    t->frozen = true;
}

bool targets_are_gone(const struct targets *t)
{
    for (uint32_t i = 0; i < t->pids.count; i++)
        if (program_is_alive(t->pids.items[i]))
            return false;
    return t->pids.count > 0;
}

void targets_close(struct targets *t)
{
    uint64_t overruns = t->descendants ? descendants_overruns(t->descendants) : 0;
    if (overruns)
        log_warning("%" PRIu64 " times more processes were started than could be followed: some may not have been traced at once",
                    overruns);
    descendants_close(t->descendants);
    t->descendants = NULL;
}
