/* host_private.h - the host's own, shared by host.c, host_series.c and host_groups.c. */
#ifndef FT_DETECTORS_HOST_PRIVATE_H
#define FT_DETECTORS_HOST_PRIVATE_H
#include "detectors/had.h"
#include "detectors/host.h"
#include "detectors/watches.h"

enum { GAPS_MAX = 64 };

/* Windows of a source up to here may lack what could not be delivered. */
struct gap {
    uint64_t source;
    int64_t end_ns;
};

struct host {
    struct outlet *out;
    uint32_t sender;        /* of the message being handled */
    struct gap gaps[GAPS_MAX];
    uint32_t next_gap;
    bool sketchless_told, length_told;
    struct had had;
    struct watches watches;
    struct host_totals totals;
    /* Scratch: large, and used for one message at a time. */
    struct window_header window;
    struct meter_sample sample;
    struct meter_description description;
    struct exceedance exceedance;
    struct loss_record loss;
    struct verdict verdict;
};

/* A verdict about a meter, with everything else unknown; it is the host's scratch. */
struct verdict *host_new_verdict(struct host *h, const struct meter_description *d);
/* The host's scratch, too. */
const struct meter_description *host_describe(struct host *h, const struct watched *w);
void host_take_judgement(struct verdict *v, const struct judgement *j);
/* A judgement is told while it is bad, and for some windows after, which are counted here. */
bool host_reports(uint8_t *windows, const struct judgement *j);
/* Windows have another length than those that were learned from: told once. */
void host_tell_length(struct host *h, int64_t before_ns, int64_t now_ns);
int host_send_verdict(struct host *h);
/* The sample under way, of that series. A window that was not observed whole is not judged. */
int host_judge_sample(struct host *h, struct watched *w);
/* The window under way has ended: of all groups of its source. */
int host_judge_groups(struct host *h, uint64_t source);

#endif
