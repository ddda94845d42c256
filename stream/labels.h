/* labels.h - labels of a series taken from an event's fields. */
#ifndef FT_STREAM_LABELS_H
#define FT_STREAM_LABELS_H
#include "stream/analysis.h"

struct event_labels {
    uint32_t count;
    int slots[LABELS_MAX];
    char cut[LABELS_MAX][LABEL_VALUE_MAX - 1]; /* texts too long for a label */
};

/* A label is empty where the class does not have it, which is told, in the name of the
 * analysis, where `events` name the class itself: with wildcards it may be meant. */
void event_labels_bind(struct event_labels *labels, struct binder *b, struct stream *stream, const char *analysis,
                       const struct text_list *events, const struct text_list *names);
/* Appends the values to a key; a field the event lacks is an empty label. The key's
 * texts are the event's or the labels', until the next call. */
void event_labels_add(struct event_labels *labels, const struct event *event, struct label_key *key);
/* Appends a constant text. */
void label_key_add_text(struct label_key *key, const char *text);
/* True when the pattern list has one that matches the name. */
bool text_list_matches(const struct text_list *patterns, const char *name);

#endif
