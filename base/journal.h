/* journal.h - how a stage survives kill -9: every record is in a mapped file before it
 * is applied, and now and then the whole state is written as a snapshot, with which the
 * file begins anew. After a restart the snapshot is loaded and the records since are
 * applied again, which gives the same state, since stages run on their input alone.
 *
 * DIR/snapshot and DIR/journal.N, N being the snapshot's generation. A snapshot is
 * written beside the old one and renamed; both files carry checksums. They survive the
 * end of the process at any instant; what the machine had not yet written to disk when
 * it lost power is missing or fails its checksum. */
#ifndef FT_BASE_JOURNAL_H
#define FT_BASE_JOURNAL_H
#include "base/bytes.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

struct journal_owner {
    /* Puts the whole state. */
    void (*save)(void *self, struct bytes *b);
    /* Takes it; false when it is malformed or of another version: then the state must be as new. */
    bool (*load)(void *self, const void *data, size_t size);
    /* Before records are applied again: the mark. 0 when what is made of them may not be what was made of them (another
     * configuration), or what had it may have lost it (another life of the machine). May be NULL. */
    void (*marked)(void *self, uint64_t mark);
    /* Applies a record again; false when it cannot. */
    bool (*replay)(void *self, const void *record, size_t size);
    void (*notice)(void *self, bool warning, const char *text);
};

struct journal_setup {
    const char *dir;           /* made if need be, 0700 */
    uint64_t size_bytes;       /* of records between two snapshots; one that is longer is refused */
    uint64_t config;           /* a hash: what the state depends on besides records */
    uint64_t boot;             /* a hash: which life of the machine this is */
    const struct journal_owner *owner;
    void *self;
};

/* Opens or makes it, and recovers. Files that are damaged are renamed to *.bad, told
 * by name, and the state starts fresh. -EBUSY: another process has it. */
int journal_open(const struct journal_setup *setup, struct journal **ret_journal, struct error *err);
/* Writes no snapshot: for that, journal_snapshot() first. */
void journal_close(struct journal *journal);

/* Writes one record. When there is no room a snapshot is written first, in which all
 * earlier records must have been applied. -errno: the disk is full, or the like. */
int journal_append(struct journal *journal, const void *record, size_t size);
int journal_snapshot(struct journal *journal);

/* A number below 2^48 in the mapped file that survives as records do: how far something outside was told. 0 when it is damaged. */
uint64_t journal_mark(const struct journal *journal);
void journal_set_mark(struct journal *journal, uint64_t mark);

/* Of what was recovered: whether there was anything, and whether it was made under
 * another configuration. */
bool journal_recovered(const struct journal *journal);
bool journal_config_changed(const struct journal *journal);
/* It was made before the machine was started again: the last records may never have come to the disk, so what
 * was numbered since may have been numbered before. */
bool journal_rebooted(const struct journal *journal);
uint64_t journal_snapshots(const struct journal *journal);

#endif
