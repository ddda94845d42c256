/* The latest ids, against a model; and what is saved is what was there. */
#include "alerts/seen_ids.h"
#include "seed.h"

/* The ids are few enough to come again, and the model knows when each came in last as new. */
enum { IDS = 50000, STEPS = 200000 };

static void test_model(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test(), *added = xcalloc(IDS, sizeof(*added)), count = 0;
    struct seen_ids seen;
    seen_ids_init(&seen);
    for (int step = 0; step < STEPS; step++) {
        uint64_t id = random_next(&seed) % IDS;
        bool known = added[id] > 0 && count - added[id] < SEEN_IDS_MAX;
        assert_int_equal(seen_ids_add(&seen, id), !known);
        if (!known)
            added[id] = ++count;
        if (step % 40000 != 7)
            continue;
        struct bytes b = { 0 };
        seen_ids_save(&seen, &b);
        seen_ids_done(&seen);
        seen_ids_init(&seen);
        struct wire_reader r = wire_reader_init(b.data, b.size);
        assert_true(seen_ids_load(&seen, &r) && wire_finished(&r));
        assert_int_equal(seen.count, count < SEEN_IDS_MAX ? count : SEEN_IDS_MAX);
        bytes_done(&b);
    }
    assert_true(count > 2 * SEEN_IDS_MAX);
    seen_ids_done(&seen);
    free(added);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
