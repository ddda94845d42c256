#include "stream/recall.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECALL_IDS_MAX = 1 << 22, SOURCES_MAX = 256, LOST_MAX = 1 << 16, RECORDS_MAX = 1024 };

/* The body of a series' description, as it was sent. */
struct entry {
    uint8_t *data;
    size_t size;
};

struct source {
    char host[NAME_TEXT_MAX], session[NAME_TEXT_MAX];
    uint64_t untaken;        /* windows dropped, for recall_take_dropped() */
    /* Of those that are too many to be kept singly: */
    uint64_t windows, others;
    int64_t begin_ns, end_ns;
};

/* One message that was dropped. */
struct lost {
    uint64_t sequence;
    uint32_t source;
    bool window;             /* the last of its window; else a part, or an exceedance */
    bool counted;            /* surely lost; else the receiver may have it */
    int64_t begin_ns, end_ns;
};

struct recall {
    struct entry *entries;
    uint32_t count, capacity;
    struct source *sources;
    uint32_t source_count, source_capacity;
    struct lost *lost;       /* a ring */
    uint32_t lost_first, lost_count;
    struct entry *records;   /* losses that were dropped: bodies, to be told after all */
    uint64_t *record_sequences;
    uint32_t record_count;
    struct bytes body;
    struct window_header window;
};

static void forget_records(struct recall *recall)
{
    for (uint32_t i = 0; i < recall->record_count; i++)
        free(recall->records[i].data);
    recall->record_count = 0;
}

struct recall *recall_new(void)
{
    return xcalloc(1, sizeof(struct recall));
}

void recall_free(struct recall *recall)
{
    if (!recall)
        return;
    for (uint32_t i = 0; i < recall->count; i++)
        free(recall->entries[i].data);
    free(recall->entries);
    free(recall->sources);
    free(recall->lost);
    forget_records(recall);
    free(recall->records);
    free(recall->record_sequences);
    bytes_done(&recall->body);
    free(recall);
}

/* ---- descriptions ---- */

static void set_entry(struct recall *recall, uint32_t id, const void *data, size_t size)
{
    if (id >= RECALL_IDS_MAX)
        return;
    while (recall->count <= id) {
        GROW(recall->entries, recall->count, recall->capacity);
        recall->entries[recall->count++] = (struct entry){ 0 };
    }
    struct entry *e = &recall->entries[id];
    free(e->data);
    *e = (struct entry){ size ? memcpy(xcalloc(1, size), data, size) : NULL, size };
}

/* ---- what was dropped ---- */

static uint32_t find_source(struct recall *recall, const char *host, const char *session)
{
    for (uint32_t i = 0; i < recall->source_count; i++)
        if (strcmp(recall->sources[i].host, host) == 0 && strcmp(recall->sources[i].session, session) == 0)
            return i;
    if (recall->source_count == SOURCES_MAX)
        return 0;
    GROW(recall->sources, recall->source_count, recall->source_capacity);
    struct source *s = &recall->sources[recall->source_count];
    *s = (struct source){ 0 };
    snprintf(s->host, sizeof(s->host), "%s", host);
    snprintf(s->session, sizeof(s->session), "%s", session);
    return recall->source_count++;
}

/* It is lost: once. */
static void count(struct recall *recall, struct lost *l)
{
    if (!l->counted)
        recall->sources[l->source].untaken += l->window;
    l->counted = true;
}

static void add_to_source(struct source *s, const struct lost *l)
{
    if (s->windows + s->others == 0 || l->begin_ns < s->begin_ns)
        s->begin_ns = l->begin_ns;
    if (s->windows + s->others == 0 || l->end_ns > s->end_ns)
        s->end_ns = l->end_ns;
    s->windows += l->window;
    s->others += !l->window;
}

/* The oldest of more than fit become a sum: then it is not known which of them a receiver had after all. */
static void add_lost(struct recall *recall, const struct lost *l)
{
    if (!recall->lost)
        recall->lost = xcalloc(LOST_MAX, sizeof(*recall->lost));
    if (recall->lost_count == LOST_MAX) {
        struct lost *oldest = &recall->lost[recall->lost_first];
        count(recall, oldest);
        add_to_source(&recall->sources[oldest->source], oldest);
        recall->lost_first = (recall->lost_first + 1) % LOST_MAX;
        recall->lost_count--;
    }
    recall->lost[(recall->lost_first + recall->lost_count++) % LOST_MAX] = *l;
}

static void keep_record(struct recall *recall, uint64_t sequence, const struct wire_reader *body)
{
    size_t size = (size_t)(body->end - body->at);
    if (!recall->records) {
        recall->records = xcalloc(RECORDS_MAX, sizeof(*recall->records));
        recall->record_sequences = xcalloc(RECORDS_MAX, sizeof(*recall->record_sequences));
    }
    if (recall->record_count == RECORDS_MAX)
        return; /* the windows that are lost with it say that much is not known */
    recall->record_sequences[recall->record_count] = sequence;
    recall->records[recall->record_count++] = (struct entry){ memcpy(xcalloc(1, size), body->at, size), size };
}

static void lose(struct recall *recall, const struct wire_header *header, struct wire_reader *body, bool sure)
{
    struct lost l = { .sequence = header->sequence };
    struct exceedance x;
    struct meter_description d;
    if (header->type == WIRE_SAMPLES) {
        if (wire_get_array(body, 2) != 2 || !window_header_get(body, &recall->window))
            return;
        l.source = find_source(recall, recall->window.host, recall->window.session);
        l.window = recall->window.last;
        l.begin_ns = recall->window.begin_ns;
        l.end_ns = recall->window.end_ns;
    } else if (header->type == WIRE_EXCEEDANCE) {
        if (!exceedance_get(body, &x) || x.meter >= recall->count || !recall->entries[x.meter].data)
            return;
        struct wire_reader r = wire_reader_init(recall->entries[x.meter].data, recall->entries[x.meter].size);
        if (!meter_description_get(&r, &d))
            return;
        l.source = find_source(recall, d.host, d.session);
        l.begin_ns = l.end_ns = x.time_ns;
    } else if (header->type == WIRE_LOSS) {
        keep_record(recall, header->sequence, body);
        return;
    } else {
        return;
    }
    if (sure)
        count(recall, &l);
    add_lost(recall, &l);
}

/* The receiver has come past what it was told to be lost. */
static void forget_lost(struct recall *recall, uint64_t sequence)
{
    while (recall->lost_count > 0 && recall->lost[recall->lost_first].sequence < sequence) {
        recall->lost_first = (recall->lost_first + 1) % LOST_MAX;
        recall->lost_count--;
    }
    forget_records(recall);
    for (uint32_t i = 0; i < recall->source_count; i++)
        recall->sources[i].windows = recall->sources[i].others = 0;
}

void recall_left(void *self, const struct wire_header *header, struct wire_reader body, enum link_left why)
{
    struct recall *recall = self;
    struct wire_reader whole = body;
    if (why != LINK_LEFT_SAFE)
        lose(recall, header, &body, why == LINK_LEFT_UNSENT);
    else if (recall->lost_count > 0 || recall->record_count > 0)
        forget_lost(recall, header->sequence);
    if (header->type == WIRE_SERIES && wire_get_array(&whole, 16) > 0)
        set_entry(recall, wire_get_uint32(&whole), body.at, (size_t)(body.end - body.at));
    else if (header->type == WIRE_RETIRED)
        set_entry(recall, wire_get_uint32(&whole), NULL, 0);
}

/* ---- telling ---- */

static void tell_losses(struct recall *recall, struct link_sender *link, const struct source *s)
{
    struct loss_record record = { .kind = LOSS_RECORD_WINDOWS, .count = s->windows, .begin_ns = s->begin_ns, .end_ns = s->end_ns };
    if (s->windows + s->others == 0)
        return;
    memcpy(record.host, s->host, sizeof(record.host));
    memcpy(record.session, s->session, sizeof(record.session));
    if (s->others > 0)
        snprintf(record.reason, sizeof(record.reason), "with parts of others or single operations: %llu messages", (unsigned long long)s->others);
    bytes_reset(&recall->body);
    loss_record_put(&recall->body, &record);
    link_recall(link, WIRE_LOSS, &recall->body);
}

void recall_tell(void *self, struct link_sender *link, uint64_t position, bool restarted)
{
    struct recall *recall = self;
    for (uint32_t i = 0; i < recall->count; i++) {
        const struct entry *e = &recall->entries[i];
        struct bytes body = { .data = e->data, .size = e->size };
        if (e->data)
            link_recall(link, WIRE_SERIES, &body);
    }
    for (uint32_t i = 0; i < recall->record_count; i++) {
        struct bytes body = { .data = recall->records[i].data, .size = recall->records[i].size };
        if (restarted || recall->record_sequences[i] > position)
            link_recall(link, WIRE_LOSS, &body);
    }
    struct source *sums = xcalloc(recall->source_count, sizeof(*sums));
    if (recall->source_count > 0)
        memcpy(sums, recall->sources, recall->source_count * sizeof(*sums));
    for (uint32_t i = 0; i < recall->lost_count; i++) {
        struct lost *l = &recall->lost[(recall->lost_first + i) % LOST_MAX];
        if (!restarted && l->sequence <= position)
            continue;
        count(recall, l);
        add_to_source(&sums[l->source], l);
    }
    for (uint32_t i = 0; i < recall->source_count; i++)
        tell_losses(recall, link, &sums[i]);
    free(sums);
}

void recall_give_up(struct recall *recall)
{
    for (uint32_t i = 0; i < recall->lost_count; i++)
        count(recall, &recall->lost[(recall->lost_first + i) % LOST_MAX]);
}

bool recall_take_dropped(struct recall *recall, const char **ret_host, const char **ret_session, uint64_t *ret_windows)
{
    for (uint32_t i = 0; i < recall->source_count; i++) {
        struct source *s = &recall->sources[i];
        if (s->untaken == 0)
            continue;
        *ret_host = s->host;
        *ret_session = s->session;
        *ret_windows = s->untaken;
        s->untaken = 0;
        return true;
    }
    return false;
}
