#include "stream/report_spool.h"
#include "base/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SPOOL_MEMORY = 1 << 20, SPOOL_START = 1 << 12 };
/* Of threads and processes; that of others is always the same. */
#define BORN_SIZE ((REPORT_BY_KINDS - 1) * sizeof(int64_t))
#define HEAD_SIZE (3 * sizeof(int64_t) + sizeof(struct stack_pair) + BORN_SIZE)
#define FIELD_SIZE (1 + sizeof(uint64_t))

void spool_done(struct spool *s)
{
    if (s->map)
        munmap(s->map, s->map_size);
    if (s->file)
        fclose(s->file);
    free(s->buffer);
    *s = (struct spool){ 0 };
}

static void fail(struct spool *s)
{
    if (s->failure == 0)
        s->failure = errno ? -errno : -EIO;
}

static void flush(struct spool *s)
{
    if (!s->file && !(s->file = tmpfile()))
        fail(s);
    else if (fwrite(s->buffer, 1, s->used, s->file) != s->used)
        fail(s);
    s->used = 0;
}

static void make_room(struct spool *s, size_t size)
{
    if (s->used + size > SPOOL_MEMORY)
        flush(s);
    while (s->used + size > s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : SPOOL_START;
        s->buffer = xrealloc(s->buffer, s->capacity, 1);
    }
}

/* A field is its kind and 8 bytes, or its kind, its size and the text. */
void spool_write(struct spool *s, const struct observed *x, const int64_t born_ns[REPORT_BY_KINDS], struct stack_pair stacks, uint32_t field_count)
{
    size_t size = HEAD_SIZE;
    for (uint32_t i = 0; i < field_count; i++)
        size += FIELD_SIZE + (x->fields[i].kind == VALUE_TEXT ? VALUE_TEXT_MAX : 0);
    if (s->used + size > s->capacity || s->used + size > SPOOL_MEMORY)
        make_room(s, size);
    unsigned char *at = s->buffer + s->used;
    memcpy(at, &x->begin_ns, sizeof(int64_t));
    memcpy(at + 8, &x->end_ns, sizeof(int64_t));
    memcpy(at + 16, &x->value, sizeof(int64_t));
    memcpy(at + 24, &stacks, sizeof(stacks));
    memcpy(at + 24 + sizeof(stacks), born_ns + 1, BORN_SIZE);
    at += HEAD_SIZE;
    for (uint32_t i = 0; i < field_count; i++) {
        const struct value *v = &x->fields[i];
        uint64_t word = v->kind != VALUE_TEXT ? v->u : v->size < VALUE_TEXT_MAX ? v->size : VALUE_TEXT_MAX;
        *at = (unsigned char)v->kind;
        memcpy(at + 1, &word, sizeof(word));
        at += FIELD_SIZE;
        if (v->kind != VALUE_TEXT)
            continue;
        memcpy(at, v->text, word);
        at += word;
    }
    s->used = (size_t)(at - s->buffer);
    s->count++;
}

struct spool_reader spool_read(struct spool *s, uint32_t field_count)
{
    struct spool_reader r = { .field_count = field_count };
    struct stat st;
    if (s->file && !s->map) {
        flush(s);
        if (fflush(s->file) != 0 || fstat(fileno(s->file), &st) < 0) {
            fail(s);
            return r;
        }
        s->map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fileno(s->file), 0);
        s->map_size = (size_t)st.st_size;
        if (s->map == MAP_FAILED) {
            s->map = NULL;
            fail(s);
        }
    }
    if (s->failure < 0 || s->count == 0)
        return r;
    r.at = s->map ? s->map : s->buffer;
    r.end = r.at + (s->map ? s->map_size : s->used);
    return r;
}

bool spool_next(struct spool_reader *r, struct observed *ret_x, int64_t ret_born_ns[REPORT_BY_KINDS], struct stack_pair *ret_stacks, struct value *fields)
{
    if (r->at == r->end)
        return false;
    memcpy(&ret_x->begin_ns, r->at, sizeof(int64_t));
    memcpy(&ret_x->end_ns, r->at + 8, sizeof(int64_t));
    memcpy(&ret_x->value, r->at + 16, sizeof(int64_t));
    memcpy(ret_stacks, r->at + 24, sizeof(*ret_stacks));
    ret_born_ns[REPORT_BY_OTHER] = INT64_MIN;
    memcpy(ret_born_ns + 1, r->at + 24 + sizeof(*ret_stacks), BORN_SIZE);
    ret_x->fields = fields;
    r->at += HEAD_SIZE;
    for (uint32_t i = 0; i < r->field_count; i++) {
        uint64_t word;
        memcpy(&word, r->at + 1, sizeof(word));
        fields[i] = (struct value){ .kind = *r->at, .u = word };
        r->at += FIELD_SIZE;
        if (fields[i].kind != VALUE_TEXT)
            continue;
        fields[i].size = (uint32_t)word;
        fields[i].text = (const char *)r->at;
        r->at += word;
    }
    return true;
}
