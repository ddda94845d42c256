/* call_steps.h - rows of events of a kernel analysis, and what must come of them. */
#ifndef FT_TESTS_CALL_STEPS_H
#define FT_TESTS_CALL_STEPS_H
#include "stream_fixture.h"

/* What most events have: the values begin with these. */
#define CONTEXT "cpu_id:u ctx.tid:s ctx.pid:s ctx.procname:t "

enum { STEPS_MAX = 24, STEP_CLASSES_MAX = 64 };

/* A class that steps may name; the list ends with NULL. */
struct step_class {
    const char *name, *fields;
};

struct step {
    const char *event; /* NULL: the end */
    double time_ms;
    const char *values;
};

struct steps {
    const char *why;
    const char *set[4][2];              /* options; ends with NULL */
    struct step steps[STEPS_MAX];
    const char *wanted[8], *unwanted[4]; /* texts that must come out, or must not */
};

static inline uint32_t steps_class(struct fixture *f, const struct step_class *classes, int *known, const char *name)
{
    uint32_t i = 0;
    while (classes[i].name && strcmp(classes[i].name, name) != 0)
        i++;
    assert_true(i < STEP_CLASSES_MAX);
    if (!classes[i].name)
        fail_msg("there is no class %s", name);
    if (known[i] < 0)
        known[i] = (int)fixture_class(f, name, classes[i].fields);
    return (uint32_t)known[i];
}

/* Runs the steps through the analysis, in one window of 10 s, which ends behind the last. */
static inline void steps_check(const char *analysis, const struct step_class *classes, const struct steps *row)
{
    static struct fixture f;
    int known[STEP_CLASSES_MAX];
    double last_ms = 0;
    memset(known, -1, sizeof(known));
    fixture_open(&f, analysis, "10s", row->set);
    for (const struct step *s = row->steps; s->event; s++) {
        if (strcmp(s->event, "lost") == 0)
            fixture_lost(&f, LOSS_EVENTS, 1, s->time_ms, s->time_ms + 1);
        else
            fixture_event(&f, steps_class(&f, classes, known, s->event), s->time_ms, s->values);
        last_ms = s->time_ms;
    }
    fixture_watermark(&f, last_ms + 20000);
    for (size_t i = 0; i < COUNT(row->wanted) && row->wanted[i]; i++)
        if (!strstr(f.text, row->wanted[i]))
            fail_msg("%s: there is no '%s' in\n%s", row->why, row->wanted[i], f.text);
    for (size_t i = 0; i < COUNT(row->unwanted) && row->unwanted[i]; i++)
        if (strstr(f.text, row->unwanted[i]))
            fail_msg("%s: there is '%s' in\n%s", row->why, row->unwanted[i], f.text);
    fixture_close(&f);
}

#endif
