/* What a collector tells again in its next life, against a list of all that was taken. */
#include "base/hash.h"
#include "detectors/had.h"
#include "seed.h"
#include "testing.h"

enum { WINDOWS = 400, SAMPLES = 7, SENDER = 3 };

static uint64_t seed_next(uint64_t *seed)
{
    return (*seed = hash_mix(*seed, 1)) >> 8;
}

static const uint64_t source = 77;
static struct had had;
static unsigned taken[WINDOWS][SAMPLES], told[WINDOWS];

/* Tells windows from `first` on, each after an operation of its own, up to a kill in the middle of one. */
static void live(uint64_t *seed, int first, int last)
{
    had_began(&had, SENDER);
    for (int w = first; w <= last && w < WINDOWS; w++) {
        int64_t end_ns = (w + 1) * 100;
        bool killed = w == last;
        if (!had_operation(&had, source, SENDER, end_ns - 50, (uint64_t)w))
            told[w]++;
        int samples = killed ? (int)(seed_next(seed) % SAMPLES) : SAMPLES;
        for (int i = 0; i < samples; i++) {
            if (i % 3 == 0 && had_window(&had, source, SENDER, end_ns)) /* in messages of three */
                break;
            if (!had_sample(&had, source, SENDER))
                taken[w][i]++;
        }
        if (!killed && !had_window(&had, source, SENDER, end_ns))
            had_whole(&had, source, SENDER, end_ns);
    }
}

static void test_everything_once(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test();
    int at = 0;
    had_init(&had);
    memset(taken, 0, sizeof(taken));
    memset(told, 0, sizeof(told));
    while (at < WINDOWS) {
        int first = at - (int)(seed_next(&seed) % 5);
        at += (int)(seed_next(&seed) % 9);
        live(&seed, first < 0 ? 0 : first, at);
        if (seed_next(&seed) % 2) { /* and the receiver as well */
            struct bytes b = { 0 };
            had_save(&had, &b);
            struct wire_reader r = wire_reader_init(b.data, b.size);
            had_load(&had, &r);
            assert_true(wire_finished(&r));
            bytes_done(&b);
        }
    }
    for (int w = 0; w < WINDOWS; w++) {
        assert_int_equal(told[w], 1);
        for (int i = 0; i < SAMPLES; i++)
            assert_int_equal(taken[w][i], 1);
    }
}

static void test_one_life_repeats_nothing(void **unused)
{
    (void)unused;
    had_init(&had);
    for (int i = 0; i < 2; i++) { /* the second time under a clock that was put back */
        assert_false(had_operation(&had, source, SENDER, 150, 1));
        assert_false(had_window(&had, source, SENDER, 200));
        assert_false(had_sample(&had, source, SENDER));
        had_whole(&had, source, SENDER, 200);
    }
    had_began(&had, SENDER);
    assert_true(had_window(&had, source, SENDER, 200));
    assert_false(had_window(&had, source + 1, SENDER, 200));
    assert_false(had_window(&had, source, SENDER + 1, 200));
    assert_false(had_window(&had, source, SENDER, 200 - HAD_AGAIN_NS));
}

static void test_losses(void **unused)
{
    (void)unused;
    had_init(&had);
    for (uint64_t i = 1; i <= 2 * HAD_LOSSES_MAX; i++) {
        assert_false(had_loss(&had, i));
        assert_true(had_loss(&had, i));
    }
    assert_true(had_loss(&had, HAD_LOSSES_MAX + 1));
    assert_false(had_loss(&had, HAD_LOSSES_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_everything_once), cmocka_unit_test(test_one_life_repeats_nothing),
                                        cmocka_unit_test(test_losses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
