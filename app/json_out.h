/* json_out.h - JSON of any length to a file: logs are millions of small pieces, so there is a buffer before it. */
#ifndef FT_APP_JSON_OUT_H
#define FT_APP_JSON_OUT_H
#include "collector/event.h"
#include <stdio.h>
#include <string.h>

struct json_out {
    FILE *file;
    size_t used;
    char text[1 << 16];
};

/* What is in the buffer; the file's errors are the caller's to look for. */
void json_flush(struct json_out *o);
/* What the buffer has no room for. */
void json_put_large(struct json_out *o, const char *text, size_t size);
static inline void json_put(struct json_out *o, const char *text, size_t size)
{
    if (size > sizeof(o->text) - o->used) {
        json_put_large(o, text, size);
        return;
    }
    memcpy(o->text + o->used, text, size);
    o->used += size;
}
static inline void json_puts(struct json_out *o, const char *text)
{
    json_put(o, text, strlen(text));
}
void json_signed(struct json_out *o, int64_t number);
/* null where it is not finite. */
void json_real(struct json_out *o, double value);
/* In quotes. */
void json_text(struct json_out *o, const char *text, size_t size);
void json_value(struct json_out *o, const struct value *v);
/* Pieces: a text, and the number (in quotes: the word) behind it. */
void json_named(struct json_out *o, const char *before, int64_t number);
void json_named_real(struct json_out *o, const char *before, double value);
void json_named_text(struct json_out *o, const char *before, const char *text);

#endif
