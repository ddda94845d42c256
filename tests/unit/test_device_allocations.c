/* After warm-up the analyses of devices allocate nothing: not per event, not per window. */
#include "allocations.h"
#include "kernel_steps.h"

enum { ROUNDS_WARM = 4000, ROUNDS = 12000, EVENTS_MAX = 12 };

struct load {
    const char *analysis;
    struct step_class classes[8];
    struct { uint32_t class; const char *values; } events[EVENTS_MAX]; /* %u: a number that changes; ends with NULL */
};

#define REQUEST "dev:u sector:u nr_sector:u rwbs:u tid:s comm:t cpu_id:u"
#define CONTEXT " cpu_id:u ctx.tid:s ctx.pid:s ctx.procname:t"
static const struct load loads[] = {
    { "block",
      { { "block_rq_insert", REQUEST }, { "block_rq_issue", REQUEST }, { "block_rq_complete", "dev:u sector:u nr_sector:u rwbs:u error:s cpu_id:u" }, { "block_bio_frontmerge", REQUEST } },
      { { 0, "266338304 %u 16 1 7 fio 0" }, { 1, "266338304 %u 16 1 9 kworker 0" }, { 2, "266338304 %u 8 1 0 0" }, { 1, "8388608 %u 8 4 7 fio 1" }, { 2, "8388608 %u 8 4 -5 1" }, { 0, "8388608 %u 8 4 7 fio 0" },
        { 3, "266338304 1 8 1 7 fio 0" } } },
    { "irq",
      { { "irq_handler_entry", "irq:s name:t cpu_id:u ctx.tid:s ctx.procname:t" }, { "irq_handler_exit", "irq:s cpu_id:u ctx.tid:s ctx.procname:t" }, { "softirq_raise", "vec:u cpu_id:u" },
        { "softirq_entry", "vec:u cpu_id:u" }, { "softirq_exit", "vec:u cpu_id:u" } },
      { { 0, "25 virtio0 0 7 fio" }, { 2, "4 0" }, { 1, "25 0 7 fio" }, { 3, "4 0" }, { 4, "4 0" }, { 2, "1 1" }, { 3, "1 1" }, { 4, "1 1" } } },
    { "memory",
      { { "mm_page_alloc", "page:u order:u cpu_id:u ctx.tid:s ctx.procname:t" }, { "mm_page_free", "order:u cpu_id:u ctx.tid:s ctx.procname:t" } },
      { { 0, "%u 0 0 7 redis" }, { 0, "%u 9 1 8 bash" }, { 1, "9 1 8 bash" }, { 1, "0 1 9 kswapd" }, { 0, "0 3 1 9 kswapd" } } },
    { "net",
      { { "net_dev_xmit", "rc:s len:u name:t" CONTEXT }, { "net_if_receive_skb", "skbaddr:u len:u name:t" CONTEXT }, { "skb_consume", "skbaddr:u" CONTEXT }, { "skb_kfree", "skbaddr:u reason:s" CONTEXT },
        { "syscall_exit_accept4", "ret:s family:u sport:u" CONTEXT }, { "syscall_entry_write", "fd:u" CONTEXT }, { "syscall_entry_close", "fd:u" CONTEXT } },
      { { 0, "0 100 eth0 0 7 7 redis" }, { 0, "1 100 eth0 0 7 7 redis" }, { 1, "%u 60 eth0 0 7 7 redis" }, { 2, "%u 1 8 8 curl" }, { 1, "%u 60 lo 0 7 7 redis" }, { 3, "%u 2 0 7 7 redis" }, { 4, "5 2 80 0 7 7 redis" },
        { 5, "5 0 7 7 redis" }, { 4, "6 2 80 0 7 7 redis" }, { 6, "6 0 7 7 redis" } } },
};

static void run_round(struct fixture *f, const struct load *load, unsigned round)
{
    for (uint32_t i = 0; i < EVENTS_MAX && load->events[i].values; i++) {
        const char *values = load->events[i].values, *number = strstr(values, "%u");
        char text[128];
        struct text_out out = text_out_init(text, sizeof(text));
        text_put(&out, values, number ? (size_t)(number - values) : strlen(values));
        if (number)
            text_printf(&out, "%u%s", 4096 + round % 1000 * 8, number + 2);
        fixture_event(f, load->events[i].class, 1000 + round * 10.0 + i, text);
    }
    fixture_clear(f);
}

static void test_events_and_windows(void **unused)
{
    (void)unused;
    for (size_t l = 0; l < sizeof(loads) / sizeof(loads[0]); l++) {
        static struct fixture f;
        unsigned round = 0;
        fixture_open(&f, loads[l].analysis, "100ms", NULL);
        for (uint32_t i = 0; i < 8 && loads[l].classes[i].name; i++)
            fixture_class(&f, loads[l].classes[i].name, loads[l].classes[i].fields);
        for (; round < ROUNDS_WARM; round++)
            run_round(&f, &loads[l], round);
        unsigned long before = allocations;
        for (; round < ROUNDS_WARM + ROUNDS; round++)
            run_round(&f, &loads[l], round);
        print_message("  %s: %lu allocations in %u rounds and %u windows\n", loads[l].analysis, allocations - before, ROUNDS, ROUNDS / 10);
        assert_int_equal(allocations - before, 0);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_events_and_windows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
