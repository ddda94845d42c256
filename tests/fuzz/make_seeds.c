/* Writes one well-formed input of every kind, for the fuzzers to start from:
 * make_seeds CORPUS_DIR. The corpus in the repository began with these. */
#include "alerts/history.h"
#include "alerts/life.h"
#include "alerts/replay.h"
#include "base/text.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/link_receiver.h"
#include "collector/batch.h"
#include "detectors/host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root;

static void save(const char *target, const char *name, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", root, target);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        exit(1);
}

static void save_message(const char *target, const char *name, enum wire_type type, const struct bytes *body)
{
    struct bytes b = { 0 };
    wire_put_header(&b, type, 1, 1);
    bytes_append(&b, body->data, body->size);
    save(target, name, b.data, b.size);
    bytes_done(&b);
}

static void append_message(struct bytes *to, enum wire_type type, struct bytes *body)
{
    wire_put_header(to, type, 1, 1);
    bytes_append(to, body->data, body->size);
    bytes_reset(body);
}

/* So many windows that a second mode at their end is told. */
static void save_sketches(void)
{
    enum { WINDOWS = 120 };
    struct bytes all = { 0 }, b = { 0 };
    static struct meter_description d = { .id = 1, .host = "h", .analysis = "sketch", .metric = "m", .unit = UNIT_NANOSECONDS, .kind = METRIC_LATENCY };
    for (int i = 0; i < 3; i++) { /* the sender follows from the place: fuzz_samples.c */
        meter_description_put(&b, &d);
        append_message(&all, WIRE_SERIES, &b);
    }
    for (uint32_t i = 0; i < WINDOWS; i++) {
        struct window_header w = { .host = "h", .begin_ns = i, .end_ns = i + 1, .last = true };
        static struct meter_sample s;
        s = (struct meter_sample){ .id = 1, .count = 60 + i % 5 + i % 7, .sketched = true, .sketch = { i < WINDOWS - 2 ? 2 : 3, { { 80, 40 + i % 5 }, { 81, 20 + i % 7 }, { 120, 90 } } } };
        wire_put_array(&b, 2);
        window_header_put(&b, &w);
        wire_put_array(&b, 1);
        meter_sample_put(&b, &s);
        append_message(&all, WIRE_SAMPLES, &b);
    }
    save("samples", "sketches", all.data, all.size);
    bytes_done(&all);
    bytes_done(&b);
}

static void save_stream_messages(void)
{
    struct bytes b = { 0 };
    struct operation op = { .begin_ns = 1, .end_ns = 2, .value = 3, .field_count = 1, .fields = { { "id", "7" } } };
    struct meter_description d = { .id = 1, .host = "h", .session = "s", .analysis = "a", .metric = "m", .unit = UNIT_NANOSECONDS,
                                   .kind = METRIC_LATENCY, .label_count = 1, .labels = { { "op", "x" } } };
    meter_description_put(&b, &d);
    save_message("samples", "series", WIRE_SERIES, &b);
    struct window_header w = { .host = "h", .session = "s", .begin_ns = 0, .end_ns = 1000000000, .last = true };
    struct meter_sample s = { .id = 1, .count = 2, .value_count = 7, .values = { 2, 2, 3, 3, 3, 3, 3 }, .worst_count = 1 };
    s.worst[0] = op;
    bytes_reset(&b);
    wire_put_array(&b, 2);
    window_header_put(&b, &w);
    wire_put_array(&b, 1);
    meter_sample_put(&b, &s);
    save_message("samples", "samples", WIRE_SAMPLES, &b);
    struct exceedance x = { .kind = EXCEEDANCE_TIMEOUT, .meter = 1, .time_ns = 5, .value = 6, .limit = 7, .operation = op };
    bytes_reset(&b);
    exceedance_put(&b, &x);
    save_message("samples", "exceedance", WIRE_EXCEEDANCE, &b);
    struct loss_record l = { .host = "h", .session = "s", .kind = 1, .count = 3, .begin_ns = 1, .end_ns = 2 };
    bytes_reset(&b);
    loss_record_put(&b, &l);
    save_message("samples", "loss", WIRE_LOSS, &b);
    bytes_reset(&b);
    wire_put_uint(&b, 1);
    save_message("samples", "retired", WIRE_RETIRED, &b);
    bytes_done(&b);
}

static void save_verdicts_and_alerts(void)
{
    static struct verdict v = { .kind = VERDICT_GRADE, .finding = FINDING_CHANGE, .severity = SEVERITY_CRITICAL, .host = "h",
                                .session = "s", .analysis = "a", .metric = "m", .statistic = STATISTIC_P99, .detector = "zscore",
                                .begin_ns = 1, .end_ns = 2, .value = 3, .expected = 1, .score = 0.9 };
    static struct alert a = { .id = 1, .state = ALERT_FIRING, .kind = FINDING_TIMEOUT, .severity = SEVERITY_WARNING, .analysis = "a",
                              .metric = "m", .label_count = 1, .labels = { { "op", "x" } }, .voter_count = 1, .voters = { "timeout" },
                              .evidence_count = 1 };
    struct window_done w = { .host = "h", .session = "s", .begin_ns = 1, .end_ns = 2 };
    struct bytes b = { 0 };
    verdict_put(&b, &v);
    save_message("verdict", "verdict", WIRE_VERDICT, &b);
    bytes_reset(&b);
    v.spread = 2.5;
    v.changed = CHANGE_BOTH;
    verdict_put(&b, &v);
    save_message("verdict", "change", WIRE_VERDICT, &b);
    bytes_reset(&b);
    window_done_put(&b, &w);
    save_message("verdict", "window", WIRE_WINDOW, &b);
    bytes_reset(&b);
    alert_explain(&a);
    alert_put(&b, &a);
    save_message("alert", "alert", WIRE_ALERT, &b);
    bytes_done(&b);
}

/* What a subscriber is sent, what it asks, and what its publisher keeps for it. */
static void save_subscriptions(void)
{
    static struct alert a = { .id = 1, .state = ALERT_FIRING, .kind = FINDING_ANOMALY, .severity = SEVERITY_CRITICAL, .analysis = "a",
                              .metric = "m", .label_count = 1, .labels = { { "op", "x" } }, .voter_count = 1, .voters = { "zscore" },
                              .evidence_count = 1, .evidence = { { .begin_ns = 1, .field_count = 1, .fields = { { "id", "7" } } } } };
    struct history *h = history_new(8, 1 << 16);
    struct replay_end end = { .number = 1, .newest = 2, .sent = 2, .gone = 1, .next = 3 };
    struct bytes b = { 0 };
    for (a.sequence = 1; a.sequence < 4; a.sequence++) {
        a.state = a.sequence == 2 ? ALERT_RESOLVED : ALERT_FIRING;
        history_add(h, &a);
    }
    history_save(h, &b);
    save("history", "saved", b.data, b.size);
    bytes_reset(&b);
    alert_put(&b, &a);
    save_message("client", "alert", WIRE_ALERT, &b);
    bytes_reset(&b);
    replay_end_put(&b, 1, &end);
    save("client", "end", b.data, b.size);
    for (int firing = 0; firing < 2; firing++) {
        bytes_reset(&b);
        replay_request_put(&b, &(struct replay_request){ .number = 1, .firing = firing, .epoch = 7, .first = 1, .last = 9 });
        save("request", firing ? "firing" : "range", b.data, b.size);
    }
    save("request", "endpoint", "tcp://127.0.0.1:5599", 20);
    history_free(h);
    bytes_done(&b);
}

/* What a reader child would write, without a parent that answers. */
static void save_batches(void)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/batch", root);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/batch/frames", root);
    FILE *f = fopen(path, "wb");
    struct batch_writer w;
    struct field fields[] = { { "id", SCOPE_PAYLOAD, VALUE_UNSIGNED }, { "op", SCOPE_PAYLOAD, VALUE_TEXT } };
    struct event_class class = { .name = "a:b", .source = { "h", "s" }, .field_count = 2, .fields = fields };
    struct event_selection sel;
    int reply[2];
    if (!f || pipe(reply) < 0)
        exit(1);
    struct {
        uint32_t size, type;
        struct event_selection selection;
    } answer = { sizeof(answer.selection), FRAME_SELECT, { .count = 2, .fields = { 0, 1 } } };
    if (write(reply[1], &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
        exit(1);
    batch_writer_init(&w, fileno(f), reply[0]);
    struct event_consumer c = batch_writer_consumer(&w);
    batch_status(&w, READER_ATTACHED, "attached");
    c.select(c.self, &class, &sel);
    struct value values[] = { { .kind = VALUE_UNSIGNED, .u = 5 }, { .kind = VALUE_TEXT, .size = 3, .text = "abc" } };
    struct event e = { .time_ns = 100, .values = values };
    c.event(c.self, &e);
    c.skipped(c.self, 2);
    c.watermark(c.self, 200);
    struct loss loss = { .kind = LOSS_EVENTS, .source = { "h", "s" }, .count = 1 };
    c.loss(c.self, &loss);
    batch_tick(&w);
    batch_writer_done(&w);
    fclose(f);
}

static void save_configs(void)
{
    static const char *const texts[] = {
        "window: 500ms\nsession: {live_timer: 50ms}\nanalyses:\n  - auto\n  - latency: {name: r, in: a, out: b, key: [id, vtid]}\n",
        "detectors:\n  - series: 'a*'\n    threshold: {warning: 5ms}\n    zscore: {window: 30}\n  - series: '*'\n    ignore: yes\n",
        "sinks:\n  - json: {path: /tmp/x}\n  - publish\nalerts: {bad_windows: 1, of_windows: 2}\n",
        "analyses:\n  - value: {events: [e, f], field: x, unit: ns}\n  - rate: {events: '*', labels: op}\n",
        "session.live_timer=10ms", "net://[::1]:5344/host/h/s",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "text-%zu", i);
        save("config", name, texts[i], strlen(texts[i]));
    }
}

/* The pair is that of ZeroMQ's RFC 26, hence nobody's. */
static void save_keys(void)
{
    static const char pair[] = "#   a comment\nmetadata\n    name = \"x\"\ncurve\n"
                               "    public-key = \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n"
                               "    secret-key = \"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs\"\n";
    static const char public[] = "curve # keys\r\n\tpublic-key='Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID'\r\n";
    save("keys", "pair", pair, sizeof(pair) - 1);
    save("keys", "public", public, sizeof(public) - 1);
    save("keys", "cut", pair, 60);
}

/* ---- what stages keep: fuzz_state.c reads the first byte as what it is ---- */

static void save_state(const char *name, uint8_t kind, const struct bytes *state)
{
    struct bytes b = { 0 };
    bytes_append(&b, &kind, 1);
    bytes_append(&b, state->data, state->size);
    save("state", name, b.data, b.size);
    bytes_done(&b);
}

static int keep(void *self, enum wire_type type, const struct bytes *body)
{
    (void)self;
    (void)type;
    (void)body;
    return 0;
}

static void hear(void *self, const char *text)
{
    (void)self;
    (void)text;
}

static void save_detect_state(void)
{
    static struct rules rules;
    struct bytes b = { 0 }, body = { 0 };
    struct host_config config;
    struct outlet out = { .send = keep };
    struct wire_header h = { .type = WIRE_SERIES };
    struct meter_description d = { .id = 1, .host = "h", .session = "s", .analysis = "a", .metric = "m", .unit = UNIT_NONE, .kind = METRIC_COUNTER };
    options_default(host_options, &config);
    rules_init(&rules);
    struct host *host = host_new(&config, &rules, &out, hear, NULL);
    meter_description_put(&body, &d);
    host_message(host, 0, &h, wire_reader_init(body.data, body.size));
    wire_put_array(&b, 1); /* one sender; nothing kept for the next stage */
    wire_put_string(&b, "collect");
    wire_put_uint(&b, 5);
    wire_put_bool(&b, true);
    wire_put_uint(&b, 7);
    wire_put_uint(&b, 6);
    wire_put_bool(&b, false);
    wire_put_bool(&b, false);
    wire_put_array(&b, 3);
    wire_put_uint(&b, 9);
    wire_put_uint(&b, 1);
    wire_put_uint(&b, 0);
    host_save(host, &b);
    save_state("detect", 0, &b);
    host_free(host);
    rules_done(&rules);
    outlet_done(&out);
    bytes_done(&b);
    bytes_done(&body);
}

static void number_it(void *self, struct alert *a)
{
    (void)self;
    a->sequence = 1;
}

static void save_alert_state(void)
{
    struct bytes b = { 0 };
    struct life_config config;
    struct verdict v = { .kind = VERDICT_RAISE, .finding = FINDING_LOSS, .severity = SEVERITY_WARNING, .host = "h", .session = "s", .analysis = "a",
                         .metric = "m", .statistic = STATISTIC_KINDS, .end_ns = 5, .lost = 2, .detail = "2 events" };
    options_default(life_options, &config);
    struct life *life = life_new(&config, number_it, NULL);
    life_verdict(life, &v);
    v.kind = VERDICT_GRADE;
    v.finding = FINDING_ANOMALY;
    life_verdict(life, &v);
    life_save(life, &b);
    wire_put_array(&b, 1);
    wire_put_uint(&b, 77);
    save_state("alert", 1, &b);
    life_free(life);
    bytes_done(&b);
}

/* The heads of both files, as journal.c has them. */
static void save_journal_files(void)
{
    struct bytes b = { 0 };
    uint64_t snapshot[6] = { 0, 1, 1, 1 }, mark = 0, journal[5] = { 0, 0, 1, 0, 0 };
    uint32_t head[2] = { 4, (uint32_t)hash_bytes("abcd", 4) | 1 };
    memcpy(snapshot, "FTSNAP1", 8);
    memcpy(journal, "FTJRNL2", 8);
    snapshot[4] = hash_mix(hash_bytes("x", 1), hash_bytes(snapshot, sizeof(snapshot)));
    bytes_append(&b, snapshot, sizeof(snapshot));
    bytes_append(&b, "x", 1);
    save_state("snapshot", 2, &b);
    bytes_reset(&b);
    bytes_append(&b, journal, sizeof(journal));
    bytes_append(&b, &mark, sizeof(mark));
    bytes_append(&b, head, sizeof(head));
    bytes_append(&b, "abcd\0\0\0\0", 8);
    bytes_append(&b, &mark, sizeof(mark));
    save_state("journal", 3, &b);
    bytes_done(&b);
}

/* Scripts for fuzz_link.c: a hello, a resync, messages; a sender that is told positions. */
static void save_links(void)
{
    static const uint8_t receiver[] = { 1, 0, 0, 0, 0, 66, 0, 1, 2, 0, 1, 3, 0, 1, 5, 3, 0, 2, 6, 6 };
    static const uint8_t sender[] = { 0, 0, 0, 0, 2, 115, 0, 0, 0, 2, 51, 2, 0, 0, 0 };
    save("link", "receiver", receiver, sizeof(receiver));
    save("link", "sender", sender, sizeof(sender));
    /* A name, a resync, a message, a word of presence. */
    static const uint8_t records[] = { 254, 1, 0, 2, 'a', 'b', 18, 0, 66, 0, 1, 18, 0, 2, 0, 1, 18, 0, 3, 0, 1, 5, 3, 3, 0 };
    save("link", "records", records, sizeof(records));
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    root = argv[1];
    mkdir(root, 0777);
    save_sketches();
    save_stream_messages();
    save_verdicts_and_alerts();
    save_subscriptions();
    save_batches();
    save_configs();
    save_keys();
    save_detect_state();
    save_alert_state();
    save_journal_files();
    save_links();
    return 0;
}
