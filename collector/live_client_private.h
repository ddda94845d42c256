/* live_client_private.h - the parts of live_client.c: what is asked (live_client_ask.c), which sessions are attached to
 * (live_client_attach.c), what comes of the answers (live_client_answers.c), and what may not take for ever
 * (live_client_limits.c). */
#ifndef FT_COLLECTOR_LIVE_CLIENT_PRIVATE_H
#define FT_COLLECTOR_LIVE_CLIENT_PRIVATE_H
#include "base/clock.h"
#include "collector/live_client.h"
#include "collector/live_tap.h"
#include "collector/viewer.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LIVE_CLIENT_CHUNK = 1 << 20, LIVE_CLIENT_PARTS_MAX = 64 }; /* of a packet, in one answer; sessions of one name */

/* A session of lttng-relayd's: those of one name are one to us, there is one for each domain. */
struct live_client_part {
    uint64_t id;
    bool attached, closed;
    bool streams_asked, had_streams;
};

/* What was asked, and of whom; answers come in the same order. */
struct live_client_question {
    enum viewer_command command;
    struct live_stream *stream;
    struct live_trace *trace;
    uint64_t part;
};

enum live_client_state { LIVE_CLIENT_DOWN, LIVE_CLIENT_LOOKING, LIVE_CLIENT_ATTACHING, LIVE_CLIENT_READING };

struct live_client {
    struct live_client_setup setup;
    struct live_set set;
    struct viewer *viewer;
    int fd;                           /* of viewer, as the loop has it */
    struct loop_timer *timer;
    struct live_tap *tap;             /* NULL: none */
    enum live_client_state state;
    int64_t live_timer_ns;
    struct live_client_part parts[LIVE_CLIENT_PARTS_MAX];
    uint32_t part_count;
    uint32_t attaching;               /* answers still to come */
    bool created, settled, current;
    bool timer_known;                 /* live_timer_ns is what lttng-relayd says */
    uint32_t relayd_minor;            /* its version is 2.that */
    uint64_t given_back;              /* those before it are not attached to: another one has taken their place */
    bool busy;                        /* a part of the session has another viewer */
    bool not_live;                    /* a part of it is recorded for later */
    bool parts_told;                  /* that there are too many */
    bool cut_told;                    /* that the ends of programs may be missing */
    uint64_t cut_look;                /* which look for new streams shows that the session has not ended with a program; 0: none has */
    bool replaced;                    /* the session is over, and one of its name has been made */
    bool metadata_waits;              /* of a trace it is wanted, and there were too many questions */
    bool more;                        /* to deliver, at once */
    bool first_done;                  /* a connection has stood: the next one begins at the beginning, whatever was asked for */
    enum reader_status told;
    struct live_client_question questions[VIEWER_PENDING_MAX];
    uint32_t first, count;
    uint64_t look_for_flag;           /* the one that shows what a flag told of: until then nothing is delivered */
    uint32_t next_stream;             /* of whom is asked first: there may be more streams than questions */
    /* Monotonic: */
    int64_t data_ns, batch_ns, chores_at_ns, look_at_ns, look_wait_ns, attached_ns, answer_since_ns, progress_ns, newcomer_ns;
    uint64_t received;
};

/* ---- live_client.c: after each of these the client may have no connection any more ---- */

/* Takes what has come, and goes on; a callback of the loop's. */
int live_client_take(void *client);
/* After something has come, or time has: delivers, asks on. */
void live_client_go_on(struct live_client *c);
/* Breaks off, and says why. */
void live_client_fail(struct live_client *c, int r, const struct error *err);
void live_client_notice(void *client, const char *text);
/* Every trace that is there is known, or (unless wait) given up: what is left of an earlier connection has ended. */
void live_client_settle(struct live_client *c, bool wait);

/* ---- live_client_ask.c ---- */

/* A place for what is asked next. */
struct live_client_question *live_client_question(struct live_client *c, enum viewer_command command);
void live_client_ask(struct live_client *c, enum viewer_command command);
void live_client_ask_index(struct live_client *c, struct live_stream *s);
void live_client_ask_packet(struct live_client *c, struct live_stream *s);
void live_client_ask_metadata(struct live_client *c, struct live_trace *t);
void live_client_ask_streams(struct live_client *c, struct live_client_part *part);
/* Of all parts: before any later time is believed, as what new streams have may be earlier. */
void live_client_look_for_streams(struct live_client *c);
/* There is a place for one more question about a stream. */
bool live_client_may_ask(const struct live_client *c);
/* Packets are read ahead within the bound; the one that all others wait for is always read. */
bool live_client_may_read(const struct live_client *c, const struct live_stream *s);
/* Asks all that is due, and sets the timer to when something will be. */
void live_client_ask_due(struct live_client *c, int64_t now_ns);

/* ---- live_client_attach.c ---- */

/* Tells the owner, unless it was the last thing told. */
void live_client_tell(struct live_client *c, enum reader_status status, const char *text);
struct live_client_part *live_client_part(struct live_client *c, uint64_t id);
bool live_client_has_streams(const struct live_client *c, const struct live_client_part *part);
void live_client_on_sessions(struct live_client *c, const struct viewer_reply *reply);
int live_client_on_attached(struct live_client *c, uint64_t part, const struct viewer_reply *reply, struct error *err);
/* What trace it is of is known: of two sessions of one name and domain one has taken the other's place. Negative with err:
 * that happened while it was read. */
int live_client_check_place(struct live_client *c, const struct live_trace *t, struct error *err);
/* The streams that an answer lists. */
int live_client_add_streams(struct live_client *c, uint64_t part, const struct viewer_reply *reply, struct error *err);

/* ---- live_client_answers.c ---- */

int live_client_on_index(struct live_client *c, struct live_stream *s, const struct viewer_answer *a, struct error *err);
int live_client_on_packet(struct live_client *c, struct live_stream *s, const struct viewer_reply *reply, struct error *err);
int live_client_on_metadata(struct live_client *c, struct live_trace *t, const struct viewer_reply *reply, struct error *err);
int live_client_on_streams(struct live_client *c, uint64_t part, const struct viewer_reply *reply, struct error *err);
void live_client_drop_trace(struct live_client *c, struct live_trace *t);

#endif
