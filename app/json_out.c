#include "app/json_out.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

void json_flush(struct json_out *o)
{
    fwrite(o->text, 1, o->used, o->file);
    o->used = 0;
}

void json_put_large(struct json_out *o, const char *text, size_t size)
{
    json_flush(o);
    if (size > sizeof(o->text)) {
        fwrite(text, 1, size, o->file);
        return;
    }
    memcpy(o->text, text, size);
    o->used = size;
}

static void json_unsigned(struct json_out *o, uint64_t number)
{
    char digits[20], *at = digits + sizeof(digits);
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    json_put(o, at, (size_t)(digits + sizeof(digits) - at));
}

void json_signed(struct json_out *o, int64_t number)
{
    if (number < 0)
        json_put(o, "-", 1);
    json_unsigned(o, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void json_real(struct json_out *o, double value)
{
    char text[32];
    if (isfinite(value))
        json_put(o, text, (size_t)snprintf(text, sizeof(text), "%.17g", value));
    else
        json_puts(o, "null");
}

void json_text(struct json_out *o, const char *text, size_t size)
{
    char buffer[6 * VALUE_TEXT_MAX + 3];
    size_t plain = 0;
    while (plain < size && text[plain] >= ' ' && text[plain] < 127 && text[plain] != '"' && text[plain] != '\\')
        plain++;
    if (plain == size) {
        json_put(o, "\"", 1);
        json_put(o, text, size);
        json_put(o, "\"", 1);
        return;
    }
    struct text_out out = text_out_init(buffer, sizeof(buffer));
    text_put_json(&out, text, size);
    json_puts(o, buffer);
}

void json_value(struct json_out *o, const struct value *v)
{
    switch (v->kind) {
    case VALUE_SIGNED:
        json_signed(o, v->i);
        break;
    case VALUE_UNSIGNED:
        json_unsigned(o, v->u);
        break;
    case VALUE_REAL:
        json_real(o, v->d);
        break;
    case VALUE_TEXT:
        json_text(o, v->text, v->size);
        break;
    default:
        json_puts(o, "null");
    }
}

void json_named(struct json_out *o, const char *before, int64_t number)
{
    json_puts(o, before);
    json_signed(o, number);
}

void json_named_real(struct json_out *o, const char *before, double value)
{
    json_puts(o, before);
    json_real(o, value);
}

void json_named_text(struct json_out *o, const char *before, const char *text)
{
    json_puts(o, before);
    json_text(o, text, strlen(text));
}
