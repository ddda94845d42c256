/* Plans against the walk: random fields, random ones of them wanted, random bytes. Same values, same place, same failure. */
#include "ctf_fixture.h"

static void put_metadata(struct writing *w)
{
    put(w, "trace { major = 1; minor = 8; byte_order = le; }; stream { id = 0; ");
    if (below(w, 2)) {
        put(w, "event.context := struct { ");
        put_members(w, 1);
        put(w, "}; ");
    }
    put(w, "}; event { name = e; id = 0; stream_id = 0; ");
    if (below(w, 3) == 0) {
        put(w, "context := struct { ");
        put_members(w, 1);
        put(w, "}; ");
    }
    put(w, "fields := struct { ");
    put_members(w, 0);
    put_members(w, 0);
    put(w, "}; };");
}

static struct ctf_trace *trace_of(const char *text, size_t size, const struct event_consumer *consumer)
{
    static struct ctf_class_ids ids;
    struct error err = { "" };
    struct ctf_trace *t = ctf_trace_new(consumer, &ids);
    struct ctf_kind_of_stream *kind = ctf_trace_metadata(t, text, size, &err) == 0 ? ctf_trace_kind(t, 0, &err) : NULL;
    if (!kind || ctf_trace_announce(t, kind, &err) < 0)
        fail_msg("%s\n%.*s", err.text, (int)size, text);
    return t;
}

/* The bytes end where the event's content may: a sanitizer sees what is read beyond. */
static int compare(const struct ctf_layout *layout, const struct ctf_plan *plan, const struct bytes *metadata, uint64_t *seed)
{
    uint64_t end = random_next(seed) % (DATA_MAX * 8), at = random_next(seed) % 70;
    at = at < end ? at : end;
    size_t size = (size_t)((end + 7) / 8);
    uint8_t *data = malloc(size ? size : 1);
    assert_non_null(data);
    bool small = random_next(seed) % 2; /* few bits set: texts end, tags are known */
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(small ? random_next(seed) & random_next(seed) & random_next(seed) : random_next(seed));
    struct ctf_cursor walked = { data, at, end }, planned = walked;
    struct ctf_state state = { .reason = NULL };
    struct value expected[EVENT_VALUES_MAX] = { 0 }, got[EVENT_VALUES_MAX] = { 0 };
    int r = walk_all(layout, &walked, expected), p = ctf_plan_run(plan, &planned, &state, got);
    if (r != p || (r == 0 && walked.at != planned.at))
        fail_msg("from bit %llu of %llu: walk %d to %llu, plan %d to %llu\n%.*s", (unsigned long long)at, (unsigned long long)end, r,
                 (unsigned long long)walked.at, p, (unsigned long long)planned.at, (int)metadata->size, (char *)metadata->data);
    for (int i = 0; i < EVENT_VALUES_MAX && r == 0; i++)
        if (!equal(&expected[i], &got[i]))
            fail_msg("value %d: %u %llx, not %u %llx\n%.*s", i, got[i].kind, (unsigned long long)got[i].u, expected[i].kind, (unsigned long long)expected[i].u,
                     (int)metadata->size, (char *)metadata->data);
    free(data);
    return r;
}

static void test_plan_is_the_walk(void **unused)
{
    (void)unused;
    uint64_t seed = seed_of_test();
    unsigned whole = 0, all = 0;
    for (int round = 0; round < 2000; round++) {
        struct writing w = { .seed = &seed };
        struct wanting wanting = { &seed, (unsigned)(random_next(&seed) % 9) };
        const struct event_consumer consumer = { .self = &wanting, .select = want };
        put_metadata(&w);
        struct ctf_trace *t = trace_of((char *)w.text.data, w.text.size, &consumer);
        const struct ctf_class *class = ctf_kind_class(t->kinds[0], 0);
        struct ctf_plan *plan = ctf_plan_new(&class->layout);
        for (int i = 0; i < 40; i++, all++)
            whole += compare(&class->layout, plan, &w.text, &seed) == 0;
        ctf_plan_free(plan);
        ctf_trace_free(t);
        bytes_done(&w.text);
    }
    assert_true(whole > all / 5); /* else nothing has been compared */
}

/* ---- what is in a row is one step ---- */

static void test_runs_fold(void **unused)
{
    (void)unused;
    static const char types[] = "typealias integer { size = 8; } := u8; typealias integer { size = 32; } := u32; typealias integer { size = 64; } := u64;"
                                "typealias integer { size = 16; signed = true; } := s16; typealias integer { size = 8; encoding = UTF8; } := char8;"
                                "typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := f64;"
                                "trace { major = 1; minor = 8; byte_order = le; };";
    static const struct {
        const char *context, *fields;
        uint32_t steps;
    } rows[] = {
        { NULL, "u32 a; u64 b; s16 c; f64 d;", 1 },
        { "u32 tid; char8 procname[16];", "u32 a; char8 t[16]; u64 b;", 1 },   /* as the scheduler's events */
        { "u32 tid; u32 pid;", "", 1 },
        { NULL, "u32 a[4]; u8 b[2][3]; struct { u8 x; struct { s16 y; } z[3]; } s; u8 c;", 1 },
        { NULL, "integer { size = 5; align = 1; } a; integer { size = 3; align = 1; } b; u8 c; integer { size = 64; align = 64; } d;", 1 },
        { "u32 tid;", "string s;", 2 },
        { NULL, "u32 a; string s; u32 b; u64 c;", 3 },
        { NULL, "u32 a; u8 n; u8 q[n]; u32 b;", 3 },                           /* a sequence of bytes is passed over in one go */
        { NULL, "u8 n; char8 t[n]; char8 u[n];", 3 },
        { NULL, "enum : u8 { A, B } e; variant <e> { u8 A; u32 B; } v; u8 b;", 3 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned of_8 = 0; of_8 <= 8; of_8 += 8) { /* whether or not they are wanted */
            uint64_t seed = 1;
            struct wanting wanting = { &seed, of_8 };
            const struct event_consumer consumer = { .self = &wanting, .select = want };
            char text[2048];
            snprintf(text, sizeof(text), "%s stream { id = 0; %s%s%s }; event { name = e; id = 0; stream_id = 0; fields := struct { %s }; };", types,
                     rows[i].context ? "event.context := struct { " : "", rows[i].context ? rows[i].context : "", rows[i].context ? " };" : "",
                     rows[i].fields);
            struct ctf_trace *t = trace_of(text, strlen(text), &consumer);
            struct ctf_plan *plan = ctf_plan_new(&ctf_kind_class(t->kinds[0], 0)->layout);
            if (ctf_plan_steps(plan) > rows[i].steps)
                fail_msg("%s: %u steps", rows[i].fields, ctf_plan_steps(plan));
            ctf_plan_free(plan);
            ctf_trace_free(t);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_plan_is_the_walk), cmocka_unit_test(test_runs_fold) };
    return cmocka_run_group_tests_name("ctf_plan", tests, NULL, NULL);
}
