/* What is kept of the transitions, against a model; and saved and loaded. */
#include "alerts/history.h"
#include "sink_fixture.h"

static struct alert transition(uint64_t sequence, uint64_t id, enum alert_state state)
{
    struct alert a = sample_alert(sequence);
    a.id = id;
    a.state = state;
    if (state == ALERT_RESOLVED)
        a.resolved_ns = 1;
    return a;
}

static void add(struct history *h, uint64_t sequence, uint64_t id, enum alert_state state)
{
    struct alert a = transition(sequence, id, state);
    history_add(h, &a);
}

/* "1 2 5": the sequences there are, having checked that bodies are what was added. */
static const char *list(const struct history *h, bool firing, char text[512])
{
    struct history_entry e;
    static struct alert a;
    int used = 0;
    uint64_t after = 0;
    text[0] = '\0';
    while ((firing ? history_next_firing : history_next)(h, after, &e)) {
        struct wire_reader r = wire_reader_init(e.body, e.size_bytes);
        assert_true(alert_get(&r, &a) && wire_finished(&r));
        assert_int_equal(a.sequence, e.sequence);
        assert_true(e.sequence > after);
        after = e.sequence;
        used += snprintf(text + used, 512 - (size_t)used, "%s%d", used ? " " : "", (int)e.sequence);
    }
    return text;
}

static void test_rows(void **unused)
{
    (void)unused;
    /* "SEQUENCE ID STATE": f fires, r is resolved. */
    static const struct {
        const char *adds, *all, *firing;
        uint64_t left_out;
    } rows[] = {
        { "", "", "", 0 },
        { "1af 2bf 3ar", "1 2 3", "2", 0 },
        { "1af 2af 3af", "1 2 3", "3", 0 },               /* its latest transition only */
        { "1af 2bf 3br 4cf 5cr 6df", "1 3 4 5 6", "1 6", 0 }, /* four are kept, and what fires still */
        { "1af 3bf 9cf", "1 3 9", "1 3 9", 0 },           /* gaps are fine */
        { "5af 5bf 4cf", "5", "5", 2 },                   /* going back is not */
        { "1af 2bf 3cf 4df 5ef", "1 2 3 4 5", "1 2 3 4", 1 }, /* the fifth has no place among what fires, but is recent */
        { "1af 2bf 3cf 4df 5ef 6ar 7ef", "2 3 4 5 6 7", "2 3 4 7", 1 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct history *h = history_new(4, 1 << 20);
        char text[512];
        for (const char *at = rows[i].adds; *at; at += at[3] ? 4 : 3)
            add(h, (uint64_t)(at[0] - '0'), (uint64_t)at[1], at[2] == 'f' ? ALERT_FIRING : ALERT_RESOLVED);
        assert_string_equal(list(h, false, text), rows[i].all);
        assert_string_equal(list(h, true, text), rows[i].firing);
        assert_int_equal(history_left_out(h), rows[i].left_out);
        history_free(h);
    }
}

static void test_bytes_are_bounded(void **unused)
{
    (void)unused;
    char text[512];
    struct bytes one = { 0 };
    struct alert a = transition(1, 1, ALERT_FIRING);
    alert_put(&one, &a);
    struct history *h = history_new(100, 3 * one.size + one.size / 2);
    for (uint64_t i = 1; i <= 9; i++)
        add(h, i, i, ALERT_FIRING);
    assert_string_equal(list(h, true, text), "1 2 3");
    assert_string_equal(list(h, false, text), "1 2 3 7 8 9");
    assert_int_equal(history_left_out(h), 6);
    history_free(h);
    h = history_new(100, one.size - 1); /* not even one */
    add(h, 1, 1, ALERT_FIRING);
    assert_string_equal(list(h, false, text), "");
    assert_int_equal(history_newest(h), 1);
    history_free(h);
    bytes_done(&one);
}

/* Random lives of random alerts, against arrays that are searched. */
static void test_model(void **unused)
{
    (void)unused;
    enum { STEPS = 5000, IDS = 30, KEPT = 17 };
    uint64_t seed = 5, latest[IDS] = { 0 }, sequence = 0;
    static uint64_t added[STEPS];
    struct history *h = history_new(KEPT, 1 << 20);
    print_message("seed %d\n", (int)seed);
    uint32_t firing = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t id = random_next(&seed) % IDS;
        bool resolve = latest[id] || firing == KEPT ? random_next(&seed) % 2 : false;
        sequence += 1 + random_next(&seed) % 3;
        added[step] = sequence;
        firing = firing - (latest[id] != 0) + !resolve;
        if (firing > KEPT) /* no place: it is not known to fire */
            firing--, latest[id] = 0, resolve = true;
        else
            latest[id] = resolve ? 0 : sequence;
        add(h, sequence, id, resolve ? ALERT_RESOLVED : ALERT_FIRING);
        struct history_entry e;
        uint64_t want = 0, from = random_next(&seed) % (sequence + 2);
        for (int k = step; k >= 0 && k > step - KEPT; k--)
            want = added[k] > from ? added[k] : want;
        for (int k = 0; k < IDS; k++)
            want = latest[k] > from && (want == 0 || latest[k] < want) ? latest[k] : want;
        assert_int_equal(history_next(h, from, &e) ? e.sequence : 0, want);
    }
    history_free(h);
}

static void fill(struct history *h)
{
    add(h, 1, 1, ALERT_FIRING);
    for (uint64_t i = 2; i < 12; i++)
        add(h, i, 2, i % 2 ? ALERT_RESOLVED : ALERT_FIRING);
    add(h, 20, 3, ALERT_FIRING);
}

static void test_save_and_load(void **unused)
{
    (void)unused;
    char text[512], again[512];
    struct bytes b = { 0 }, c = { 0 };
    struct history *h = history_new(4, 1 << 20), *other = history_new(4, 1 << 20), *small = history_new(1, 1 << 20);
    fill(h);
    history_save(h, &b);
    add(other, 99, 9, ALERT_FIRING); /* is replaced */
    assert_true(history_load(other, b.data, b.size));
    assert_string_equal(list(other, false, text), list(h, false, again));
    assert_string_equal(list(other, true, text), "1 20");
    assert_int_equal(history_newest(other), 20);
    history_save(other, &c);
    assert_true(b.size == c.size && memcmp(b.data, c.data, b.size) == 0);
    add(other, 21, 1, ALERT_RESOLVED);
    assert_string_equal(list(other, true, text), "20");
    assert_true(history_load(small, b.data, b.size));
    assert_string_equal(list(small, false, text), "1 20"); /* one recent, one firing */
    bytes_reset(&b);
    history_free(small);
    small = history_new(4, 1 << 20);
    history_save(small, &b);
    assert_true(history_load(h, b.data, b.size)); /* nothing is something, too */
    assert_string_equal(list(h, false, text), "");
    history_free(h);
    history_free(other);
    history_free(small);
    bytes_done(&b);
    bytes_done(&c);
}

static void assert_refused(struct history *h, const void *data, size_t size)
{
    char text[512];
    add(h, history_newest(h) + 1, 1, ALERT_FIRING);
    assert_false(history_load(h, data, size));
    assert_string_equal(list(h, false, text), "");
    assert_string_equal(list(h, true, text), "");
    assert_int_equal(history_newest(h), 0);
}

static void test_malformed_is_refused(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    struct history *h = history_new(4, 1 << 20), *from = history_new(4, 1 << 20);
    fill(from);
    history_save(from, &b);
    for (size_t size = 0; size < b.size; size++) { /* to the byte: a sanitizer sees a read beyond it */
        void *cut = size ? malloc(size) : NULL;
        if (size)
            memcpy(cut, b.data, size);
        assert_refused(h, cut, size);
        free(cut);
    }
    bytes_append(&b, "\xc0", 1);
    assert_refused(h, b.data, b.size); /* more than it should be */
    static const struct {
        const char *data;
        size_t size;
    } rows[] = { { "\x94\x02\x00\x90\x90", 5 },                     /* another version */
                 { "\x94\x01\x00\xdd\xff\xff\xff\xff\x90", 9 },     /* a count that cannot be */
                 { "\x94\x01\x00\x91\xc0\x90", 6 },                 /* nil is no alert */
                 { "\x93\x01\x00\x90", 4 }, { "\xc0", 1 }, { "\x94\x01\xff\x90\x90", 5 } };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_refused(h, rows[i].data, rows[i].size);
    bytes_reset(&b); /* two that go back */
    wire_put_array(&b, 4);
    wire_put_uint(&b, HISTORY_VERSION);
    wire_put_uint(&b, 9);
    wire_put_array(&b, 2);
    for (uint64_t i = 5; i > 3; i--) {
        struct alert back = transition(i, i, ALERT_FIRING);
        alert_put(&b, &back);
    }
    wire_put_array(&b, 0);
    assert_refused(h, b.data, b.size);
    bytes_reset(&b); /* newest below what is there */
    wire_put_array(&b, 4);
    wire_put_uint(&b, HISTORY_VERSION);
    wire_put_uint(&b, 4);
    wire_put_array(&b, 1);
    struct alert a = transition(5, 5, ALERT_FIRING);
    alert_put(&b, &a);
    wire_put_array(&b, 0);
    assert_refused(h, b.data, b.size);
    history_free(h);
    history_free(from);
    bytes_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_bytes_are_bounded),    cmocka_unit_test(test_model),
        cmocka_unit_test(test_save_and_load), cmocka_unit_test(test_malformed_is_refused),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
