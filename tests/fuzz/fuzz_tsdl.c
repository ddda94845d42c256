/* Any bytes as the metadata of a trace: parsed, laid out, planned. */
#include "collector/ctf_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    static struct ctf_class_ids ids;
    struct ctf_trace *t = ctf_trace_new(NULL, &ids);
    /* In two pieces, as it may grow. */
    size_t half = size > 64 && data[size - 1] & 1 ? size / 2 : size;
    if (ctf_trace_metadata(t, data, half, &err) == 0 && half < size)
        ctf_trace_metadata(t, data + half, size - half, &err);
    for (uint32_t i = 0; t->metadata->has_trace && i < t->metadata->event_count; i++) {
        struct ctf_kind_of_stream *kind = ctf_trace_kind(t, t->metadata->events[i].stream_id, &err);
        if (!kind || ctf_trace_announce(t, kind, &err) < 0)
            break;
    }
    ctf_trace_free(t);
    return 0;
}
