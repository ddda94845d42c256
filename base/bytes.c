#include "base/bytes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("foretrace: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(xcalloc(1, n), text, n);
}

void bytes_done(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){ 0 };
}

uint8_t *bytes_reserve(struct bytes *b, size_t more)
{
    if (b->capacity - b->size < more) {
        size_t wanted = b->capacity ? b->capacity : 256;
        while (wanted - b->size < more)
            wanted *= 2;
        b->data = xrealloc(b->data, wanted, 1);
        b->capacity = wanted;
    }
    return b->data + b->size;
}

void bytes_append(struct bytes *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(bytes_reserve(b, size), data, size);
    b->size += size;
}
