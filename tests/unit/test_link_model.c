/* Exactly once, in order, whatever is killed: collectors that forget all -> a stage with a journal that
 * makes one message of each -> a last stage with a journal. Connections are cut and all of them killed at
 * random; killed is closed without a word, with what was sent on the way lost. What the last one has
 * applied is, of each life of a collector, its messages from the first on, none missing, none twice. */
#include "base/dirs.h"
#include "link_fixture.h"
#include <errno.h>
#include <unistd.h>

enum { COLLECTORS = 3, STEPS = 6000 };

struct collector {
    struct link_sender link;
    struct wire wire;
    uint64_t life, made;
    bool alive;
};

/* A stage with a journal; `out` is NULL of the last one. */
struct node {
    const char *dir, *endpoint;
    bool last;
    struct link_receiver *in;
    struct journal *journal;
    struct link_sender out;
    struct wire wire;
    uint64_t epoch, settled, durable;
    bool alive;
    /* What is applied, of each life: its last number. */
    uint64_t lives[4096];
};

static struct world {
    void *zmq;
    uint64_t seed, next_life, next_epoch;
    struct collector collectors[COLLECTORS];
    struct node middle, end;
    uint64_t reported[4096]; /* of each life: what it was told to be applied */
    uint64_t kills, cuts;
} w;

static uint32_t chance(uint32_t n)
{
    return (uint32_t)(random_next(&w.seed) % n);
}

/* ---- nodes ---- */

static int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    struct node *node = self;
    (void)sender;
    if (header->type != WIRE_VERDICT)
        return -EBADMSG;
    uint64_t life = wire_get_uint(&body), number = wire_get_uint(&body);
    assert_true(wire_finished(&body) && life < 4096);
    if (node->lives[life] + 1 != number)
        fail_msg("%s: life %llu: %llu after %llu", node->dir, (unsigned long long)life, (unsigned long long)number,
                 (unsigned long long)node->lives[life]);
    node->lives[life] = number;
    if (node->last)
        return 0;
    struct bytes *b = outlet_begin(&node->out.outlet);
    wire_put_uint(b, life);
    wire_put_uint(b, number);
    return outlet_send(&node->out.outlet, WIRE_VERDICT);
}

static bool ready(void *self)
{
    return !link_sender_full(&((struct node *)self)->out);
}

static uint64_t made(void *self)
{
    return link_sender_newest(&((struct node *)self)->out);
}

static uint64_t settled(void *self)
{
    return link_sender_durable(&((struct node *)self)->out);
}

static const struct link_consumer middle_consumer = { .apply = apply, .ready = ready, .made = made, .settled = settled };
static const struct link_consumer end_consumer = { .apply = apply };

static void node_save(void *self, struct bytes *b)
{
    struct node *node = self;
    link_receiver_save(node->in, b);
    if (!node->last)
        link_sender_save(&node->out, b);
    wire_put_array(b, 4096);
    for (int i = 0; i < 4096; i++)
        wire_put_uint(b, node->lives[i]);
}

static bool node_load(void *self, const void *data, size_t size)
{
    struct node *node = self;
    struct wire_reader r = wire_reader_init(data, size);
    assert_true(link_receiver_load(node->in, &r));
    assert_true(node->last || link_sender_load(&node->out, &r));
    assert_int_equal(wire_get_array(&r, 4096), 4096);
    for (int i = 0; i < 4096; i++)
        node->lives[i] = wire_get_uint(&r);
    return wire_finished(&r);
}

static bool node_replay(void *self, const void *record, size_t size)
{
    struct node *node = self;
    bool applied = link_receiver_replay(node->in, record, size);
    if (!node->last)
        link_sender_settle(&node->out, node->settled);
    return applied;
}

/* What the last one has is not kept again. */
static void node_marked(void *self, uint64_t mark)
{
    struct node *node = self;
    node->settled = mark;
    if (!node->last)
        link_sender_settle(&node->out, mark);
}

static void node_set_mark(struct node *node)
{
    if (!node->last)
        journal_set_mark(node->journal, node->durable = link_sender_durable(&node->out));
}

static const struct journal_owner journal_owner = { .save = node_save, .load = node_load, .marked = node_marked, .replay = node_replay };

static void open_sender(struct link_sender *link, struct wire *wire, const char *name, uint64_t epoch)
{
    struct link_sender_setup setup = { .zmq = w.zmq, .endpoint = wire->near_endpoint, .peer = "peer", .epoch = epoch, .live = true,
                                       .full = LINK_GROW, .buffer_bytes = 4096, .heartbeat_ns = 20000000 };
    struct error err;
    snprintf(setup.name, sizeof(setup.name), "%s", name);
    assert_int_equal(link_sender_open(link, &setup, &err), 0);
}

static void node_start(struct node *node)
{
    struct link_receiver_setup setup = { .zmq = w.zmq, .endpoint = node->endpoint = fixture_endpoint(), .epoch = 1, .self = node,
                                         .consumer = node->last ? &end_consumer : &middle_consumer };
    struct journal_setup journal = { .dir = node->dir, .size_bytes = 8192, .owner = &journal_owner, .self = node };
    struct error err;
    memset(node->lives, 0, sizeof(node->lives));
    node->in = link_receiver_new(&setup);
    if (!node->last)
        open_sender(&node->out, &node->wire, "middle", w.next_epoch++);
    assert_int_equal(journal_open(&journal, &node->journal, &err), 0);
    if (!node->last)
        assert_int_equal(link_sender_durable(&node->out), node->durable);
    assert_int_equal(journal_snapshot(node->journal), 0);
    link_receiver_set_journal(node->in, node->journal);
    assert_int_equal(link_receiver_bind(node->in, &err), 0);
    node->alive = true;
}

static void node_kill(struct node *node)
{
    link_receiver_free(node->in);
    journal_close(node->journal);
    if (!node->last)
        link_sender_close(&node->out);
    node->alive = false;
    w.kills++;
}

/* ---- collectors ---- */

static void collector_start(struct collector *c)
{
    char name[16];
    snprintf(name, sizeof(name), "c%d", (int)(c - w.collectors));
    c->life = w.next_life++;
    c->made = 0;
    open_sender(&c->link, &c->wire, name, w.next_epoch++);
    c->alive = true;
}

static void collector_report(struct collector *c)
{
    if (link_sender_durable(&c->link) > w.reported[c->life])
        w.reported[c->life] = link_sender_durable(&c->link);
}

static void collector_make(struct collector *c)
{
    struct bytes *b = outlet_begin(&c->link.outlet);
    wire_put_uint(b, c->life);
    wire_put_uint(b, ++c->made);
    assert_int_equal(outlet_send(&c->link.outlet, WIRE_VERDICT), 0);
}

/* ---- schedules ---- */

static void reconnect(struct wire *wire, const struct node *to)
{
    wire_cut(wire);
    w.cuts++;
    if (to->alive)
        wire_connect(wire, to->endpoint);
}

static void kill_or_start(struct node *node)
{
    if (node->alive)
        node_kill(node);
    else
        node_start(node);
    for (int i = 0; i < COLLECTORS && node == &w.middle; i++)
        reconnect(&w.collectors[i].wire, node);
    reconnect(&w.middle.wire, &w.end);
}

static void step_collector(struct collector *c)
{
    if (c->alive && chance(400) == 0) {
        collector_report(c);
        link_sender_close(&c->link);
        wire_cut(&c->wire);
        c->alive = false;
        w.kills++;
    } else if (!c->alive && chance(10) == 0 && w.next_life < 4096) {
        collector_start(c);
        reconnect(&c->wire, &w.middle);
    }
    if (!c->alive)
        return;
    if (chance(3) == 0)
        collector_make(c);
    if (chance(2) == 0)
        link_service(&c->link);
    collector_report(c);
    if (chance(100) == 0)
        reconnect(&c->wire, &w.middle);
}

static void move(struct wire *wire, uint32_t most)
{
    for (uint32_t n = chance(most); n > 0 && wire_forward(wire); n--)
        ;
    for (uint32_t n = chance(most); n > 0 && wire_back(wire); n--)
        ;
}

static void step(uint32_t most)
{
    fixture_now_ns += (int64_t)chance(20) * 1000000;
    for (int i = 0; i < COLLECTORS; i++) {
        step_collector(&w.collectors[i]);
        move(&w.collectors[i].wire, most);
    }
    move(&w.middle.wire, most);
    struct node *const nodes[] = { &w.middle, &w.end };
    for (int i = 0; i < 2; i++) {
        struct node *node = nodes[i];
        if (chance(node->alive ? 150 : 10) == 0)
            kill_or_start(node);
        if (!node->alive)
            continue;
        if (chance(2) == 0)
            assert_int_equal(link_receive(node->in), 0);
        if (chance(4) == 0)
            assert_int_equal(link_receiver_tick(node->in), 0);
        if (!node->last && chance(2) == 0) {
            assert_int_equal(link_service(&node->out), 0);
            assert_int_equal(link_receiver_resume(node->in), 0);
        }
        node_set_mark(node);
    }
    if (w.middle.alive && chance(150) == 0)
        reconnect(&w.middle.wire, &w.end);
}

/* Everybody lives, nothing is cut: all arrives. */
static void quiesce(void)
{
    if (!w.end.alive)
        kill_or_start(&w.end);
    if (!w.middle.alive)
        kill_or_start(&w.middle);
    for (int i = 0; i < 400; i++) {
        fixture_now_ns += 10000000;
        for (int c = 0; c < COLLECTORS; c++) {
            if (w.collectors[c].alive)
                link_service(&w.collectors[c].link);
            move(&w.collectors[c].wire, 2000);
        }
        move(&w.middle.wire, 2000);
        assert_int_equal(link_receiver_tick(w.middle.in), 0);
        assert_int_equal(link_receive(w.middle.in), 0);
        assert_int_equal(link_service(&w.middle.out), 0);
        node_set_mark(&w.middle);
        assert_int_equal(link_receive(w.end.in), 0);
    }
}

static void check(void)
{
    uint64_t applied = 0;
    for (uint64_t life = 0; life < w.next_life; life++) {
        applied += w.end.lives[life];
        assert_int_equal(w.end.lives[life], w.middle.lives[life]);
        if (w.end.lives[life] < w.reported[life])
            fail_msg("life %llu was told %llu, and %llu are there", (unsigned long long)life, (unsigned long long)w.reported[life],
                     (unsigned long long)w.end.lives[life]);
    }
    for (int i = 0; i < COLLECTORS; i++)
        if (w.collectors[i].alive)
            assert_int_equal(w.end.lives[w.collectors[i].life], w.collectors[i].made);
    printf("%llu applied, %llu lives, %llu kills, %llu cuts\n", (unsigned long long)applied, (unsigned long long)w.next_life,
           (unsigned long long)w.kills, (unsigned long long)w.cuts);
    assert_true(applied > 0);
}

static void test_exactly_once(void **unused)
{
    char root[] = "/tmp/ft-model-XXXXXX", dirs[2][64];
    (void)unused;
    memset(&w, 0, sizeof(w));
    w.seed = seed_of_test();
    w.zmq = zmq_ctx_new();
    zmq_ctx_set(w.zmq, ZMQ_MAX_SOCKETS, 65535);
    w.next_epoch = 1;
    assert_non_null(mkdtemp(root));
    snprintf(dirs[0], sizeof(dirs[0]), "%s/middle", root);
    snprintf(dirs[1], sizeof(dirs[1]), "%s/end", root);
    w.middle.dir = dirs[0];
    w.end.dir = dirs[1];
    w.end.last = true;
    wire_init(&w.middle.wire, w.zmq);
    for (int i = 0; i < COLLECTORS; i++)
        wire_init(&w.collectors[i].wire, w.zmq);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < STEPS / 4; i++)
            step(round % 2 ? 4 : 40);
        quiesce();
        check();
    }
    node_kill(&w.middle);
    node_kill(&w.end);
    for (int i = 0; i < COLLECTORS; i++) {
        if (w.collectors[i].alive)
            link_sender_close(&w.collectors[i].link);
        wire_done(&w.collectors[i].wire);
    }
    wire_done(&w.middle.wire);
    zmq_ctx_term(w.zmq);
    dirs_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_exactly_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
