#include "alerts/history.h"
#include <stdlib.h>
#include <string.h>

struct record {
    uint64_t sequence, id;
    uint8_t *body;
    uint32_t size;
};

/* Records in the order of their sequences, in a ring. */
struct shelf {
    struct record *records;
    uint32_t first, count, capacity;
    uint64_t bytes, bytes_max;
};

struct history {
    struct shelf recent, firing;
    uint64_t newest, left_out;
    struct bytes scratch;
};

static struct record *shelf_at(const struct shelf *s, uint32_t i)
{
    return &s->records[((uint64_t)s->first + i) % s->capacity];
}

static void shelf_init(struct shelf *s, uint32_t capacity, uint64_t bytes_max)
{
    *s = (struct shelf){ .capacity = capacity, .bytes_max = bytes_max };
    s->records = xcalloc(capacity, sizeof(*s->records));
}

/* Later records move up: those that are firing are few, and of the recent ones only the first goes. */
static void shelf_remove(struct shelf *s, uint32_t i)
{
    struct record *gone = shelf_at(s, i);
    s->bytes -= gone->size;
    free(gone->body);
    if (i == 0) {
        s->first = (s->first + 1) % s->capacity;
    } else {
        for (uint32_t k = i; k + 1 < s->count; k++)
            *shelf_at(s, k) = *shelf_at(s, k + 1);
    }
    s->count--;
}

static bool shelf_has_room(const struct shelf *s, size_t size)
{
    return s->count < s->capacity && size <= s->bytes_max - s->bytes;
}

/* There is room. */
static void shelf_append(struct shelf *s, uint64_t sequence, uint64_t id, const void *body, size_t size)
{
    struct record *r = shelf_at(s, s->count);
    *r = (struct record){ .sequence = sequence, .id = id, .body = xcalloc(1, size), .size = (uint32_t)size };
    memcpy(r->body, body, size);
    s->bytes += size;
    s->count++;
}

static void shelf_clear(struct shelf *s)
{
    while (s->count > 0)
        shelf_remove(s, 0);
}

/* The first record after a sequence, or NULL. */
static const struct record *shelf_after(const struct shelf *s, uint64_t after)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (shelf_at(s, middle)->sequence > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low < s->count ? shelf_at(s, low) : NULL;
}

struct history *history_new(uint32_t capacity, uint64_t bytes_max)
{
    struct history *h = xcalloc(1, sizeof(*h));
    shelf_init(&h->recent, capacity, bytes_max);
    shelf_init(&h->firing, capacity, bytes_max);
    return h;
}

static void clear(struct history *h)
{
    shelf_clear(&h->recent);
    shelf_clear(&h->firing);
    h->newest = 0;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    clear(h);
    free(h->recent.records);
    free(h->firing.records);
    bytes_done(&h->scratch);
    free(h);
}

static void add_recent(struct history *h, const struct alert *a, const void *body, size_t size)
{
    if (size > h->recent.bytes_max) {
        h->left_out++;
        return;
    }
    while (!shelf_has_room(&h->recent, size))
        shelf_remove(&h->recent, 0);
    shelf_append(&h->recent, a->sequence, a->id, body, size);
}

static void add_firing(struct history *h, const struct alert *a, const void *body, size_t size)
{
    if (shelf_has_room(&h->firing, size))
        shelf_append(&h->firing, a->sequence, a->id, body, size);
    else
        h->left_out++;
}

static uint32_t find_firing(const struct history *h, uint64_t id)
{
    uint32_t i = 0;
    while (i < h->firing.count && shelf_at(&h->firing, i)->id != id)
        i++;
    return i;
}

void history_add(struct history *h, const struct alert *a)
{
    if (a->sequence <= h->newest) {
        h->left_out++;
        return;
    }
    bytes_reset(&h->scratch);
    alert_put(&h->scratch, a);
    h->newest = a->sequence;
    add_recent(h, a, h->scratch.data, h->scratch.size);
    uint32_t i = find_firing(h, a->id);
    if (i < h->firing.count)
        shelf_remove(&h->firing, i);
    if (a->state == ALERT_FIRING)
        add_firing(h, a, h->scratch.data, h->scratch.size);
}

static bool give(const struct record *r, struct history_entry *ret_entry)
{
    if (r)
        *ret_entry = (struct history_entry){ .sequence = r->sequence, .body = r->body, .size_bytes = r->size };
    return r != NULL;
}

bool history_next(const struct history *h, uint64_t after, struct history_entry *ret_entry)
{
    const struct record *recent = shelf_after(&h->recent, after), *firing = shelf_after(&h->firing, after);
    return give(recent && firing && firing->sequence < recent->sequence ? firing : recent ? recent : firing, ret_entry);
}

bool history_next_firing(const struct history *h, uint64_t after, struct history_entry *ret_entry)
{
    return give(shelf_after(&h->firing, after), ret_entry);
}

uint64_t history_newest(const struct history *h)
{
    return h->newest;
}

uint64_t history_left_out(const struct history *h)
{
    return h->left_out;
}

/* ---- as bytes: [version, newest, [body of a recent one, ...], [body of a firing one, ...]] ---- */

static void save_shelf(const struct shelf *s, struct bytes *b)
{
    wire_put_array(b, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        bytes_append(b, shelf_at(s, i)->body, shelf_at(s, i)->size);
}

void history_save(const struct history *h, struct bytes *b)
{
    wire_put_array(b, 4);
    wire_put_uint(b, HISTORY_VERSION);
    wire_put_uint(b, h->newest);
    save_shelf(&h->recent, b);
    save_shelf(&h->firing, b);
}

/* Bodies in ascending order, none beyond the newest. */
static bool load_shelf(struct history *h, struct wire_reader *r, struct alert *scratch, bool firing)
{
    uint64_t before = 0;
    for (uint32_t i = 0, n = wire_get_array(r, UINT32_MAX); i < n; i++) {
        const uint8_t *body = r->at;
        if (!alert_get(r, scratch) || scratch->sequence <= before || scratch->sequence > h->newest)
            return false;
        size_t size = (size_t)(r->at - body);
        before = scratch->sequence;
        if (!firing)
            add_recent(h, scratch, body, size);
        else if (scratch->state == ALERT_FIRING && find_firing(h, scratch->id) == h->firing.count)
            add_firing(h, scratch, body, size);
        else
            return false;
    }
    return wire_ok(r);
}

bool history_load(struct history *h, const void *data, size_t size)
{
    struct wire_reader r = wire_reader_init(data, size);
    struct alert *scratch = xcalloc(1, sizeof(*scratch));
    clear(h);
    bool ok = wire_get_array(&r, 4) == 4 && wire_get_uint(&r) == HISTORY_VERSION;
    h->newest = wire_get_uint(&r);
    ok = ok && wire_ok(&r) && load_shelf(h, &r, scratch, false) && load_shelf(h, &r, scratch, true) && wire_finished(&r);
    if (!ok)
        clear(h);
    free(scratch);
    return ok;
}
