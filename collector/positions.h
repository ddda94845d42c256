/* positions.h - how far a collector has come, in a mapped file that outlives it: the last window of a session that need not be
 * made again, and the last packet of each stream. A collector that is killed goes on there. */
#ifndef FT_COLLECTOR_POSITIONS_H
#define FT_COLLECTOR_POSITIONS_H
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

struct positions;

enum { POSITIONS_MAX = 16384 }; /* sessions and streams; of more, those that ended first are forgotten */

/* Made if it is not there, or damaged: then told in err, with 0. -EBUSY: another collector has it. */
int positions_open(const char *path, struct positions **ret_positions, struct error *err);
void positions_close(struct positions *p);

/* The end of the last window that is safe with the receiver; INT64_MIN: there is none. */
int64_t positions_window(const struct positions *p, const char *host, const char *session);
void positions_set_window(struct positions *p, const char *host, const char *session, int64_t end_ns);

struct stream_position {
    uint64_t sequence;  /* of the last packet that was read */
    int64_t end_ns;
};
/* A stream, by its trace's uuid and its channel's name. False: not known. */
bool positions_stream(const struct positions *p, const uint8_t uuid[16], const char *channel, struct stream_position *ret_position);
void positions_set_stream(struct positions *p, const uint8_t uuid[16], const char *channel, const struct stream_position *position);

#endif
