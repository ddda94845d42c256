/* Verdicts in, transitions out. A script has one window per character of a voter's
 * line: '.' good, '~' in between, 'w' warning, 'c' critical, ' ' nothing heard. */
#include "alerts/life.h"
#include "testing.h"

static const int64_t window_ns = 1000000000;

struct log {
    char text[8192];
    uint64_t ids[64];
    enum finding kinds[64];
    int64_t began_ns[64];
    char summary[SUMMARY_TEXT_MAX]; /* of the last */
    size_t count;
};

static void deliver(void *self, struct alert *a)
{
    struct log *log = self;
    size_t n = strlen(log->text);
    int64_t at = a->state == ALERT_RESOLVED ? a->resolved_ns : a->window_end_ns > a->detected_ns ? a->window_end_ns : a->detected_ns;
    snprintf(log->text + n, sizeof(log->text) - n, "%s%s-%s@%d", n ? " " : "", alert_state_name(a->state), severity_name(a->severity),
             (int)(at / window_ns));
    log->kinds[log->count] = a->kind;
    snprintf(log->summary, sizeof(log->summary), "%s", a->summary);
    log->began_ns[log->count] = a->began_ns;
    log->ids[log->count++] = a->id;
}

static struct verdict graded(const char *detector, enum finding finding, enum statistic statistic, int window, char grade)
{
    struct verdict v = { .kind = VERDICT_GRADE, .finding = finding, .host = "h", .session = "s", .analysis = "a", .metric = "m",
                         .statistic = statistic, .begin_ns = window * window_ns, .end_ns = (window + 1) * window_ns, .value = 2,
                         .expected = 1, .low = NAN, .high = NAN, .limit = NAN, .magnitude = NAN };
    v.onset_ns = v.begin_ns;
    v.severity = grade == 'w' ? SEVERITY_WARNING : grade == 'c' ? SEVERITY_CRITICAL : SEVERITY_OK;
    v.score = grade == '.' ? 0.1 : grade == '~' ? 0.48 : grade == 'w' ? 0.6 : 0.8;
    snprintf(v.detector, sizeof(v.detector), "%s", detector);
    verdict_identify(&v);
    return v;
}

static void end_window(struct life *life, int window, uint32_t quality)
{
    struct window_done w = { .host = "h", .session = "s", .begin_ns = window * window_ns, .end_ns = (window + 1) * window_ns, .quality = quality };
    life_window(life, &w);
}

static struct life_config defaults(void)
{
    struct life_config c;
    options_default(life_options, &c);
    c.cool_down.ns = 0;
    return c;
}

static void play(struct log *log, const struct life_config *config, const char *zscore, const char *change)
{
    memset(log, 0, sizeof(*log));
    struct life *life = life_new(config, deliver, log);
    size_t n = strlen(zscore);
    for (size_t i = 0; i < n; i++) {
        struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, (int)i, zscore[i]);
        if (zscore[i] != ' ')
            life_verdict(life, &v);
        v = graded("change_point", FINDING_CHANGE, STATISTIC_P50, (int)i, change && i < strlen(change) ? change[i] : ' ');
        if (change && i < strlen(change) && change[i] != ' ')
            life_verdict(life, &v);
        end_window(life, (int)i, 0);
    }
    life_free(life);
}

static const struct {
    const char *what, *zscore, *change, *want;
} rows[] = {
    { "all is well", "..........", NULL, "" },
    { "one bad window is none", "..w.......", NULL, "" },
    { "two of three", "..ww.......", NULL, "firing-warning@4 resolved-warning@7" },
    { "two of three, with a gap", "..w.w......", NULL, "firing-warning@5 resolved-warning@8" },
    { "two of four is not enough", "..w..w.....", NULL, "" },
    { "one alert for a long fault", "..wwwwwwwwwwww......", NULL, "firing-warning@4 resolved-warning@17" },
    { "three clean windows in a row", "..ww..w..w...", NULL, "firing-warning@4 resolved-warning@13" },
    { "in between is neither bad nor clean", "..ww~~.~.~.", NULL, "firing-warning@4 resolved-warning@11" },
    { "it gets worse", "..wwwcc.....", NULL, "firing-warning@4 firing-critical@6 resolved-critical@10" },
    { "it gets better", "..ccwww....", NULL, "firing-critical@4 resolved-critical@10" },
    { "two voters are one alert", "..www.....", "...www....", "firing-warning@4 resolved-warning@9" },
    { "two halves are no whole", "..w.......", "....w.....", "" },
    { "nothing heard is not good news", "..ww           ", NULL, "firing-warning@4" },
    { "again later, again an alert", "..ww......ww....", NULL, "firing-warning@4 resolved-warning@7 firing-warning@12 resolved-warning@15" },
};

static void test_rows(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].what);
        play(&log, &config, rows[i].zscore, rows[i].change);
        assert_string_equal(log.text, rows[i].want);
    }
}

/* Rates are gathered over a second where windows are shorter: ten windows between two words of that voter. */
static void test_windows_of_two_lengths(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 200; i++) { /* of 100 ms; the rate is bad from 5 s to 12 s, a latency in the first second of it */
        struct window_done w = { .host = "h", .session = "s", .begin_ns = i * window_ns / 10, .end_ns = (i + 1) * window_ns / 10 };
        struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, 0, i >= 50 && i < 60 ? 'w' : '.');
        v.begin_ns = v.onset_ns = w.begin_ns;
        v.end_ns = w.end_ns;
        life_verdict(life, &v);
        int second = i / 10;
        v = graded("zscore", FINDING_ANOMALY, STATISTIC_RATE, second, second >= 5 && second < 12 ? 'c' : '.');
        if (i % 10 == 9)
            life_verdict(life, &v);
        life_window(life, &w);
    }
    life_free(life);
    /* It does not end when only the latency is well again. */
    assert_string_equal(log.text, "firing-warning@5 firing-critical@7 resolved-critical@13");
}

/* A bad window long ago is not when it began. */
static void test_onset(void **unused)
{
    (void)unused;
    struct life_config config = defaults();
    static struct log log;
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 40; i++) {
        struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, i, i == 10 || i >= 35 ? 'w' : '.');
        struct verdict other = graded("zscore", FINDING_ANOMALY, STATISTIC_P50, i, i % 3 == 0 ? 'w' : '.');
        life_verdict(life, &v);
        life_verdict(life, &other); /* keeps it in mind */
        end_window(life, i, 0);
    }
    life_free(life);
    assert_string_equal(log.text, "firing-warning@37");
    assert_int_equal(log.began_ns[0] / window_ns, 35);
}

/* An alert that ends because detectors learned the trouble does not say that it is over. */
static void test_new_normal(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 20; i++) {
        struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, i, i >= 5 && i < 10 ? 'w' : '.');
        if (i == 9)
            snprintf(v.detail, sizeof(v.detail), "%s", VERDICT_NEW_NORMAL);
        life_verdict(life, &v);
        end_window(life, i, 0);
    }
    life_free(life);
    assert_string_equal(log.text, "firing-warning@7 resolved-warning@13");
    assert_non_null(strstr(log.summary, "not over, but taken for normal after 8 s: "));
    /* Taken for normal by one voter, but bad for another until it is truly over. */
    memset(&log, 0, sizeof(log));
    life = life_new(&config, deliver, &log);
    for (int i = 0; i < 20; i++) {
        struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, i, i >= 5 && i < 8 ? 'w' : '.');
        struct verdict other = graded("change_point", FINDING_CHANGE, STATISTIC_P50, i, i >= 5 && i < 12 ? 'w' : '.');
        if (i == 7)
            snprintf(v.detail, sizeof(v.detail), "%s", VERDICT_NEW_NORMAL);
        life_verdict(life, &v);
        life_verdict(life, &other);
        end_window(life, i, 0);
    }
    life_free(life);
    assert_non_null(strstr(log.summary, "over after 10 s: "));
    assert_null(strstr(log.summary, "not over"));
}

/* A loss that goes on is one alert, told again when it has doubled, with the sum. */
static void test_a_growing_loss(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 10; i++) {
        struct verdict v = { .kind = VERDICT_RAISE, .finding = FINDING_LOSS, .severity = SEVERITY_WARNING, .host = "h", .session = "s",
                             .analysis = "foretrace", .metric = "discarded_events", .statistic = STATISTIC_KINDS, .begin_ns = i * window_ns,
                             .end_ns = i * window_ns + 1, .onset_ns = i * window_ns, .lost = 10, .value = 10, .detail = "10 events" };
        life_verdict(life, &v);
        end_window(life, i, QUALITY_LOSSY);
    }
    life_free(life);
    assert_string_equal(log.text, "firing-warning@0 firing-warning@1 firing-warning@3 firing-warning@7");
    assert_non_null(strstr(log.summary, "the tracer lost 80 events of session s"));
}

static void test_losses_do_not_heal(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 20; i++) {
        struct verdict v = { .kind = VERDICT_RAISE, .finding = FINDING_LOSS, .severity = SEVERITY_WARNING, .host = "h", .session = "s",
                             .analysis = "foretrace", .metric = "loss", .statistic = STATISTIC_KINDS, .begin_ns = i * window_ns,
                             .end_ns = i * window_ns + 1, .onset_ns = i * window_ns };
        if (i == 3)
            life_verdict(life, &v);
        end_window(life, i, i >= 3 && i < 10 ? QUALITY_LOSSY : 0);
    }
    life_free(life);
    assert_string_equal(log.text, "firing-warning@3 resolved-warning@13");
}

static void test_settings(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    config.bad_windows = config.of_windows = 1;
    play(&log, &config, "..w.......", NULL);
    assert_string_equal(log.text, "firing-warning@3 resolved-warning@6");
    config = defaults();
    config.cool_down.ns = 10 * window_ns;
    play(&log, &config, "..ww...wwwwwwwwwwww", NULL); /* resolved at 7; silent until 17 */
    assert_string_equal(log.text, "firing-warning@4 resolved-warning@7 firing-warning@17");
    play(&log, &config, "..ww...cc...", NULL); /* worse than before does not wait */
    assert_string_equal(log.text, "firing-warning@4 resolved-warning@7 firing-critical@9 resolved-critical@12");
    config = defaults();
    config.stale_after.ns = 5 * window_ns;
    play(&log, &config, "..ww           ", NULL);
    assert_string_equal(log.text, "firing-warning@4 resolved-warning@9");
    struct error err;
    config.bad_windows = 4;
    config.of_windows = 3;
    assert_true(life_config_check(&config, &err) < 0);
}

static void test_identity(void **unused)
{
    (void)unused;
    static struct log first, second;
    struct life_config config = defaults();
    play(&first, &config, "..ww......ww....", NULL);
    play(&second, &config, "..ww......ww....", NULL);
    assert_int_equal(first.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(first.ids[i] == second.ids[i]); /* a replay gives the same ids */
    assert_true(first.ids[0] == first.ids[1] && first.ids[2] == first.ids[3] && first.ids[0] != first.ids[2]);
}

static struct verdict raised(enum finding finding, enum verdict_kind kind, double at_s, uint64_t pending)
{
    struct verdict v = graded("x", finding, STATISTIC_KINDS, 0, 'w');
    v.kind = kind;
    v.begin_ns = v.onset_ns = (int64_t)((at_s - 1) * 1e9);
    v.end_ns = (int64_t)(at_s * 1e9);
    v.pending = pending;
    v.limit = 1e9;
    return v;
}

static void test_raised_at_once(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    /* A slow operation fires without waiting, and resolves after three windows without another. */
    struct verdict v = raised(FINDING_THRESHOLD, VERDICT_RAISE, 2.5, 0);
    life_verdict(life, &v);
    assert_string_equal(log.text, "firing-warning@2");
    end_window(life, 2, 0);
    v = raised(FINDING_THRESHOLD, VERDICT_RAISE, 3.5, 0);
    life_verdict(life, &v);
    for (int w = 3; w < 6; w++)
        end_window(life, w, 0);
    assert_string_equal(log.text, "firing-warning@2");
    end_window(life, 6, QUALITY_PARTIAL); /* not observed whole: not a clean one */
    assert_string_equal(log.text, "firing-warning@2");
    end_window(life, 7, 0);
    assert_string_equal(log.text, "firing-warning@2 resolved-warning@8");
    life_free(life);
}

static void test_timeouts_end_when_the_operation_does(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    config.cool_down.ns = 100 * window_ns;
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    struct verdict v = raised(FINDING_TIMEOUT, VERDICT_RAISE, 2.5, 1);
    life_verdict(life, &v);
    for (int w = 2; w < 20; w++)
        end_window(life, w, 0);
    v = raised(FINDING_TIMEOUT, VERDICT_RAISE, 20.5, 2);
    life_verdict(life, &v);
    v = raised(FINDING_TIMEOUT, VERDICT_CLEAR, 21, 1);
    life_verdict(life, &v);
    assert_string_equal(log.text, "firing-warning@2"); /* one alert, and one of two is still pending */
    v = raised(FINDING_TIMEOUT, VERDICT_CLEAR, 22, 0);
    life_verdict(life, &v);
    assert_string_equal(log.text, "firing-warning@2 resolved-warning@22");
    /* A fact does not cool down. */
    v = raised(FINDING_TIMEOUT, VERDICT_RAISE, 23, 1);
    life_verdict(life, &v);
    assert_string_equal(log.text, "firing-warning@2 resolved-warning@22 firing-warning@23");
    life_free(life);
}

static void test_bounded(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    struct life_totals totals;
    config.max_alerts = 3;
    memset(&log, 0, sizeof(log));
    struct life *life = life_new(&config, deliver, &log);
    for (int i = 0; i < 10; i++) {
        struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, 0, 'w');
        snprintf(v.metric, sizeof(v.metric), "m%d", i);
        life_verdict(life, &v);
    }
    life_totals(life, &totals);
    assert_int_equal(totals.refused, 7);
    for (int w = 0; w < 8; w++) /* what came to nothing is forgotten */
        end_window(life, w, 0);
    struct verdict v = graded("zscore", FINDING_ANOMALY, STATISTIC_P99, 8, 'w');
    life_verdict(life, &v);
    life_totals(life, &totals);
    assert_int_equal(totals.refused, 7);
    life_free(life);
}

static void test_silence_is_named(void **unused)
{
    (void)unused;
    static struct log log;
    struct life_config config = defaults();
    struct life *life = life_new(&config, deliver, &log);
    for (int w = 0; w < 2; w++) {
        struct verdict a = graded("zscore", FINDING_ANOMALY, STATISTIC_RATE, w, 'c'), b = graded("silence", FINDING_SILENCE, STATISTIC_RATE, w, 'w');
        life_verdict(life, &a);
        life_verdict(life, &b);
        end_window(life, w, 0);
    }
    assert_string_equal(log.text, "firing-critical@2");
    assert_int_equal(log.kinds[0], FINDING_SILENCE);
    life_free(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_windows_of_two_lengths), cmocka_unit_test(test_onset),
        cmocka_unit_test(test_losses_do_not_heal), cmocka_unit_test(test_new_normal), cmocka_unit_test(test_a_growing_loss), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_identity),       cmocka_unit_test(test_raised_at_once),
        cmocka_unit_test(test_timeouts_end_when_the_operation_does), cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_silence_is_named),
    };
    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
