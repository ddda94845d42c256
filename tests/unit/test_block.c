#include "kernel_steps.h"
#include "stream/block_disks.h"
#include "stream/block_fields.h"

enum { INSERT, ISSUE, COMPLETE, REQUEUE, BACK, FRONT, MERGE, DISK, OLD_COMPLETE };
#define REQUEST "dev:u sector:u nr_sector:u rwbs:u tid:s comm:t cpu_id:u"
static const struct step_class classes[] = {
    [INSERT] = { "block_rq_insert", REQUEST },
    [ISSUE] = { "block_rq_issue", REQUEST },
    [COMPLETE] = { "block_rq_complete", "dev:u sector:u nr_sector:u rwbs:u error:s cpu_id:u" },
    [REQUEUE] = { "block_rq_requeue", "dev:u sector:u nr_sector:u rwbs:u cpu_id:u" },
    [BACK] = { "block_bio_backmerge", REQUEST },
    [FRONT] = { "block_bio_frontmerge", REQUEST },
    [MERGE] = { "block_rq_merge", REQUEST },
    [DISK] = { "lttng_statedump_block_device", "dev:u diskname:t" },
    [OLD_COMPLETE] = { "block_rq_complete", "dev:u sector:u nr_sector:u rwbs:t errors:s cpu_id:u" },
};

#define VDA "266338304"
#define READ "4"
#define WRITE "1"

static const struct step_case cases[] = {
    { .why = "issue to complete, by disk and direction; whose it is comes with the worst",
      .steps = { { 900, DISK, VDA " vda" }, { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1010, COMPLETE, VDA " 800 8 " READ " 0 0" } },
      .expected = { "block.latency{disk=vda,direction=read} count 1", "worst 10 ms disk=vda direction=read procname=fio tid=7 sector=800 sectors=8",
                    "block.sectors{disk=vda,direction=read} (detail) count 8", "block.process_bytes{procname=fio,direction=read} (detail) count 4096" } },
    { .why = "insert to issue is another latency; the thread that inserted it is the one that waits",
      .steps = { { 1000, INSERT, "1048577 80 8 " WRITE " 7 fio 0" }, { 1020, ISSUE, "1048577 80 8 " WRITE " 9 kworker 0" }, { 1050, COMPLETE, "1048577 80 8 " WRITE " 0 0" } },
      .expected = { "block.queue_time{disk=1:1,direction=write} count 1", "worst 20 ms disk=1:1 direction=write dev=1:1",
                    "worst 30 ms disk=1:1 direction=write procname=fio tid=7 sector=80 sectors=8 queued_ns=20000000" } },
    { .why = "a flush has no sector: its issue says 0, its completion -1, and the write that it was for completes with nothing",
      .steps = { { 1000, ISSUE, VDA " 0 0 1280 7 fio 0" }, { 1005, COMPLETE, VDA " 18446744073709551615 0 1280 0 0" }, { 1006, COMPLETE, VDA " 0 0 33 0 0" } },
      .expected = { "block.flush_latency{disk=254:0} count 1", "worst 5 ms", "!block.latency", "!unmatched" } },
    { .why = "a request completes in parts, and is one request, of all its sectors",
      .steps = { { 1000, ISSUE, VDA " 800 24 " READ " 7 fio 0" }, { 1010, COMPLETE, VDA " 800 8 " READ " 0 0" }, { 1020, COMPLETE, VDA " 808 16 " READ " 0 0" } },
      .expected = { "block.latency{disk=254:0,direction=read} count 1", "worst 20 ms", "sectors=24", "block.sectors{disk=254:0,direction=read} (detail) count 24", "!unmatched" } },
    { .why = "merged in front, a request that waits has another sector",
      .steps = { { 1000, INSERT, VDA " 800 8 " READ " 7 fio 0" }, { 1002, FRONT, VDA " 792 8 " READ " 7 fio 0" }, { 1004, BACK, VDA " 808 8 " READ " 7 fio 0" }, { 1010, ISSUE, VDA " 792 24 " READ " 7 fio 0" } },
      .expected = { "block.queue_time{disk=254:0,direction=read} count 1", "worst 10 ms", "block.merges{disk=254:0,direction=read} (detail) count 2" } },
    { .why = "what is merged names its partition",
      .steps = { { 1000, INSERT, "8388608 800 8 " READ " 7 fio 0" }, { 1002, FRONT, "8388609 792 8 " READ " 7 fio 0" }, { 1010, ISSUE, "8388608 792 16 " READ " 7 fio 0" } },
      .expected = { "block.queue_time{disk=8:0,direction=read} count 1", "worst 10 ms", "block.merges{disk=8:1,direction=read} (detail) count 1" } },
    { .why = "a request that became part of another is not waited for: the next one at its sector waits from its own insert",
      .steps = { { 1000, INSERT, VDA " 808 8 " READ " 7 fio 0" }, { 1002, MERGE, VDA " 808 8 " READ " 7 fio 0" }, { 1100, ISSUE, VDA " 808 8 " READ " 7 fio 0" } },
      .expected = { "!queue_time", "block.merges{disk=254:0,direction=read} (detail) count 1" } },
    { .why = "what the driver gave back is issued again; its latency is that of the last time",
      .steps = { { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1010, REQUEUE, VDA " 800 8 " READ " 0" }, { 1100, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1105, COMPLETE, VDA " 800 8 " READ " 0 0" } },
      .expected = { "block.requeues{disk=254:0,direction=read} (detail) count 1", "block.latency{disk=254:0,direction=read} count 1", "worst 5 ms" } },
    { .why = "errors, under the names of both layouts; a text says the direction as well as bits",
      .steps = { { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1001, COMPLETE, VDA " 800 8 " READ " -5 0" }, { 1002, ISSUE, VDA " 800 8 " WRITE " 7 fio 0" }, { 1003, OLD_COMPLETE, VDA " 800 8 WS -5 0" } },
      .expected = { "block.errors{disk=254:0,direction=read} count 1", "block.errors{disk=254:0,direction=write} count 1" } },
    { .why = "half a second of two requests is one on average",
      .steps = { { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1000, ISSUE, VDA " 900 8 " READ " 7 fio 0" }, { 1500, COMPLETE, VDA " 800 8 " READ " 0 0" }, { 1500, COMPLETE, VDA " 900 8 " READ " 0 0" }, { 2000, DISK, VDA " vda" } },
      .expected = { "block.in_flight{disk=254:0} count 1 rate 1/s mean 1 p50", "block.direction_in_flight{disk=254:0,direction=read} (detail) count 1 rate 1/s mean 1 p50", "block.depth{disk=254:0} (detail) count 4 rate 4/s mean 1 ", "max 2 min 0 last 0" } },
    { .why = "what is in flight at a window's end counts up to there, and from there",
      .steps = { { 1000, DISK, VDA " vda" }, { 1500, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 2250, COMPLETE, VDA " 800 8 " READ " 0 0" }, { 3000, DISK, VDA " vda" } },
      .expected = { "block.in_flight{disk=vda} count 1 rate 1/s mean 0.5", "block.in_flight{disk=vda} count 1 rate 1/s mean 0.250 " } },
    { .why = "nothing pairs across a loss, and nothing of before is in flight",
      .steps = { { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1010, 0, NULL }, { 1020, COMPLETE, VDA " 800 8 " READ " 0 0" }, { 1030, ISSUE, VDA " 900 8 " READ " 7 fio 0" }, { 1040, COMPLETE, VDA " 900 8 " READ " 0 0" } },
      .expected = { "block.latency{disk=254:0,direction=read} count 1", "worst 10 ms", "foretrace.suspect_pairs{analysis=block} (detail) count 1", "max 1 min 0 last 0" } },
    { .why = "an end without a beginning is counted", .steps = { { 1000, COMPLETE, VDA " 800 8 " READ " 0 0" } }, .expected = { "foretrace.unmatched_ends{analysis=block} (detail) count 1", "!block.latency" } },
    { .why = "a command to the drive transfers nothing", .steps = { { 1000, ISSUE, VDA " 0 0 0 7 smartctl 0" }, { 1001, COMPLETE, VDA " 0 0 0 0 0" } }, .expected = { "!block.", "!unmatched" } },
    { .why = "more requests than there is room for are counted, and are not in flight", .set = { { "max_pending", "2" } },
      .steps = { { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1001, ISSUE, VDA " 900 8 " READ " 7 fio 0" }, { 1002, ISSUE, VDA " 1000 8 " READ " 7 fio 0" }, { 1003, COMPLETE, VDA " 1000 8 " READ " 0 0" } },
      .expected = { "foretrace.skipped_begins{analysis=block} (detail) count 1", "foretrace.unmatched_ends{analysis=block} (detail) count 1", "max 2 min 1 last 2" } },
    { .why = "an issue whose end was not traced gives its place to the next at that sector",
      .steps = { { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1100, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1105, COMPLETE, VDA " 800 8 " READ " 0 0" } },
      .expected = { "block.latency{disk=254:0,direction=read} count 1", "worst 5 ms", "max 1 min 0 last 0" } },
    { .why = "limits of a disk's own, and what is still in flight",
      .set = { { "thresholds", "vda=5ms" }, { "timeout", "500ms" } },
      .steps = { { 900, DISK, VDA " vda" }, { 1000, ISSUE, VDA " 800 8 " READ " 7 fio 0" }, { 1010, COMPLETE, VDA " 800 8 " READ " 0 0" }, { 1100, ISSUE, VDA " 900 16 " READ " 7 fio 0" },
                 { 1700, COMPLETE, VDA " 900 8 " READ " 0 0" }, { 1800, COMPLETE, VDA " 908 8 " READ " 0 0" } },
      .expected = { "threshold at 1010 ms block.latency{disk=vda,direction=read}", "timeout at 1600 ms block.latency{disk=vda,direction=read} pending 1", "ended at 1800 ms block.latency{disk=vda,direction=read} pending 0" } },
    { .why = "what is left of a request that is overdue is not told of again",
      .set = { { "timeout", "500ms" } },
      .steps = { { 1100, ISSUE, VDA " 900 16 " READ " 7 fio 0" }, { 1700, COMPLETE, VDA " 900 8 " READ " 0 0" }, { 2300, COMPLETE, VDA " 908 8 " READ " 0 0" } },
      .expected = { "timeout at 1600 ms", "!timeout at 2200 ms", "ended at 2300 ms block.latency{disk=254:0,direction=read} pending 0" } },
};

static void test_cases(void **unused)
{
    (void)unused;
    RUN_STEP_CASES("block", classes, cases);
}

/* More disks than there is room for: one for all others, whose requests keep apart, and it is counted. */
static void test_many_disks(void **unused)
{
    static struct fixture f;
    struct block_disks disks;
    (void)unused;
    block_disks_init(&disks, NULL, NULL, NULL, NULL);
    for (uint64_t disk = 0; disk < BLOCK_DISKS_MAX; disk++)
        assert_ptr_equal(block_disk(&disks, (8 << 20) + disk), &disks.disks[disk]);
    assert_ptr_equal(block_disk(&disks, 9 << 20), &disks.other);
    assert_ptr_equal(block_disk(&disks, 8 << 20 | 1), &disks.disks[1]);
    assert_string_equal(block_disk_name(&disks, &disks.other).text, "(other)");
    assert_int_equal(disks.refused, 1);
    block_disks_done(&disks);
    fixture_open(&f, "block", "1s", (const char *const[][2]){ { "max_series", "16" }, { NULL, NULL } });
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        fixture_class(&f, classes[i].name, classes[i].fields);
    for (uint32_t disk = 0; disk < BLOCK_DISKS_MAX + 3; disk++) {
        char values[64];
        snprintf(values, sizeof(values), "%u 800 8 " READ " 7 fio 0", (8 << 20) + disk);
        fixture_event(&f, ISSUE, 1000, values);
    }
    for (uint32_t disk = 0; disk < BLOCK_DISKS_MAX + 3; disk++) {
        char values[64];
        snprintf(values, sizeof(values), "%u 800 8 " READ " 0 0", (8 << 20) + disk);
        fixture_event(&f, COMPLETE, 1010, values);
    }
    fixture_watermark(&f, 2000);
    assert_non_null(strstr(f.text, "foretrace.refused_disks{analysis=block} (detail) count 3"));
    assert_null(strstr(f.text, "unmatched_ends"));
    fixture_close(&f);
}

static void test_device_numbers(void **unused)
{
    static const struct { uint64_t dev; const char *text; const char *why; } rows[] = {
        { 254 << 20 | 16, "254:16", "20 bits of minor" },
        { 8 << 20, "8:0", "minor 0" },
        { 0x0811, "8:17", "the older layout: 8 bits of each" },
        { UINT64_C(4095) << 20 | 0xfffff, "4095:1048575", "the greatest of 32 bits" },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[32];
        block_dev_text(text, sizeof(text), rows[i].dev);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_many_disks),
        cmocka_unit_test(test_device_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
