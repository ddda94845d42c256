/* labels.h - labels of a series taken from an event's fields. */
#ifndef FT_STREAM_LABELS_H
#define FT_STREAM_LABELS_H
#include "stream/analysis.h"

enum { LABEL_TEXT_MAX = 512 }; /* of a field's text, what tells labels apart */

struct event_labels {
    uint32_t count;
    int slots[LABELS_MAX];
};

void event_labels_bind(struct event_labels *labels, struct binder *b, const struct text_list *names);
/* Appends the values to a key; a field the event lacks is an empty label. */
void event_labels_add(const struct event_labels *labels, const struct event *event, struct label_key *key);
/* Appends a constant text. */
void label_key_add_text(struct label_key *key, const char *text);
/* True when the pattern list has one that matches the name. */
bool text_list_matches(const struct text_list *patterns, const char *name);

#endif
