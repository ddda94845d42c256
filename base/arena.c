#include "base/arena.h"
#include "base/bytes.h"
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 1 << 16, ALIGNMENT = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    _Alignas(ALIGNMENT) unsigned char data[];
};

void arena_done(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    *a = (struct arena){ 0 };
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!a->chunks || a->chunks->size - a->used < size) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        struct arena_chunk *chunk = xcalloc(1, sizeof(*chunk) + capacity);
        chunk->size = capacity;
        chunk->next = a->chunks;
        a->chunks = chunk;
        a->used = 0;
        a->total += capacity;
    }
    void *p = a->chunks->data + a->used;
    a->used += size;
    return p;
}

char *arena_text(struct arena *a, const char *text, size_t size)
{
    char *copy = arena_alloc(a, size + 1);
    memcpy(copy, text, size);
    return copy;
}
