/* backtest_print.c - a backtest as tables, for people, and as one JSON object. */
#include "app/backtest.h"
#include "base/text.h"
#include "detectors/verdict.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WHEN_SIZE = 24 };

/* "2026-11-21 23:10:18.123Z" */
static const char *when(char buffer[TIME_TEXT_MAX], int64_t time_ns)
{
    time_format(buffer, time_ns);
    memcpy(buffer + WHEN_SIZE - 1, "Z", 2);
    return buffer;
}

static const char *duration(char buffer[UNIT_TEXT_MAX], int64_t ns)
{
    return unit_format(buffer, (double)ns, UNIT_NANOSECONDS);
}

static double per_hour(const struct backtest_run *run, double count)
{
    double hours = backtest_hours(run);
    return hours > 0 ? count / hours : 0;
}

/* ---- text ---- */

static void print_episodes(FILE *f, const struct backtest_run *run)
{
    char time[TIME_TEXT_MAX], how_long[UNIT_TEXT_MAX];
    fprintf(f, "\n%-24s  %9s  %-8s  %-9s  %s\n", "FIRED", "FOR", "SEVERITY", "KIND", "WHAT, AND WHO VOTED");
    for (uint32_t i = 0; i < run->count; i++) {
        const struct episode *e = &run->episodes[i];
        fprintf(f, "%s  %s%8s  %-8s  %-9s  %s%s%s\n", when(time, e->fired_ns), e->resolved_ns == INT64_MAX ? ">" : " ",
                duration(how_long, backtest_firing_ns(run, e)), severity_name(e->severity), finding_name(e->kind), e->series, *e->voters ? ", by " : "",
                e->voters);
    }
}

static void print_metrics(FILE *f, const struct backtest_run *run)
{
    char how_long[UNIT_TEXT_MAX];
    uint32_t count;
    struct backtest_metric *metrics = backtest_metrics(run, &count);
    fprintf(f, "\n%9s  %6s  %9s  %s\n", "AN HOUR", "ALERTS", "FIRING", "METRIC");
    for (uint32_t i = 0; i < count; i++)
        fprintf(f, "%9.2f  %6u  %9s  %s\n", per_hour(run, metrics[i].count), metrics[i].count, duration(how_long, metrics[i].firing_ns),
                metrics[i].example->series);
    free(metrics);
}

static void print_run(FILE *f, const struct backtest_run *run)
{
    char how_long[UNIT_TEXT_MAX];
    const struct stream_totals *t = &run->totals;
    int64_t span_ns = t->first_event_ns == INT64_MIN ? 0 : t->last_event_ns - t->first_event_ns;
    fprintf(f, "%s: %u alert%s in %s of event time, %.2f an hour (%" PRIu64 " windows, %" PRIu64 " series)\n", run->name, run->count,
            run->count == 1 ? "" : "s", duration(how_long, span_ns), per_hour(run, run->count), t->windows, t->series);
    if (run->left_out)
        fprintf(f, "%" PRIu64 " more alerts were left out: more than %d\n", run->left_out, EPISODES_MAX);
    if (run->count == 0)
        return;
    print_episodes(f, run);
    print_metrics(f, run);
}

static void print_incident(FILE *f, const struct backtest_incident *x)
{
    char time[TIME_TEXT_MAX], lead[UNIT_TEXT_MAX];
    const struct episode *e = x->first[x->first[0] == NULL];
    fprintf(f, "  %s  %s", when(time, e->fired_ns), e->series);
    if (x->first[0] && x->first[1]) {
        int64_t earlier_ns = x->first[1]->fired_ns - x->first[0]->fired_ns;
        duration(lead, earlier_ns < 0 ? -earlier_ns : earlier_ns);
        fprintf(f, ", %s%s", earlier_ns == 0 ? "at the same time" : lead, earlier_ns == 0 ? "" : earlier_ns > 0 ? " earlier" : " later");
    }
    if (x->count[0] > 1 || x->count[1] > 1)
        fprintf(f, " (%u and %u alerts)", x->count[0], x->count[1]);
    putc('\n', f);
}

/* which: 0 only with the first, 1 only with the second, 2 both. */
static int incident_side(const struct backtest_incident *x)
{
    return x->first[0] && x->first[1] ? 2 : x->first[0] ? 0 : 1;
}

static void print_side(FILE *f, const struct backtest_incident *incidents, uint32_t count, int side, const char *title)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += incident_side(&incidents[i]) == side;
    fprintf(f, "\n%s: %u\n", title, n);
    for (uint32_t i = 0; i < count; i++)
        if (incident_side(&incidents[i]) == side)
            print_incident(f, &incidents[i]);
}

void backtest_print_text(FILE *f, const struct backtest_run *first, const struct backtest_run *second)
{
    char title[512];
    uint32_t count;
    print_run(f, first);
    if (!second)
        return;
    putc('\n', f);
    print_run(f, second);
    struct backtest_incident *incidents = backtest_compare(first, second, &count);
    snprintf(title, sizeof(title), "Only with %s", first->name);
    print_side(f, incidents, count, 0, title);
    snprintf(title, sizeof(title), "Only with %s", second->name);
    print_side(f, incidents, count, 1, title);
    snprintf(title, sizeof(title), "With both; by how much %s was earlier", first->name);
    print_side(f, incidents, count, 2, title);
    free(incidents);
}

/* ---- JSON ---- */

static void put_text(FILE *f, const char *name, const char *text)
{
    size_t size = strlen(text), capacity = 6 * size + 3;
    char *quoted = xcalloc(1, capacity);
    struct text_out out = text_out_init(quoted, capacity);
    text_put_json(&out, text, size);
    fprintf(f, "\"%s\": %s", name, quoted);
    free(quoted);
}

static void put_time(FILE *f, const char *name, int64_t time_ns)
{
    if (time_ns == INT64_MAX || time_ns == INT64_MIN)
        fprintf(f, ", \"%s\": null", name);
    else
        fprintf(f, ", \"%s\": %" PRId64, name, time_ns);
}

static void put_episode(FILE *f, const struct backtest_run *run, const struct episode *e)
{
    fprintf(f, "{\"id\": \"%016" PRIx64 "\", \"key\": \"%016" PRIx64 "\", ", e->id, e->key);
    put_text(f, "series", e->series);
    fprintf(f, ", \"kind\": \"%s\", \"severity\": \"%s\", ", finding_name(e->kind), severity_name(e->severity));
    put_text(f, "voters", e->voters);
    put_time(f, "began_ns", e->began_ns);
    put_time(f, "fired_ns", e->fired_ns);
    put_time(f, "resolved_ns", e->resolved_ns);
    fprintf(f, ", \"firing_ns\": %" PRId64 ", ", backtest_firing_ns(run, e));
    put_text(f, "summary", e->summary);
    putc('}', f);
}

static void put_run(FILE *f, const struct backtest_run *run)
{
    uint32_t count;
    fputs("{", f);
    put_text(f, "configuration", run->name);
    put_time(f, "first_ns", run->totals.first_event_ns);
    put_time(f, "last_ns", run->totals.last_event_ns);
    fprintf(f, ", \"hours\": %.9g, \"windows\": %" PRIu64 ", \"series\": %" PRIu64 ", \"fired\": %u, \"per_hour\": %.9g, \"left_out\": %" PRIu64 ",\n  \"alerts\": [",
            backtest_hours(run), run->totals.windows, run->totals.series, run->count, per_hour(run, run->count), run->left_out);
    for (uint32_t i = 0; i < run->count; i++) {
        fputs(i ? ",\n    " : "\n    ", f);
        put_episode(f, run, &run->episodes[i]);
    }
    fputs("],\n  \"metrics\": [", f);
    struct backtest_metric *metrics = backtest_metrics(run, &count);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(f, "%s{\"key\": \"%016" PRIx64 "\", ", i ? ",\n    " : "\n    ", metrics[i].example->key);
        put_text(f, "series", metrics[i].example->series);
        fprintf(f, ", \"fired\": %u, \"per_hour\": %.9g, \"firing_ns\": %" PRId64 "}", metrics[i].count, per_hour(run, metrics[i].count), metrics[i].firing_ns);
    }
    free(metrics);
    fputs("]}", f);
}

static void put_incidents(FILE *f, const struct backtest_incident *incidents, uint32_t count, int side)
{
    const char *before = "\n    ";
    for (uint32_t i = 0; i < count; i++) {
        const struct backtest_incident *x = &incidents[i];
        const struct episode *e = x->first[x->first[0] == NULL];
        if (incident_side(x) != side)
            continue;
        fprintf(f, "%s{\"key\": \"%016" PRIx64 "\", ", before, e->key);
        put_text(f, "series", e->series);
        for (int r = 0; r < 2; r++)
            if (x->first[r])
                fprintf(f, ", \"%s\": {\"id\": \"%016" PRIx64 "\", \"fired_ns\": %" PRId64 ", \"alerts\": %u}", r == 0 ? "first" : "second", x->first[r]->id,
                        x->first[r]->fired_ns, x->count[r]);
        if (side == 2)
            fprintf(f, ", \"earlier_ns\": %" PRId64, x->first[1]->fired_ns - x->first[0]->fired_ns);
        putc('}', f);
        before = ",\n    ";
    }
}

void backtest_print_json(FILE *f, const struct backtest_run *first, const struct backtest_run *second)
{
    static const char *const sides[] = { "only_first", "only_second", "both" };
    uint32_t count;
    fputs("{\"runs\": [", f);
    put_run(f, first);
    if (second) {
        fputs(",\n ", f);
        put_run(f, second);
    }
    fputs("]", f);
    if (second) {
        struct backtest_incident *incidents = backtest_compare(first, second, &count);
        fputs(",\n \"comparison\": {", f);
        for (int side = 0; side < 3; side++) {
            fprintf(f, "%s\"%s\": [", side ? ",\n  " : "\n  ", sides[side]);
            put_incidents(f, incidents, count, side);
            fputs("]", f);
        }
        fputs("}", f);
        free(incidents);
    }
    fputs("}\n", f);
}
