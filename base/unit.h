/* unit.h - units of measure: what a metric is in, and how people write it. */
#ifndef FT_BASE_UNIT_H
#define FT_BASE_UNIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are on the wire: append only. */
enum unit {
    UNIT_NONE = 0,       /* a plain number: counts, ratios, unknown fields */
    UNIT_NANOSECONDS = 1,
    UNIT_BYTES = 2,
    UNIT_PER_SECOND = 3, /* a rate */
    UNIT_KINDS = 4
};

const char *unit_name(enum unit unit);

/* Finds the suffix people write ("ms", "KiB", "/s", ""); fills the unit and
 * the factor to its base (ns, bytes, 1/s). False when there is no such suffix. */
bool unit_parse_suffix(const char *suffix, enum unit *ret_unit, double *ret_factor);

/* "1.25 ms", "3.0 KiB", "12.5/s", "42": about three significant digits.
 * Returns buffer. */
enum { UNIT_TEXT_MAX = 48 };
const char *unit_format(char buffer[UNIT_TEXT_MAX], double value, enum unit unit);
/* As one writes it in a configuration, without loss: "90s", "1h", "64MiB", "12/s".
 * Returns buffer. */
const char *unit_format_exact(char buffer[UNIT_TEXT_MAX], double value, enum unit unit);

/* "2026-11-21 23:10:18.123456789" in UTC; "-" for INT64_MIN. Returns buffer. */
enum { TIME_TEXT_MAX = 48 };
const char *time_format(char buffer[TIME_TEXT_MAX], int64_t time_ns);

#endif
