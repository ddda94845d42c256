/* report_json.c - one JSON object. */
#include "app/json_out.h"
#include "app/report_print.h"
#include "base/text.h"
#include <string.h>

static void put_bins(struct json_out *o, const struct report_row *row)
{
    double lower, upper;
    char edge[32]; /* where one ends the next begins */
    report_bin(row, 0, &lower, &upper);
    snprintf(edge, sizeof(edge), "%.17g", lower);
    json_puts(o, ",\"bins\":[");
    for (uint32_t i = 0; i < REPORT_BINS; i++) {
        report_bin(row, i, &lower, &upper);
        json_puts(o, i ? ",[" : "[");
        json_puts(o, edge);
        snprintf(edge, sizeof(edge), "%.17g", upper);
        json_puts(o, ",");
        json_puts(o, edge);
        json_named(o, ",", (int64_t)row->bins[i]);
        json_puts(o, "]");
    }
    json_puts(o, "]");
}

static void put_states(struct json_out *o, const struct report_row *row)
{
    json_puts(o, ",\"values\":[");
    for (uint32_t i = 0; i < row->state_count && i < REPORT_STATES_MAX; i++)
        json_named(o, i ? "," : "", row->states[i]);
    json_named(o, "],\"changes\":", row->state_count);
    json_named(o, ",\"min\":", row->min);
    json_named(o, ",\"max\":", row->max);
}

static void put_log2(struct json_out *o, const struct report_row *row)
{
    uint32_t last = row->log2_first + row->log2_count;
    json_puts(o, ",\"log2\":[");
    for (uint32_t i = 0; i < last; i++)
        json_named(o, i ? "," : "", (int64_t)report_log2(row, i));
    json_puts(o, "]");
}

static void put_numbers(const struct report_view *view, struct json_out *out, const struct report_observable *o, const struct report_table *t, const struct report_row *row)
{
    enum measure measure = o->observer->spec.what->measure;
    json_named(out, "\"count\":", (int64_t)row->count);
    if (row->count == 0 || measure == MEASURE_EVENTS)
        return;
    if (measure == MEASURE_STATE && row == &t->other) { /* values of one key after the other say nothing */
        json_named(out, ",\"min\":", row->min);
        json_named(out, ",\"max\":", row->max);
        return;
    }
    if (measure == MEASURE_STATE) {
        put_states(out, row);
        return;
    }
    json_named(out, ",\"sum\":", (int64_t)row->sum);
    json_named(out, ",\"min\":", row->min);
    json_named(out, ",\"max\":", row->max);
    json_named_real(out, ",\"avg\":", (double)row->sum / (double)row->count);
    json_named_real(out, ",\"stdev\":", report_stdev(row));
    if (measure == MEASURE_AMOUNT)
        json_named_real(out, ",\"rate\":", report_rate(view, o, row));
    if (report_is_share(o))
        json_named_real(out, ",\"share\":", report_share(view, o, t, row));
    if (row->bins)
        put_bins(out, row);
    if (measure == MEASURE_DURATION)
        put_log2(out, row);
}

static void put_fields(struct json_out *o, const char *const *names, const struct value *values, uint32_t count, bool first)
{
    for (uint32_t i = 0; i < count; i++) {
        json_puts(o, first ? "\"" : ",\"");
        json_puts(o, names[i]);
        json_put(o, "\":", 2);
        json_value(o, &values[i]);
        first = false;
    }
}

static void put_row(const struct report_view *view, struct json_out *out, const struct report_observable *o, uint32_t table, const struct report_row *row)
{
    const struct observer_group *g = &o->observer->groups[table];
    json_puts(out, "\n    {\"key\":{");
    put_fields(out, g->metric->by, row->key, g->by_count, true);
    json_puts(out, "},\"show\":{");
    put_fields(out, g->metric->show, row->show, g->show_count, true);
    json_puts(out, "},");
    if (row->born_ns != INT64_MIN) {
        json_named(out, "\"born_ns\":", row->born_ns);
        json_puts(out, ",");
    }
    put_numbers(view, out, o, &o->tables[table], row);
    json_puts(out, "}");
}

static void put_table(const struct report_view *view, struct json_out *out, const struct report_observable *o, uint32_t table)
{
    const struct report_table *t = &o->tables[table];
    json_puts(out, "  {\"metric\":\"");
    json_puts(out, t->metric->name);
    json_puts(out, "\",\"unit\":\"");
    json_puts(out, unit_name(t->metric->unit));
    json_puts(out, "\",\"rows\":[");
    for (uint32_t i = 0; i < t->count && (view->limit == 0 || i < view->limit); i++) {
        json_puts(out, i ? "," : "");
        put_row(view, out, o, table, t->rows[i]);
    }
    json_named(out, "],\"rows_all\":", (int64_t)t->keys);
    json_named(out, ",\"evicted\":", (int64_t)t->evicted);
    if (t->metric->faces & FACE_OF_ALL) {
        json_named(out, ",\"parts\":", o->observer->parts);
        json_puts(out, o->observer->all_parts ? ",\"all_parts\":true" : ",\"all_parts\":false");
    }
    json_named(out, ",\"other\":{\"rows\":", (int64_t)(t->keys - t->count));
    json_puts(out, ",");
    put_numbers(view, out, o, t, &t->other);
    json_puts(out, "}}");
}

/* "begin_stack":{"kernel":["schedule+0x2e"],"user":[]} */
static void put_stack(const struct report_view *view, struct json_out *out, const struct report_observable *o, const char *of, uint32_t number)
{
    const struct callstacks *all = *stream_callstacks(o->observer->stream);
    const uint64_t *frames;
    char text[FRAME_TEXT_MAX];
    if (number == 0)
        return;
    const struct callstack *stack = callstacks_get(all, number, &frames);
    json_puts(out, of);
    json_puts(out, "{\"kernel\":[");
    for (uint32_t i = 0; i < (uint32_t)stack->kernel_count + stack->user_count; i++) {
        json_puts(out, i == stack->kernel_count ? "],\"user\":[" : i ? "," : "");
        symbols_frame(view->symbols, all, stack, frames, i, text);
        json_text(out, text, strlen(text));
    }
    json_puts(out, stack->user_count ? "]" : "],\"user\":[]");
    json_puts(out, stack->kernel_cut || stack->user_cut ? ",\"cut\":true}" : "}");
}

static void put_entry(const struct report_view *view, struct json_out *out, const struct report_observable *o, const struct observed *x, struct stack_pair stacks)
{
    json_named(out, "\n    {\"begin_ns\":", x->begin_ns);
    json_named(out, ",\"end_ns\":", x->end_ns);
    json_named(out, ",\"value\":", x->value);
    put_fields(out, o->observer->spec.what->fields, x->fields, o->observer->field_count, false);
    put_stack(view, out, o, ",\"begin_stack\":", stacks.begin);
    put_stack(view, out, o, ",\"end_stack\":", stacks.end);
    json_put(out, "}", 1);
}

static void put_log(const struct report_view *view, struct json_out *out, struct report_observable *o)
{
    struct value fields[OBSERVED_FIELDS_MAX];
    struct observed x;
    struct stack_pair stacks;
    int64_t born_ns[REPORT_BY_KINDS];
    bool first = true;
    struct spool_reader reader = report_log(o);
    json_puts(out, ",\n  \"log\":[");
    while (spool_next(&reader, &x, born_ns, &stacks, fields)) {
        json_put(out, ",", !first);
        put_entry(view, out, o, &x, stacks);
        first = false;
    }
    json_puts(out, "]");
}

/* "host":"web1","session":"work" */
static void put_source(struct json_out *out, const struct stream *stream)
{
    json_named_text(out, "\"host\":", stream_host(stream));
    json_named_text(out, ",\"session\":", stream_session(stream));
}

static void put_observable(const struct report_view *view, struct json_out *out, struct report_observable *o)
{
    json_puts(out, "{");
    put_source(out, o->observer->stream);
    json_named_text(out, ",\"analysis\":", o->observer->spec.analysis);
    json_named_text(out, ",\"observed\":", o->observer->spec.what->name);
    json_named(out, ",\"count\":", (int64_t)o->observed);
    json_puts(out, ",\"tables\":[");
    for (uint32_t t = 0; t < o->table_count; t++) {
        json_puts(out, t ? ",\n" : "\n");
        put_table(view, out, o, t);
    }
    json_puts(out, "],\n  \"top\":[");
    for (uint32_t i = 0; i < o->top_count; i++) {
        json_puts(out, i ? "," : "");
        put_entry(view, out, o, &(struct observed){ o->top[i].begin_ns, o->top[i].end_ns, o->top[i].value, o->top[i].fields }, o->top[i].stacks);
    }
    json_puts(out, "]");
    if (view->report->config.log)
        put_log(view, out, o);
    json_puts(out, "}");
}

static void put_span(struct json_out *out, const struct report_span *span)
{
    json_named(out, "\"begin_ns\":", span->begin_ns);
    json_named(out, ",\"end_ns\":", span->end_ns);
    json_named(out, ",\"events\":", (int64_t)span->totals.events_within);
    json_named(out, ",\"events_read\":", (int64_t)span->totals.events);
    json_named(out, ",\"discarded_events\":", (int64_t)span->totals.discarded_events);
    json_named(out, ",\"lost_packets\":", (int64_t)span->totals.lost_packets);
}

static void put_sources(const struct report_view *view, struct json_out *out)
{
    const struct report *r = view->report;
    json_puts(out, ",\n\"sources\":[");
    for (uint32_t s = 0; s < r->count; s++) {
        struct report_span span = report_span(view, r->sources[s]->stream);
        json_puts(out, s ? ",\n  {" : "\n  {");
        put_source(out, r->sources[s]->stream);
        json_puts(out, ",");
        put_span(out, &span);
        json_puts(out, "}");
    }
    json_puts(out, "]");
}

static void put_counters(struct json_out *out, const struct report_source *s, bool *first)
{
    for (uint32_t i = 0; i < s->count_count; i++) {
        json_puts(out, *first ? "\n  {" : ",\n  {");
        put_source(out, s->stream);
        json_named_text(out, ",\"name\":", s->counts[i].name);
        json_named_text(out, ",\"analysis\":", s->counts[i].analysis);
        json_named(out, ",\"count\":", (int64_t)s->counts[i].count);
        json_puts(out, "}");
        *first = false;
    }
}

static void put_missing(struct json_out *out, const struct report_source *s, bool *first)
{
    for (uint32_t i = 0; i < s->missing_count; i++) {
        json_puts(out, *first ? "\n  {" : ",\n  {");
        put_source(out, s->stream);
        json_named_text(out, ",\"analysis\":", s->missing[i].analysis);
        json_named_text(out, ",\"events\":", s->missing[i].events);
        json_puts(out, "}");
        *first = false;
    }
}

static void put_left_out(struct json_out *out, const struct report_source *s)
{
    bool first = true;
    for (uint32_t i = 0; i < s->count; i++) {
        if (!s->observables[i]->left_out)
            continue;
        json_named_text(out, first ? "\n  {\"analysis\":" : ",\n  {\"analysis\":", s->observables[i]->observer->spec.analysis);
        json_named_text(out, ",\"observed\":", s->observables[i]->observer->spec.what->name);
        json_named_text(out, ",\"because\":", s->observables[i]->left_out);
        json_puts(out, "}");
        first = false;
    }
}

void report_print_json(const struct report_view *view)
{
    static struct json_out out;
    const struct report *r = view->report;
    struct report_span all = { view->begin_ns, view->end_ns, *view->totals };
    bool first = true;
    out.file = view->out;
    json_puts(&out, "{");
    put_span(&out, &all);
    put_sources(view, &out);
    json_puts(&out, ",\n\"observables\":[");
    for (uint32_t s = 0; s < r->count; s++)
        for (uint32_t i = 0; i < r->sources[s]->count; i++) {
            if (r->sources[s]->observables[i]->left_out)
                continue;
            json_puts(&out, first ? "\n" : ",\n");
            put_observable(view, &out, r->sources[s]->observables[i]);
            first = false;
        }
    json_puts(&out, "],\n\"left_out\":["); /* the same of every source */
    if (r->count > 0)
        put_left_out(&out, r->sources[0]);
    json_puts(&out, "],\n\"missing\":[");
    first = true;
    for (uint32_t s = 0; s < r->count; s++)
        put_missing(&out, r->sources[s], &first);
    json_puts(&out, "],\n\"counters\":[");
    first = true;
    for (uint32_t s = 0; s < r->count; s++)
        put_counters(&out, r->sources[s], &first);
    json_puts(&out, "]}\n");
    json_flush(&out);
}
