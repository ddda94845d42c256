/* A program that subscribes: any bytes as a message, and as the END of an answer. What
 * decodes has texts, can be said in JSON, and any filter can be asked about it. */
#include "alerts/client/decode.h"
#include "alerts/client/options.h"
#include "alerts/replay.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t look(const struct foretrace_alert *a)
{
    size_t sum = strlen(a->summary) + strlen(a->series) + strlen(a->quality) + strlen(a->host) + strlen(a->advice);
    for (size_t i = 0; i < a->label_count; i++)
        sum += strlen(a->labels[i].name) + strlen(a->labels[i].value);
    for (size_t i = 0; i < a->detector_count; i++)
        sum += strlen(a->detectors[i]);
    for (size_t i = 0; i < a->evidence_count; i++)
        for (size_t k = 0; k < a->evidence[i]->field_count; k++)
            sum += strlen(a->evidence[i]->fields[k].name) + strlen(a->evidence[i]->fields[k].value);
    return sum + strlen(foretrace_state_name(a->state)) + strlen(foretrace_kind_name(a->kind));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoded d;
    struct foretrace_options *o;
    struct replay_end end;
    struct wire_reader r;
    struct wire_header h;
    if (!wire_open(&r, data, size, &h))
        return 0;
    if (h.type == WIRE_END)
        replay_end_get(&r, &end);
    if (h.type != WIRE_ALERT || !decoded_read(&d, &r))
        return 0;
    if (look(&d.alert) > 2 * size + 64 || !*foretrace_alert_json(&d.alert))
        abort();
    o = foretrace_options_new();
    foretrace_options_add_topic(o, "alert.warning.");
    foretrace_options_add_analysis(o, "*a*");
    client_options_take(o, &d.alert);
    foretrace_options_free(o);
    return 0;
}
