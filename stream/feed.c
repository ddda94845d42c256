#include "stream/feed.h"
#include "base/bytes.h"
#include "base/text.h"
#include "stream/seen.h"
#include <stdlib.h>
#include <string.h>

struct feed_class {
    struct stream *stream;
    struct hooks *hooks;
};

struct feed {
    const struct stream_setup *setup;
    struct stream **streams;
    uint32_t stream_count, stream_capacity;
    struct feed_class *classes;
    uint32_t class_count, class_capacity;
};

struct feed *feed_new(const struct stream_setup *setup)
{
    struct feed *feed = xcalloc(1, sizeof(*feed));
    feed->setup = setup;
    return feed;
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    for (uint32_t i = 0; i < feed->class_count; i++)
        hooks_free(feed->classes[i].hooks);
    for (uint32_t i = 0; i < feed->stream_count; i++)
        stream_close(feed->streams[i]);
    free(feed->classes);
    free(feed->streams);
    free(feed);
}

/* The sessions foretrace makes are named NAME-foretrace-UNIQUE. What is unique is
 * no part of a series' identity: the next run's series are the same ones. */
void feed_session_label(const char *session, char label[NAME_TEXT_MAX])
{
    static const char mark[] = "-foretrace-";
    text_copy(label, NAME_TEXT_MAX, session);
    for (char *at = strstr(label, mark); at; at = strstr(at + 1, mark))
        if (at[sizeof(mark) - 1 + strspn(at + sizeof(mark) - 1, "0123456789T-")] == '\0')
            *at = '\0';
}

static struct stream *find_stream(struct feed *feed, const char *host, const char *session_name)
{
    char session[NAME_TEXT_MAX];
    feed_session_label(session_name, session);
    for (uint32_t i = 0; i < feed->stream_count; i++)
        if (stream_is(feed->streams[i], host, session))
            return feed->streams[i];
    GROW(feed->streams, feed->stream_count, feed->stream_capacity);
    return feed->streams[feed->stream_count++] = stream_open(feed->setup, host, session);
}

void feed_expect(struct feed *feed, const char *host, const char *session)
{
    find_stream(feed, host, session);
}

void feed_hold(struct feed *feed, const char *host, const char *session, int64_t until_ns)
{
    stream_hold(find_stream(feed, host, session), until_ns);
}

int64_t feed_window(struct feed *feed, const char *host, const char *session)
{
    return stream_window(find_stream(feed, host, session));
}

/* A reader that starts anew names its classes from 0 again: the new ones take
 * the places of the old. */
static void on_select(void *self, const struct event_class *class, struct event_selection *ret_selection)
{
    struct feed *feed = self;
    while (feed->class_count <= class->id) {
        GROW(feed->classes, feed->class_count, feed->class_capacity);
        feed->classes[feed->class_count++] = (struct feed_class){ 0 };
    }
    struct feed_class *c = &feed->classes[class->id];
    hooks_free(c->hooks);
    c->stream = find_stream(feed, class->source.host, class->source.session);
    c->hooks = stream_bind(c->stream, class, ret_selection);
}

static void on_event(void *self, const struct event *event)
{
    struct feed *feed = self;
    const struct feed_class *c = &feed->classes[event->class_id];
    stream_event(c->stream, c->hooks, event);
}

static void on_skipped(void *self, uint64_t count)
{
    struct feed *feed = self;
    if (feed->stream_count > 0)
        stream_count_events(feed->streams[0], count);
}

static void on_watermark(void *self, int64_t time_ns)
{
    struct feed *feed = self;
    for (uint32_t i = 0; i < feed->stream_count; i++)
        stream_advance(feed->streams[i], time_ns);
}

static void on_loss(void *self, const struct loss *loss)
{
    struct feed *feed = self;
    char session[NAME_TEXT_MAX];
    bool all = loss->source.host[0] == '\0' && loss->source.session[0] == '\0';
    feed_session_label(loss->source.session, session);
    for (uint32_t i = 0; i < feed->stream_count; i++)
        if (all || stream_is(feed->streams[i], loss->source.host, session))
            stream_lost(feed->streams[i], loss);
}

struct event_consumer feed_consumer(struct feed *feed)
{
    return (struct event_consumer){ .self = feed,
                                    .select = on_select,
                                    .event = on_event,
                                    .skipped = on_skipped,
                                    .watermark = on_watermark,
                                    .loss = on_loss };
}

void feed_count(struct feed *feed, const char *host, const char *session, const char *counter, uint64_t n)
{
    for (uint32_t i = 0; i < feed->stream_count; i++)
        if (stream_is(feed->streams[i], host, session))
            stream_count(feed->streams[i], counter, "", n);
}

int64_t feed_watermark(const struct feed *feed)
{
    int64_t lowest_ns = INT64_MIN;
    for (uint32_t i = 0; i < feed->stream_count; i++) {
        int64_t now_ns = stream_now(feed->streams[i]);
        if (now_ns != INT64_MIN && (lowest_ns == INT64_MIN || now_ns < lowest_ns))
            lowest_ns = now_ns;
    }
    return lowest_ns;
}

/* What one session does not have, another one may: of the kernel, or of programs. */
void feed_finish(struct feed *feed)
{
    struct seen all;
    seen_init(&all);
    for (uint32_t i = 0; i < feed->stream_count; i++) {
        stream_finish(feed->streams[i]);
        seen_merge(&all, stream_seen(feed->streams[i]));
    }
    seen_tell(&all, feed->setup);
    seen_done(&all);
}

void feed_add_totals(const struct feed *feed, struct stream_totals *totals)
{
    for (uint32_t i = 0; i < feed->stream_count; i++)
        stream_add_totals(feed->streams[i], totals);
}
