/* sample.h - what the stream stage hands on: descriptions of series, one number
 * of each per window, and facts that must not wait for a window. Structs, their
 * encoders and decoders; docs/wire.md has the bytes.
 *
 * A meter is one metric under one set of labels; each of its statistics is a
 * series. A series is named ANALYSIS.METRIC.STATISTIC{LABEL=VALUE,...}. */
#ifndef FT_STREAM_SAMPLE_H
#define FT_STREAM_SAMPLE_H
#include "base/bytes.h"
#include "base/unit.h"
#include "base/wire.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    NAME_TEXT_MAX = 256,   /* host, session, analysis, metric, label name, with NUL */
    LABELS_MAX = 6,
    LABEL_VALUE_MAX = 128,
    SERIES_NAME_MAX = 2048,
    WORST_MAX = 3,         /* operations kept as evidence, per meter and window */
    OPERATION_FIELDS_MAX = 8,
    SAMPLES_METERS_MAX = 16384, /* in one message */
    FIELD_NAME_MAX = 40,
    FIELD_TEXT_MAX = 56
};

/* The numbers of these enumerations are on the wire: append only. */
enum metric_kind { METRIC_COUNTER = 1, METRIC_LATENCY = 2, METRIC_VALUE = 3 };

enum statistic {
    STATISTIC_COUNT,
    STATISTIC_RATE, /* per second */
    STATISTIC_MEAN,
    STATISTIC_P50,
    STATISTIC_P90,
    STATISTIC_P99,
    STATISTIC_MAX,
    STATISTIC_MIN,
    STATISTIC_LAST,
    STATISTIC_KINDS
};
const char *statistic_name(enum statistic statistic);
/* The statistics a kind of metric has, in the order in which samples carry them. */
uint32_t metric_statistics(enum metric_kind kind, const enum statistic **ret_list);

/* What is known about the window a sample is from; 0 is complete. */
enum quality {
    QUALITY_LOSSY = 1,   /* events of it were lost: at least as many as `lost` says */
    QUALITY_PARTIAL = 2, /* not observed from its beginning to its end: not to be judged */
    QUALITY_ZERO = 4,    /* nothing happened: the zero is said, not measured */
    QUALITY_LATE = 8     /* while it was open, events of earlier windows came, and are missing there */
};
/* "complete", "lossy|partial", ... Returns buffer. */
enum { QUALITY_TEXT_MAX = 48 };
const char *quality_text(uint32_t quality, char buffer[QUALITY_TEXT_MAX]);

struct label {
    char name[FIELD_NAME_MAX];
    char value[LABEL_VALUE_MAX];
};

struct meter_description {
    uint32_t id; /* the sender's, for its epoch */
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX], analysis[NAME_TEXT_MAX], metric[NAME_TEXT_MAX];
    enum unit unit;
    enum metric_kind kind;
    bool detail; /* shown, but judged only by an explicit rule */
    uint32_t label_count;
    struct label labels[LABELS_MAX];
};
void meter_description_put(struct bytes *b, const struct meter_description *d);
bool meter_description_get(struct wire_reader *r, struct meter_description *ret_description);
/* The series' name, or the meter's (without statistic) for STATISTIC_KINDS. Returns buffer. */
const char *series_name(const struct meter_description *d, enum statistic statistic, char buffer[SERIES_NAME_MAX]);

/* One operation, as evidence: when it began and ended, and its key and contexts. */
struct operation {
    int64_t begin_ns, end_ns; /* end_ns 0: still pending */
    double value;
    uint32_t field_count;
    struct operation_field {
        char name[FIELD_NAME_MAX];
        char value[FIELD_TEXT_MAX];
    } fields[OPERATION_FIELDS_MAX];
};
void operation_put(struct bytes *b, const struct operation *op);
bool operation_get(struct wire_reader *r, struct operation *ret_op);

/* One window of one source. The body of a SAMPLES message is an array of this
 * and an array of meter samples; a large window takes several messages. */
struct window_header {
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX];
    int64_t begin_ns, end_ns;
    uint32_t quality;
    uint64_t lost; /* events known to be missing from it, at least */
    bool last;     /* no further message of this window follows */
};
void window_header_put(struct bytes *b, const struct window_header *w);
bool window_header_get(struct wire_reader *r, struct window_header *ret_window);

/* How the values of one window are spread: counts by the quarter of an octave that they are in, ascending, none of them 0.
 * Bucket 4 k + q is [2^k (1 + q/4), 2^k (1 + (q+1)/4)), of ns in a latency; the first and the last one have what is beyond. */
enum { SKETCH_PER_OCTAVE = 4, SKETCH_BUCKETS = 160 };
struct sketch {
    uint32_t size;
    struct sketch_bucket {
        uint32_t bucket, count;
    } buckets[SKETCH_BUCKETS];
};
/* Where a bucket begins. */
double sketch_low(uint32_t bucket);

/* The samples of one meter over the window: a value for each of its statistics
 * (NAN: it has none, as the mean of nothing), and its worst operations. */
struct meter_sample {
    uint32_t id;
    uint64_t count;          /* observations behind the values */
    uint32_t value_count;
    double values[STATISTIC_KINDS];
    uint32_t worst_count;
    struct operation worst[WORST_MAX];
    bool sketched;           /* somebody wants the sketch, and it is here: it may be empty */
    struct sketch sketch;
};
void meter_sample_put(struct bytes *b, const struct meter_sample *s);
bool meter_sample_get(struct wire_reader *r, struct meter_sample *ret_sample);
/* The quality of one meter's samples in a window. */
uint32_t meter_sample_quality(const struct window_header *w, const struct meter_sample *s);

enum exceedance_kind {
    EXCEEDANCE_THRESHOLD = 1, /* an operation took longer than the threshold */
    EXCEEDANCE_TIMEOUT = 2,   /* an operation is still pending after the timeout */
    EXCEEDANCE_ENDED = 3,     /* one that timed out ended after all */
    EXCEEDANCE_COLLECTED = 4  /* one that timed out was given up */
};

struct exceedance {
    enum exceedance_kind kind;
    uint32_t meter;
    int64_t time_ns;   /* when it became true, in event time */
    double value;      /* how long so far */
    double limit;
    uint64_t pending;  /* operations of this meter that are overdue now */
    struct operation operation;
};
void exceedance_put(struct bytes *b, const struct exceedance *x);
bool exceedance_get(struct wire_reader *r, struct exceedance *ret_exceedance);

/* Events, packets, or a time of observation that is missing; or windows that were
 * observed and could not be delivered. */
enum { LOSS_RECORD_WINDOWS = 4, LOSS_RECORD_PARTIAL = 5 };
struct loss_record {
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX];
    uint32_t kind;     /* enum loss_kind of collector/event.h, or one of those above */
    uint64_t count;
    bool at_least, ongoing;
    int64_t begin_ns, end_ns;
    char reason[NAME_TEXT_MAX];
};
void loss_record_put(struct bytes *b, const struct loss_record *l);
bool loss_record_get(struct wire_reader *r, struct loss_record *ret_loss);

#endif
