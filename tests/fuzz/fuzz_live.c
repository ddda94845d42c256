/* Our own live client against a relay in memory: any bytes as a script of what is there, what is answered, what time does, what
 * breaks. Whatever is answered, memory stays bounded and the watermark never goes back; while no data are wrong, no event is
 * delivered twice; and where the relay keeps LTTng's rules, all events come, in the order of time, and nothing is told as lost. */
#include "base/clock.h"
#include "collector/live_client.h"
#include "live_relay.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

enum { STEPS_MAX = 600, MILLISECOND = 1000000, PATIENCE_NS = 2000000000, MEMORY_MAX = 256 << 20 };

struct loop_timer {
    loop_fn fn;
    void *self;
    int64_t at_ns;
};

static struct relay_in_memory relay;
static struct loop_timer timer;
static loop_fn ready;
static void *ready_self;
static struct positions *positions; /* that outlive a client; NULL: none */
static size_t arrives; /* at most so many bytes at once; 0: all */

static struct {
    struct live_client *client;
    struct live_source_owner owner;
    bool up, refused;
    bool gave_up;             /* what waited for metadata that did not come in time */
    bool ending;              /* what it has is delivered, though it may not be all */
    bool in_order;            /* nobody was passed over because of silence */
    int64_t time_ns, watermark_ns;
    uint64_t next[STREAMS];   /* the number of the event that comes next */
    uint64_t lost;
} run;

#define CHECK(what)                                                                                          \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            fprintf(stderr, "fuzz_live: %s:%d: not so: %s\n", __FILE__, __LINE__, #what);                     \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* ---- in place of the loop, the clock and the network ---- */

int64_t __wrap_clock_monotonic_ns(void);
int __wrap_loop_add_quiet_fd(struct loop *loop, int fd, loop_fn fn, void *self);
void __wrap_loop_remove_fd(struct loop *loop, int fd);
void __wrap_loop_want_out(struct loop *loop, int fd, bool want);
struct loop_timer *__wrap_loop_add_timer(struct loop *loop, loop_fn fn, void *self);
void __wrap_loop_set_timer(struct loop_timer *t, int64_t at_ns);
void __wrap_loop_remove_timer(struct loop *loop, struct loop_timer *t);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);

int64_t __wrap_clock_monotonic_ns(void)
{
    return (int64_t)relay.now_ns;
}

int __wrap_loop_add_quiet_fd(struct loop *loop, int fd, loop_fn fn, void *self)
{
    (void)loop;
    (void)fd;
    ready = fn;
    ready_self = self;
    return 0;
}

void __wrap_loop_remove_fd(struct loop *loop, int fd)
{
    (void)loop;
    (void)fd;
    ready = NULL;
}

void __wrap_loop_want_out(struct loop *loop, int fd, bool want)
{
    (void)loop;
    (void)fd;
    (void)want;
}

struct loop_timer *__wrap_loop_add_timer(struct loop *loop, loop_fn fn, void *self)
{
    (void)loop;
    timer = (struct loop_timer){ .fn = fn, .self = self, .at_ns = INT64_MAX };
    return &timer;
}

void __wrap_loop_set_timer(struct loop_timer *t, int64_t at_ns)
{
    t->at_ns = at_ns;
}

void __wrap_loop_remove_timer(struct loop *loop, struct loop_timer *t)
{
    (void)loop;
    t->at_ns = INT64_MAX;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    (void)fd;
    (void)address;
    (void)size;
    relay_connect(&relay);
    return 0;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    (void)fd;
    (void)flags;
    bytes_append(&relay.asked, data, size);
    return (ssize_t)size;
}

ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
    (void)fd;
    (void)flags;
    size_t there = relay.said.size - relay.said_at;
    if (there == 0) {
        errno = EAGAIN;
        return relay.hung_up ? 0 : -1;
    }
    size = there < size ? there : size;
    size = arrives > 0 && arrives < size ? arrives : size;
    memcpy(data, relay.said.data + relay.said_at, size);
    relay.said_at += size;
    return (ssize_t)size;
}

/* ---- what the client tells ---- */

static bool rules_kept(void)
{
    return !relay.lied && !relay.reordered;
}

static void on_select(void *self, const struct event_class *class, struct event_selection *sel)
{
    (void)self;
    int number = event_class_field(class, "number");
    if (number >= 0)
        sel->fields[sel->count++] = (uint16_t)number;
}

static void on_event(void *self, const struct event *event)
{
    (void)self;
    if (relay.lied)
        return;
    uint64_t number = event->values[0].u, stream = number >> 32;
    CHECK(stream < relay.stream_count);
    CHECK((uint32_t)number >= run.next[stream]);
    /* At the end nothing waits for metadata that may have come: what is left out then is told before. */
    CHECK(relay.reordered || run.gave_up || (run.ending && run.lost > 0) || (uint32_t)number == run.next[stream]);
    run.next[stream] = (uint32_t)number + 1;
    CHECK(!run.in_order || relay.reordered || (event->time_ns >= run.time_ns && event->time_ns >= run.watermark_ns));
    run.time_ns = event->time_ns;
}

static void on_skipped(void *self, uint64_t count)
{
    (void)self;
    (void)count;
}

static void on_watermark(void *self, int64_t time_ns)
{
    (void)self;
    CHECK(time_ns >= run.watermark_ns);
    run.watermark_ns = time_ns;
}

static void on_loss(void *self, const struct loss *loss)
{
    (void)self;
    CHECK(loss->begin_ns <= loss->end_ns || !rules_kept());
    CHECK(strlen(loss->source.host) + strlen(loss->source.session) < 10000);
    run.lost += loss->count;
}

static void on_status(void *self, enum reader_status status, const char *text)
{
    (void)self;
    CHECK(status != READER_REFUSED || !rules_kept() || strstr(text, "declares no")); /* which may not have come in time */
    if (status == READER_FAILED || status == READER_ENDED || status == READER_REFUSED)
        run.up = false;
    run.refused |= status == READER_REFUSED && !rules_kept();
}

static void on_time(void *self, int64_t time_ns, bool events)
{
    (void)self;
    (void)time_ns;
    (void)events;
}

static void on_heard(void *self)
{
    (void)self;
}

static void on_notice(void *self, const char *text)
{
    (void)self;
    run.gave_up |= !run.in_order && strstr(text, "lost");
    CHECK(!rules_kept() || run.ending || run.gave_up || !strstr(text, "lost"));
}

static void on_connected(void *self, bool continued, bool lacking)
{
    (void)self;
    (void)continued;
    (void)lacking;
}

/* ---- what happens ---- */

/* window_ns: what an earlier one has come to. */
static void new_client(bool last, int64_t window_ns)
{
    const struct live_client_setup setup = { .url = { .address = "127.0.0.1", .port = 5344, .hostname = "h", .session = "s" },
                                             .live_timer_ns = 10 * MILLISECOND,
                                             .seek = last ? VIEWER_SEEK_LAST : VIEWER_SEEK_BEGINNING,
                                             .buffer_bytes = 400,
                                             .owner = &run.owner,
                                             .positions = positions,
                                             .window_ns = positions ? window_ns : INT64_MIN,
                                             .notice = on_notice,
                                             .connected = on_connected };
    run.owner = (struct live_source_owner){ .consumer = { NULL, on_select, on_event, on_skipped, on_watermark, on_loss },
                                            .status = on_status, .time = on_time, .heard = on_heard };
    run.time_ns = run.watermark_ns = INT64_MIN;
    run.in_order = true;
    run.client = live_client_new(&setup);
}

static void end_client(void)
{
    live_client_stop(run.client);
    run.ending = true;
    live_client_drain(run.client);
    live_client_free(run.client);
    memset(&run, 0, sizeof(run));
}

static void start(void)
{
    struct error err;
    if (!run.up && !run.refused)
        run.up = live_client_start(run.client, &err) == 0;
}

static void wake(void)
{
    for (int i = 0; i < 64 && ready && (i == 0 || relay.said_at < relay.said.size); i++)
        ready(ready_self);
    if (relay.said_at == relay.said.size) {
        bytes_reset(&relay.said);
        relay.said_at = 0;
    }
}

static void pass_time(uint64_t ns)
{
    relay.now_ns += ns;
    for (int i = 0; i < 8 && timer.at_ns <= (int64_t)relay.now_ns; i++) {
        timer.at_ns = INT64_MAX;
        timer.fn(timer.self);
    }
}

static void tick(void)
{
    for (unsigned i = 0; i < relay.stream_count; i++) /* what stalls is passed over */
        run.in_order &= !relay.streams[i].announced || relay.now_ns - relay.streams[i].heard_ns < PATIENCE_NS / 2;
    live_client_tick(run.client, (int64_t)relay.now_ns, PATIENCE_NS);
}

static void serve(unsigned count)
{
    while (count-- > 0 && relay_serve(&relay))
        ;
    wake();
}

/* Something comes to be, or ends. */
static void change(void)
{
    unsigned what = pick(&relay.script, 8), which = pick(&relay.script, 64);
    switch (what) {
    case 0:
    case 1:
        relay_add_stream(&relay, which);
        break;
    case 2:
        relay_add_trace(&relay, which % SESSIONS);
        run.in_order &= relay.trace_count == 1 || which % SESSIONS == 0; /* new domains are looked for once in a while */
        relay.there[which % SESSIONS] = true;
        break;
    case 3:
        if (relay.trace_count > 0)
            relay_add_class(&relay.traces[which % relay.trace_count]);
        break;
    case 4:
        relay.streams[which % STREAMS].closed = true;
        break;
    case 5:
        if (which == 63)
            for (unsigned i = 0; i < STREAMS; i++)
                relay.ended[0] = relay.ended[1] = relay.streams[i].closed = true;
        break;
    case 6:
        if (relay.lies)
            reorder(&relay);
        break;
    default:
        arrives = which;
    }
}

static void open_positions(void)
{
    char path[] = "/tmp/fuzz_live-XXXXXX";
    struct error err;
    int fd = mkstemp(path);
    CHECK(fd >= 0 && positions_open(path, &positions, &err) == 0);
    close(fd);
    unlink(path);
}

static void break_off(void)
{
    const int64_t window_ns = run.watermark_ns;
    switch (pick(&relay.script, 8)) {
    case 0:
        live_client_stop(run.client);
        run.up = false;
        break;
    case 1: /* another process */
        end_client();
        new_client(false, window_ns);
        break;
    default:
        relay.hung_up = true;
        wake();
    }
}

static void step(void)
{
    unsigned op = pick(&relay.script, 16);
    switch (op) {
    case 8:
        serve(UINT32_MAX);
        break;
    case 9:
    case 10:
        relay_add_packet(&relay, pick(&relay.script, STREAMS));
        break;
    case 11:
    case 12:
        pass_time(pick(&relay.script, 64) * (uint64_t)MILLISECOND);
        break;
    case 13:
        change();
        break;
    case 14:
        if (pick(&relay.script, 8) == 0)
            break_off();
        else
            start();
        break;
    case 15:
        pass_time(pick(&relay.script, 256) * UINT64_C(10) * MILLISECOND);
        tick();
        break;
    default:
        serve(1 + op);
    }
    if (&__sanitizer_get_current_allocated_bytes)
        CHECK(__sanitizer_get_current_allocated_bytes() < MEMORY_MAX + 8 * relay.served);
}

static bool all_came(void)
{
    for (unsigned i = 0; i < relay.stream_count; i++) {
        const struct made_stream *s = &relay.streams[i];
        if (!s->lost && (s->announced || !s->closed) && run.next[i] != s->numbers)
            return false;
    }
    return true;
}

/* The script is over: all is answered now, and as it is. */
static void finish(bool from_beginning)
{
    relay.lies = false;
    bool owed = from_beginning && rules_kept() && !run.gave_up;
    arrives = 0;
    for (int i = 0; i < (owed ? 3000 : 30) && !(owed && (run.gave_up || all_came())); i++) {
        start();
        serve(UINT32_MAX);
        pass_time(5 * MILLISECOND);
        tick();
    }
    CHECK(!owed || run.gave_up || (all_came() && run.lost == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    relay = (struct relay_in_memory){ .script = { data, data + size }, .now_ns = 10000000000, .there = { true } };
    memset(&run, 0, sizeof(run));
    arrives = 0;
    unsigned config = pick(&relay.script, 256);
    relay.lies = config & 1;
    relay.by_the_book = config & 2;
    bool last = (config & 12) == 12;
    relay_add_trace(&relay, 0);
    relay_add_stream(&relay, 0);
    relay_add_stream(&relay, 0);
    if (config & 16)
        open_positions();
    new_client(last, INT64_MIN);
    start();
    for (int i = 0; i < STEPS_MAX && relay.script.at < relay.script.end; i++)
        step();
    finish(!last);
    end_client();
    relay_done(&relay);
    positions_close(positions);
    positions = NULL;
    return 0;
}
