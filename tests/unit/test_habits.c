#include "detectors/habits.h"
#include "testing.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static int64_t at(int day, int second)
{
    return ((int64_t)(20000 + day) * DAY + second) * 1000000000;
}

static void episode(struct habits *h, int day, int second, int length, double distance)
{
    for (int i = 0; i <= length; i += MINUTE)
        habits_note(h, at(day, second), at(day, second + i), distance);
}

static void test_the_third_day(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        int day, second;
        double distance;
        bool usual;
    } rows[] = {
        { "as before", 2, 6 * HOUR, 5, true },
        { "a little earlier", 2, 6 * HOUR - 5 * MINUTE, 5, true },
        { "a little later", 2, 6 * HOUR + 12 * MINUTE, 5, true },
        { "much later", 2, 7 * HOUR, 5, false },
        { "a little farther", 2, 6 * HOUR, 6, true },
        { "much farther", 2, 6 * HOUR, 9, false },
        { "to the other side", 2, 6 * HOUR, -5, false },
        { "within the noise", 2, 6 * HOUR, -0.5, true },
        { "still on the second day", 1, 6 * HOUR + 8 * MINUTE, 5, false },
        { "a week later", 8, 6 * HOUR, 5, true },
        { "a month later", 31, 6 * HOUR, 5, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct habits h = { 0 };
        assert_false(habits_usual(&h, at(0, 6 * HOUR), 5, 1));
        episode(&h, 0, 6 * HOUR, 5 * MINUTE, 5);
        assert_false(habits_usual(&h, at(1, 6 * HOUR), 5, 1));
        episode(&h, 1, 6 * HOUR, 5 * MINUTE, 5);
        if (habits_usual(&h, at(rows[i].day, rows[i].second), rows[i].distance, 1) != rows[i].usual)
            fail_msg("%s", rows[i].what);
    }
}

/* Episodes at other times take the places of what came once, not of what came again. */
static void test_places(void **unused)
{
    (void)unused;
    struct habits h = { 0 };
    for (int day = 0; day < 2; day++)
        episode(&h, day, 6 * HOUR, MINUTE, 5);
    for (int day = 2; day < 10; day++) {
        assert_true(habits_usual(&h, at(day, 6 * HOUR), 5, 1));
        for (int i = 0; i < 20; i++)
            episode(&h, day, 8 * HOUR + (day * 37 + i * 41) % 900 * MINUTE, MINUTE, 5);
    }
}

/* More of them than there are places: as many as there are places are usual all the same. */
static void test_too_many(void **unused)
{
    (void)unused;
    struct habits h = { 0 };
    for (int day = 0; day < 2; day++)
        for (int i = 0; i < HABITS + 2; i++)
            episode(&h, day, (2 + 2 * i) * HOUR, MINUTE, 5);
    int usual = 0;
    for (int i = 0; i < HABITS + 2; i++)
        usual += habits_usual(&h, at(2, (2 + 2 * i) * HOUR), 5, 1);
    assert_int_equal(usual, HABITS);
}

/* An episode goes on in the next day, and is known there. */
static void test_midnight(void **unused)
{
    (void)unused;
    struct habits h = { 0 };
    for (int day = 0; day < 2; day++)
        episode(&h, day, DAY - MINUTE, 5 * MINUTE, 5);
    assert_true(habits_usual(&h, at(2, DAY + 10), 5, 1));
    assert_true(habits_usual(&h, at(4, 10), 5, 1));
    assert_false(habits_usual(&h, at(4, HOUR), 5, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_third_day),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_midnight),
    };
    return cmocka_run_group_tests_name("habits", tests, NULL, NULL);
}
