#include "detectors/early.h"
#include "testing.h"
#include <math.h>

enum { HISTORY = 40 };
/* What `combined` asks of each of its views: one in a million, in five views. */
static const double threshold = 6.7;

struct source {
    uint64_t seed;
    double walk;
};

static double white(struct source *s)
{
    return 10 + 0.3 * random_normal(&s->seed);
}

static double correlated(struct source *s)
{
    s->walk = 0.9 * s->walk + sqrt(1 - 0.81) * random_normal(&s->seed);
    return 10 + 0.3 * s->walk;
}

/* And noise upon it. */
static double correlated_noise(struct source *s)
{
    return correlated(s) + 0.13 * random_normal(&s->seed);
}

static double heavy(struct source *s)
{
    double sign = random_unit(&s->seed) < 0.5 ? -1 : 1;
    return 10 - sign * 0.2 * log(random_unit(&s->seed) + 1e-300);
}

static double constant(struct source *s)
{
    (void)s;
    return 10;
}

/* Samples of the history, then so many with a change: which of those is the first that is called; -1: none. */
struct row {
    const char *what;
    double (*sample)(struct source *s);
    enum scale_kind scale;
    double step, slope, pulse;     /* of all; a sample more than the one before; of the first one only */
    int first, last;               /* of those after the change: where it must be called by the run or by the sum */
};

static const struct row rows[] = {
    { "noise", white, SCALE_LOG, .first = -1, .last = -1 },
    { "neighbours that resemble each other", correlated, SCALE_LOG, .first = -1, .last = -1 },
    { "a heavy tail", heavy, SCALE_LOG, .first = -1, .last = -1 },
    { "one far outside", white, SCALE_LOG, .pulse = 20, .first = -1, .last = -1 },
    { "ten deviations", white, SCALE_LOG, .step = 3, .first = 1, .last = 2 },
    { "below", white, SCALE_LOG, .step = -3, .first = 1, .last = 2 },
    { "a heavy tail, 15 deviations", heavy, SCALE_LOG, .step = 4.5, .first = 1, .last = 3 },
    { "a gauge", white, SCALE_LINEAR, .step = 8, .first = 1, .last = 3 },
    { "a fifth, of a constant: a short history does not know", constant, SCALE_LOG, .step = 0.2, .first = -1, .last = -1 },
    { "twice, of a constant", constant, SCALE_LOG, .step = M_LN2, .first = 1, .last = 9 },
    { "it creeps", constant, SCALE_LOG, .slope = 0.05, .first = 5, .last = 18 },
    { "counts burst", constant, SCALE_ROOT, .step = 50, .first = -1, .last = -1 },
    { "counts fall: one will do", constant, SCALE_ROOT, .step = -9, .first = 0, .last = 0 },
};

static int called(const struct row *row, uint64_t seed, int after)
{
    struct source s = { .seed = seed };
    struct early e = { 0 };
    double noise = row->scale == SCALE_ROOT ? 1 : 0.1;
    for (int i = 0; i < HISTORY + after; i++) {
        int since = i - HISTORY;
        double x = row->sample(&s) + (since >= 0 ? row->step + row->slope * since : 0) + (since == 0 ? row->pulse : 0);
        double tail = fmax(early_run(&e, row->scale, noise, x), early_sum(&e, row->scale, noise, x));
        if (i >= 20 && tail >= threshold && since < 0)
            fail_msg("%s: called before", row->what);
        if (tail >= threshold && since >= 0)
            return since;
        early_add(&e, x, true);
    }
    return -1;
}

static void test_changes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            int at = called(&rows[i], seed, 20);
            if (at < rows[i].first || at > rows[i].last)
                fail_msg("%s, seed %u: called at %d", rows[i].what, (unsigned)seed, at);
        }
    }
}

/* Series of 400 samples in which anything is called, of 2000. */
static void test_false_alarms(void **unused)
{
    (void)unused;
    double (*const kinds[])(struct source *) = { white, correlated, heavy, correlated_noise };
    for (size_t k = 0; k < COUNT(kinds); k++) {
        int bad = 0;
        for (uint64_t seed = 1; seed <= 2000; seed++) {
            struct source s = { .seed = seed };
            struct early e = { 0 };
            bool any = false;
            for (int i = 0; i < 400; i++) {
                double x = kinds[k](&s), tail = fmax(early_run(&e, SCALE_LOG, 0.1, x), early_sum(&e, SCALE_LOG, 0.1, x));
                any = any || (i >= 20 && tail >= threshold);
                early_add(&e, x, true);
            }
            bad += any;
        }
        print_message("  kind %zu: %d of 2000\n", k, bad);
        assert_true(bad <= 20);
    }
}

/* A step is not learned before it has been judged, and not at all when it was called. */
static void test_what_is_learned(void **unused)
{
    (void)unused;
    for (int call = 0; call < 2; call++) {
        struct early e = { 0 };
        for (int i = 0; i < 100; i++)
            early_add(&e, 10, true);
        assert_int_equal(e.learned, 100 - EARLY_LAG);
        for (int i = 0; i < EARLY_LAG; i++)
            early_add(&e, 20, !call || i != EARLY_LAG - 1);
        assert_true(e.mean == 0);
        assert_int_equal(e.learned, 100 - call); /* the last one that waited, too */
        for (int i = 0; i < EARLY_LAG; i++)
            early_add(&e, 10, true);
        assert_true(call ? e.mean == 0 && e.learned == 99 : e.mean > 1 && e.learned == 100 + EARLY_LAG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_false_alarms),
        cmocka_unit_test(test_what_is_learned),
    };
    return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
