/* host.h - keeps the detectors' states, feeds them samples, and turns their
 * judgements, exceedances and losses into verdicts. */
#ifndef FT_DETECTORS_HOST_H
#define FT_DETECTORS_HOST_H
#include "base/outlet.h"
#include "detectors/rules.h"
#include "detectors/verdict.h"

struct host;

struct host_config {
    struct size memory; /* for detector states and series descriptions */
};
extern const struct option host_options[];

/* rules and out stay valid until the host is freed. complain gets sentences for people. */
struct host *host_new(const struct host_config *config, const struct rules *rules, struct outlet *out,
                      void (*complain)(void *self, const char *text), void *self);
void host_free(struct host *host);

/* Handles one message of a stream stage. A sender is a number below WATCHES_SENDERS_MAX: each
 * numbers its meters itself. -EBADMSG when the message is malformed (and nothing of it
 * was applied), else what sending failed with. WIRE_END is not for the host. */
int host_message(struct host *host, uint32_t sender, const struct wire_header *header, struct wire_reader body);
/* What the sender's numbers mean is told anew from here on, up to host_recalled(). anew: in another life of it. */
void host_recall(struct host *host, uint32_t sender, bool anew);
void host_recalled(struct host *host, uint32_t sender);
/* A sender, or the stage of that name, is silent, or heard again: verdict_of_stage(). */
int host_presence(struct host *host, const char *stage, const char *name, bool silent, int64_t time_ns);
/* Nothing more comes from anybody: tells what was never matched, and passes the end on. */
int host_end(struct host *host);
/* When a SAMPLES message closes a window: its end; else INT64_MIN. */
int64_t host_window_end(const struct wire_header *header, struct wire_reader body);

/* All that is remembered, for a snapshot. load() into a new host; false: malformed. */
void host_save(const struct host *host, struct bytes *b);
bool host_load(struct host *host, struct wire_reader *r);

struct host_totals {
    uint64_t samples, verdicts;
    uint64_t refused;   /* series for which there was no memory */
    uint64_t unknown;   /* samples of series never described */
    uint64_t again;     /* windows, operations and losses that a collector told again after it was killed */
    uint64_t forgotten; /* series that were purged in mid-trouble, beyond a bound */
    uint64_t restarted; /* detectors' states that a changed configuration, or length of windows, made useless */
    uint64_t undelivered; /* windows that senders had to drop */
    uint64_t left_out;  /* series that a group had no place for */
    uint64_t series;    /* watched now */
    uint64_t groups;
    uint64_t state_bytes;
};
void host_totals(const struct host *host, struct host_totals *ret_totals);

#endif
