/* stream_fixture.h - events in, text out: one analysis in a real stream, its
 * messages taken from its outlet and written down. */
#ifndef FT_TESTS_STREAM_FIXTURE_H
#define FT_TESTS_STREAM_FIXTURE_H
#include "base/text.h"
#include "stream/feed.h"
#include "outlet_fixture.h"
#include "testing.h"

enum { FIXTURE_LOG = 1 << 20, FIXTURE_CLASSES = 16, FIXTURE_METERS = 4096 };

struct fixture {
    struct outlet_fixture out;
    struct outlet *outlets[1];
    struct output output;
    struct analysis_instance instance;
    struct stream_setup setup;
    struct feed *feed;
    struct event_consumer consumer;
    struct event_selection selection[FIXTURE_CLASSES];
    struct field fields[FIXTURE_CLASSES][EVENT_VALUES_MAX];
    char names[FIXTURE_CLASSES][EVENT_VALUES_MAX][EVENT_NAME_MAX];
    uint32_t field_count[FIXTURE_CLASSES], class_count;
    struct meter_description meters[FIXTURE_METERS];
    char *text;               /* everything that came out */
    struct text_out log;
    uint64_t messages;
};

static inline void fixture_notice(void *self, const char *text)
{
    struct fixture *f = self;
    text_printf(&f->log, "notice %s\n", text);
}

/* window such as "1s"; options are pairs of name and text, ended by NULL. */
static inline void fixture_open(struct fixture *f, const char *analysis, const char *window, const char *const (*set)[2])
{
    struct error err;
    memset(f, 0, sizeof(*f));
    f->text = malloc(FIXTURE_LOG);
    f->log = text_out_init(f->text, FIXTURE_LOG);
    outlet_fixture_init(&f->out);
    f->outlets[0] = &f->out.outlet;
    output_init(&f->output, f->outlets, 1);
    const struct analysis *a = analysis_find(analysis);
    assert_non_null(a);
    f->instance = (struct analysis_instance){ a, calloc(1, a->config_size) };
    options_default(a->options, f->instance.config);
    options_default(stream_options, &f->setup.config);
    assert_int_equal(option_set(stream_options, &f->setup.config, "window", window, &err), 0);
    for (; set && (*set)[0]; set++) {
        bool stream = option_find(stream_options, (*set)[0]) != NULL;
        int r = option_set(stream ? stream_options : a->options, stream ? (void *)&f->setup.config : f->instance.config,
                           (*set)[0], (*set)[1], &err);
        if (r < 0)
            fail_msg("%s", err.text);
    }
    if (a->check)
        assert_int_equal(a->check(f->instance.config, &err), 0);
    f->setup.analyses = &f->instance;
    f->setup.analysis_count = 1;
    f->setup.output = &f->output;
    f->setup.notice = fixture_notice;
    f->setup.notice_self = f;
    f->feed = feed_new(&f->setup);
    f->consumer = feed_consumer(f->feed);
}

/* ---- what comes out ---- */

static inline void fixture_put_operation(struct fixture *f, const struct operation *op)
{
    char value[UNIT_TEXT_MAX];
    text_printf(&f->log, " %s", unit_format(value, op->value, UNIT_NANOSECONDS));
    for (uint32_t i = 0; i < op->field_count; i++)
        text_printf(&f->log, " %s=%s", op->fields[i].name, op->fields[i].value);
}

static inline void fixture_samples(struct fixture *f, struct wire_reader *body)
{
    static struct window_header w;
    static struct meter_sample s;
    char quality[QUALITY_TEXT_MAX], name[SERIES_NAME_MAX];
    assert_int_equal(wire_get_array(body, 2), 2);
    assert_true(window_header_get(body, &w));
    text_printf(&f->log, "window %lld..%lld ms %s", (long long)(w.begin_ns / 1000000), (long long)(w.end_ns / 1000000),
                quality_text(w.quality, quality));
    if (w.lost)
        text_printf(&f->log, " lost %llu", (unsigned long long)w.lost);
    text_puts(&f->log, "\n");
    for (uint32_t i = 0, n = wire_get_array(body, SAMPLES_METERS_MAX); i < n; i++) {
        const enum statistic *list;
        assert_true(meter_sample_get(body, &s));
        assert_true(s.id < FIXTURE_METERS);
        const struct meter_description *d = &f->meters[s.id];
        metric_statistics(d->kind, &list);
        text_printf(&f->log, "  %s%s", series_name(d, STATISTIC_KINDS, name), d->detail ? " (detail)" : "");
        for (uint32_t v = 0; v < s.value_count; v++) {
            char value[UNIT_TEXT_MAX];
            enum unit unit = list[v] == STATISTIC_COUNT ? UNIT_NONE : list[v] == STATISTIC_RATE ? UNIT_PER_SECOND : d->unit;
            if (!isnan(s.values[v]))
                text_printf(&f->log, " %s %s", statistic_name(list[v]), unit_format(value, s.values[v], unit));
        }
        text_puts(&f->log, s.sketched ? " sketch" : "");
        for (uint32_t k = 0; k < s.sketch.size; k++)
            text_printf(&f->log, " %u of %u", s.sketch.buckets[k].count, s.sketch.buckets[k].bucket);
        text_puts(&f->log, "\n");
        for (uint32_t o = 0; o < s.worst_count; o++) {
            text_puts(&f->log, "    worst");
            fixture_put_operation(f, &s.worst[o]);
            text_puts(&f->log, "\n");
        }
    }
    assert_true(wire_finished(body));
}

static inline void fixture_exceedance(struct fixture *f, struct wire_reader *body)
{
    static const char *const kinds[] = { "", "threshold", "timeout", "ended", "collected" };
    struct exceedance x;
    char name[SERIES_NAME_MAX];
    assert_true(exceedance_get(body, &x) && wire_finished(body));
    text_printf(&f->log, "%s at %lld ms %s pending %llu", kinds[x.kind], (long long)(x.time_ns / 1000000),
                series_name(&f->meters[x.meter], STATISTIC_KINDS, name), (unsigned long long)x.pending);
    fixture_put_operation(f, &x.operation);
    text_puts(&f->log, "\n");
}

static inline void fixture_drain(struct fixture *f)
{
    struct wire_header h;
    struct wire_reader body;
    struct meter_description d;
    while (outlet_fixture_take(&f->out, &h, &body)) {
        f->messages++;
        switch (h.type) {
        case WIRE_SERIES:
            assert_true(meter_description_get(&body, &d) && wire_finished(&body) && d.id < FIXTURE_METERS);
            f->meters[d.id] = d;
            break;
        case WIRE_SAMPLES:
            fixture_samples(f, &body);
            break;
        case WIRE_EXCEEDANCE:
            fixture_exceedance(f, &body);
            break;
        case WIRE_RETIRED:
            text_printf(&f->log, "retired %u\n", wire_get_uint32(&body));
            break;
        default:
            text_printf(&f->log, "message %u\n", h.type);
        }
    }
}

/* ---- what goes in ---- */

static inline enum value_kind fixture_kind(char c)
{
    return c == 's' ? VALUE_SIGNED : c == 'u' ? VALUE_UNSIGNED : c == 'r' ? VALUE_REAL : VALUE_TEXT;
}

/* fields: "id:u op:t ctx.vtid:s", kinds u, s, r and t; cpu_id is the packet's. Returns the class's number. */
static inline uint32_t fixture_class(struct fixture *f, const char *name, const char *fields)
{
    uint32_t id = f->class_count++, n = 0;
    char copy[512], *save = NULL;
    assert_true(id < FIXTURE_CLASSES);
    text_copy(copy, sizeof(copy), fields);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *kind = strrchr(word, ':');
        bool context = strncmp(word, "ctx.", 4) == 0;
        *kind++ = '\0';
        text_copy(f->names[id][n], sizeof(f->names[id][n]), context ? word + 4 : word);
        f->fields[id][n] = (struct field){ .name = f->names[id][n],
                                           .scope = context ? SCOPE_COMMON_CONTEXT : strcmp(word, "cpu_id") == 0 ? SCOPE_PACKET_CONTEXT : SCOPE_PAYLOAD,
                                           .kind = fixture_kind(*kind) };
        n++;
    }
    f->field_count[id] = n;
    struct event_class class = { .id = id, .name = name, .source = { "host", "session" }, .field_count = n,
                                 .fields = f->fields[id] };
    f->selection[id] = (struct event_selection){ 0 };
    f->consumer.select(f->consumer.self, &class, &f->selection[id]);
    return id;
}

/* values: one word per field of the class, in its order; "-" is an absent one. */
static inline void fixture_event(struct fixture *f, uint32_t class, double time_ms, const char *values)
{
    struct value all[EVENT_VALUES_MAX], chosen[EVENT_VALUES_MAX];
    char copy[4096], *save = NULL;
    uint32_t n = 0;
    text_copy(copy, sizeof(copy), values);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        enum value_kind kind = strcmp(word, "-") == 0 ? VALUE_NONE : f->fields[class][n].kind;
        all[n] = (struct value){ .kind = kind };
        if (kind == VALUE_TEXT) {
            all[n].text = word;
            all[n].size = (uint32_t)strlen(word);
        } else if (kind == VALUE_REAL) {
            all[n].d = strtod(word, NULL);
        } else {
            all[n].i = strtoll(word, NULL, 10);
        }
        n++;
    }
    assert_int_equal(n, f->field_count[class]);
    const struct event_selection *sel = &f->selection[class];
    if (sel->skip) {
        f->consumer.skipped(f->consumer.self, 1);
        return;
    }
    for (uint32_t i = 0; i < sel->count; i++)
        chosen[i] = all[sel->fields[i]];
    struct event event = { .class_id = class, .time_ns = (int64_t)(time_ms * 1e6), .values = chosen };
    f->consumer.event(f->consumer.self, &event);
    fixture_drain(f);
}

static inline void fixture_watermark(struct fixture *f, double time_ms)
{
    f->consumer.watermark(f->consumer.self, (int64_t)(time_ms * 1e6));
    fixture_drain(f);
}

static inline void fixture_lost(struct fixture *f, enum loss_kind kind, uint64_t count, double begin_ms, double end_ms)
{
    struct loss loss = { .kind = kind, .source = { "", "" }, .count = count, .begin_ns = (int64_t)(begin_ms * 1e6),
                         .end_ns = (int64_t)(end_ms * 1e6) };
    f->consumer.loss(f->consumer.self, &loss);
    fixture_drain(f);
}

static inline void fixture_close(struct fixture *f)
{
    feed_free(f->feed);
    output_done(&f->output);
    outlet_fixture_done(&f->out);
    free(f->instance.config);
    free(f->text);
}

/* Forgets what has come out so far. */
static inline void fixture_clear(struct fixture *f)
{
    f->log = text_out_init(f->text, FIXTURE_LOG);
}

#endif
