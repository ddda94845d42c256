/* What a reader child writes, its parent reads; and nonsense is refused. */
#include "collector/batch.h"
#include "testing.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

struct seen {
    char text[1 << 16];
};

static void say(struct seen *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct seen *s, const char *fmt, ...)
{
    size_t n = strlen(s->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->text + n, sizeof(s->text) - n, fmt, ap);
    va_end(ap);
}

static void on_select(void *self, const struct event_class *class, struct event_selection *sel)
{
    say(self, "class %u %s %s/%s", class->id, class->name, class->source.host, class->source.session);
    for (uint32_t i = 0; i < class->field_count; i++)
        say(self, " %s:%d:%d", class->fields[i].name, class->fields[i].scope, class->fields[i].kind);
    say(self, "\n");
    sel->count = class->field_count;
    for (uint32_t i = 0; i < sel->count; i++)
        sel->fields[i] = (uint16_t)(sel->count - 1 - i); /* in another order than listed */
}
static void on_event(void *self, const struct event *e)
{
    say(self, "event %u @%lld", e->class_id, (long long)e->time_ns);
    for (int i = 0; i < 3; i++) {
        const struct value *v = &e->values[i];
        if (v->kind == VALUE_TEXT)
            say(self, " '%.*s'", (int)v->size, v->text);
        else
            say(self, " %lld", (long long)v->i);
    }
    say(self, "\n");
}
static void on_skipped(void *self, uint64_t n)
{
    say(self, "skipped %llu\n", (unsigned long long)n);
}
static void on_watermark(void *self, int64_t t)
{
    say(self, "watermark %lld\n", (long long)t);
}
static void on_loss(void *self, const struct loss *l)
{
    say(self, "loss %d %llu %d %lld..%lld %s/%s '%s'\n", l->kind, (unsigned long long)l->count, l->at_least, (long long)l->begin_ns,
        (long long)l->end_ns, l->source.host, l->source.session, l->reason);
}
static void on_status(void *self, enum reader_status status, const char *text)
{
    say(self, "status %d '%s'\n", status, text);
}
static void on_time(void *self, int64_t t, bool events)
{
    (void)events;
    say(self, "time %lld\n", (long long)t);
}

static struct batch_events events_into(struct seen *s)
{
    return (struct batch_events){ .consumer = { s, on_select, on_event, on_skipped, on_watermark, on_loss },
                                  .self = s, .status = on_status, .time = on_time };
}

struct pipes {
    int data[2], reply[2];
};

static void *child(void *arg)
{
    struct pipes *p = arg;
    struct batch_writer w;
    struct field fields[] = { { "id", SCOPE_PAYLOAD, VALUE_UNSIGNED }, { "name", SCOPE_PAYLOAD, VALUE_TEXT }, { "vtid", SCOPE_COMMON_CONTEXT, VALUE_SIGNED } };
    struct event_class class = { .id = 0, .name = "a:b", .source = { "host", "session" }, .field_count = 3, .fields = fields };
    struct event_selection sel;
    batch_writer_init(&w, p->data[1], p->reply[0]);
    struct event_consumer c = batch_writer_consumer(&w);
    batch_status(&w, READER_ATTACHED, "attached");
    c.select(c.self, &class, &sel);
    assert(sel.count == 3 && sel.fields[0] == 2);
    struct value values[] = { { .kind = VALUE_SIGNED, .i = -7 }, { .kind = VALUE_TEXT, .size = 3, .text = "abc" }, { .kind = VALUE_UNSIGNED, .u = 9 } };
    struct event e = { .class_id = 0, .time_ns = 100, .values = values };
    c.event(c.self, &e);
    e.time_ns = 101;
    values[1].size = 0;
    c.event(c.self, &e);
    c.skipped(c.self, 2);
    c.watermark(c.self, 150);
    struct loss loss = { .kind = LOSS_EVENTS, .source = { "host", "session" }, .count = 12, .at_least = true, .begin_ns = 160, .end_ns = 170 };
    c.loss(c.self, &loss);
    batch_tick(&w);
    batch_status(&w, READER_ENDED, "");
    batch_writer_done(&w);
    close(p->data[1]);
    return NULL;
}

static void test_both_ends(void **unused)
{
    (void)unused;
    static struct seen seen;
    struct pipes p;
    struct batch_reader r;
    pthread_t thread;
    assert_int_equal(pipe(p.data), 0);
    assert_int_equal(pipe(p.reply), 0);
    pthread_create(&thread, NULL, child, &p);
    batch_reader_init(&r, p.data[0], p.reply[1]);
    struct batch_events events = events_into(&seen);
    int result;
    do
        result = batch_read(&r, &events);
    while (result == 1);
    pthread_join(thread, NULL);
    assert_int_equal(result, 0);
    assert_string_equal(seen.text, "status 3 'attached'\n"
                                   "class 0 a:b host/session id:0:2 name:0:4 vtid:2:1\n"
                                   "time 100\n"
                                   "event 0 @100 -7 'abc' 9\n"
                                   "event 0 @101 -7 '' 9\n"
                                   "skipped 2\n"
                                   "time 150\n"
                                   "watermark 150\n"
                                   "time 160\n"
                                   "loss 1 12 1 160..170 host/session ''\n"
                                   "status 4 ''\n");
    batch_reader_done(&r);
    close(p.data[0]);
    close(p.reply[0]);
    close(p.reply[1]);
}

/* Feeds raw bytes; what comes of it. */
static int feed(const void *data, size_t size)
{
    static struct seen seen;
    int data_pipe[2], null = open("/dev/null", O_WRONLY);
    struct batch_reader r;
    assert_int_equal(pipe(data_pipe), 0);
    assert_int_equal(write(data_pipe[1], data, size), (ssize_t)size);
    close(data_pipe[1]);
    batch_reader_init(&r, data_pipe[0], null);
    struct batch_events events = events_into(&seen);
    int result;
    seen.text[0] = '\0';
    do
        result = batch_read(&r, &events);
    while (result == 1);
    batch_reader_done(&r);
    close(data_pipe[0]);
    close(null);
    return result;
}

static void test_nonsense(void **unused)
{
    (void)unused;
    static const struct {
        const char *what;
        uint32_t words[8];
        size_t count;
    } rows[] = {
        { "an unknown frame", { 0, 99 }, 2 },
        { "a frame of a gigabyte", { 1 << 30, FRAME_EVENTS }, 2 },
        { "events of an unknown class", { 12, FRAME_EVENTS, 5, 0, 0 }, 5 },
        { "a short watermark", { 4, FRAME_WATERMARK, 1 }, 3 },
        { "a status there is none of", { 8, FRAME_STATUS, 77, 0 }, 4 },
        { "a text longer than its frame", { 8, FRAME_STATUS, READER_FAILED, 500 }, 4 },
        { "a class without end", { 4, FRAME_CLASS, 0 }, 3 },
        { "a loss of no kind", { 44, FRAME_LOSS, 0, 0, 0, 9, 0, 0 }, 8 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("  %s\n", rows[i].what);
        unsigned char padded[64] = { 0 };
        memcpy(padded, rows[i].words, rows[i].count * 4);
        size_t size = rows[i].words[0] < 56 ? rows[i].words[0] + 8 : rows[i].count * 4;
        assert_int_equal(feed(padded, size), -EBADMSG);
    }
    /* A child that dies in mid-frame: what came before is delivered, the rest is gone. */
    uint32_t cut[] = { 8, FRAME_WATERMARK, 1 };
    assert_int_equal(feed(cut, sizeof(cut)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_both_ends), cmocka_unit_test(test_nonsense) };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
