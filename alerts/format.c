#include "alerts/format.h"
#include <inttypes.h>
#include <math.h>

void alert_format_json(const struct alert *a, struct bytes *scratch, struct text_out *out)
{
    bytes_reset(scratch);
    alert_put(scratch, a);
    struct wire_reader r = wire_reader_init(scratch->data, scratch->size);
    wire_to_json(&r, out);
}

static const char *paint(bool colour, const struct alert *a)
{
    if (!colour)
        return "";
    if (a->state == ALERT_RESOLVED)
        return "\033[32m";
    return a->severity == SEVERITY_CRITICAL ? "\033[1;31m" : "\033[33m";
}

void alert_format_text(const struct alert *a, bool colour, struct text_out *out)
{
    char when[TIME_TEXT_MAX], began[TIME_TEXT_MAX];
    bool resolved = a->state == ALERT_RESOLVED;
    int64_t time_ns = resolved ? a->resolved_ns : a->window_end_ns > a->detected_ns ? a->window_end_ns : a->detected_ns;
    time_format(when, time_ns);
    time_format(began, a->began_ns);
    text_printf(out, "%.23sZ  %s%-8s %-9s%s %s\n", when, paint(colour, a),
                resolved ? "RESOLVED" : a->severity == SEVERITY_CRITICAL ? "CRITICAL" : "WARNING",
                finding_name(a->kind), colour ? "\033[0m" : "", a->summary);
    if (resolved)
        return;
    text_printf(out, "%26s since %.12sZ, score %.2f", "", began + 11, isfinite(a->score) ? a->score : 1.0);
    for (uint32_t i = 0; i < a->voter_count; i++)
        text_printf(out, "%s%s", i ? ", " : ", by ", a->voters[i]);
    text_printf(out, ", id %016" PRIx64 "\n", a->id);
    if (a->advice[0])
        text_printf(out, "%26s %s\n", "", a->advice);
}
