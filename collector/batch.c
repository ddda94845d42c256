#include "collector/batch.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct frame {
    uint32_t size; /* of what follows */
    uint32_t type;
};

/* ---- writing ---- */

void batch_writer_init(struct batch_writer *w, int fd, int reply_fd)
{
    *w = (struct batch_writer){ .fd = fd, .reply_fd = reply_fd, .events_at = SIZE_MAX };
}

void batch_writer_done(struct batch_writer *w)
{
    bytes_done(&w->out);
    free(w->values);
}

static void put_u32(struct bytes *b, uint32_t value)
{
    bytes_append(b, &value, sizeof(value));
}

static void put_text(struct bytes *b, const char *text)
{
    size_t n = strlen(text);
    put_u32(b, (uint32_t)n);
    bytes_append(b, text, n);
}

static size_t begin_frame(struct bytes *b, enum frame_type type)
{
    struct frame f = { .type = type };
    size_t at = b->size;
    bytes_append(b, &f, sizeof(f));
    return at;
}

static void end_frame(struct bytes *b, size_t at)
{
    uint32_t size = (uint32_t)(b->size - at - sizeof(struct frame));
    memcpy(b->data + at, &size, sizeof(size));
}

static void end_events(struct batch_writer *w)
{
    if (w->events_at != SIZE_MAX)
        end_frame(&w->out, w->events_at);
    w->events_at = SIZE_MAX;
    if (w->skipped == 0)
        return;
    size_t at = begin_frame(&w->out, FRAME_SKIPPED);
    bytes_append(&w->out, &w->skipped, sizeof(w->skipped));
    end_frame(&w->out, at);
    w->skipped = 0;
}

void batch_flush(struct batch_writer *w)
{
    end_events(w);
    size_t done = 0;
    while (done < w->out.size && !w->broken) {
        ssize_t n = write(w->fd, w->out.data + done, w->out.size - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            w->broken = true;
    }
    bytes_reset(&w->out);
}

static bool read_all(int fd, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)data + done, size - done);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void put_class(struct bytes *b, const struct event_class *class)
{
    size_t at = begin_frame(b, FRAME_CLASS);
    put_u32(b, class->id);
    put_text(b, class->name);
    put_text(b, class->source.host);
    put_text(b, class->source.session);
    put_u32(b, class->field_count);
    for (uint32_t i = 0; i < class->field_count; i++) {
        put_u32(b, class->fields[i].scope);
        put_u32(b, class->fields[i].kind);
        put_text(b, class->fields[i].name);
    }
    end_frame(b, at);
}

/* Asks the parent and waits: once per class, and relayd keeps the data meanwhile. */
static void on_select(void *self, const struct event_class *class, struct event_selection *ret_selection)
{
    struct batch_writer *w = self;
    struct frame f;
    struct event_selection answer;
    end_events(w);
    put_class(&w->out, class);
    batch_flush(w);
    if (w->broken || !read_all(w->reply_fd, &f, sizeof(f)) || f.type != FRAME_SELECT || f.size != sizeof(answer) ||
        !read_all(w->reply_fd, &answer, sizeof(answer)) || answer.count > EVENT_VALUES_MAX) {
        w->broken = true;
        answer = (struct event_selection){ .skip = true };
    }
    while (w->class_count <= class->id) {
        GROW(w->values, w->class_count, w->class_capacity);
        w->values[w->class_count++] = 0;
    }
    w->values[class->id] = (uint16_t)answer.count;
    *ret_selection = answer;
}

static void put_value(struct bytes *b, const struct value *v)
{
    if (v->kind == VALUE_TEXT) {
        uint32_t head[2] = { v->kind, v->size };
        bytes_append(b, head, sizeof(head));
        bytes_append(b, v->text, v->size);
        return;
    }
    unsigned char *at = bytes_reserve(b, sizeof(uint32_t) + sizeof(v->u));
    memcpy(at, &v->kind, sizeof(v->kind));
    memcpy(at + sizeof(v->kind), &v->u, sizeof(v->u));
    b->size += sizeof(v->kind) + sizeof(v->u);
}

static void on_event(void *self, const struct event *event)
{
    struct batch_writer *w = self;
    if (w->events_at == SIZE_MAX)
        w->events_at = begin_frame(&w->out, FRAME_EVENTS);
    put_u32(&w->out, event->class_id);
    bytes_append(&w->out, &event->time_ns, sizeof(event->time_ns));
    for (uint32_t i = 0, n = w->values[event->class_id]; i < n; i++)
        put_value(&w->out, &event->values[i]);
    if (w->out.size >= BATCH_FLUSH_SIZE)
        batch_flush(w);
}

static void on_skipped(void *self, uint64_t count)
{
    struct batch_writer *w = self;
    w->skipped += count;
}

static void on_watermark(void *self, int64_t time_ns)
{
    struct batch_writer *w = self;
    end_events(w);
    size_t at = begin_frame(&w->out, FRAME_WATERMARK);
    bytes_append(&w->out, &time_ns, sizeof(time_ns));
    end_frame(&w->out, at);
}

static void on_loss(void *self, const struct loss *loss)
{
    struct batch_writer *w = self;
    end_events(w);
    size_t at = begin_frame(&w->out, FRAME_LOSS);
    put_text(&w->out, loss->source.host);
    put_text(&w->out, loss->source.session);
    put_text(&w->out, loss->reason);
    put_u32(&w->out, loss->kind);
    put_u32(&w->out, loss->at_least);
    bytes_append(&w->out, &loss->count, sizeof(loss->count));
    bytes_append(&w->out, &loss->begin_ns, sizeof(loss->begin_ns));
    bytes_append(&w->out, &loss->end_ns, sizeof(loss->end_ns));
    end_frame(&w->out, at);
}

struct event_consumer batch_writer_consumer(struct batch_writer *w)
{
    return (struct event_consumer){ .self = w,
                                    .select = on_select,
                                    .event = on_event,
                                    .skipped = on_skipped,
                                    .watermark = on_watermark,
                                    .loss = on_loss };
}

void batch_status(struct batch_writer *w, enum reader_status status, const char *text)
{
    end_events(w);
    size_t at = begin_frame(&w->out, FRAME_STATUS);
    put_u32(&w->out, status);
    put_text(&w->out, text);
    end_frame(&w->out, at);
    batch_flush(w);
}

void batch_tick(struct batch_writer *w)
{
    end_events(w);
    end_frame(&w->out, begin_frame(&w->out, FRAME_TICK));
    batch_flush(w);
}

/* ---- reading ---- */

void batch_reader_init(struct batch_reader *r, int fd, int reply_fd)
{
    *r = (struct batch_reader){ .fd = fd, .reply_fd = reply_fd };
}

void batch_reader_done(struct batch_reader *r)
{
    bytes_done(&r->in);
    free(r->values);
    r->values = NULL;
    r->class_count = r->class_capacity = 0;
}

/* A frame's content while it is being taken apart; like a wire reader, the first
 * mistake sticks. */
struct content {
    const unsigned char *at, *end;
    bool failed;
};

static const void *take(struct content *c, size_t size)
{
    static const unsigned char zeros[8];
    if (c->failed || (size_t)(c->end - c->at) < size) {
        c->failed = true;
        return size <= sizeof(zeros) ? zeros : NULL;
    }
    const void *at = c->at;
    c->at += size;
    return at;
}

static uint32_t take_u32(struct content *c)
{
    uint32_t value;
    memcpy(&value, take(c, sizeof(value)), sizeof(value));
    return value;
}

static int64_t take_i64(struct content *c)
{
    int64_t value;
    memcpy(&value, take(c, sizeof(value)), sizeof(value));
    return value;
}

/* Into a NUL-terminated buffer; what is too long is a mistake. */
static void take_text(struct content *c, char *buffer, size_t capacity)
{
    uint32_t size = take_u32(c);
    const char *text = size < capacity ? take(c, size) : NULL;
    if (!text || c->failed) {
        c->failed = true;
        size = 0;
    } else {
        memcpy(buffer, text, size);
    }
    buffer[size] = '\0';
}

struct class_content {
    struct event_class class;
    char name[EVENT_NAME_MAX], host[EVENT_NAME_MAX], session[EVENT_NAME_MAX];
    struct field fields[EVENT_FIELDS_MAX];
    char names[EVENT_FIELDS_MAX][EVENT_NAME_MAX];
};

static void take_class(struct content *c, struct class_content *into)
{
    uint32_t id = take_u32(c);
    take_text(c, into->name, sizeof(into->name));
    take_text(c, into->host, sizeof(into->host));
    take_text(c, into->session, sizeof(into->session));
    uint32_t count = take_u32(c);
    if (count > EVENT_FIELDS_MAX)
        c->failed = true;
    for (uint32_t i = 0; i < count && !c->failed; i++) {
        uint32_t scope = take_u32(c), kind = take_u32(c);
        take_text(c, into->names[i], sizeof(into->names[i]));
        if (scope >= SCOPE_COUNT || kind > VALUE_TEXT)
            c->failed = true;
        into->fields[i] = (struct field){ .name = into->names[i], .scope = scope, .kind = kind };
    }
    into->class = (struct event_class){ .id = id,
                                        .name = into->name,
                                        .source = { .host = into->host, .session = into->session },
                                        .field_count = count,
                                        .fields = into->fields };
}

enum { CLASSES_MAX = 65536 };

static int on_class_frame(struct batch_reader *r, struct content *c, const struct event_consumer *consumer)
{
    struct class_content *content = xcalloc(1, sizeof(*content));
    struct {
        struct frame frame;
        struct event_selection selection;
    } answer = { .frame = { .size = sizeof(answer.selection), .type = FRAME_SELECT } };
    take_class(c, content);
    int result = c->failed || content->class.id >= CLASSES_MAX ? -EBADMSG : 1;
    if (result > 0) {
        consumer->select(consumer->self, &content->class, &answer.selection);
        while (r->class_count <= content->class.id) {
            GROW(r->values, r->class_count, r->class_capacity);
            r->values[r->class_count++] = 0;
        }
        r->values[content->class.id] = (uint16_t)answer.selection.count;
        ssize_t n = write(r->reply_fd, &answer, sizeof(answer));
        if (n != (ssize_t)sizeof(answer))
            result = n < 0 && errno != EPIPE ? -errno : 0;
    }
    free(content);
    return result;
}

static void take_value(struct content *c, struct value *v)
{
    v->kind = take_u32(c);
    if (v->kind == VALUE_TEXT) {
        v->size = take_u32(c);
        v->text = take(c, v->size);
        if (!v->text)
            v->size = 0;
        return;
    }
    v->i = take_i64(c);
    if (v->kind > VALUE_TEXT)
        c->failed = true;
}

static int on_events_frame(struct batch_reader *r, struct content *c, const struct batch_events *events)
{
    bool first = true;
    while (c->at < c->end) {
        struct event event = { .class_id = take_u32(c), .values = r->scratch };
        event.time_ns = take_i64(c);
        if (c->failed || event.class_id >= r->class_count)
            return -EBADMSG;
        for (uint32_t i = 0; i < r->values[event.class_id]; i++)
            take_value(c, &r->scratch[i]);
        if (c->failed)
            return -EBADMSG;
        if (first)
            events->time(events->self, event.time_ns, true);
        first = false;
        events->consumer.event(events->consumer.self, &event);
    }
    return 1;
}

static int on_loss_frame(struct content *c, const struct batch_events *events)
{
    char host[EVENT_NAME_MAX], session[EVENT_NAME_MAX];
    struct loss loss = { .source = { .host = host, .session = session } };
    take_text(c, host, sizeof(host));
    take_text(c, session, sizeof(session));
    take_text(c, loss.reason, sizeof(loss.reason));
    uint32_t kind = take_u32(c);
    loss.at_least = take_u32(c) != 0;
    loss.count = (uint64_t)take_i64(c);
    loss.begin_ns = take_i64(c);
    loss.end_ns = take_i64(c);
    if (c->failed || kind < LOSS_EVENTS || kind > LOSS_OUTAGE)
        return -EBADMSG;
    loss.kind = (enum loss_kind)kind;
    events->time(events->self, loss.begin_ns, false);
    events->consumer.loss(events->consumer.self, &loss);
    return 1;
}

static int on_status_frame(struct content *c, const struct batch_events *events)
{
    char text[1024];
    uint32_t status = take_u32(c);
    take_text(c, text, sizeof(text));
    if (c->failed || status < READER_WAITING || status > READER_FAILED)
        return -EBADMSG;
    events->status(events->self, (enum reader_status)status, text);
    return 1;
}

static int on_frame(struct batch_reader *r, const struct frame *f, struct content *c, const struct batch_events *events)
{
    int64_t number;
    switch (f->type) {
    case FRAME_CLASS:
        return on_class_frame(r, c, &events->consumer);
    case FRAME_EVENTS:
        return on_events_frame(r, c, events);
    case FRAME_SKIPPED:
        number = take_i64(c);
        if (c->failed)
            return -EBADMSG;
        events->consumer.skipped(events->consumer.self, (uint64_t)number);
        return 1;
    case FRAME_WATERMARK:
        number = take_i64(c);
        if (c->failed)
            return -EBADMSG;
        events->time(events->self, number, false);
        events->consumer.watermark(events->consumer.self, number);
        return 1;
    case FRAME_LOSS:
        return on_loss_frame(c, events);
    case FRAME_STATUS:
        return on_status_frame(c, events);
    default:
        return f->type == FRAME_TICK ? 1 : -EBADMSG;
    }
}

int batch_read(struct batch_reader *r, const struct batch_events *events)
{
    unsigned char *room = bytes_reserve(&r->in, 2 * BATCH_FLUSH_SIZE);
    ssize_t n = read(r->fd, room, 2 * BATCH_FLUSH_SIZE);
    if (n <= 0)
        return n == 0 ? 0 : errno == EINTR || errno == EAGAIN ? 1 : -errno;
    r->in.size += (size_t)n;

    size_t done = 0;
    int result = 1;
    while (result == 1 && r->in.size - done >= sizeof(struct frame)) {
        struct frame f;
        memcpy(&f, r->in.data + done, sizeof(f));
        if (f.size > FRAME_MAX)
            return -EBADMSG;
        if (r->in.size - done < sizeof(f) + f.size)
            break;
        struct content c = { .at = r->in.data + done + sizeof(f) };
        c.end = c.at + f.size;
        result = on_frame(r, &f, &c, events);
        done += sizeof(f) + f.size;
    }
    memmove(r->in.data, r->in.data + done, r->in.size - done);
    r->in.size -= done;
    return result;
}
