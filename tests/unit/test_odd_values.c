/* Every detector of single series, shown values that no sane series has: what it says stays a number, and what comes after
 * is judged as before. */
#include "detector_fixture.h"
#include <float.h>

static bool of_numbers(const struct detector *d)
{
    return d->observe && !d->sketch;
}

static void check_judgements(const char *what, const char *name, const struct series *s, const struct run *run)
{
    for (size_t i = 0; i < s->length; i++) {
        const struct judgement *j = &run->last[i];
        if (!(j->score >= 0 && j->score <= 1) || (j->severity != SEVERITY_OK ? j->score < 0.5 : j->score > 0.5))
            fail_msg("%s: %s: the score of sample %zu, %g, is %g, severity %d", name, what, i, s->values[i], j->score, (int)j->severity);
        if (j->severity != SEVERITY_OK && (isinf(j->expected) || isinf(j->magnitude)))
            fail_msg("%s: %s: sample %zu, %g: expected %g, magnitude %g", name, what, i, s->values[i], j->expected, j->magnitude);
    }
}

static const char *const (*options_of(const struct detector *d))[2]
{
    static const char *const limit[][2] = { { "warning", "1e300" }, { NULL, NULL } };
    return option_find(d->options, "warning") ? limit : NULL;
}

static const struct kind {
    const char *what;
    enum metric_kind kind;
    enum statistic statistic;
} kinds[] = { { "gauge", METRIC_VALUE, STATISTIC_MEAN }, { "latency", METRIC_LATENCY, STATISTIC_P50 }, { "rate", METRIC_COUNTER, STATISTIC_RATE } };

static void test_all_sorts(void **unused)
{
    static const double odd[] = { DBL_MAX, -DBL_MAX, DBL_MIN, 5e-324, 0, -0.0, 1e39, -1e39, 1e19, 1e-300, 1, -1, 1e154, 1.8446744073709552e19 };
    static struct series s;
    static struct run run;
    (void)unused;
    for (const struct detector *const *d = detectors; *d; d++) {
        for (size_t k = 0; of_numbers(*d) && k < COUNT(kinds); k++) {
            for (size_t first = 0; first < COUNT(odd); first++) {
                uint64_t seed = 77;
                memset(&s, 0, sizeof(s));
                s.kind = kinds[k].kind;
                s.statistic = kinds[k].statistic;
                for (size_t i = 0; i < 1000; i++) {
                    s.count[i] = 100;
                    double u = random_unit(&seed);
                    series_add(&s, i < 200 ? odd[first] : odd[(size_t)(u * COUNT(odd)) % COUNT(odd)] * (i % 3 ? 1 : random_unit(&seed)));
                }
                run_detector((*d)->name, options_of(*d), &s, &run);
                check_judgements(kinds[k].what, (*d)->name, &s, &run);
            }
        }
    }
}

static bool judged(const struct detector *d)
{
    return of_numbers(d) && !options_of(d) && strcmp(d->name, "silence") != 0;
}

/* One such value is an outlier; what comes afterwards is as normal as before, and a change is found all the same. A
 * gauge that nobody has set yet has one, too. */
static void test_one_among_sane_ones(void **unused)
{
    static const struct {
        double value;
        size_t at;
        const char *not_for;
    } odd[] = { { 100, 700, "" }, { DBL_MAX, 700, "vote" }, { -DBL_MAX, 700, "vote" }, { 1e39, 700, "vote" }, { 1e19, 700, "vote" }, { 1.8446744073709552e19, 0, "" } };
    static struct series s;
    static struct run run;
    (void)unused;
    for (const struct detector *const *d = detectors; *d; d++) {
        size_t called = 0;
        for (size_t k = 0; judged(*d) && k < COUNT(odd); k++) {
            uint64_t seed = 77;
            memset(&s, 0, sizeof(s));
            add_gauge(&s, 2500, 100, 5, 0, &seed);
            s.values[odd[k].at] = odd[k].value;
            add_gauge(&s, 60, 400, 5, 0, &seed);
            run_detector((*d)->name, NULL, &s, &run);
            check_judgements("one", (*d)->name, &s, &run);
            if (k == 0)
                called = count_grades(&run, 2000, 2500);
            if (count_grades(&run, 2000, 2500) > called)
                fail_msg("%s: called after %g at %zu: %s\n", (*d)->name, odd[k].value, odd[k].at, run.grades + 2000);
            if (count_grades(&run, 2500, s.length) == 0 && strcmp((*d)->name, odd[k].not_for) != 0)
                fail_msg("%s: blind after %g at %zu\n", (*d)->name, odd[k].value, odd[k].at);
        }
    }
}

/* The first operations of a program are slow. */
static void test_cold_start(void **unused)
{
    static struct series s;
    static struct run run;
    (void)unused;
    for (const struct detector *const *d = detectors; *d; d++) {
        if (!judged(*d))
            continue;
        size_t called = 0, found = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
            uint64_t at = seed;
            memset(&s, 0, sizeof(s));
            add_latencies(&s, 2, 5e8, 0.2, &at);
            add_latencies(&s, 2000, 5e6, 0.2, &at);
            add_latencies(&s, 60, 2e7, 0.2, &at);
            run_detector((*d)->name, NULL, &s, &run);
            called += count_incidents(&run, 0, 2002);
            found += count_grades(&run, 2002, s.length) > 0;
        }
        bool tells_spread = strcmp((*d)->name, "bocpd") == 0 || strcmp((*d)->name, "segment") == 0; /* once: that it is over */
        if (called > (tells_spread ? 25 : 6) || found < 19)
            fail_msg("%s: called %zu times, found %zu of 20", (*d)->name, called, found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sorts),
        cmocka_unit_test(test_one_among_sane_ones),
        cmocka_unit_test(test_cold_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
