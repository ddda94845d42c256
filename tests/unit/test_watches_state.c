/* What the detectors remember, saved and loaded at any instant: the same verdicts, to the byte, as without.
 * A changed configuration begins anew what it changes, and no more. */
#include "detectors/host.h"
#include "detectors/watches.h"
#include "outlet_fixture.h"
#include "seed.h"

enum { METERS = 12, STEPS = 400, SOURCES = 3 };

struct side {
    struct host *host;
    struct outlet_fixture out;
};
static struct rules rules;

static void complain(void *self, const char *text)
{
    (void)self;
    (void)text;
}

static struct host *new_host(struct side *s, uint64_t memory)
{
    struct host_config config = { .memory.bytes = memory };
    return host_new(&config, &rules, &s->out.outlet, complain, NULL);
}

static void tell(struct side *s, uint32_t sender, enum wire_type type, const struct bytes *body)
{
    struct wire_header h = { .version = WIRE_VERSION, .type = type };
    assert_int_equal(host_message(s->host, sender, &h, wire_reader_init(body->data, body->size)), 0);
}

static struct meter_description meter(uint32_t sender, uint32_t id, uint32_t what)
{
    struct meter_description d = { .id = id, .host = "h", .analysis = "a", .unit = what % 2 ? UNIT_NANOSECONDS : UNIT_NONE,
                                   .kind = what % 2 ? METRIC_LATENCY : METRIC_COUNTER };
    snprintf(d.session, sizeof(d.session), "s%u", sender);
    snprintf(d.metric, sizeof(d.metric), "m%u", what);
    return d;
}

/* One thing that happens, to either side the same. */
static void step(struct side *s, uint64_t seed, int64_t window)
{
    struct bytes b = { 0 };
    uint32_t sender = (uint32_t)(random_next(&seed) % SOURCES), dice = (uint32_t)(random_next(&seed) % 100);
    uint32_t id = (uint32_t)(random_next(&seed) % METERS);
    if (dice < 10) {
        struct meter_description d = meter(sender, id, (uint32_t)(random_next(&seed) % (2 * METERS)));
        meter_description_put(&b, &d);
        tell(s, sender, WIRE_SERIES, &b);
    } else if (dice < 14) {
        wire_put_uint(&b, id);
        tell(s, sender, WIRE_RETIRED, &b);
    } else if (dice < 16) {
        host_recall(s->host, sender, random_next(&seed) % 2);
        if (random_next(&seed) % 2)
            host_recalled(s->host, sender);
    } else if (dice < 18) {
        struct loss_record l = { .host = "h", .kind = LOSS_RECORD_WINDOWS, .count = 2, .begin_ns = (window - 3) * 1000000000, .end_ns = (window + 1) * 1000000000 };
        snprintf(l.session, sizeof(l.session), "s%u", sender);
        loss_record_put(&b, &l);
        tell(s, sender, WIRE_LOSS, &b);
    } else {
        struct window_header w = { .host = "h", .begin_ns = window * 1000000000, .end_ns = (window + 1) * 1000000000, .last = true };
        snprintf(w.session, sizeof(w.session), "s%u", sender);
        wire_put_array(&b, 2);
        window_header_put(&b, &w);
        wire_put_array(&b, METERS);
        for (uint32_t i = 0; i < METERS; i++) {
            struct meter_sample x = { .id = i, .count = 100 + random_next(&seed) % 10, .value_count = i % 2 ? 7 : 2 };
            double level = random_next(&seed) % 30 == 0 ? 1e6 : 1000;
            for (uint32_t k = 0; k < x.value_count; k++)
                x.values[k] = level * (1 + 0.05 * random_normal(&seed));
            x.sketched = i % 2;
            x.sketch = (struct sketch){ 3, { { 70, 30 + (uint32_t)(random_next(&seed) % 9) }, { 71, 60 }, { level > 1e5 ? 90 : 72, 8 } } };
            meter_sample_put(&b, &x);
        }
        tell(s, sender, WIRE_SAMPLES, &b);
    }
    bytes_done(&b);
}

static bool reload(struct side *s, uint64_t memory, uint64_t *restarted)
{
    struct bytes b = { 0 };
    struct host_totals totals;
    host_save(s->host, &b);
    host_free(s->host);
    s->host = new_host(s, memory);
    struct wire_reader r = wire_reader_init(b.data, b.size);
    bool loaded = host_load(s->host, &r) && wire_finished(&r);
    host_totals(s->host, &totals);
    *restarted = totals.restarted;
    bytes_done(&b);
    return loaded;
}

static uint64_t compare(struct side sides[2], int at)
{
    struct wire_header h[2];
    struct wire_reader r[2];
    for (uint64_t n = 0;; n++) {
        bool there = outlet_fixture_take(&sides[0].out, &h[0], &r[0]);
        assert_int_equal(outlet_fixture_take(&sides[1].out, &h[1], &r[1]), there);
        if (!there)
            return n;
        if (h[0].type != h[1].type || r[0].end - r[0].at != r[1].end - r[1].at ||
            memcmp(r[0].at, r[1].at, (size_t)(r[0].end - r[0].at)) != 0)
            fail_msg("step %d: another verdict", at);
    }
}

static void add_rule(struct rules *to, const char *pattern, const char *detector, const char *option, const char *value)
{
    struct rule *rule = &to->list[to->count++];
    const struct detector *d = detector_find(detector);
    struct error err;
    void *config = xcalloc(1, d->config_size);
    options_default(d->options, config);
    assert_int_equal(option_set(d->options, config, option, value, &err), 0);
    snprintf(rule->pattern.s, sizeof(rule->pattern.s), "%s", pattern);
    assert_int_equal(rule_add(rule, d, &config, &err), 0);
}

static void test_interrupted_is_uninterrupted(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test(), restarted, verdicts = 0;
    struct side sides[2];
    struct host_totals totals[2];
    rules_init(&rules);
    add_rule(&rules, "a.*.p90", "distribution", "warmup", "20");
    for (int i = 0; i < 2; i++) {
        outlet_fixture_init(&sides[i].out);
        sides[i].host = new_host(&sides[i], 16 << 20);
    }
    for (int at = 0; at < STEPS * 10; at++) {
        uint64_t told = random_next(&seed);
        step(&sides[0], told, at / SOURCES + 1);
        step(&sides[1], told, at / SOURCES + 1);
        verdicts += compare(sides, at);
        if (random_next(&seed) % 20 == 0) {
            assert_true(reload(&sides[1], 16 << 20, &restarted));
            assert_int_equal(restarted, 0);
        }
    }
    for (int i = 0; i < 2; i++) {
        host_totals(sides[i].host, &totals[i]);
        host_free(sides[i].host);
        outlet_fixture_done(&sides[i].out);
    }
    assert_int_equal(totals[0].series, totals[1].series);
    assert_int_equal(totals[0].state_bytes, totals[1].state_bytes);
    assert_true(verdicts > STEPS);
    rules_done(&rules);
}

/* ---- watches alone ---- */

static struct watches *new_watches(void)
{
    struct watches *w = xcalloc(1, sizeof(*w));
    watches_init(w, 16 << 20, &rules, complain, NULL);
    return w;
}

static void free_watches(struct watches *w)
{
    watches_done(w);
    free(w);
}

static void describe(struct watches *w, uint32_t sender, uint32_t id, uint32_t what)
{
    struct meter_description d = meter(0, id, what);
    assert_int_equal(watches_describe(w, sender, &d), 0);
}

static void trouble(struct watches *w, uint32_t sender, uint32_t id)
{
    watched_reports(watches_find(w, sender, id))[0] = 5;
}

/* A connection lost in the middle of a recall: the next one finds the memory of all series, those that the
 * first had come to and those that it had not. */
static void test_a_recall_that_begins_again(void **unused)
{
    (void)unused;
    rules_init(&rules);
    for (int anew = 0; anew < 2; anew++) {
        struct watches *w = new_watches();
        struct watched *known[4];
        for (uint32_t i = 0; i < 4; i++) {
            describe(w, 0, i, i);
            known[i] = watches_find(w, 0, i);
        }
        watches_recall(w, 0, anew);
        describe(w, 0, 0, 0);
        describe(w, 0, 1, 1);
        watches_recall(w, 0, false); /* the same life, once more */
        assert_null(watches_find(w, 0, 0));
        for (uint32_t i = 0; i < 4; i++) {
            describe(w, 0, i, i);
            assert_ptr_equal(watches_find(w, 0, i), known[i]);
        }
        watches_recalled(w, 0);
        assert_int_equal(w->series, 4);
        free_watches(w);
    }
    rules_done(&rules);
}

/* In another life series come back one by one: those that do not are forgotten after a while, however often it begins. */
static void test_old_ids_are_kept_for_a_while(void **unused)
{
    (void)unused;
    rules_init(&rules);
    struct watches *w = new_watches();
    for (uint32_t i = 0; i < 3; i++)
        describe(w, 0, i, i);
    struct watched *second = watches_find(w, 0, 1);
    watches_recall(w, 0, true);
    watches_recalled(w, 0);
    watches_advance(w, 0, 1000);
    describe(w, 0, 7, 0);
    watches_recall(w, 0, true);
    watches_recalled(w, 0);
    assert_int_equal(w->series, 3);
    describe(w, 0, 0, 1);
    assert_ptr_equal(watches_find(w, 0, 0), second);
    watches_advance(w, 0, 2000);
    watches_advance(w, 0, 2000 + WATCHES_OLD_NS);
    assert_int_equal(w->series, 3);
    watches_advance(w, 0, 2001 + WATCHES_OLD_NS);
    assert_int_equal(w->series, 1);
    free_watches(w);
    rules_done(&rules);
}

/* Series purged in mid-trouble, beyond their bound: the same ones are forgotten after a reload. */
static void test_orphans_take_turns(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test(), restarted;
    rules_init(&rules);
    struct watches *sides[2] = { new_watches(), new_watches() };
    for (int round = 0; round < 6; round++) {
        for (uint32_t i = 0; i < 1500; i++) {
            uint64_t told = random_next(&seed);
            for (int k = 0; k < 2; k++) {
                describe(sides[k], 0, i, (uint32_t)(told % 20000));
                if (told / 20000 % 8 != 0)
                    trouble(sides[k], 0, i);
            }
        }
        struct bytes b = { 0 };
        watches_save(sides[1], &b);
        free_watches(sides[1]);
        sides[1] = new_watches();
        struct wire_reader r = wire_reader_init(b.data, b.size);
        assert_true(watches_load(sides[1], &r, &restarted) && wire_finished(&r));
        bytes_done(&b);
        assert_int_equal(sides[0]->orphans, sides[1]->orphans);
        assert_int_equal(sides[0]->series, sides[1]->series);
        assert_int_equal(sides[0]->bytes, sides[1]->bytes);
        assert_int_equal(sides[0]->count, sides[1]->count);
        for (uint32_t i = 0; i < sides[0]->count; i++)
            assert_int_equal(sides[0]->list[i]->hash, sides[1]->list[i]->hash);
    }
    assert_true(sides[0]->orphans > WATCHES_ORPHANS_MAX - 100 && sides[0]->forgotten > 0);
    free_watches(sides[0]);
    free_watches(sides[1]);
    rules_done(&rules);
}

/* Every truncation is refused, and whatever was loaded before it can be freed. */
static void test_cut_memory_is_refused(void **unused)
{
    (void)unused;
    uint64_t restarted;
    struct bytes b = { 0 };
    rules_init(&rules);
    struct watches *w = new_watches();
    for (uint32_t i = 0; i < 5; i++)
        describe(w, i % 2, i, i);
    trouble(w, 0, 2);
    watches_forget(w, 0, 2);
    watches_forget(w, 1, 3);
    watches_recall(w, 1, true);
    watches_save(w, &b);
    free_watches(w);
    for (size_t cut = 0; cut < b.size; cut++) {
        struct wire_reader r = wire_reader_init(b.data, cut);
        w = new_watches();
        assert_false(watches_load(w, &r, &restarted));
        free_watches(w);
    }
    bytes_done(&b);
    rules_done(&rules);
}

/* One rule of two is changed: what it watches begins anew, and is counted; the rest goes on. */
static void test_changed_rules(void **unused)
{
    (void)unused;
    uint64_t restarted;
    struct bytes b = { 0 };
    rules_init(&rules);
    add_rule(&rules, "a.*.p99", "zscore", "window", "30");
    add_rule(&rules, "a.*.p50", "zscore", "window", "40");
    struct watches *w = new_watches();
    describe(w, 0, 4, 1); /* a latency */
    const struct watched *x = watches_find(w, 0, 4);
    assert_true(x->plan->count > 2); /* p90 and the like are for the fallback */
    memset(x->states, 0x55, x->plan->state_size); /* as if it had learned */
    watches_save(w, &b);
    free_watches(w);
    rules_done(&rules);
    rules_init(&rules);
    add_rule(&rules, "a.*.p99", "zscore", "window", "30");
    add_rule(&rules, "a.*.p50", "zscore", "window", "50");
    w = new_watches();
    struct wire_reader r = wire_reader_init(b.data, b.size);
    assert_true(watches_load(w, &r, &restarted) && wire_finished(&r));
    assert_int_equal(restarted, 1);
    x = watches_find(w, 0, 4);
    assert_non_null(x);
    for (uint32_t i = 0; i < x->plan->count; i++) {
        const struct plan_entry *e = &x->plan->entries[i];
        bool learned = ((const uint8_t *)watched_state(x, e))[0] == 0x55;
        assert_int_equal(learned, e->statistic != STATISTIC_P50);
    }
    free_watches(w);
    rules_done(&rules);
    bytes_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted_is_uninterrupted), cmocka_unit_test(test_a_recall_that_begins_again),
        cmocka_unit_test(test_old_ids_are_kept_for_a_while), cmocka_unit_test(test_orphans_take_turns),
        cmocka_unit_test(test_cut_memory_is_refused),        cmocka_unit_test(test_changed_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
