/* Configurations with every kind of mistake: each error names file, line and what was expected. */
#include "app/config.h"
#include "testing.h"
#include <unistd.h>

static int load_text(const char *text, const char *const *sets, struct config **ret_config, struct error *err)
{
    char path[] = "/tmp/foretrace-config-XXXXXX";
    int fd = mkstemp(path);
    struct config_sources sources = { .file = path };
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    while (sets && *sets)
        sources.sets[sources.set_count++] = *sets++;
    int r = config_load(&sources, ret_config, err);
    unlink(path);
    return r;
}

static const struct {
    const char *what, *text, *error; /* error: what follows "FILE" */
} mistakes[] = {
    { "not YAML", "window: [1s\nb: }\n", ":" },
    { "a tab", "session:\n\tlive_timer: 1s\n", ":2: not valid YAML" },
    { "a list at the top", "- window: 1s\n", ":1: a map of settings was expected, such as 'window: 1s'" },
    { "a mistyped setting", "windwo: 1s\n", ":1: unknown setting 'windwo' (did you mean 'window'?)" },
    { "a mistyped section", "\nsesion:\n  live_timer: 1s\n", ":2: unknown setting 'sesion' (did you mean 'session'?)" },
    { "a mistyped option", "session:\n  live_timmer: 1s\n", ":2: session: unknown option 'live_timmer' (did you mean 'live_timer'?)" },
    { "no unit", "window: 1\n", ":1: window: '1' is not a duration with a unit" },
    { "out of range", "window: 2d\n", ":1: window: 2d is outside the allowed range (duration, 1ms to 1h)" },
    { "a map for a value", "window: {a: 1}\n", ":1: window: a map where a value was expected" },
    { "a list for a value", "window: [1s, 2s]\n", ":1: window: a list where one duration" },
    { "a key twice", "window: 1s\nwindow: 2s\n", ":2: not valid YAML: duplicate key" },
    { "analyses that are no list", "analyses: rate\n", ":1: analyses: a list was expected (lines beginning with '-')" },
    { "an unknown analysis", "analyses:\n  - latncy: {}\n", ":2: unknown analysis 'latncy' (did you mean 'latency'?); see `foretrace list`" },
    { "a required option", "analyses:\n  - latency:\n      in: a\n      out: b\n", ":2: latency: 'key' is missing (fields and contexts both events of an operation share)" },
    { "two options on one dash", "analyses:\n  - rate: {events: a}\n    latency: {}\n", ":2: analyses: '- NAME: {OPTIONS}' was expected" },
    { "relations", "analyses:\n  - latency: {in: a, out: b, key: [x, y], out_key: z}\n", ":2: latency: key has 2 fields but out_key has 1" },
    { "the same name twice", "analyses:\n  - rate: {events: a}\n  - rate: {events: b}\n", ":3: rate: two analyses (rate, rate) have the name 'rate': give one a 'name' of its own" },
    { "a name taken by auto", "analyses:\n  - auto\n  - rate: {events: b}\n", ":3: rate: two analyses (auto, rate) have the name 'rate'" },
    { "an unknown detector", "detectors:\n  - series: '*'\n    zscor: {}\n", ":3: unknown detector 'zscor' (did you mean 'zscore'?)" },
    { "a rule without series", "detectors:\n  - zscore: {}\n", ":2: detectors: 'series' is missing (a pattern of series names)" },
    { "a rule without detector", "detectors:\n  - series: '*'\n", ":2: detectors: no detector is given for these series ('ignore: yes' leaves them alone)" },
    { "auto and another", "detectors:\n  - series: '*'\n    auto: {}\n    zscore: {}\n", ":4: zscore: 'auto' chooses the detectors itself" },
    { "a detector's option", "detectors:\n  - series: '*'\n    zscore:\n      window: few\n", ":4: zscore: window: 'few' is not a whole number" },
    { "a detector's relations", "detectors:\n  - series: '*'\n    zscore: {window: 10, warmup: 20}\n", ":3: zscore: warmup (20) is longer than window (10)" },
    { "a limit without meaning", "detectors:\n  - series: '*'\n    threshold: {}\n", ":3: threshold: no limit is given" },
    { "an unknown sink", "sinks:\n  - jsno: {}\n", ":2: unknown sink 'jsno' (did you mean 'json'?)" },
    { "a sink's option", "sinks:\n  - json: {paht: x}\n", ":2: json: unknown option 'paht' (did you mean 'path'?)" },
    { "relations of a section", "alerts: {bad_windows: 4, of_windows: 2}\n", ":1: alerts: bad_windows (4) is more than of_windows (2)" },
    { "not a power of two", "session: {subbuffer_size: 100KiB}\n", ":1: session: subbuffer_size (102400 bytes) is not a power of two" },
    { "an endpoint that is none", "delivery: {samples: 'tcp://here'}\n", ":1: delivery: samples: " },
    { "a port that nobody can know", "delivery: {verdicts: 'tcp://127.0.0.1:*'}\n", ":1: delivery: verdicts: 'tcp://127.0.0.1:*': the other stage must know the port" },
    { "no process reaches that of another", "delivery: {samples: 'inproc://x'}\n", ":1: delivery: samples: 'inproc://x': the other stage is another process" },
    { "one place for two stages", "delivery: {samples: 'ipc:///run/x', verdicts: 'ipc:///run/x'}\n", ":1: delivery: verdicts: 'ipc:///run/x' is where `detect` listens (samples)" },
    { "a collector's name with a space", "delivery: {name: 'a b'}\n", ":1: delivery: name: 'a b' is no name" },
    { "a second document", "# one\n---\nwindow: 1s\n---\nwindow: 2s\n", ":4: a second document begins here: a file has one" },
    { "not UTF-8", "window: 1s\n# caf\xe9\n", ":2: not UTF-8" },
};

static void test_mistakes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct config *config = NULL;
        struct error err = { "" };
        int r = load_text(mistakes[i].text, NULL, &config, &err);
        if (r >= 0)
            fail_msg("%s: accepted", mistakes[i].what);
        const char *rest = strncmp(err.text, "/tmp/foretrace-config-", 22) == 0 ? err.text + 28 : err.text;
        if (strncmp(rest, mistakes[i].error, strlen(mistakes[i].error)) != 0)
            fail_msg("%s: said '%s', wanted 'FILE%s'", mistakes[i].what, err.text, mistakes[i].error);
        assert_null(config);
    }
}

static const char *const whole =
    "window: 500ms            # a comment\n"
    "max_series: 5000\n"
    "session:\n"
    "  live_timer: 50ms\n"
    "analyses:\n"
    "  - auto\n"
    "  - latency:\n"
    "      name: request\n"
    "      in: [shop:begin, shop:start]\n"
    "      out: shop:end\n"
    "      key: id\n"
    "      threshold: 20ms\n"
    "detectors:\n"
    "  - series: 'request.duration.p99*'\n"
    "    threshold: { warning: 50ms, critical: 100ms }\n"
    "    zscore:\n"
    "  - series: 'rate.*'\n"
    "    ignore: yes\n"
    "sinks:\n"
    "  - json: { path: /tmp/x }\n";

static void test_a_whole_one(void **unused)
{
    (void)unused;
    struct config *c;
    struct error err;
    if (load_text(whole, NULL, &c, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(c->stream.window.ns, 500000000);
    assert_int_equal(c->stream.max_series, 5000);
    assert_int_equal(c->session.live_timer.ns, 50000000);
    assert_int_equal(c->session.subbuffer_count, 8);
    assert_int_equal(c->analysis_count, 2);
    assert_string_equal(analysis_instance_name(&c->analyses[1], 0), "request");
    assert_string_equal(analysis_instance_name(&c->analyses[0], 0), "latency");
    assert_int_equal(c->rules.count, 2);
    assert_int_equal(c->rules.list[0].count, 2);
    assert_int_equal(c->rules.list[1].count, 0);
    assert_int_equal(c->sink_count, 1);
    config_free(c);
}

static void test_precedence(void **unused)
{
    (void)unused;
    struct config *c;
    struct error err;
    struct config_sources sources = { .presets = { "fast" }, .preset_count = 1 };
    assert_int_equal(config_load(&sources, &c, &err), 0);
    assert_int_equal(c->stream.window.ns, 100000000);     /* preset over default */
    assert_int_equal(c->session.live_timer.ns, 10000000);
    config_free(c);
    const char *const sets[] = { "window=200ms", "alerts.cool_down=1m", NULL };
    assert_int_equal(load_text("window: 300ms\nidle_after: 5m\n", sets, &c, &err), 0);
    assert_int_equal(c->stream.window.ns, 200000000);     /* command line over file */
    assert_int_equal(c->stream.idle_after.ns, INT64_C(300000000000));
    assert_int_equal(c->alerts.cool_down.ns, INT64_C(60000000000));
    config_free(c);
    sources = (struct config_sources){ .presets = { "fats" }, .preset_count = 1 };
    assert_true(config_load(&sources, &c, &err) < 0);
    assert_string_equal(err.text, "there is no preset 'fats' (did you mean 'fast'?); see `foretrace list presets`");
}

static void test_every_preset_loads(void **unused)
{
    (void)unused;
    for (const struct preset *p = presets; p->name; p++) {
        struct config_sources sources = { .presets = { p->name }, .preset_count = 1 };
        struct config *c;
        struct error err;
        if (config_load(&sources, &c, &err) < 0)
            fail_msg("%s", err.text);
        config_free(c);
    }
}

static void test_command_line_mistakes(void **unused)
{
    (void)unused;
    static const struct {
        const char *set, *error;
    } rows[] = {
        { "window", "--set window: expected KEY=VALUE" },
        { "widnow=1s", "--set widnow=1s: unknown setting 'widnow' (did you mean 'window'?)" },
        { "session.live_timre=1s", "--set session.live_timre=1s: unknown setting 'session.live_timre' (did you mean 'live_timer'?)" },
        { "window=1", "--set window=1: window: '1' is not a duration with a unit" },
        { "nowhere.window=1s", "--set nowhere.window=1s: unknown setting 'nowhere.window'" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config_sources sources = { .set_count = 1, .sets = { rows[i].set } };
        struct config *c;
        struct error err;
        assert_true(config_load(&sources, &c, &err) < 0);
        if (strncmp(err.text, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("said '%s', wanted '%s'", err.text, rows[i].error);
    }
}

static void test_empty_files(void **unused)
{
    (void)unused;
    static const char *const texts[] = { "", "\n\n", "# only a comment\n", "---\n" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct config *c;
        struct error err = { "" };
        if (load_text(texts[i], NULL, &c, &err) < 0)
            fail_msg("'%s': %s", texts[i], err.text);
        assert_int_equal(c->analysis_count, 1);
        assert_string_equal(c->analyses[0].analysis->name, "auto");
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_a_whole_one),           cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_every_preset_loads), cmocka_unit_test(test_command_line_mistakes), cmocka_unit_test(test_empty_files),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
