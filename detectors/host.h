/* host.h - keeps the detectors' states, feeds them samples, and turns their
 * judgements, exceedances and losses into verdicts. */
#ifndef FT_DETECTORS_HOST_H
#define FT_DETECTORS_HOST_H
#include "base/link.h"
#include "detectors/rules.h"
#include "detectors/verdict.h"

struct host;

struct host_config {
    struct size memory; /* for detector states and series descriptions */
};
extern const struct option host_options[];

/* rules and out stay valid until the host is freed. complain gets sentences for people. */
struct host *host_new(const struct host_config *config, const struct rules *rules, struct link_sender *out,
                      void (*complain)(void *self, const char *text), void *self);
void host_free(struct host *host);

/* Handles one message of the stream stage. -EBADMSG when it is malformed (and
 * nothing of it was applied), else what sending failed with. WIRE_END is passed on. */
int host_message(struct host *host, const struct wire_header *header, struct wire_reader body);

struct host_totals {
    uint64_t samples, verdicts;
    uint64_t refused;   /* series for which there was no memory */
    uint64_t unknown;   /* samples of series never described */
    uint64_t forgotten; /* series that were purged in mid-trouble, beyond a bound */
    uint64_t series;    /* watched now */
    uint64_t state_bytes;
};
void host_totals(const struct host *host, struct host_totals *ret_totals);

#endif
