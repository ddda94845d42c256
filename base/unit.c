#include "base/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *suffix;
    enum unit unit;
    double factor;
} suffixes[] = {
    { "", UNIT_NONE, 1 },
    { "ns", UNIT_NANOSECONDS, 1 },
    { "us", UNIT_NANOSECONDS, 1e3 },
    { "ms", UNIT_NANOSECONDS, 1e6 },
    { "s", UNIT_NANOSECONDS, 1e9 },
    { "m", UNIT_NANOSECONDS, 60e9 },
    { "h", UNIT_NANOSECONDS, 3600e9 },
    { "d", UNIT_NANOSECONDS, 86400e9 },
    { "B", UNIT_BYTES, 1 },
    { "KiB", UNIT_BYTES, 1024 },
    { "MiB", UNIT_BYTES, 1048576 },
    { "GiB", UNIT_BYTES, 1073741824 },
    { "/s", UNIT_PER_SECOND, 1 },
};

const char *unit_name(enum unit unit)
{
    static const char *const names[UNIT_KINDS] = { "", "ns", "B", "1/s" };
    return unit < UNIT_KINDS ? names[unit] : "?";
}

bool unit_parse_suffix(const char *suffix, enum unit *ret_unit, double *ret_factor)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(suffixes[i].suffix, suffix) == 0) {
            *ret_unit = suffixes[i].unit;
            *ret_factor = suffixes[i].factor;
            return true;
        }
    }
    return false;
}

/* The largest unit that leaves at least one whole; seconds at most, since
 * "90 s" reads better than "1.5 m" beside a limit given in seconds. */
static void scale(double magnitude, enum unit unit, double *ret_factor, const char **ret_suffix)
{
    static const struct {
        double factor;
        const char *suffix;
    } times[] = { { 1e9, " s" }, { 1e6, " ms" }, { 1e3, " us" }, { 1, " ns" } },
      sizes[] = { { 1073741824, " GiB" }, { 1048576, " MiB" }, { 1024, " KiB" }, { 1, " B" } };
    *ret_factor = 1;
    *ret_suffix = unit == UNIT_PER_SECOND ? "/s" : "";
    for (size_t i = 0; i < 4; i++) {
        double factor = unit == UNIT_BYTES ? sizes[i].factor : times[i].factor;
        if (unit != UNIT_BYTES && unit != UNIT_NANOSECONDS)
            return;
        if (magnitude >= factor || i == 3) {
            *ret_factor = factor;
            *ret_suffix = unit == UNIT_BYTES ? sizes[i].suffix : times[i].suffix;
            return;
        }
    }
}

const char *unit_format(char buffer[UNIT_TEXT_MAX], double value, enum unit unit)
{
    double factor;
    const char *suffix;
    scale(fabs(value), unit, &factor, &suffix);
    double scaled = value / factor, magnitude = fabs(scaled);
    if (!isfinite(value))
        snprintf(buffer, UNIT_TEXT_MAX, "%g", value);
    else if (magnitude >= 1e7 || (magnitude > 0 && magnitude < 1e-3))
        snprintf(buffer, UNIT_TEXT_MAX, "%.3g%s", scaled, suffix);
    else if (magnitude >= 100 || scaled == floor(scaled))
        snprintf(buffer, UNIT_TEXT_MAX, "%.0f%s", scaled, suffix);
    else
        snprintf(buffer, UNIT_TEXT_MAX, "%.*f%s", magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3, scaled, suffix);
    return buffer;
}

const char *unit_format_exact(char buffer[UNIT_TEXT_MAX], double value, enum unit unit)
{
    static const char *const zeros[UNIT_KINDS] = { "0", "0s", "0B", "0/s" };
    const char *suffix = "";
    double factor = 1;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (suffixes[i].unit != unit || (*suffix && fmod(value, suffixes[i].factor) != 0))
            continue;
        suffix = suffixes[i].suffix;
        factor = suffixes[i].factor;
    }
    if (value == 0)
        snprintf(buffer, UNIT_TEXT_MAX, "%s", zeros[unit]);
    else
        snprintf(buffer, UNIT_TEXT_MAX, "%.15g%s", value / factor, suffix);
    return buffer;
}

const char *time_format(char buffer[TIME_TEXT_MAX], int64_t time_ns)
{
    struct tm tm;
    int64_t seconds = time_ns / 1000000000, rest = time_ns % 1000000000;
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    char date[24];
    if (time_ns == INT64_MIN || !gmtime_r(&t, &tm) || strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(buffer, TIME_TEXT_MAX, "-");
    else
        snprintf(buffer, TIME_TEXT_MAX, "%s.%09d", date, (int)rest);
    return buffer;
}
