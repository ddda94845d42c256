/* session.h - an LTTng session of our own: created, fed with what the analyses
 * need, started, stopped, destroyed. The calls to liblttng-ctl are made by a
 * helper process with a deadline, since they can block for ever; should this
 * process die, the helper notices and destroys the session. */
#ifndef FT_COLLECTOR_SESSION_H
#define FT_COLLECTOR_SESSION_H
#include "base/option.h"
#include <stdint.h>

struct session_config {
    struct duration live_timer;
    struct size subbuffer_size;
    uint32_t subbuffer_count;
    struct size trace_file_size;   /* per stream; 0 with trace_file_count: unbounded */
    uint32_t trace_file_count;
    struct text relayd;            /* an existing one: net://HOST[:LIVE_PORT], control and data on the usual ports; "": our own */
};
extern const struct option session_options[];
int session_config_check(const struct session_config *config, struct error *err);

struct session;

/* Starts the helper. */
int session_open(struct session **ret_session, struct error *err);
/* Destroys the session, if there is one, and ends the helper. NULL is fine. */
void session_close(struct session *s);

/* Ends the helper without another call to lttng-sessiond, which may hang in it:
 * the session stays as it is. NULL is fine. */
void session_abandon(struct session *s);

/* 1: an lttng-sessiond answers, 0: none does. */
int session_daemon_alive(struct session *s, struct error *err);

int session_create(struct session *s, const char *name, const char *control_url, const char *data_url,
                   const struct session_config *config, bool bounded, struct error *err);
/* A pattern without ':' is a kernel event, "syscall_entry_NAME" a system call (its exits as well), "a|b" whichever
 * of them the tracer knows, "a|b|" if it knows one of them; "NAME=WHERE" a probe (stream/analyses/probe.c
 * says what WHERE can be). The channel of a domain is made when
 * its first event is enabled. */
int session_enable_event(struct session *s, const char *pattern, const struct text *exclusions, uint32_t count,
                         struct error *err);
/* To the channels there are; what only the kernel has goes to the kernel's, where there is one. */
int session_add_context(struct session *s, const char *name, struct error *err);
/* Traces only what is tracked, from the first call on: a process, by its id in
 * the pid namespace of lttng-sessiond, or a user's processes. */
int session_track_pid(struct session *s, int pid, struct error *err);
int session_untrack_pid(struct session *s, int pid, struct error *err);
int session_track_user(struct session *s, const char *user, struct error *err);
int session_start(struct session *s, struct error *err);
/* Stops tracing and waits until the consumers have handed over what they have. */
int session_stop(struct session *s, struct error *err);
/* What the tracer itself counted as lost, over all channels. */
int session_losses(struct session *s, uint64_t *ret_discarded_events, uint64_t *ret_lost_packets, struct error *err);
int session_destroy(struct session *s, struct error *err);
/* Destroys a session that was left behind when its helper was abandoned or killed,
 * by a helper of its own, within a few seconds. -ENOENT and the like when it is not there. */
int session_destroy_left(const char *name, struct error *err);

#endif
