/* Tables of a report against a model that keeps everything: the heaviest rows and the sum of all others, whatever came when. */
#include "base/bytes.h"
#include "seed.h"
#include "stream/report_table.h"

enum { KEYS = 9000 };
enum { FIELD_NAME, FIELD_TID, FIELD_SHOWN, FIELDS };

static const struct metric_info by_name = { .name = "m", .by = { "name", "tid" }, .show = { "shown" } };
static const struct observer_group by_both = { .metric = &by_name, .by_count = 2, .by = { 0, 1 }, .show_count = 1, .show = { 2 } };
static const struct metric_info by_none_metric = { .name = "n" };
static const struct observer_group by_none = { .metric = &by_none_metric };

struct known {
    uint64_t count, shown;
    int64_t min, max, last, states[REPORT_STATES_MAX];
    uint32_t changes;
    double sum, squares;
    uint64_t log2[REPORT_LOG2];
};

static void know(struct known *k, int64_t value, uint64_t shown)
{
    k->min = k->count && k->min < value ? k->min : value;
    k->max = k->count && k->max > value ? k->max : value;
    if (k->count == 0 || k->last != value) {
        if (k->changes < REPORT_STATES_MAX)
            k->states[k->changes] = value;
        k->changes++;
    }
    k->last = value;
    k->count++;
    k->sum += (double)value;
    k->squares += (double)value * (double)value;
    uint32_t bits = 0;
    while (bits < 63 && value >> bits > 0)
        bits++;
    k->log2[bits]++;
    if (shown)
        k->shown = shown;
}

static void add_known(struct known *all, const struct known *k)
{
    all->min = all->count && all->min < k->min ? all->min : k->min;
    all->max = all->count && all->max > k->max ? all->max : k->max;
    all->count += k->count;
    all->sum += k->sum;
    all->squares += k->squares;
    for (uint32_t i = 0; i < REPORT_LOG2; i++)
        all->log2[i] += k->log2[i];
}

static double weight_of(const struct known *k, enum measure measure)
{
    return measure == MEASURE_EVENTS || measure == MEASURE_STATE ? (double)k->count : fabs(k->sum);
}

static void check_row(const struct report_row *row, const struct known *k, enum measure measure)
{
    assert_int_equal(row->count, k->count);
    assert_int_equal(row->min, k->min);
    assert_int_equal(row->max, k->max);
    assert_true((double)row->sum == k->sum);
    assert_near((double)row->squares, k->squares, 1e-12);
    for (uint32_t i = 0; measure == MEASURE_DURATION && i < REPORT_LOG2; i++)
        assert_int_equal(report_log2(row, i), k->log2[i]);
    if (k->count > 1)
        assert_near(report_stdev(row), sqrt((k->squares - k->sum * k->sum / (double)k->count) / (double)(k->count - 1)), 1e-6);
}

static void make_key(struct value fields[FIELDS], char text[32], uint64_t number, uint64_t shown)
{
    int n = snprintf(text, 32, "/file/%llu", (unsigned long long)(number / 3));
    fields[FIELD_NAME] = (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)n, .text = text };
    fields[FIELD_TID] = number % 3 ? (struct value){ .kind = VALUE_SIGNED, .i = (int64_t)(number % 3) } : (struct value){ .kind = VALUE_NONE };
    fields[FIELD_SHOWN] = shown ? (struct value){ .kind = VALUE_UNSIGNED, .u = shown } : (struct value){ .kind = VALUE_NONE };
}

/* Keys come in waves, so early ones are evicted again and again; the heaviest of all comes last. Threads that are born twice are two. */
static uint64_t next_key(uint64_t *seed, int step, int steps)
{
    if (step > steps - 200)
        return KEYS - 1;
    return (random_next(seed) % (KEYS / 4) + (uint64_t)step / 3000 * (KEYS / 8)) % (KEYS - 1);
}

static int64_t next_value(uint64_t *seed, enum measure measure, int step, int steps)
{
    if (measure == MEASURE_STATE)
        return (int64_t)(random_next(seed) % 3);
    int64_t value = step > steps - 200 ? 50000000 : (int64_t)(random_next(seed) >> (40 + random_next(seed) % 20));
    return measure == MEASURE_AMOUNT && random_next(seed) % 2 ? -value : value;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static uint64_t key_of(const struct report_row *row)
{
    uint64_t name = strtoull(row->key[0].text + strlen("/file/"), NULL, 10) * 3 + (row->key[1].kind == VALUE_NONE ? 0 : row->key[1].u);
    return name * 2 + (row->born_ns != INT64_MIN);
}

static void check_table(const struct report_table *t, struct known *known, enum measure measure, uint32_t max_rows)
{
    double *weights = xcalloc(KEYS * 2, sizeof(*weights));
    uint32_t keys = 0;
    for (uint32_t i = 0; i < KEYS * 2; i++)
        if (known[i].count > 0)
            weights[keys++] = weight_of(&known[i], measure);
    qsort(weights, keys, sizeof(*weights), by_number);
    assert_int_equal(t->keys, keys);
    assert_int_equal(t->count, keys < max_rows ? keys : max_rows);
    assert_int_equal(t->evicted > 0, t->runs != NULL);
    for (uint32_t i = 0; i < t->count; i++) {
        struct known *k = &known[key_of(t->rows[i])];
        assert_true(weight_of(k, measure) == weights[i]);
        check_row(t->rows[i], k, measure);
        assert_int_equal(t->rows[i]->show[0].kind == VALUE_NONE ? 0 : t->rows[i]->show[0].u, k->shown);
        for (uint32_t s = 0; measure == MEASURE_STATE && s < k->changes && s < REPORT_STATES_MAX; s++)
            assert_int_equal(t->rows[i]->states[s], k->states[s]);
        if (measure == MEASURE_STATE)
            assert_int_equal(t->rows[i]->state_count, k->changes);
        k->count = 0; /* what is left is in other */
    }
    struct known other = { 0 };
    for (uint32_t i = 0; i < KEYS * 2; i++)
        if (known[i].count > 0)
            add_known(&other, &known[i]);
    if (other.count > 0)
        check_row(&t->other, &other, measure);
    assert_int_equal(t->other.count, other.count);
    free(weights);
}

static void run(uint64_t *seed, enum measure measure, uint32_t max_rows, int steps)
{
    struct observable what = { .name = "x", .measure = measure };
    struct known *known = xcalloc(KEYS * 2, sizeof(*known));
    struct report_table t;
    char text[32];
    table_init(&t, &by_both, &what, max_rows);
    assert_int_equal(t.by, REPORT_BY_TID);
    for (int step = 0; step < steps; step++) {
        struct value fields[FIELDS];
        uint64_t key = next_key(seed, step, steps), shown = random_next(seed) % 4;
        int64_t value = next_value(seed, measure, step, steps), born_ns[REPORT_BY_KINDS] = { INT64_MIN, INT64_MIN, INT64_MIN };
        bool again = key % 3 && step % 7 == 0;
        born_ns[REPORT_BY_TID] = again ? 1000 : INT64_MIN;
        make_key(fields, text, key, shown);
        table_add(&t, &(struct observed){ .value = value, .fields = fields }, born_ns);
        know(&known[key * 2 + again], value, shown);
        assert_true(t.count <= (max_rows > REPORT_ROWS_LEAST ? max_rows : REPORT_ROWS_LEAST));
    }
    assert_int_equal(table_finish(&t), 0);
    bool *there = xcalloc(KEYS * 2, sizeof(*there)); /* what is reused is told by the keys that are there */
    for (uint32_t i = 0; i < t.count; i++)
        there[key_of(t.rows[i])] = true;
    for (uint32_t i = 0; i < t.count; i++)
        assert_int_equal(t.rows[i]->reused, there[key_of(t.rows[i]) ^ 1]);
    free(there);
    check_table(&t, known, measure, max_rows);
    table_done(&t);
    free(known);
}

static void test_model(void **unused)
{
    (void)unused;
    static const uint32_t bounds[] = { 1, 50, 1024, 2500, KEYS * 2 };
    static const enum measure measures[] = { MEASURE_DURATION, MEASURE_AMOUNT, MEASURE_EVENTS, MEASURE_STATE };
    uint64_t seed = seed_of_test();
    for (size_t b = 0; b < COUNT(bounds); b++)
        for (size_t m = 0; m < COUNT(measures); m++)
            run(&seed, measures[m], bounds[b], 60000);
}

/* Each value is in one bin, that of its row, and those of no row in other's. */
static void test_bins(void **unused)
{
    (void)unused;
    struct observable what = { .name = "x", .measure = MEASURE_DURATION };
    struct report_table t;
    const int64_t born_ns[REPORT_BY_KINDS] = { INT64_MIN, INT64_MIN, INT64_MIN };
    enum { ROWS = 10, MANY = 3000, EACH = 4 };
    table_init(&t, &by_both, &what, ROWS);
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < MANY * EACH; i++) {
            struct value fields[FIELDS];
            char text[32];
            make_key(fields, text, i % MANY, 0);
            struct observed x = { .value = (int64_t)(i * 1000), .fields = fields };
            if (pass == 0)
                table_add(&t, &x, born_ns);
            else
                table_add_to_bin(&t, &x, born_ns);
        }
        if (pass == 0)
            assert_int_equal(table_finish(&t), 0);
    }
    uint64_t in_other = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_int_equal(t.rows[i]->bins[0] + t.rows[i]->bins[6] + t.rows[i]->bins[13] + t.rows[i]->bins[19], EACH);
        assert_int_equal(t.rows[i]->bins[0], 1);
        assert_int_equal(t.rows[i]->bins[19], 1);
    }
    for (uint32_t i = 0; i < REPORT_BINS; i++)
        in_other += t.other.bins[i];
    assert_int_equal(in_other, (MANY - ROWS) * EACH);
    table_done(&t);
}

static void test_one_row(void **unused)
{
    (void)unused;
    struct observable what = { .name = "x", .measure = MEASURE_DURATION };
    struct report_table t;
    const int64_t born_ns[REPORT_BY_KINDS] = { INT64_MIN, INT64_MIN, INT64_MIN };
    table_init(&t, &by_none, &what, 1);
    for (int64_t value = 0; value < 5; value++)
        table_add(&t, &(struct observed){ .value = value }, born_ns);
    assert_int_equal(table_finish(&t), 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.keys, 1);
    assert_int_equal(t.rows[0]->count, 5);
    assert_int_equal(report_log2(t.rows[0], 0), 1); /* 0 */
    assert_int_equal(report_log2(t.rows[0], 3), 1); /* 4 to 7 */
    assert_int_equal(report_log2(t.rows[0], 4), 0);
    assert_near(report_stdev(t.rows[0]), 1.5811388300841898, 1e-12);
    table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_bins), cmocka_unit_test(test_one_row) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
