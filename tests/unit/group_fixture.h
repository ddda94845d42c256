/* group_fixture.h - rows of several series in, a string of grades out. */
#ifndef FT_TESTS_GROUP_FIXTURE_H
#define FT_TESTS_GROUP_FIXTURE_H
#include "detectors/detector.h"
#include "testing.h"

enum { GROUP_ROWS_MAX = 12000, GROUP_MEMBERS = 12 };

/* Members around levels of their own, with noise; a common part moves them all. */
struct group_series {
    uint32_t members;
    size_t length;
    double values[GROUP_ROWS_MAX][GROUP_MEMBERS];
    uint32_t quality[GROUP_ROWS_MAX];
    uint64_t seed;
};

static inline void group_rows(struct group_series *s, uint32_t members, size_t rows, double common)
{
    s->members = members;
    for (size_t i = 0; i < rows; i++) {
        assert_true(s->length < GROUP_ROWS_MAX);
        double together = common * random_normal(&s->seed);
        for (uint32_t k = 0; k < members; k++)
            s->values[s->length][k] = 100 * (k + 1) + (k % 2 ? 1 : -1) * together + random_normal(&s->seed);
        s->length++;
    }
}

struct group_run {
    char grades[GROUP_ROWS_MAX + 1];       /* 'o', 'w', 'c'; '-': it abstained */
    struct judgement last[GROUP_ROWS_MAX];
    const struct detector *detector;
    void *config, *state;
};

static inline void group_begin(struct group_run *run, const char *name, const char *const (*set)[2], uint32_t places)
{
    struct error err;
    memset(run, 0, sizeof(*run));
    const struct detector *d = run->detector = detector_find(name);
    assert_non_null(d);
    assert_non_null(d->group.observe);
    run->config = calloc(1, d->config_size);
    options_default(d->options, run->config);
    for (; set && (*set)[0]; set++)
        if (option_set(d->options, run->config, (*set)[0], (*set)[1], &err) < 0)
            fail_msg("%s", err.text);
    run->state = calloc(1, d->group.state_size(run->config, places));
    if (d->group.init)
        d->group.init(run->state, run->config, places);
}

static inline void group_observe(struct group_run *run, const struct group_series *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct group_observation o = { .begin_ns = (int64_t)i * 1000000000, .end_ns = (int64_t)(i + 1) * 1000000000, .quality = s->quality[i],
                                       .places = s->members, .values = s->values[i] };
        run->detector->group.observe(run->state, run->config, &o, &run->last[i]);
        run->grades[i] = run->last[i].abstains ? '-' : "owc"[run->last[i].severity];
    }
}

static inline void group_end(struct group_run *run)
{
    free(run->state);
    free(run->config);
}

static inline void run_group(const char *name, const char *const (*set)[2], const struct group_series *s, struct group_run *run)
{
    group_begin(run, name, set, s->members);
    group_observe(run, s, 0, s->length);
    group_end(run);
}

static inline size_t count_bad(const struct group_run *run, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += run->grades[i] == 'w' || run->grades[i] == 'c';
    return n;
}

static inline size_t count_abstentions(const struct group_run *run, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += run->grades[i] == '-';
    return n;
}

#endif
