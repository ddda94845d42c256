/* What is left on the disk of a stage's state: any bytes, whatever the checksum says. What loads saves
 * and loads again to the same; what does not is refused, and nothing hangs. The first byte says which. */
#include "alerts/history.h"
#include "alerts/life.h"
#include "alerts/seen_ids.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/link_receiver.h"
#include "base/link_sender.h"
#include "detectors/host.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct bytes *a, const struct bytes *b)
{
    if (a->size != b->size || memcmp(a->data, b->data, a->size) != 0)
        abort();
}

static void complain(void *self, const char *text)
{
    (void)self;
    (void)text;
}

/* ---- the detect stage's ---- */

struct detect {
    struct link_receiver *in;
    struct link_sender out;
    struct host *host;
};

static const struct link_consumer consumer = { 0 };
static struct rules rules;

static void detect_init(struct detect *d)
{
    struct link_receiver_setup setup = { .endpoint = "none", .epoch = 1, .consumer = &consumer };
    struct host_config config;
    options_default(host_options, &config);
    config.memory.bytes = 1 << 20;
    if (rules.fallback.count == 0)
        rules_init(&rules);
    memset(d, 0, sizeof(*d));
    backlog_init(&d->out.kept, 1);
    d->in = link_receiver_new(&setup);
    d->host = host_new(&config, &rules, &d->out.outlet, complain, NULL);
}

static bool detect_load(struct detect *d, const void *data, size_t size)
{
    struct wire_reader r = wire_reader_init(data, size);
    return link_receiver_load(d->in, &r) && link_sender_load(&d->out, &r) && host_load(d->host, &r);
}

static void detect_save(const struct detect *d, struct bytes *b)
{
    bytes_reset(b);
    link_receiver_save(d->in, b);
    link_sender_save(&d->out, b);
    host_save(d->host, b);
}

static void detect_done(struct detect *d)
{
    link_receiver_free(d->in);
    host_free(d->host);
    link_sender_close(&d->out);
}

static void fuzz_detect(const uint8_t *data, size_t size)
{
    static struct bytes once, twice;
    struct detect d;
    detect_init(&d);
    bool loaded = detect_load(&d, data, size);
    if (loaded)
        detect_save(&d, &once);
    detect_done(&d);
    if (!loaded)
        return;
    detect_init(&d);
    if (!detect_load(&d, once.data, once.size))
        abort();
    detect_save(&d, &twice);
    detect_done(&d);
    same(&once, &twice);
}

/* ---- the alert stage's ---- */

static void deliver(void *self, struct alert *a)
{
    uint64_t *sequence = self;
    a->sequence = ++*sequence;
    static char topic[TOPIC_TEXT_MAX];
    alert_topic(a, topic);
}

/* A loaded life is lived on: whatever is in it is looked at. */
static void live_on(struct life *life)
{
    struct window_done w = { .end_ns = 1000000000 };
    struct verdict v = { .kind = VERDICT_RAISE, .finding = FINDING_LOSS, .severity = SEVERITY_WARNING, .lost = 3, .end_ns = 5, .statistic = STATISTIC_KINDS };
    life_verdict(life, &v);
    for (int i = 0; i < 8; i++) {
        life_window(life, &w);
        w.begin_ns = w.end_ns;
        w.end_ns += 1000000000;
        memcpy(w.host, "h", 2);
        memcpy(w.session, "s", 2);
    }
}

static void fuzz_alert(const uint8_t *data, size_t size)
{
    static struct bytes once, twice;
    static struct seen_ids seen;
    struct life_config config;
    options_default(life_options, &config);
    uint64_t sequence = 0;
    struct life *life = life_new(&config, deliver, &sequence), *again = life_new(&config, deliver, &sequence);
    struct wire_reader r = wire_reader_init(data, size);
    if (life_load(life, &r)) {
        bytes_reset(&once);
        bytes_reset(&twice);
        life_save(life, &once);
        struct wire_reader s = wire_reader_init(once.data, once.size);
        if (!life_load(again, &s) || !wire_finished(&s))
            abort();
        life_save(again, &twice);
        same(&once, &twice);
        live_on(life);
        if (!seen.ids)
            seen_ids_init(&seen);
        seen_ids_load(&seen, &r);
    }
    life_free(life);
    life_free(again);
}

/* ---- the journal's files ---- */

static void save(void *self, struct bytes *b)
{
    (void)self;
    wire_put_nil(b);
}

static bool load(void *self, const void *data, size_t size)
{
    (void)self;
    return size == 0 || ((const uint8_t *)data)[0] % 4 != 3;
}

static bool replay(void *self, const void *record, size_t size)
{
    (void)self;
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum ^= ((const uint8_t *)record)[i];
    return sum % 4 != 3;
}

static void told(void *self, bool warning, const char *text)
{
    (void)warning;
    complain(self, text);
}

static const struct journal_owner owner = { .save = save, .load = load, .replay = replay, .notice = told };

static void write_file(const char *dir, const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd) < 0)
        abort();
}

static void remove_files(const char *dir)
{
    static const char *const names[] = { "snapshot", "snapshot.bad", "journal.0", "journal.1", "journal.0.bad", "journal.1.bad", "journal.2" };
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
}

static void fuzz_journal(const uint8_t *data, size_t size, bool snapshot)
{
    static char dir[32];
    struct journal_setup setup = { .dir = dir, .size_bytes = 512, .config = 1, .owner = &owner };
    struct journal *journal;
    struct error err;
    if (!dir[0]) {
        strcpy(dir, "/tmp/fuzz-state-XXXXXX");
        if (!mkdtemp(dir))
            abort();
    }
    write_file(dir, snapshot ? "snapshot" : "journal.0", data, size);
    if (journal_open(&setup, &journal, &err) == 0) {
        uint8_t record[100] = { 1 };
        for (int i = 0; i < 6; i++)
            if (journal_append(journal, record, sizeof(record)) < 0)
                abort();
        journal_close(journal);
    }
    remove_files(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        fuzz_detect(data + 1, size - 1);
        break;
    case 1:
        fuzz_alert(data + 1, size - 1);
        break;
    default:
        fuzz_journal(data + 1, size - 1, data[0] % 4 == 2);
    }
    return 0;
}
