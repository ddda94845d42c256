/* history.h - what was published lately, for those who missed it: the newest
 * transitions as they were encoded, and the latest one of every alert that is
 * firing now, however long ago that was. Both are bounded by count and by bytes. */
#ifndef FT_ALERTS_HISTORY_H
#define FT_ALERTS_HISTORY_H
#include "alerts/alert.h"

/* What the alert stage keeps. */
enum { HISTORY_ALERTS = 4096, HISTORY_BYTES = 16 << 20, HISTORY_VERSION = 1 };

struct history;

/* capacity transitions in at most bytes_max bytes, and as much again for the
 * alerts that are firing. Neither may be 0. */
struct history *history_new(uint32_t capacity, uint64_t bytes_max);
void history_free(struct history *h);

/* Adds a transition. Its sequence must be above all before it: what is not is
 * left out and counted, and so is a firing alert that finds no room among those. */
void history_add(struct history *h, const struct alert *a);

/* One transition: the body of its ALERT message. Valid until the next change. */
struct history_entry {
    uint64_t sequence;
    const uint8_t *body;
    uint32_t size_bytes;
};
/* The next one after a sequence, of those still known: the newest ones and, older
 * than these, those that are firing. False: there is none. */
bool history_next(const struct history *h, uint64_t after, struct history_entry *ret_entry);
/* The same of alerts that are firing only. */
bool history_next_firing(const struct history *h, uint64_t after, struct history_entry *ret_entry);

/* Sequence of the newest transition ever added; 0: none so far. */
uint64_t history_newest(const struct history *h);
uint64_t history_left_out(const struct history *h);

/* Appends everything as bytes of version HISTORY_VERSION. */
void history_save(const struct history *h, struct bytes *b);
/* Replaces everything by what was saved, as far as this history has room (the
 * oldest go first). False: it is malformed or of another version, and the
 * history is empty now. */
bool history_load(struct history *h, const void *data, size_t size);

#endif
