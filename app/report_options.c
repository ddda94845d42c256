#include "app/report_options.h"
#include "base/text.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

static int parse_number(const char *name, const char *text, uint64_t otherwise, uint64_t *ret_number, struct error *err)
{
    *ret_number = otherwise;
    if (text && text_parse_u64(text, ret_number) < 0)
        return error_set(err, -EINVAL, "--%s %s: a number was expected", name, text);
    return 0;
}

static int parse_duration(const char *name, const char *text, int64_t otherwise, int64_t *ret_ns, struct error *err)
{
    enum unit unit;
    double factor;
    char *end;
    *ret_ns = otherwise;
    if (!text)
        return 0;
    double number = strtod(text, &end);
    if (end == text || !(number >= 0) || !unit_parse_suffix(end, &unit, &factor) || unit != UNIT_NANOSECONDS || number * factor >= 9e18)
        return error_set(err, -EINVAL, "--%s %s: a time with its unit was expected, as 50us", name, text);
    *ret_ns = llround(number * factor);
    return 0;
}

/* ---- times ---- */

/* ".25": what is behind it; NULL: more than ns, or no digit. */
static const char *parse_fraction(const char *text, int64_t *ret_ns)
{
    int64_t unit = SECOND_NS / 10;
    *ret_ns = 0;
    if (*text != '.')
        return text;
    for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10) {
        if (unit == 0)
            return NULL;
        *ret_ns += (*text - '0') * unit;
    }
    return unit == SECOND_NS / 10 ? NULL : text;
}

/* Since the epoch: seconds, with a fraction or not; ns, which are too many for seconds (of the year 33658). */
static bool parse_epoch(const char *text, int64_t *ret_ns)
{
    enum { DIGITS = 20 };
    char digits[DIGITS];
    int64_t fraction_ns;
    uint64_t number;
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof(digits))
        return false;
    text_copy(digits, n + 1, text);
    const char *rest = parse_fraction(text + n, &fraction_ns);
    if (text_parse_u64(digits, &number) < 0 || !rest || *rest || number > INT64_MAX)
        return false;
    bool ns = text[n] == '\0' && number >= UINT64_C(1000000000000);
    if (!ns && number >= INT64_MAX / (uint64_t)SECOND_NS)
        return false;
    *ret_ns = ns ? (int64_t)number : (int64_t)number * SECOND_NS + fraction_ns;
    return true;
}

/* The 30th of February is not. */
static bool is_a_day(const struct tm *tm)
{
    struct tm day = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };
    return timegm(&day) != -1 && day.tm_mday == tm->tm_mday;
}

/* [YYYY-MM-DD[ T]]HH:MM[:SS[.FRACTION]][Z], or a date alone. Without a date *ret_of_day. */
static bool parse_clock(const char *text, int64_t *ret_ns, bool *ret_of_day)
{
    static const struct tm epoch = { .tm_mday = 1, .tm_year = 70 };
    struct tm tm = epoch;
    int64_t fraction_ns = 0;
    const char *date = strptime(text, "%Y-%m-%d", &tm), *at = date ? date : text;
    if (!date)
        tm = epoch; /* what looked like a year */
    else if (*date == ' ' || *date == 'T')
        at = date + 1;
    if (!date || *date) {
        const char *minutes = strptime(at, "%H:%M", &tm);
        at = minutes && *minutes == ':' ? strptime(minutes, ":%S", &tm) : minutes;
        if (at && minutes && *minutes == ':')
            at = parse_fraction(at, &fraction_ns);
        if (at && *at == 'Z')
            at++;
    }
    if (!at || *at || (date && !is_a_day(&tm)))
        return false;
    *ret_ns = (int64_t)timegm(&tm) * SECOND_NS + fraction_ns;
    *ret_of_day = !date;
    return true;
}

static int parse_time(const char *name, const char *text, int64_t otherwise, int64_t *ret_ns, bool *ret_of_day, struct error *err)
{
    *ret_ns = otherwise;
    *ret_of_day = false;
    if (!text || parse_epoch(text, ret_ns) || parse_clock(text, ret_ns, ret_of_day))
        return 0;
    return error_set(err, -EINVAL, "--%s %s: expected [YYYY-MM-DD] HH:MM[:SS[.FRACTION]] (UTC), or seconds or ns since the epoch", name, text);
}

/* ---- all of them ---- */

static int parse_range(const struct report_args *a, struct report_config *c, struct error *err)
{
    int r = parse_time("begin", a->begin, INT64_MIN, &c->begin_ns, &c->begin_of_day, err);
    if (r == 0)
        r = parse_time("end", a->end, INT64_MAX, &c->end_ns, &c->end_of_day, err);
    if (r == 0)
        r = parse_duration("min", a->min, 0, &c->min_ns, err);
    if (r == 0)
        r = parse_duration("max", a->max, INT64_MAX, &c->max_ns, err);
    if (r < 0)
        return r;
    if (!c->begin_of_day && !c->end_of_day && c->begin_ns > c->end_ns)
        return error_set(err, -EINVAL, "--begin %s is after --end %s", a->begin, a->end);
    if (c->min_ns > c->max_ns)
        return error_set(err, -EINVAL, "--min %s is more than --max %s", a->min, a->max);
    return 0;
}

static enum report_form form_of(const struct report_args *a)
{
    if (a->format && strcmp(a->format, "json") == 0)
        return REPORT_JSON;
    return a->all || a->analysis || a->log || a->freq || a->top || a->limit ? REPORT_TEXT : REPORT_OVERVIEW;
}

int report_options(const struct report_args *a, struct report_config *c, uint32_t *ret_limit, enum report_form *ret_form, struct error *err)
{
    uint64_t top, tid, rows, limit;
    *ret_form = form_of(a);
    if (a->format && strcmp(a->format, "json") != 0 && strcmp(a->format, "text") != 0)
        return error_set(err, -EINVAL, "--format %s: expected text or json", a->format);
    int r = parse_number("top", a->top, 10, &top, err);
    if (r == 0)
        r = parse_number("limit", a->limit, *ret_form == REPORT_JSON ? 0 : 20, &limit, err);
    if (r == 0)
        r = parse_number("rows", a->rows, 100000, &rows, err);
    if (r == 0)
        r = parse_number("tid", a->tid, UINT64_MAX, &tid, err);
    if (r == 0 && a->tid && tid > INT64_MAX)
        r = error_set(err, -EINVAL, "--tid %s: a number was expected", a->tid);
    if (r == 0)
        r = parse_range(a, c, err);
    if (r < 0)
        return r;
    if (top > 1000000 || rows > 10000000 || rows == 0 || limit > UINT32_MAX)
        return error_set(err, -EINVAL, "--top at most 1000000, --rows 1 to 10000000, --limit at most 4294967295");
    c->top = (uint32_t)top;
    c->max_rows = (uint32_t)rows;
    c->tid = tid == UINT64_MAX ? -1 : (int64_t)tid;
    c->procname = a->procname;
    c->log = a->log;
    c->freq = a->freq;
    *ret_limit = (uint32_t)limit;
    return 0;
}

/* ---- analyses ---- */

static bool has_tables(const struct analysis *a)
{
    for (const struct metric_info *m = a->emits; m->name; m++)
        if (m->of)
            return true;
    return false;
}

static int add_all(struct config *config, struct error *err)
{
    int r = 0;
    for (const struct analysis *const *p = analyses; *p && r == 0; p++)
        if (has_tables(*p))
            r = config_add_analysis(config, (*p)->name, err);
    return r;
}

static int complain_of(const char *name, struct error *err)
{
    const char *names[64];
    size_t n = 0;
    for (const struct analysis *const *p = analyses; *p && n < sizeof(names) / sizeof(names[0]); p++)
        if (has_tables(*p))
            names[n++] = (*p)->name;
    const char *near = text_nearest(name, names, n);
    return error_set(err, -ENOENT, "--analysis %s: there is no such analysis with tables%s%s%s; see `foretrace list analyses`", name,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static int add_named(struct config *config, const char *name, const char *list, struct error *err)
{
    const struct analysis *known = analysis_find(name);
    if (*name == '\0')
        return error_set(err, -EINVAL, "--analysis '%s': a name is empty; names are separated by one comma", list);
    if (!known || !has_tables(known))
        return complain_of(name, err);
    for (uint32_t i = 0; i < config->analysis_count; i++)
        if (config->analyses[i].analysis == known)
            return error_set(err, -EINVAL, "--analysis '%s': %s is there twice", list, name);
    return config_add_analysis(config, name, err);
}

int report_analyses(const struct report_args *a, struct config *config, struct error *err)
{
    int r = 0;
    if (!a->analysis && (a->common.config || a->common.presets.count > 0))
        return 0;
    config_clear_analyses(config);
    if (!a->analysis || strcmp(a->analysis, "all") == 0)
        return add_all(config, err);
    for (const char *at = a->analysis; at && r == 0;) {
        char name[NAME_TEXT_MAX];
        size_t n = strcspn(at, ",");
        struct text_out out = text_out_init(name, sizeof(name));
        text_put(&out, at, n);
        at = at[n] == ',' ? at + n + 1 : NULL;
        r = add_named(config, name, a->analysis, err);
    }
    return r;
}
