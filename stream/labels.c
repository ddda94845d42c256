#include "stream/labels.h"
#include "base/text.h"
#include <string.h>

void event_labels_bind(struct event_labels *labels, struct binder *b, struct stream *stream, const char *analysis,
                       const struct text_list *events, const struct text_list *names)
{
    bool exact = false;
    for (uint32_t i = 0; i < events->count; i++)
        exact |= strcmp(events->item[i].s, binder_class(b)->name) == 0;
    labels->count = names->count;
    for (uint32_t i = 0; i < names->count; i++) {
        labels->slots[i] = binder_field(b, names->item[i].s);
        if (labels->slots[i] < 0 && exact)
            stream_notice(stream, "%s: events %s have no field '%s' for a label", analysis, binder_class(b)->name,
                          names->item[i].s);
    }
}

void event_labels_add(struct event_labels *labels, const struct event *event, struct label_key *key)
{
    for (uint32_t i = 0; i < labels->count; i++) {
        struct value v = { .kind = VALUE_NONE };
        if (labels->slots[i] >= 0)
            v = event->values[labels->slots[i]];
        value_shorten(&v, labels->cut[i], sizeof(labels->cut[i]));
        key->values[key->count++] = v;
    }
}

void label_key_add_text(struct label_key *key, const char *text)
{
    key->values[key->count++] =
        (struct value){ .kind = VALUE_TEXT, .size = (uint32_t)strlen(text), .text = text };
}

bool text_list_matches(const struct text_list *patterns, const char *name)
{
    for (uint32_t i = 0; i < patterns->count; i++)
        if (text_matches(patterns->item[i].s, name))
            return true;
    return false;
}
