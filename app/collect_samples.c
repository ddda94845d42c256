/* collect_samples.c - in place of a trace: samples that were written to a file, as the same messages. */
#include "app/collect_private.h"
#include "app/samples_csv.h"
#include "base/text.h"
#include <errno.h>
#include <stdlib.h>

/* What the samples' file does not name. */
static const char source_host[] = "recorded", source_session[] = "samples";

static void describe_once(struct collecting *c, struct samples_csv *csv)
{
    struct meter_description d;
    if (csv->meters[csv->meter].described)
        return;
    csv->meters[csv->meter].described = true;
    samples_csv_describe(csv, csv->meter, c->stage->config, &d);
    text_copy(d.host, sizeof(d.host), source_host);
    text_copy(d.session, sizeof(d.session), source_session);
    output_meter(&c->output, &d);
}

static void begin_window(struct collecting *c, const struct samples_csv *csv)
{
    struct window_header header = { .begin_ns = csv->time_ns - csv->window_ns, .end_ns = csv->time_ns, .quality = csv->quality };
    text_copy(header.host, sizeof(header.host), source_host);
    text_copy(header.session, sizeof(header.session), source_session);
    output_window_begin(&c->output, &header);
}

static int end_window(struct collecting *c, int64_t end_ns, struct error *err)
{
    output_window_end(&c->output);
    c->stage->totals.windows++;
    collect_tell_watermark(c, end_ns);
    return collect_check_output(c, err);
}

static int send_all(struct collecting *c, struct samples_csv *csv, struct error *err)
{
    int64_t open_ns = INT64_MIN;
    int r;
    while ((r = samples_csv_next(csv, err)) > 0) {
        if (csv->time_ns != open_ns) {
            if (open_ns != INT64_MIN && ((r = end_window(c, open_ns, err)) < 0 || stage_must_end(c->io)))
                return r;
            begin_window(c, csv);
            open_ns = csv->time_ns;
        }
        describe_once(c, csv);
        output_sample(&c->output, &csv->sample);
        c->stage->totals.samples += csv->sample.value_count;
    }
    return r == 0 && open_ns != INT64_MIN ? end_window(c, open_ns, err) : r;
}

static void tell_windows(struct collecting *c, const struct samples_csv *csv)
{
    char had[UNIT_TEXT_MAX], wanted[UNIT_TEXT_MAX];
    int64_t window_ns = c->stage->config->stream.window.ns;
    if (csv->window_ns != window_ns && csv->first_ns != csv->last_ns)
        stage_notice(c->io, "%s has windows of %s, not of %s: they are judged as they are", csv->path,
                     unit_format_exact(had, (double)csv->window_ns, UNIT_NANOSECONDS), unit_format_exact(wanted, (double)window_ns, UNIT_NANOSECONDS));
}

int collect_samples(struct collecting *c, struct error *err)
{
    struct stream_totals *totals = &c->stage->totals;
    struct samples_csv *csv = xcalloc(1, sizeof(*csv));
    stage_ready(c->io);
    int r = samples_csv_open(csv, c->stage->samples, err);
    if (r == 0) {
        tell_windows(c, csv);
        totals->first_event_ns = csv->first_ns - csv->window_ns;
        totals->last_event_ns = csv->last_ns;
        r = send_all(c, csv, err);
        for (uint32_t i = 0; i < csv->count; i++) {
            const enum statistic *list;
            totals->series += metric_statistics(samples_csv_kind(&csv->meters[i]), &list);
        }
    }
    samples_csv_close(csv);
    free(csv);
    return r;
}
