/* When to ask for more: what comes at every tick of a timer is noticed soon, and hardly any question is asked in vain. */
#include "collector/live_pace.h"
#include "seed.h"

static const int64_t ms = 1000000, s = 1000000000;

/* A stream's packets, and the questions that are put about it. An answer takes rtt_ns. */
struct world {
    struct live_pace pace;
    int64_t timer_ns, jitter_ns, rtt_ns, now_ns;
    int64_t next_ns;            /* when something comes */
    uint64_t seed;
    uint64_t arrivals, questions, late_ns, latest_ns;
};

static int64_t jitter(struct world *w)
{
    return w->jitter_ns ? (int64_t)(random_next(&w->seed) % (uint64_t)w->jitter_ns) : 0;
}

/* One question; something is had in full, then it is dry, as the client does. */
static int64_t ask(struct world *w, bool *ret_news)
{
    w->now_ns += w->rtt_ns;
    w->questions++;
    *ret_news = w->next_ns <= w->now_ns;
    if (*ret_news)
        live_pace_news(&w->pace, w->timer_ns, w->now_ns, false);
    return live_pace_dry(&w->pace, w->timer_ns, w->now_ns);
}

static void run(struct world *w, int64_t for_ns, int64_t stop_ns)
{
    int64_t tick_ns = w->next_ns;
    for (int64_t at_ns = w->now_ns; at_ns < for_ns;) {
        bool news;
        w->now_ns = at_ns;
        at_ns = ask(w, &news);
        assert_true(at_ns > w->now_ns);
        if (!news)
            continue;
        uint64_t late_ns = (uint64_t)(w->now_ns - w->next_ns);
        w->arrivals++;
        w->late_ns += late_ns;
        w->latest_ns = late_ns > w->latest_ns ? late_ns : w->latest_ns;
        while (tick_ns <= w->now_ns)
            tick_ns += w->timer_ns;
        w->next_ns = tick_ns < stop_ns ? tick_ns + jitter(w) : INT64_MAX;
    }
}

static const struct {
    const char *what;
    int64_t timer_us, jitter_us;
    double questions, late_ms; /* at most, for each arrival, on average */
} rows[] = {
    { "a timer of 1 s", 1000000, 200, 2.5, 2.5 },
    { "100 ms", 100000, 0, 2.5, 2.2 },
    { "100 ms, not quite", 100000, 500, 2.5, 2.5 },
    { "100 ms, and a busy machine", 100000, 5000, 4.5, 5 },
    { "10 ms", 10000, 100, 2.5, 1.3 },
    { "1 ms: one question each, no more", 1000, 50, 1.5, 1.3 },
};

static void test_phase(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world w = { .timer_ns = rows[i].timer_us * 1000, .jitter_ns = rows[i].jitter_us * 1000, .rtt_ns = ms / 20, .now_ns = 5 * s, .seed = i };
        w.next_ns = w.now_ns + 37 * w.timer_ns / 100;
        live_pace_init(&w.pace);
        run(&w, w.now_ns + 10 * w.timer_ns, INT64_MAX); /* until the phase is found */
        w.arrivals = w.questions = w.late_ns = w.latest_ns = 0;
        run(&w, w.now_ns + 500 * w.timer_ns, INT64_MAX);
        double questions = (double)w.questions / (double)w.arrivals, late_ms = (double)w.late_ns / (double)w.arrivals / (double)ms;
        print_message("  %s: %.2f questions, %.2f ms late, at most %.2f ms\n", rows[i].what, questions, late_ms, (double)w.latest_ns / (double)ms);
        assert_true(w.arrivals >= 240);
        assert_true(questions <= rows[i].questions);
        assert_true(late_ms <= rows[i].late_ms);
        assert_true(w.latest_ns <= (uint64_t)(6 * ms + 2 * w.jitter_ns));
    }
}

/* Nothing comes any more: a question now and then, and not never. */
static void test_stop(void **unused)
{
    (void)unused;
    static const int64_t timers_ms[] = { 1000, 100, 10, 1 };
    for (size_t i = 0; i < COUNT(timers_ms); i++) {
        struct world w = { .timer_ns = timers_ms[i] * ms, .rtt_ns = ms / 20, .now_ns = 5 * s };
        int64_t rarest_ns = w.timer_ns / 4 < 250 * ms ? w.timer_ns / 4 : 250 * ms, step_ns = live_pace_step(w.timer_ns);
        w.next_ns = w.now_ns;
        live_pace_init(&w.pace);
        run(&w, 5 * s + 20 * w.timer_ns, 5 * s + 20 * w.timer_ns);
        run(&w, w.now_ns + 5 * w.timer_ns, 0);
        w.questions = 0;
        run(&w, w.now_ns + 100 * w.timer_ns, 0);
        uint64_t most = (uint64_t)(100 * w.timer_ns / (rarest_ns > step_ns ? rarest_ns : step_ns)) + 2;
        print_message("  %d ms: %d questions in 100 timers\n", (int)timers_ms[i], (int)w.questions);
        assert_in_range(w.questions, most / 2, most);
        w.next_ns = w.now_ns + 1; /* and then something does */
        w.latest_ns = w.arrivals = 0;
        run(&w, w.now_ns + w.timer_ns, 0);
        assert_int_equal(w.arrivals, 1);
        assert_in_range(w.latest_ns, 0, (uint64_t)((rarest_ns > step_ns ? rarest_ns : step_ns) + w.rtt_ns));
    }
}

/* Full buffers do not wait for the timer: after data it is asked soon, then more and more rarely, until the tick. */
static void test_between_ticks(void **unused)
{
    (void)unused;
    struct live_pace p;
    const int64_t timer_ns = 100 * ms, step_ns = live_pace_step(timer_ns), begin_ns = 5 * s;
    live_pace_init(&p);
    live_pace_news(&p, timer_ns, begin_ns, true);
    const int64_t tick_ns = p.tick_ns;
    int64_t now_ns = begin_ns, wait_ns = 0;
    unsigned questions = 0;
    while (now_ns < tick_ns) {
        int64_t at_ns = live_pace_dry(&p, timer_ns, now_ns);
        assert_true(questions > 0 || at_ns == begin_ns + step_ns);
        assert_true(at_ns - now_ns >= wait_ns || at_ns == tick_ns);
        wait_ns = at_ns - now_ns;
        now_ns = at_ns;
        questions++;
    }
    assert_int_equal(now_ns, tick_ns); /* not beyond it */
    assert_in_range(questions, 4, 8);
    live_pace_news(&p, timer_ns, now_ns, false); /* a tick with nothing: no data are expected before the next */
    assert_int_equal(live_pace_dry(&p, timer_ns, now_ns), p.tick_ns);
}

static void test_odd_timers(void **unused)
{
    (void)unused;
    static const int64_t timers_ns[] = { 0, 1, 999, 4294967295000 };
    for (size_t i = 0; i < COUNT(timers_ns); i++) {
        struct live_pace p;
        live_pace_init(&p);
        for (int64_t now_ns = 0, k = 0; k < 100; k++) {
            if (k % 7 == 3)
                live_pace_news(&p, timers_ns[i], now_ns, k % 2);
            int64_t at_ns = live_pace_dry(&p, timers_ns[i], now_ns);
            assert_true(at_ns >= now_ns + ms); /* nobody asks without end */
            now_ns = at_ns;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_phase), cmocka_unit_test(test_stop), cmocka_unit_test(test_between_ticks), cmocka_unit_test(test_odd_timers) };
    return cmocka_run_group_tests_name("live_pace", tests, NULL, NULL);
}
