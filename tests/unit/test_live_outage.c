#include "collector/live_outage.h"
#include "base/text.h"
#include "testing.h"

/* What is told: + begins, - ends with something missed, = turns out to be none; P: partial. */
static struct text_out out;
static char told[200];

static void on_loss(void *self, const struct loss *loss)
{
    (void)self;
    assert_int_equal(loss->kind, LOSS_OUTAGE);
    text_printf(&out, "%s%s%d", loss->ongoing ? "+" : loss->count ? "-" : "=", loss->partly ? "P" : "", (int)loss->end_ns);
}

static const struct event_consumer consumer = { .loss = on_loss };

static struct live_outage begin(void)
{
    out = text_out_init(told, sizeof(told));
    told[0] = '\0';
    return (struct live_outage){ .consumer = &consumer };
}

static void expect(const char *want)
{
    assert_string_equal(told, want);
    out = text_out_init(told, sizeof(told));
    told[0] = '\0';
}

static void test_one_at_a_time(void **unused)
{
    (void)unused;
    struct live_outage o = begin();
    live_outage_open(&o, OUTAGE_FAILURE, "nothing was ever read", INT64_MIN);
    expect("");
    live_outage_open(&o, OUTAGE_FAILURE, "why", 10);
    live_outage_open(&o, OUTAGE_SILENCE, "is open", 20);
    expect("+10");
    live_outage_end(&o, 30, 30);
    live_outage_end(&o, 40, 40);
    expect("-30");
    assert_int_equal(o.count, 1);
}

static void test_turns_out_to_be_none(void **unused)
{
    (void)unused;
    struct live_outage o = begin();
    live_outage_open(&o, OUTAGE_SILENCE, "why", 10);
    assert_int_equal(live_outage_excuse(&o, false, 15), OUTAGE_EXCUSED);
    expect("+10=15");
    assert_int_equal(o.count, 0);
    assert_int_equal(o.delays, 1);
    live_outage_open(&o, OUTAGE_STALL, "of a stream, which lttng-relayd does not excuse", 20);
    assert_int_equal(live_outage_excuse(&o, false, 25), OUTAGE_STANDS);
    expect("+P20");
}

/* Time stood still for one stream that all others waited for. */
static void test_silence_was_a_stall(void **unused)
{
    (void)unused;
    struct live_outage o = begin();
    live_outage_open(&o, OUTAGE_SILENCE, "why", 10);
    live_outage_open(&o, OUTAGE_STALL, "why", 10);
    expect("+10=10+P10");
    live_outage_end(&o, 20, 20);
    expect("-P20");
    assert_int_equal(o.count, 1);
    assert_int_equal(o.delays, 1);
}

/* What ended programs left is missing: of the whole outage a part. */
static void test_admitted(void **unused)
{
    (void)unused;
    struct live_outage o = begin();
    live_outage_open(&o, OUTAGE_FAILURE, "why", 10);
    assert_int_equal(live_outage_excuse(&o, true, 20), OUTAGE_ADMITTED);
    expect("+10=20+P10");
    live_outage_open(&o, OUTAGE_FAILURE, "the next one ends it", 30);
    expect("-P30+30");
    assert_int_equal(o.count, 2);
}

/* Streams stalled until the reader broke off; silence before it is part of it. */
static void test_break_off(void **unused)
{
    (void)unused;
    struct live_outage o = begin();
    live_outage_open(&o, OUTAGE_STALL, "why", 10);
    live_outage_break_off(&o, "why", 20);
    expect("+P10-P20+20");
    o = begin();
    live_outage_open(&o, OUTAGE_SILENCE, "why", 10);
    live_outage_break_off(&o, "why", 20);
    expect("+10");
    assert_int_equal(o.cause, OUTAGE_FAILURE);
}

/* From an earlier process on: told when it lasts, and both kinds that that one may have told are cleared. */
static void test_inherited(void **unused)
{
    (void)unused;
    struct live_outage o = begin();
    live_outage_go_on(&o, "why", 10, 1000);
    live_outage_tick(&o, 1000, 12);
    expect("");
    assert_int_equal(live_outage_excuse(&o, false, 20), OUTAGE_EXCUSED);
    expect("=P20=20");
    o = begin();
    live_outage_go_on(&o, "why", 10, 1000);
    live_outage_tick(&o, 1001, 12);
    expect("+12");
    live_outage_end(&o, 30, 12);
    expect("=P12-30");
    live_outage_open(&o, OUTAGE_FAILURE, "why", 40);
    live_outage_end(&o, 50, 50);
    expect("+40-50");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_at_a_time), cmocka_unit_test(test_turns_out_to_be_none), cmocka_unit_test(test_silence_was_a_stall),
                                        cmocka_unit_test(test_admitted),      cmocka_unit_test(test_break_off),             cmocka_unit_test(test_inherited) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
