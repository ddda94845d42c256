/* arena.h - memory for many small things that live and die together. */
#ifndef FT_BASE_ARENA_H
#define FT_BASE_ARENA_H
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks;
    size_t used, total; /* of the first chunk; bytes of all */
};

void arena_done(struct arena *a);
/* Zeroed, aligned for anything. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy of size bytes, NUL-terminated. */
char *arena_text(struct arena *a, const char *text, size_t size);

#endif
