/* life.h - from verdicts to alerts: identity, and a life of pending, firing and
 * resolved. All about time is here: k of n windows before firing, hysteresis and
 * clean windows before resolving, a cool-down before firing again. One fault is
 * one alert: whatever speaks for the same metric and labels votes in it. */
#ifndef FT_ALERTS_LIFE_H
#define FT_ALERTS_LIFE_H
#include "alerts/alert.h"

struct life_config {
    uint32_t bad_windows, of_windows; /* k of n */
    uint32_t clean_windows;
    double hysteresis;
    struct duration cool_down, stale_after;
    uint32_t max_alerts;
};
extern const struct option life_options[];
int life_config_check(const struct life_config *config, struct error *err);

struct life;

/* deliver is called for every transition, in order. */
struct life *life_new(const struct life_config *config, void (*deliver)(void *self, struct alert *a), void *self);
void life_free(struct life *life);

void life_verdict(struct life *life, const struct verdict *v);
void life_window(struct life *life, const struct window_done *w);

/* All that is remembered, for a snapshot. load() into a new life; false: malformed,
 * or of another version, and the life is to be freed. */
void life_save(const struct life *life, struct bytes *b);
bool life_load(struct life *life, struct wire_reader *r);

struct life_totals {
    uint64_t fired, resolved;
    uint64_t suppressed;  /* by cool-down */
    uint64_t refused;     /* beyond max_alerts */
    uint64_t firing;      /* now */
};
void life_totals(const struct life *life, struct life_totals *ret_totals);

#endif
