/* Groups in the host: who is a member, how a window is put together, what is said of it, and that a snapshot changes nothing. */
#include "detectors/host.h"
#include "base/hash.h"
#include "base/text.h"
#include "outlet_fixture.h"
#include "seed.h"

enum { METERS = 6, WINDOWS = 600, TROUBLE_AT = 500 };

static struct rules rules;

struct side {
    struct host *host;
    struct outlet_fixture out;
    char complaint[512];
    uint64_t seed;
};

static void complain(void *self, const char *text)
{
    struct side *s = self;
    text_copy(s->complaint, sizeof(s->complaint), text);
}

static void open_side(struct side *s)
{
    struct host_config config = { .memory.bytes = 1 << 24 };
    memset(s, 0, sizeof(*s));
    outlet_fixture_init(&s->out);
    s->host = host_new(&config, &rules, &s->out.outlet, complain, s);
    s->seed = 5;
}

static void close_side(struct side *s)
{
    host_free(s->host);
    outlet_fixture_done(&s->out);
}

static void set_rules(const char *const (*settings)[2])
{
    struct error err;
    rules_init(&rules);
    struct group_rule *g = &rules.groups[rules.group_count++];
    options_default(group_options, &g->settings);
    for (; (*settings)[0]; settings++)
        if (option_set(group_options, &g->settings, (*settings)[0], (*settings)[1], &err) < 0)
            fail_msg("%s", err.text);
    const struct detector *d = detector_find("envelope");
    void *config = calloc(1, d->config_size);
    options_default(d->options, config);
    assert_int_equal(option_set(d->options, config, "warmup", "200", &err), 0);
    assert_int_equal(group_rule_add(g, d, &config, &err), 0);
}

static void tell(struct side *s, enum wire_type type, const struct bytes *body)
{
    struct wire_header h = { .version = WIRE_VERSION, .type = type };
    assert_int_equal(host_message(s->host, 0, &h, wire_reader_init(body->data, body->size)), 0);
}

static void describe(struct side *s, uint32_t id, uint32_t what)
{
    struct bytes b = { 0 };
    struct meter_description d = { .id = id, .host = "h", .session = "s", .analysis = "shop", .unit = UNIT_NONE, .kind = METRIC_VALUE, .label_count = 1 };
    snprintf(d.metric, sizeof(d.metric), "m%u", what);
    text_copy(d.labels[0].name, sizeof(d.labels[0].name), "op");
    snprintf(d.labels[0].value, sizeof(d.labels[0].value), "%s", what % 2 ? "pay" : "search");
    meter_description_put(&b, &d);
    tell(s, WIRE_SERIES, &b);
    bytes_done(&b);
}

/* One window of meters [0, meters), number `skipped` not among them; in trouble, number 2 is far off. */
static void window(struct side *s, int64_t at, int64_t length_ns, uint32_t meters, uint32_t skipped, uint32_t quality, bool trouble)
{
    struct bytes b = { 0 };
    struct window_header w = { .host = "h", .session = "s", .begin_ns = at * length_ns, .end_ns = (at + 1) * length_ns, .quality = quality, .last = true };
    wire_put_array(&b, 2);
    window_header_put(&b, &w);
    wire_put_array(&b, meters - (skipped < meters));
    for (uint32_t i = 0; i < meters; i++) {
        double value = 10 * (i + 1) + random_normal(&s->seed) + (trouble && i == 2 ? 60 : 0);
        struct meter_sample x = { .id = i, .count = 100, .value_count = 5, .values = { 100, value, value - 1, value + 1, value } };
        if (i != skipped)
            meter_sample_put(&b, &x);
    }
    tell(s, WIRE_SAMPLES, &b);
    bytes_done(&b);
}

/* Bad verdicts about groups since the last call; *ret_last is the last one. */
static uint32_t bad_verdicts(struct side *s, struct verdict *ret_last)
{
    struct wire_header h;
    struct wire_reader r;
    static struct verdict v;
    uint32_t n = 0;
    while (outlet_fixture_take(&s->out, &h, &r)) {
        if (h.type != WIRE_VERDICT || !verdict_get(&r, &v) || strcmp(v.analysis, "group") != 0 || v.severity == SEVERITY_OK)
            continue;
        *ret_last = v;
        n++;
    }
    return n;
}

static void test_a_group_is_judged(void **unused)
{
    (void)unused;
    static struct side s;
    static struct verdict v;
    set_rules((const char *const[][2]){ { "name", "shop" }, { "series", "shop.*" }, { NULL, NULL } });
    open_side(&s);
    for (uint32_t i = 0; i < METERS; i++)
        describe(&s, i, i);
    for (int64_t at = 1; at < WINDOWS; at++)
        window(&s, at, 1000000000, METERS, HASH_NONE, 0, at >= TROUBLE_AT);
    uint32_t n = bad_verdicts(&s, &v);
    assert_true(n > 90 && n <= WINDOWS - TROUBLE_AT);
    assert_string_equal(v.metric, "shop");
    assert_string_equal(v.detector, "envelope");
    assert_int_equal(v.label_count, 0);
    assert_int_equal(v.statistic, STATISTIC_KINDS);
    assert_true(strncmp(v.detail, "shop.m2.mean{op=search} (", 25) == 0);
    assert_true(isnan(v.value) && v.score > 0.5);
    struct host_totals totals;
    host_totals(s.host, &totals);
    assert_int_equal(totals.groups, 1);
    assert_int_equal(totals.left_out, 0);
    /* It goes with its last member; one that is in trouble would stay. */
    close_side(&s);
    open_side(&s);
    for (uint32_t i = 0; i < METERS; i++)
        describe(&s, i, i);
    for (uint32_t i = 0; i < METERS; i++) {
        struct bytes b = { 0 };
        wire_put_uint(&b, i);
        tell(&s, WIRE_RETIRED, &b);
        bytes_done(&b);
    }
    host_totals(s.host, &totals);
    assert_int_equal(totals.groups, 0);
    close_side(&s);
    rules_done(&rules);
}

static void test_windows(void **unused)
{
    (void)unused;
    static const struct row {
        const char *what;
        int64_t length_ns;
        uint32_t skipped, quality; /* from the trouble on */
        uint32_t least, most;      /* bad verdicts */
    } rows[] = {
        { "whole windows", 1000000000, HASH_NONE, 0, 90, 100 },
        { "a member that says nothing any more", 1000000000, 4, 0, 90, 100 },
        { "the troubled one says nothing any more", 1000000000, 2, 0, 0, 2 },
        { "partial windows", 1000000000, HASH_NONE, QUALITY_PARTIAL, 0, 0 },
        { "lossy windows", 1000000000, HASH_NONE, QUALITY_LOSSY, 0, 0 },
        { "windows of 250 ms, judged as seconds", 250000000, HASH_NONE, 0, 90, 100 },
    };
    static struct side s;
    static struct verdict v;
    set_rules((const char *const[][2]){ { "name", "shop" }, { "series", "*" }, { NULL, NULL } });
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        int64_t share = 1000000000 / row->length_ns;
        open_side(&s);
        for (uint32_t m = 0; m < METERS; m++)
            describe(&s, m, m);
        for (int64_t at = share; at < WINDOWS * share; at++) {
            bool trouble = at >= TROUBLE_AT * share;
            window(&s, at, row->length_ns, METERS, trouble ? row->skipped : HASH_NONE, trouble ? row->quality : 0, trouble);
        }
        uint32_t n = bad_verdicts(&s, &v);
        if (n < row->least || n > row->most)
            fail_msg("%s: %u bad verdicts", row->what, n);
        if (n > 2)
            assert_int_equal(v.end_ns - v.begin_ns, 1000000000);
        close_side(&s);
    }
    rules_done(&rules);
}

static void test_by_labels_and_bounds(void **unused)
{
    (void)unused;
    static struct side s;
    static struct verdict v;
    struct host_totals totals;
    set_rules((const char *const[][2]){ { "name", "each" }, { "series", "shop.*" }, { "by", "labels" }, { "members", "2" }, { NULL, NULL } });
    open_side(&s);
    for (uint32_t i = 0; i < METERS; i++)
        describe(&s, i, i);
    host_totals(s.host, &totals);
    assert_int_equal(totals.groups, 2);
    assert_int_equal(totals.left_out, METERS - 4);
    assert_non_null(strstr(s.complaint, "more series than it may have members"));
    for (int64_t at = 1; at < WINDOWS; at++)
        window(&s, at, 1000000000, METERS, HASH_NONE, 0, at >= TROUBLE_AT);
    assert_true(bad_verdicts(&s, &v) > 90);
    assert_int_equal(v.label_count, 1);
    assert_string_equal(v.labels[0].value, "search");
    close_side(&s);
    rules_done(&rules);
}

static void reload(struct side *s)
{
    struct host_config config = { .memory.bytes = 1 << 24 };
    struct host_totals totals;
    struct bytes b = { 0 };
    host_save(s->host, &b);
    host_free(s->host);
    s->host = host_new(&config, &rules, &s->out.outlet, complain, s);
    struct wire_reader r = wire_reader_init(b.data, b.size);
    assert_true(host_load(s->host, &r) && wire_finished(&r));
    host_totals(s->host, &totals);
    assert_int_equal(totals.restarted, 0);
    bytes_done(&b);
}

/* Saved and loaded now and then, while members come and go: the same messages, to the byte. */
static void test_snapshots(void **unused)
{
    (void)unused;
    static struct side sides[2];
    uint64_t seed = seed_of_test();
    struct wire_header h[2];
    struct wire_reader r[2];
    set_rules((const char *const[][2]){ { "name", "each" }, { "series", "shop.*" }, { "by", "labels" }, { "members", "4" }, { "period", "2s" }, { NULL, NULL } });
    open_side(&sides[0]);
    open_side(&sides[1]);
    for (int64_t at = 1; at < WINDOWS; at++) {
        uint32_t dice = (uint32_t)(random_next(&seed) % 100), id = (uint32_t)(random_next(&seed) % METERS), what = (uint32_t)(random_next(&seed) % (2 * METERS));
        uint32_t skipped = (uint32_t)(random_next(&seed) % (4 * METERS)), quality = dice < 3 ? QUALITY_LOSSY : dice < 5 ? QUALITY_PARTIAL : 0;
        for (int i = 0; i < 2; i++) {
            if (at <= METERS)
                describe(&sides[i], (uint32_t)at - 1, (uint32_t)at - 1);
            else if (dice >= 95 && at > 300)
                describe(&sides[i], id, what);
            window(&sides[i], at, 1000000000, METERS, skipped, quality, at % 300 > 250);
        }
        if (random_next(&seed) % 20 == 0)
            reload(&sides[1]);
        for (bool more = true; more;) {
            more = outlet_fixture_take(&sides[0].out, &h[0], &r[0]);
            assert_int_equal(outlet_fixture_take(&sides[1].out, &h[1], &r[1]), more);
            if (more && (h[0].type != h[1].type || r[0].end - r[0].at != r[1].end - r[1].at || memcmp(r[0].at, r[1].at, (size_t)(r[0].end - r[0].at)) != 0))
                fail_msg("window %d: another message", (int)at);
        }
    }
    close_side(&sides[0]);
    close_side(&sides[1]);
    rules_done(&rules);
}

/* A detector belongs where its scope is. */
static void test_scopes(void **unused)
{
    (void)unused;
    struct error err;
    struct rule rule = { 0 };
    struct group_rule group = { 0 };
    void *none = NULL;
    assert_true(rule_add(&rule, detector_find("envelope"), &none, &err) < 0);
    assert_true(group_rule_add(&group, detector_find("zscore"), &none, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_is_judged), cmocka_unit_test(test_windows), cmocka_unit_test(test_by_labels_and_bounds),
        cmocka_unit_test(test_snapshots), cmocka_unit_test(test_scopes),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
