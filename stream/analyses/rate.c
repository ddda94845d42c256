/* rate.c - how many events per window, by name and, if asked, by labels. */
#include "base/bytes.h"
#include "base/text.h"
#include "stream/analysis.h"
#include "stream/labels.h"
#include <stdlib.h>

struct config {
    struct text name;
    struct text_list events, labels;
};

static const struct option options[] = {
    OPTION(struct config, name, 0, 0, "rate", "what its series are called"),
    OPTION(struct config, events, 1, 16, NULL, "names of events, wildcards allowed"),
    OPTION(struct config, labels, 0, LABELS_MAX - 1, "", "fields to keep apart by"),
    OPTION_END
};

static const struct metric_info emits[] = {
    METRIC("events", "events, by name and labels", METRIC_COUNTER, UNIT_NONE),
    METRIC_END,
};

struct rate {
    const struct config *config;
    struct stream *stream;
    struct family *family;
};

/* One event class. Without further labels its meter is found once. */
struct counted {
    struct event_labels labels;
    struct meter_ref meter;
    char name[EVENT_NAME_MAX];
};

static void needs(const void *config, struct needs *n)
{
    const struct config *c = config;
    for (uint32_t i = 0; i < c->events.count; i++)
        needs_event(n, c->events.item[i].s);
    for (uint32_t i = 0; i < c->labels.count; i++)
        needs_field(n, c->labels.item[i].s);
}

static void *open_rate(const void *config, struct stream *stream)
{
    const struct config *c = config;
    const char *names[LABELS_MAX] = { "event" };
    for (uint32_t i = 0; i < c->labels.count; i++)
        names[i + 1] = field_plain_name(c->labels.item[i].s);
    struct rate *rate = xcalloc(1, sizeof(*rate));
    rate->config = c;
    rate->stream = stream;
    rate->family = family_get(stream_meters(stream), c->name.s, "events", METRIC_COUNTER, UNIT_NONE, false, names,
                              c->labels.count + 1);
    return rate;
}

static void on_event(void *self, void *data, const struct event *event)
{
    struct rate *rate = self;
    struct counted *counted = data;
    struct meter *m = counted->labels.count ? NULL : meter_get(counted->meter);
    if (!m) {
        struct label_key key = { 0 };
        label_key_add_text(&key, counted->name);
        event_labels_add(&counted->labels, event, &key);
        m = family_meter(rate->family, &key);
        if (!m)
            return;
        counted->meter = meter_ref(m);
    }
    meter_count(m, 1);
}

static void bind(void *self, struct binder *b)
{
    struct rate *rate = self;
    const char *name = binder_class(b)->name;
    if (!text_list_matches(&rate->config->events, name))
        return;
    struct counted *counted = binder_alloc(b, sizeof(*counted));
    text_copy(counted->name, sizeof(counted->name), name);
    event_labels_bind(&counted->labels, b, rate->stream, rate->config->name.s, &rate->config->events,
                      &rate->config->labels);
    binder_hook(b, on_event, rate, counted);
}

const struct analysis analysis_rate = {
    .name = "rate",
    .summary = "events per window, by name and labels",
    .options = options,
    .config_size = sizeof(struct config),
    .emits = emits,
    .needs = needs,
    .open = open_rate,
    .close = free,
    .bind = bind,
};
