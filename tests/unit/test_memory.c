#include "kernel_steps.h"

enum { ALLOC, FREE, OLD_ALLOC };
static const struct step_class classes[] = {
    [ALLOC] = { "kmem_mm_page_alloc", "page:u order:u cpu_id:u ctx.tid:s ctx.procname:t" },
    [FREE] = { "kmem_mm_page_free", "page:u order:u cpu_id:u ctx.tid:s ctx.procname:t" },
    [OLD_ALLOC] = { "mm_page_alloc", "page:u order:u cpu_id:u ctx.tid:s ctx.procname:t" },
};

static const struct step_case cases[] = {
    { .why = "pages, not events: 2 to the power of the order",
      .steps = { { 1000, ALLOC, "64 0 0 7 redis" }, { 1001, ALLOC, "128 9 0 7 redis" }, { 1002, OLD_ALLOC, "192 1 1 8 bash" }, { 1003, FREE, "64 0 1 8 bash" } },
      .expected = { "memory.allocated count 515", "memory.process_allocated{procname=redis} (detail) count 513", "memory.process_allocated{procname=bash} (detail) count 2", "memory.freed count 1",
                    "memory.balance count 1 rate 1/s mean 514 ", "memory.balance_of{procname=redis} (detail) count 1 rate 1/s mean 513 ", "memory.balance_of{procname=bash} (detail) count 1 rate 1/s mean 1 " } },
    { .why = "the balance goes on over windows; who did nothing is not told again",
      .steps = { { 1000, ALLOC, "64 3 0 7 redis" }, { 2000, FREE, "64 2 0 8 bash" } },
      .expected = { "memory.balance count 1 rate 1/s mean 8 ", "memory.balance count 1 rate 1/s mean 4 ", "memory.balance_of{procname=bash} (detail) count 1 rate 1/s mean -4 " } },
    { .why = "one that has another name since keeps what it had under the first",
      .steps = { { 1000, ALLOC, "64 1 0 7 bash" }, { 1001, ALLOC, "64 2 0 7 sleep" } }, .expected = { "memory.balance_of{procname=bash} (detail) count 1 rate 1/s mean 2 ", "memory.balance_of{procname=sleep} (detail) count 1 rate 1/s mean 4 " } },
    { .why = "an allocation that got no page failed", .steps = { { 1000, ALLOC, "0 9 0 7 redis" } }, .expected = { "memory.failed{procname=redis} count 1", "!memory.allocated", "memory.balance count 1 rate 1/s mean 0 " } },
    { .why = "an order that no kernel has is no shift by it", .steps = { { 1000, ALLOC, "64 4000000000 0 7 redis" } }, .expected = { "memory.allocated count 1.07e+09" } },
};

static void test_cases(void **unused)
{
    (void)unused;
    RUN_STEP_CASES("memory", classes, cases);
}

/* More names than there is room for: the rest is counted. */
static void test_names_are_bounded(void **unused)
{
    static struct fixture f;
    (void)unused;
    static const char *const set[][2] = { { "max_series", "1000" }, { NULL, NULL } };
    fixture_open(&f, "memory", "100s", set);
    uint32_t c = fixture_class(&f, "kmem_mm_page_alloc", classes[ALLOC].fields);
    for (int i = 1; i <= 8200; i++) {
        char values[64];
        snprintf(values, sizeof(values), "64 0 0 %d name%d", i, i);
        fixture_event(&f, c, 1000 + i, values);
    }
    fixture_watermark(&f, 200000);
    assert_non_null(strstr(f.text, "foretrace.refused_names{analysis=memory} (detail) count 8 "));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_names_are_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
