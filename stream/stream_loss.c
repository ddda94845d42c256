/* stream_loss.c - what a loss of events does: it is counted, marks windows, and is told to the analyses. */
#include "base/text.h"
#include "stream/kernel.h"
#include "stream/stream_private.h"

/* Of what is not handed on losses in the trace were told before; when nobody could read it was not. */
static void forward_loss(struct stream *s, const struct loss *loss)
{
    if (loss->end_ns <= s->hold_ns && loss->kind != LOSS_OUTAGE)
        return;
    struct loss_record record = { .kind = loss->partly ? LOSS_RECORD_PARTIAL : loss->kind,
                                  .count = loss->count,
                                  .at_least = loss->at_least,
                                  .ongoing = loss->ongoing,
                                  .begin_ns = loss->begin_ns,
                                  .end_ns = loss->end_ns };
    text_copy(record.host, sizeof(record.host), s->host);
    text_copy(record.session, sizeof(record.session), s->session);
    text_copy(record.reason, sizeof(record.reason), loss->reason);
    output_loss(s->setup->output, &record);
}

static void count_loss(struct stream *s, const struct loss *loss)
{
    s->totals.discarded_at_least |= loss->at_least || loss->kind == LOSS_PACKETS || loss->kind == LOSS_OUTAGE;
    switch (loss->kind) {
    case LOSS_EVENTS:
        s->totals.discarded_events += loss->count;
        stream_count(s, "discarded_events", "", loss->count);
        break;
    case LOSS_PACKETS:
        s->totals.lost_packets += loss->count;
        stream_count(s, "lost_packets", "", loss->count);
        break;
    case LOSS_SUSPECTED:
        stream_count(s, "suspected_losses", "", 1);
        break;
    case LOSS_OUTAGE:
        s->totals.outages++;
        stream_count(s, "outages", "", 1);
        break;
    }
}

/* While it goes on, windows are lossy that are made of the rest. */
static void begin_partial_outage(struct stream *s)
{
    if (s->lossy_until_ns != INT64_MAX)
        s->lossy_before_ns = s->lossy_until_ns;
    s->lossy_until_ns = INT64_MAX;
}

static void mark_lossy(struct stream *s, const struct loss *loss)
{
    if (loss->partly && s->lossy_until_ns == INT64_MAX)
        s->lossy_until_ns = s->lossy_before_ns;
    if (loss->end_ns > s->lossy_until_ns)
        s->lossy_until_ns = loss->end_ns;
    if (loss->kind == LOSS_OUTAGE && !loss->partly && loss->end_ns > s->outage_until_ns)
        s->outage_until_ns = loss->end_ns;
}

void stream_lost(struct stream *s, const struct loss *loss)
{
    if (loss->ongoing && loss->partly)
        begin_partial_outage(s);
    if (!loss->ongoing && (loss->count > 0 || loss->kind == LOSS_SUSPECTED)) {
        if (loss->begin_ns > s->now_ns && loss->begin_ns != INT64_MIN)
            stream_advance(s, loss->begin_ns);
        count_loss(s, loss);
        s->lost_in_window += loss->kind == LOSS_EVENTS ? loss->count : loss->count > 0;
        mark_lossy(s, loss);
        for (uint32_t i = 0; i < s->setup->analysis_count; i++)
            if (s->setup->analyses[i].analysis->lost)
                s->setup->analyses[i].analysis->lost(s->instances[i], loss->begin_ns, loss->end_ns);
        if (s->kernel) /* the analyses see what was known until now */
            kernel_lost(s->kernel, loss->begin_ns, loss->end_ns);
    }
    if (!s->setup->report && loss->kind != LOSS_SUSPECTED)
        forward_loss(s, loss);
}
