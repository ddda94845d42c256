/* Messages that wait, against a model that has them all. */
#include "base/backlog.h"
#include "seed.h"

enum { STEPS = 20000, CURSORS = 4, SIZE_MAX_ = 3000 };

/* Message `number` is that long, and every byte of it is that. */
static size_t size_of(uint64_t number)
{
    uint64_t seed = number;
    uint64_t n = random_next(&seed);
    return n % 10 == 0 ? n / 16 % SIZE_MAX_ : n / 16 % 40;
}

static void check(const void *message, size_t size, uint64_t number)
{
    const uint8_t *at = message;
    assert_non_null(message);
    assert_int_equal(size, size_of(number));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(at[i], (uint8_t)number);
}

static void test_model(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test(), first = 1 + random_next(&seed) % 3, next = first, base = first;
    static uint8_t data[SIZE_MAX_];
    struct backlog b;
    struct backlog_cursor cursors[CURSORS];
    uint64_t at[CURSORS]; /* numbers that the cursors will read next, unless they have been popped */
    size_t size, kept = 0;
    backlog_init(&b, first);
    for (int i = 0; i < CURSORS; i++) {
        cursors[i] = backlog_seek(&b, 0);
        at[i] = first;
    }
    for (int step = 0; step < STEPS; step++) {
        uint64_t dice = random_next(&seed) % 100, c = random_next(&seed) % CURSORS;
        bool growing = step / 2000 % 2 == 0;
        if (dice < (growing ? 45 : 25)) {
            memset(data, (uint8_t)next, sizeof(data));
            backlog_append(&b, data, size_of(next));
            kept += size_of(next++) + 4;
        } else if (dice < 65 && base < next) {
            check(backlog_front(&b, &size), size_of(base), base);
            backlog_pop(&b);
            kept -= size_of(base++) + 4;
        } else if (dice < 90) {
            const void *message = backlog_read(&b, &cursors[c], &size);
            uint64_t number = at[c] < base ? base : at[c];
            if (number < next) {
                check(message, size, number);
                at[c] = number + 1;
            } else {
                assert_null(message);
                at[c] = number;
            }
            assert_int_equal(cursors[c].number, at[c]);
        } else {
            uint64_t number = random_next(&seed) % (next + 3);
            cursors[c] = backlog_seek(&b, number);
            at[c] = number < base ? base : number > next ? next : number;
            assert_int_equal(cursors[c].number, at[c]);
        }
        assert_int_equal(b.base, base);
        assert_int_equal(b.count, next - base);
        assert_int_equal(backlog_next(&b), next);
        assert_int_equal(backlog_size(&b), kept);
        assert_true((backlog_front(&b, &size) == NULL) == (base == next));
    }
    backlog_done(&b);
}

/* What leaves makes room: a backlog that is never longer than so takes no more memory for ever. */
static void test_memory_is_reused(void **unused)
{
    (void)unused;
    struct backlog b;
    uint8_t data[100] = { 0 };
    backlog_init(&b, 1);
    for (int i = 0; i < 100000; i++) {
        backlog_append(&b, data, sizeof(data));
        if (b.count == 50)
            backlog_pop(&b);
    }
    assert_true(b.capacity <= 4 * 50 * 104);
    backlog_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_memory_is_reused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
