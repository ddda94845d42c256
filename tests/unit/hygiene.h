/* hygiene.h - what every detector of one series keeps to, whatever it looks for: a table of rows, each a series made in a few
 * words and what may be said of it. */
#ifndef FT_TESTS_HYGIENE_H
#define FT_TESTS_HYGIENE_H
#include "detector_fixture.h"

struct hygiene {
    const char *detector;
    size_t warmup;          /* samples, all of which abstain */
    size_t lasting;         /* samples a change must last to be found; 1: a spike is */
    double noise, change;   /* of a latency: deviation of the noise, factor of a change that must be found */
};

enum hygiene_end { END_QUIET, END_CALLED };

struct hygiene_row {
    const char *what;
    int64_t window_ns, start_ns, gap_ns; /* gap: before the last part */
    double level;                        /* 0: 5e6 */
    bool constant;
    size_t doubtful;                     /* lossy and late samples far away, before the last part */
    double nudge;                        /* factor for one sample before the last part; 0: none */
    size_t spikes;                       /* single samples far away before the last part, 20 apart */
    enum hygiene_end end;                /* whether the last part is changed */
};

static const struct hygiene_row hygiene_rows[] = {
    { "noise", .end = END_QUIET },
    { "a change", .end = END_CALLED },
    { "a change in windows of 100 ms", .window_ns = 100000000, .end = END_CALLED },
    { "noise in windows of 100 ms", .window_ns = 100000000, .end = END_QUIET },
    { "a series that starts late", .start_ns = INT64_C(1700000000000000000), .end = END_CALLED },
    { "a constant series", .constant = true, .end = END_QUIET },
    { "a constant series moves a little, once", .constant = true, .nudge = 1.02, .end = END_QUIET },
    { "a constant series changes", .constant = true, .end = END_CALLED },
    { "lossy and late samples are not judged", .doubtful = 60, .end = END_QUIET },
    { "nor learned", .doubtful = 60, .end = END_CALLED },
    { "a gap", .gap_ns = INT64_C(600000000000), .end = END_QUIET },
    { "a change after a gap", .gap_ns = INT64_C(600000000000), .end = END_CALLED },
    { "spikes are not learned", .spikes = 3, .end = END_CALLED },
    { "a small level", .level = 5000, .end = END_CALLED },
};

static inline void hygiene_row(const struct hygiene *h, const struct hygiene_row *row, uint64_t *seed)
{
    static struct series s;
    static struct run run;
    double level = row->level != 0 ? row->level : 5e6, noise = row->constant ? 0 : h->noise;
    memset(&s, 0, sizeof(s));
    s.window_ns = row->window_ns;
    s.pause_ns[0] = row->start_ns;
    add_latencies(&s, h->warmup + 240, level, noise, seed);
    size_t quiet = s.length;
    for (size_t i = 0; i < row->doubtful; i++) {
        s.quality[s.length] = i % 2 ? QUALITY_LOSSY : QUALITY_LATE;
        series_add(&s, level * 50);
    }
    if (row->nudge != 0)
        series_add(&s, level * row->nudge);
    for (size_t i = 0; i < row->spikes; i++) {
        series_add(&s, level * 50);
        add_latencies(&s, 20, level, noise, seed);
    }
    if (row->spikes == 0)
        add_latencies(&s, 20, level, noise, seed);
    size_t end = s.length;
    s.pause_ns[end] = row->gap_ns;
    add_latencies(&s, h->lasting, level * (row->end == END_CALLED ? h->change : 1), noise, seed);
    run_detector(h->detector, NULL, &s, &run);
    for (size_t i = 0; i < s.length; i++)
        if (run.last[i].abstains != (i < h->warmup || s.quality[i] != 0))
            fail_msg("%s: %s: sample %zu %s", h->detector, row->what, i, run.last[i].abstains ? "abstains" : "does not abstain");
    if (count_grades(&run, 0, row->spikes ? quiet : end) > 0)
        fail_msg("%s: %s: called before it happened: %s", h->detector, row->what, run.grades);
    size_t spikes = row->spikes ? count_grades(&run, quiet, end) : 0;
    if (h->lasting == 1 && spikes != row->spikes)
        fail_msg("%s: %s: %zu of %zu spikes called: %s", h->detector, row->what, spikes, row->spikes, run.grades + quiet);
    if (h->lasting > 1 && spikes > 0)
        fail_msg("%s: %s: a spike is no change: %s", h->detector, row->what, run.grades + quiet);
    if ((count_grades(&run, end, s.length) > 0) != (row->end == END_CALLED))
        fail_msg("%s: %s: %s at its end: %s", h->detector, row->what, row->end == END_CALLED ? "not called" : "called", run.grades + end);
    for (size_t i = end; i < s.length; i++) {
        const struct judgement *j = &run.last[i];
        if (j->severity == SEVERITY_OK)
            continue;
        assert_true(j->score >= 0.5 && j->score < 1);
        assert_near(j->expected, level, 0.25);
        assert_true(j->low < level && j->high > level);
    }
}

/* A change that lasts is called, becomes the new normal, and then is normal; going back is a change again. */
static inline void hygiene_relearns(const struct hygiene *h, uint64_t *seed)
{
    static struct series s;
    static struct run run;
    const char *const options[][2] = { { "relearn", "1m" }, { NULL, NULL } };
    size_t settle = h->warmup + 120, start = h->warmup + 240, back = start + 60 + 2 * settle;
    size_t normal = 0;
    memset(&s, 0, sizeof(s));
    add_latencies(&s, start, 5e6, h->noise, seed);
    add_latencies(&s, back - start, 5e6 * h->change * h->change, h->noise, seed);
    add_latencies(&s, h->lasting, 5e6, h->noise, seed);
    run_detector(h->detector, options, &s, &run);
    for (size_t i = start; i < back; i++)
        normal += run.last[i].new_normal;
    assert_int_equal(count_grades(&run, 0, start), 0);
    assert_true(count_grades(&run, start, start + 60 + h->lasting) >= 58);
    assert_true(normal == 1);
    assert_int_equal(count_grades(&run, start + 60 + settle, back), 0);
    assert_true(count_grades(&run, back, s.length) > 0);
}

static inline void check_hygiene(const struct hygiene *h)
{
    for (size_t i = 0; i < COUNT(hygiene_rows); i++) {
        uint64_t seed = 1000 + i;
        hygiene_row(h, &hygiene_rows[i], &seed);
    }
    uint64_t seed = 2000;
    hygiene_relearns(h, &seed);
}

/* Bad samples in `total` of normal noise, in many series. */
static inline size_t false_alarms(const char *detector, size_t series, size_t length, double noise, uint64_t seed)
{
    static struct series s;
    static struct run run;
    size_t n = 0;
    for (size_t k = 0; k < series; k++) {
        memset(&s, 0, sizeof(s));
        add_latencies(&s, length, 5e6, noise, &seed);
        run_detector(detector, NULL, &s, &run);
        n += count_grades(&run, 0, length);
    }
    return n;
}

#endif
