/* kernel_steps.h - cases of kernel analyses as tables: events that go in, texts that must come out, or must not. */
#ifndef FT_TESTS_KERNEL_STEPS_H
#define FT_TESTS_KERNEL_STEPS_H
#include "stream_fixture.h"

enum { STEPS_MAX = 24, EXPECTED_MAX = 12 };

/* An event class by number; its name and fields are in the table of classes of the test. */
struct step {
    double time_ms;
    uint32_t class;
    const char *values; /* NULL: events were lost up to here, from 1 ms before */
};

struct step_class {
    const char *name, *fields;
};

struct step_case {
    const char *why;
    const char *set[5][2];              /* options; ends with NULL */
    struct step steps[STEPS_MAX];       /* ends with time 0 */
    const char *expected[EXPECTED_MAX]; /* "!..." must not come out */
};

static inline void run_step_case(const char *analysis, const struct step_class *classes, uint32_t class_count, const struct step_case *c)
{
    static struct fixture f;
    double last = 0;
    fixture_open(&f, analysis, "1s", c->set);
    for (uint32_t i = 0; i < class_count; i++)
        fixture_class(&f, classes[i].name, classes[i].fields);
    for (const struct step *s = c->steps; s < c->steps + STEPS_MAX && s->time_ms > 0; s++) {
        last = s->time_ms;
        if (s->values)
            fixture_event(&f, s->class, s->time_ms, s->values);
        else
            fixture_lost(&f, LOSS_EVENTS, 1, s->time_ms - 1, s->time_ms);
    }
    fixture_watermark(&f, (double)((int64_t)(last / 1000) + 1) * 1000);
    for (uint32_t i = 0; i < EXPECTED_MAX && c->expected[i]; i++) {
        bool absent = c->expected[i][0] == '!';
        if ((strstr(f.text, c->expected[i] + absent) != NULL) == absent)
            fail_msg("%s: %s\n%s", c->why, c->expected[i], f.text);
    }
    fixture_close(&f);
}

#define RUN_STEP_CASES(analysis, classes, cases)                                                                     \
    for (size_t i_ = 0; i_ < sizeof(cases) / sizeof((cases)[0]); i_++)                                                \
        run_step_case((analysis), (classes), (uint32_t)(sizeof(classes) / sizeof((classes)[0])), &(cases)[i_])

#endif
