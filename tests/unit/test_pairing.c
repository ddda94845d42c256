#include "stream/pairing.h"
#include "testing.h"

struct log {
    char text[65536];
    struct pairing p;
};

static void say(struct log *log, const char *what, uint64_t key, int64_t begin, int64_t time)
{
    size_t n = strlen(log->text);
    snprintf(log->text + n, sizeof(log->text) - n, "%s %d@%d..%d ", what, (int)key, (int)begin, (int)time);
}
static void ended(void *self, struct pending *e, int64_t time, const void *context)
{
    (void)context;
    say(self, "ended", e->key[0], e->begin_ns, time);
}
static void timed_out(void *self, struct pending *e, int64_t time)
{
    say(self, "timeout", e->key[0], e->begin_ns, time);
}
static void abandoned(void *self, struct pending *e, int64_t time)
{
    say(self, "abandoned", e->key[0], e->begin_ns, time);
}
static const struct pairing_ops ops = { .timed_out = timed_out, .abandoned = abandoned };

/* A script: "b1@10" begins key 1 at 10, "e1@20" ends it, "t@30" time comes to 30, "l@40" loss until 40. */
static void play(struct log *log, const struct pairing_config *from, const char *script)
{
    struct pairing_config config = *from;
    char copy[512], *save = NULL;
    memset(log->text, 0, sizeof(log->text));
    config.key_count = 1;
    pairing_init(&log->p, &config, &ops, log);
    snprintf(copy, sizeof(copy), "%s", script);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        int64_t time = atoi(strchr(word, '@') + 1);
        uint64_t key = (uint64_t)atoi(word + 1);
        if (word[0] == 't' || pairing_due(&log->p) < time)
            pairing_advance(&log->p, time);
        if (word[0] == 'b')
            pairing_begin(&log->p, &key, time);
        else if (word[0] == 'e')
            pairing_end(&log->p, &key, time, ended, NULL);
        else if (word[0] == 'l')
            pairing_lost(&log->p, time);
    }
    pairing_done(&log->p);
    size_t n = strlen(log->text);
    if (n)
        log->text[n - 1] = '\0';
}

static const struct {
    const char *what;
    struct pairing_config config;
    const char *script, *want;
} rows[] = {
    { "a pair", { .max_pending = 4 }, "b1@10 e1@15", "ended 1@10..15" },
    { "an end without a begin", { .max_pending = 4 }, "e1@15 b1@20", "" },
    { "nested: the newest first", { .max_pending = 4, .duplicates = PAIRING_NEWEST }, "b1@1 b1@2 b1@3 e1@4 e1@5 e1@6",
      "ended 1@3..4 ended 1@2..5 ended 1@1..6" },
    { "a queue: the oldest first", { .max_pending = 4, .duplicates = PAIRING_OLDEST }, "b1@1 b1@2 b1@3 e1@4 e1@5 e1@6",
      "ended 1@1..4 ended 1@2..5 ended 1@3..6" },
    { "all at once", { .max_pending = 4, .duplicates = PAIRING_ALL }, "b1@1 b2@1 b1@2 b1@3 e1@4 e1@5",
      "ended 1@1..4 ended 1@2..4 ended 1@3..4" },
    { "replaced", { .max_pending = 4, .duplicates = PAIRING_REPLACE }, "b1@1 b1@2 e1@4 e1@5", "ended 1@2..4" },
    { "ignored", { .max_pending = 4, .duplicates = PAIRING_IGNORE }, "b1@1 b1@2 e1@4 e1@5", "ended 1@1..4" },
    { "timeout strictly after", { .max_pending = 4, .timeout_ns = 10 }, "b1@1 t@11 t@12 e1@20", "timeout 1@1..11 ended 1@1..20" },
    { "an end in time", { .max_pending = 4, .timeout_ns = 10 }, "b1@1 e1@11 t@30", "ended 1@1..11" },
    { "timeouts in order, before what follows", { .max_pending = 4, .timeout_ns = 10 }, "b1@1 b2@3 b3@5 e2@14 e3@15",
      "timeout 1@1..11 timeout 2@3..13 ended 2@3..14 ended 3@5..15" },
    { "collected, told when it had timed out", { .max_pending = 4, .timeout_ns = 10, .collect_ns = 30 }, "b1@1 t@100",
      "timeout 1@1..11 abandoned 1@1..31" },
    { "collected in silence otherwise", { .max_pending = 4, .collect_ns = 30 }, "b1@1 t@100 e1@101", "" },
    { "a new one after all have timed out", { .max_pending = 4, .timeout_ns = 10, .collect_ns = 1000 },
      "b1@1 t@20 b2@30 t@60", "timeout 1@1..11 timeout 2@30..40" },
    { "a full table skips", { .max_pending = 2 }, "b1@1 b2@2 b3@3 e3@4 e1@5", "ended 1@1..5" },
    { "a full table evicts the oldest", { .max_pending = 2, .evict = true, .timeout_ns = 1 }, "b1@1 b2@3 b3@5 e3@6 e2@6 e1@7",
      "timeout 1@1..2 timeout 2@3..4 abandoned 1@1..5 ended 3@5..6 ended 2@3..6" },
    { "evicting its own key", { .max_pending = 1, .evict = true }, "b1@1 b1@2 e1@3", "ended 1@2..3" },
    { "no pair across a loss", { .max_pending = 4 }, "b1@1 l@10 b2@8 b3@10 e1@12 e2@13 e3@14", "ended 3@10..14" },
    { "no certain timeout across a loss", { .max_pending = 4, .timeout_ns = 15 }, "b1@1 l@10 b2@12 t@100", "timeout 2@12..27" },
    { "one that had timed out is given up", { .max_pending = 4, .timeout_ns = 5 }, "b1@1 t@7 l@10 e1@12",
      "timeout 1@1..6 abandoned 1@1..12" },
    { "clocks that go back", { .max_pending = 4 }, "b1@10 e1@5 b2@3 e2@4", "ended 2@3..4" },
};

static void test_rows(void **unused)
{
    (void)unused;
    static struct log log;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].what);
        play(&log, &rows[i].config, rows[i].script);
        assert_string_equal(log.text, rows[i].want);
    }
}

/* ---- against a plain model ---- */

enum { MODEL_KEYS = 40, MODEL_MAX = 64, TIMEOUT = 300, COLLECT = 900 };

struct model {
    struct {
        int key;
        int64_t begin;
        bool timed_out;
    } list[MODEL_MAX]; /* in order of begin */
    int count;
};

static void model_remove(struct model *m, int at)
{
    memmove(&m->list[at], &m->list[at + 1], (size_t)(m->count - at - 1) * sizeof(m->list[0]));
    m->count--;
}

static void model_advance(struct model *m, int64_t now, struct log *want)
{
    for (int i = 0; i < m->count; i++) {
        if (m->list[i].timed_out || m->list[i].begin + TIMEOUT >= now)
            continue;
        m->list[i].timed_out = true;
        say(want, "timeout", (uint64_t)m->list[i].key, m->list[i].begin, m->list[i].begin + TIMEOUT);
    }
    while (m->count > 0 && m->list[0].begin + COLLECT < now) {
        say(want, "abandoned", (uint64_t)m->list[0].key, m->list[0].begin, m->list[0].begin + COLLECT);
        model_remove(m, 0);
    }
}

static void model_end(struct model *m, enum pairing_duplicates mode, int key, int64_t now, struct log *want)
{
    int first = -1, last = -1;
    for (int i = 0; i < m->count; i++) {
        if (m->list[i].key != key)
            continue;
        first = first < 0 ? i : first;
        last = i;
    }
    if (first < 0)
        return;
    int at = mode == PAIRING_NEWEST ? last : first;
    do {
        say(want, "ended", (uint64_t)key, m->list[at].begin, now);
        model_remove(m, at);
        for (at = 0; at < m->count && m->list[at].key != key; at++)
            ;
    } while (mode == PAIRING_ALL && at < m->count);
}

static void test_against_model(void **unused)
{
    (void)unused;
    static struct log got, want;
    static const enum pairing_duplicates modes[] = { PAIRING_NEWEST, PAIRING_OLDEST, PAIRING_ALL, PAIRING_REPLACE, PAIRING_IGNORE };
    uint64_t seed = 99;
    print_message("  seed %llu\n", (unsigned long long)seed);
    for (size_t round = 0; round < 2 * COUNT(modes); round++) {
        size_t k = round / 2;
        struct pairing_config config = { .key_count = round % 2 ? 3 : 1, .timeout_ns = TIMEOUT, .collect_ns = COLLECT, .max_pending = MODEL_MAX, .duplicates = modes[k] };
        struct model m = { .count = 0 };
        int64_t now = 0;
        pairing_init(&got.p, &config, &ops, &got);
        for (int step = 0; step < 40000; step++) {
            int word = (int)(random_next(&seed) % MODEL_KEYS);
            uint64_t key[] = { (uint64_t)word, 7, (uint64_t)word };
            now += (int64_t)(random_next(&seed) % 20);
            got.text[0] = want.text[0] = '\0';
            pairing_advance(&got.p, now);
            model_advance(&m, now, &want);
            bool known = false;
            for (int i = 0; i < m.count; i++)
                known |= m.list[i].key == word;
            if (random_next(&seed) % 2) {
                pairing_begin(&got.p, key, now);
                if (known && modes[k] == PAIRING_REPLACE) {
                    int at = 0;
                    while (m.list[at].key != word)
                        at++;
                    if (m.list[at].timed_out)
                        say(&want, "abandoned", key[0], m.list[at].begin, now);
                    model_remove(&m, at);
                }
                if (!(known && modes[k] == PAIRING_IGNORE) && m.count < MODEL_MAX) {
                    m.list[m.count].key = word;
                    m.list[m.count].begin = now;
                    m.list[m.count++].timed_out = false;
                }
            } else {
                pairing_end(&got.p, key, now, ended, NULL);
                model_end(&m, modes[k], word, now, &want);
            }
            if (strcmp(got.text, want.text) != 0)
                fail_msg("mode %d step %d:\n got  %s\n want %s", (int)modes[k], step, got.text, want.text);
            assert_int_equal(got.p.count, m.count);
        }
        pairing_done(&got.p);
    }
}

/* Words that are alike, as pid and tid of processes with one thread, are as good a key as any: none is far from its place. */
static void test_keys_of_equal_words(void **unused)
{
    (void)unused;
    enum { PENDING = 10000 };
    static const uint64_t factors[][2] = { { 1, 1 }, { 1, 0 }, { 4, 1 }, { 4096, 4096 } };
    for (size_t f = 0; f < COUNT(factors); f++) {
        struct log log = { .text = "" };
        struct pairing_config config = { .key_count = 2, .max_pending = PENDING };
        uint32_t furthest = 0;
        pairing_init(&log.p, &config, &ops, &log);
        for (uint64_t i = 0; i < PENDING; i++)
            assert_non_null(pairing_begin(&log.p, (const uint64_t[]){ i * factors[f][0], i * factors[f][1] }, (int64_t)i));
        for (uint32_t at = 0; at <= log.p.index.mask; at++) {
            uint32_t away = (at - log.p.index.cells[at].hash) & log.p.index.mask;
            if (log.p.index.cells[at].slot != HASH_NONE && away > furthest)
                furthest = away;
        }
        print_message("  %d pending, at most %u cells from home\n", PENDING, furthest);
        assert_true(furthest < 100);
        pairing_done(&log.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_against_model), cmocka_unit_test(test_keys_of_equal_words) };
    return cmocka_run_group_tests_name("pairing", tests, NULL, NULL);
}
