/* bytes.h - a growing byte buffer that is kept and reused: it allocates until
 * it has been as large as it needs to be, then never again. */
#ifndef FT_BASE_BYTES_H
#define FT_BASE_BYTES_H
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

void bytes_done(struct bytes *b);
/* Room for `more` bytes behind size; aborts when memory is exhausted (as all of foretrace does). */
uint8_t *bytes_reserve(struct bytes *b, size_t more);
void bytes_append(struct bytes *b, const void *data, size_t size);
static inline void bytes_reset(struct bytes *b)
{
    b->size = 0;
}

/* calloc and realloc that cannot fail: running out of memory ends the program
 * with a message. Sizes are checked for overflow. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *text);

/* Makes room for one more element in an array that doubles as it grows. */
#define GROW(array, count, capacity)                                                                         \
    do {                                                                                                     \
        if ((count) == (capacity)) {                                                                         \
            (capacity) = (capacity) ? (capacity) * 2 : 8;                                                    \
            (array) = xrealloc((array), (capacity), sizeof(*(array)));                                       \
        }                                                                                                    \
    } while (0)

#endif
