/* foretrace.h - takes the alerts of a running foretrace:
 *
 *     struct foretrace_subscriber *s;
 *     const struct foretrace_alert *a;
 *     char why[256];
 *     if (foretrace_connect(NULL, NULL, &s, why, sizeof(why)) < 0)
 *         errx(1, "%s", why);
 *     while (foretrace_next(s, -1, &a) == 1)
 *         printf("%s %s: %s\n", a->severity_text, a->state_text, a->summary);
 *     foretrace_close(s);
 *
 * What fires already is given first. What was missed, because the network or this
 * program was away or slow, is asked for and given in order, once. Publishers may
 * stop, restart and come back: the subscriber goes on by itself.
 *
 * A subscriber belongs to one thread at a time; several do not know of each other.
 * All structs but yours are allocated by the library, which may append fields to
 * them. Functions that can fail return 0 or a negative errno. Running out of memory
 * ends the process. */
#ifndef FORETRACE_H
#define FORETRACE_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FORETRACE_API __attribute__((visibility("default")))

/* 0 stands for a word of a later version, which the _text beside it has. */
enum foretrace_state { FORETRACE_STATE_UNKNOWN = 0, FORETRACE_PENDING = 1, FORETRACE_FIRING = 2, FORETRACE_RESOLVED = 3 };
enum foretrace_severity { FORETRACE_SEVERITY_UNKNOWN = 0, FORETRACE_OK = 1, FORETRACE_WARNING = 2, FORETRACE_CRITICAL = 3 };
enum foretrace_kind {
    FORETRACE_KIND_UNKNOWN = 0, FORETRACE_THRESHOLD = 1, FORETRACE_ANOMALY = 2, FORETRACE_CHANGE = 3,
    FORETRACE_SILENCE = 4, FORETRACE_LOSS = 5, FORETRACE_OUTAGE = 6, FORETRACE_TIMEOUT = 7
};
/* How an alert came here. */
enum foretrace_origin {
    FORETRACE_LIVE = 0,     /* as it was published */
    FORETRACE_REPLAYED = 1, /* it was firing when the subscriber connected */
    FORETRACE_RECOVERED = 2 /* it had been missed and was asked for */
};

struct foretrace_text_pair {
    const char *name, *value;
};

/* One operation, of an alert's evidence. */
struct foretrace_operation {
    int64_t begin_ns, end_ns;                 /* since the epoch; end_ns 0: still pending */
    double value;
    size_t field_count;
    const struct foretrace_text_pair *fields;
};

/* One transition of an alert. Valid, with all it points to, until the next call of
 * foretrace_next or foretrace_close. Texts are UTF-8 and never NULL; times are in ns since
 * the epoch, UTC, 0 for none; numbers are NAN where there is none. docs/wire.md says
 * more of each. */
struct foretrace_alert {
    uint64_t id;                              /* this episode of trouble */
    uint64_t key;                             /* what it is about: the same for all episodes */
    uint64_t epoch, sequence;                 /* of the transition, at its publisher */
    enum foretrace_origin origin;
    enum foretrace_state state;
    enum foretrace_kind kind;
    enum foretrace_severity severity;
    const char *state_text, *kind_text, *severity_text;
    const char *host, *session, *analysis, *metric, *series, *statistic, *unit;
    int64_t window_begin_ns, window_end_ns, began_ns, detected_ns, resolved_ns;
    double value, expected, low, high, limit, magnitude, score;
    uint64_t lost, pending, count;
    const char *quality, *detail, *summary, *advice;
    size_t label_count;
    const struct foretrace_text_pair *labels;
    size_t detector_count;
    const char *const *detectors;
    size_t evidence_count;
    const struct foretrace_operation *const *evidence;
    double spread;                            /* of a change: by which factor */
    const char *changed;                      /* of a change: "mean", "spread", "both"; may be empty */
};

/* ---- what to take ---- */

/* Everything is optional, and so are options themselves. They are copied by
 * foretrace_connect: free them afterwards. Setters return -EINVAL for what cannot
 * be, -ENOSPC when there are too many, -ENAMETOOLONG. */
struct foretrace_options;
FORETRACE_API struct foretrace_options *foretrace_options_new(void);
FORETRACE_API void foretrace_options_free(struct foretrace_options *options);

/* Only topics (alert.SEVERITY.ANALYSIS) that begin so. May be called several times: any of them will do. */
FORETRACE_API int foretrace_options_add_topic(struct foretrace_options *options, const char *prefix);
/* Only analyses of that name; * stands for any text. May be called several times. */
FORETRACE_API int foretrace_options_add_analysis(struct foretrace_options *options, const char *pattern);
/* Only alerts at least so severe. */
FORETRACE_API int foretrace_options_set_severity(struct foretrace_options *options, enum foretrace_severity least);
/* Whether alerts that fire already are given first (1), or not (0). */
FORETRACE_API void foretrace_options_set_firing(struct foretrace_options *options, int wanted);
/* Whether missed alerts are asked for (1), or only counted (0). Without it a
 * subscriber of some topics cannot tell what it missed: foretrace_missed stays 0. */
FORETRACE_API void foretrace_options_set_recovery(struct foretrace_options *options, int wanted);
/* The publisher's replay socket, where it is not beside the endpoint. */
FORETRACE_API int foretrace_options_set_replay(struct foretrace_options *options, const char *endpoint);
/* How long an answer of the replay socket is waited for (1000 ms) before alerts are given without. */
FORETRACE_API int foretrace_options_set_patience(struct foretrace_options *options, int patience_ms);
/* For a publisher that encrypts (CURVE): our secret key and the publisher's public
 * key, Z85 of 40 characters each. our_public may be NULL. */
FORETRACE_API int foretrace_options_set_keys(struct foretrace_options *options, const char *our_public,
                                             const char *our_secret, const char *server_public);
/* The same from files, read by foretrace_connect: lines of public-key = "Z85" and secret-key = "Z85" under curve. */
FORETRACE_API int foretrace_options_set_key_files(struct foretrace_options *options, const char *our_secret_file,
                                                  const char *server_public_file);

/* ---- taking ---- */

struct foretrace_subscriber;

/* endpoint is ipc://PATH or tcp://HOST:PORT; NULL: where foretrace publishes by
 * default. It need not be there yet. On failure `why` (may be NULL) has a sentence. */
FORETRACE_API int foretrace_connect(const char *endpoint, const struct foretrace_options *options,
                                    struct foretrace_subscriber **ret_subscriber, char *why, size_t why_size);
/* NULL is fine. */
FORETRACE_API void foretrace_close(struct foretrace_subscriber *s);

/* Waits at most timeout_ms (-1: for ever) for an alert. 1: *ret_alert is one; 0:
 * none in time; -EINTR: a signal came; another negative errno: it cannot go on. */
FORETRACE_API int foretrace_next(struct foretrace_subscriber *s, int timeout_ms, const struct foretrace_alert **ret_alert);

/* A descriptor for poll: when it is readable, call foretrace_next(s, 0, ...). It
 * stays readable until that has returned 0. Owned by the subscriber. */
FORETRACE_API int foretrace_fd(struct foretrace_subscriber *s);

/* How long nothing was heard of the publisher, which speaks every second; -1: it
 * was never heard. As far as foretrace_next was called meanwhile. */
FORETRACE_API int64_t foretrace_silent_ms(const struct foretrace_subscriber *s);
FORETRACE_API const char *foretrace_endpoint(const struct foretrace_subscriber *s);

/* Counts since the connection. */
FORETRACE_API uint64_t foretrace_missed(const struct foretrace_subscriber *s);     /* alerts that could not be recovered */
FORETRACE_API uint64_t foretrace_recovered(const struct foretrace_subscriber *s);  /* missed, asked for and given */
FORETRACE_API uint64_t foretrace_duplicates(const struct foretrace_subscriber *s); /* came twice, given once */
FORETRACE_API uint64_t foretrace_refused(const struct foretrace_subscriber *s);    /* messages that were malformed or of another version */
FORETRACE_API uint64_t foretrace_restarts(const struct foretrace_subscriber *s);   /* of the publisher, its numbers beginning anew */

/* ---- helpers ---- */

/* The whole alert as one JSON object, fields of later versions included. Valid as the alert is. */
FORETRACE_API const char *foretrace_alert_json(const struct foretrace_alert *alert);
/* The same as it came: msgpack. */
FORETRACE_API const void *foretrace_alert_body(const struct foretrace_alert *alert, size_t *ret_size);

/* "unknown" for a number that is none. */
FORETRACE_API const char *foretrace_state_name(enum foretrace_state state);
FORETRACE_API const char *foretrace_severity_name(enum foretrace_severity severity);
FORETRACE_API const char *foretrace_kind_name(enum foretrace_kind kind);

/* Of the library, as "0.1.0". */
FORETRACE_API const char *foretrace_version(void);

#ifdef __cplusplus
}
#endif

#endif
