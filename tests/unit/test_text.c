/* The text sink (base/text.h has test_text_helpers.c). */
#include "alerts/format.h"
#include "sink_fixture.h"

static void test_lines(void **unused)
{
    (void)unused;
    static struct sink_fixture f;
    static char text[8192];
    struct error err;
    sink_setup_dir(&f);
    const char *const set[][2] = { { "path", f.path }, { NULL, NULL } };
    assert_int_equal(sink_try_open(&f, "text", set, &err), 0);
    struct alert a = sample_alert(1);
    f.sink->deliver(f.self, &a);
    a.state = ALERT_RESOLVED;
    a.resolved_ns = 5500000000;
    alert_explain(&a);
    f.sink->deliver(f.self, &a);
    read_file(f.path, text, sizeof(text));
    assert_string_equal(text,
                        "1970-01-01 00:00:02.000Z  WARNING  anomaly   request.duration.p50{op=search} rose to 9 ms, expected 3 ms (+200 %), "
                        "normal is 2 ms to 4 ms\n"
                        "                           since 00:00:00.500Z, score 0.70, by zscore(p50), id 0000000000001234\n"
                        "                           Compare with related series at the time it began.\n"
                        "1970-01-01 00:00:05.500Z  RESOLVED anomaly   over after 5 s: request.duration.p50{op=search} rose to 9 ms, expected 3 ms "
                        "(+200 %), normal is 2 ms to 4 ms\n");
    sink_tear_down(&f);
}

static const struct {
    enum finding kind;
    const char *sentence;
} sentences[] = {
    { FINDING_THRESHOLD, "request.duration.p50{op=search} is 9 ms, above the limit of 5 ms; worst: 12 ms with id=7, vtid=3" },
    { FINDING_CHANGE, "request.duration.p50{op=search} rose from 3 ms to 7 ms (+133 %) since 00:00:00.500; worst: 12 ms with id=7, vtid=3" },
    { FINDING_SILENCE, "request.duration.p50{op=search} went silent, expected about 3 ms" },
    { FINDING_TIMEOUT, "request.duration.p50{op=search}: 2 operations still pending after 5 ms; worst: 12 ms with id=7, vtid=3" },
    { FINDING_LOSS, "the tracer lost at least 7 events of session s; worst: 12 ms with id=7, vtid=3" },
};

/* Of a change that tells which of the two it was; of a distribution; of a group. */
static void test_sentences_without_a_value(void **unused)
{
    (void)unused;
    static const struct row {
        enum finding kind;
        enum change changed;
        const char *analysis, *detail, *sentence;
        double value;
    } rows[] = {
        { FINDING_CHANGE, CHANGE_MEAN, "request", "", "request.duration.p50{op=search} rose from 3 ms to 7 ms (+133 %) since 00:00:00.500", 7e6 },
        { FINDING_CHANGE, CHANGE_SPREAD, "request", "", "request.duration.p50{op=search} varies 2.5 times as much as before since 00:00:00.500, about 3 ms", 7e6 },
        { FINDING_CHANGE, CHANGE_BOTH, "request", "",
          "request.duration.p50{op=search} rose from 3 ms to 7 ms (+133 %) and varies 2.5 times as much as before since 00:00:00.500", 7e6 },
        { FINDING_ANOMALY, CHANGE_NONE, "request", "12 % now", "request.duration.p50{op=search} is distributed otherwise: 12 % now", NAN },
        { FINDING_ANOMALY, CHANGE_NONE, "request", VERDICT_NEW_NORMAL, "request.duration.p50{op=search} is distributed otherwise", NAN },
        { FINDING_ANOMALY, CHANGE_NONE, "group", "a (61 %)", "group.duration.p50{op=search} is unlike what it usually is; most outside: a (61 %)", NAN },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct alert a = sample_alert(1);
        a.kind = rows[i].kind;
        a.changed = rows[i].changed;
        a.value = rows[i].value;
        a.magnitude = 4e6;
        a.spread = 2.5;
        strcpy(a.analysis, rows[i].analysis);
        strcpy(a.detail, rows[i].detail);
        alert_explain(&a);
        assert_string_equal(a.summary, rows[i].sentence);
    }
}

static void test_sentences(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(sentences); i++) {
        struct alert a = sample_alert(1);
        a.kind = sentences[i].kind;
        a.limit = 5e6;
        a.magnitude = 4e6;
        a.pending = 2;
        strcpy(a.detail, "at least 7 events");
        a.evidence_count = 1;
        a.evidence[0] = (struct operation){ .value = 12e6, .field_count = 2, .fields = { { "id", "7" }, { "vtid", "3" } } };
        alert_explain(&a);
        assert_string_equal(a.summary, sentences[i].sentence);
        assert_true(strlen(a.advice) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_sentences), cmocka_unit_test(test_sentences_without_a_value) };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
