#include "base/text.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text_out text_out_init(char *buffer, size_t capacity)
{
    if (capacity > 0)
        buffer[0] = '\0';
    return (struct text_out){ .start = buffer, .capacity = capacity };
}

void text_put(struct text_out *out, const char *text, size_t size)
{
    size_t room = out->capacity > out->used ? out->capacity - out->used - 1 : 0;
    if (size > room) {
        size = room;
        out->truncated = true;
    }
    if (out->capacity == 0)
        return;
    memcpy(out->start + out->used, text, size);
    out->used += size;
    out->start[out->used] = '\0';
}

void text_puts(struct text_out *out, const char *text)
{
    text_put(out, text, strlen(text));
}

void text_printf(struct text_out *out, const char *fmt, ...)
{
    size_t room = out->capacity - out->used;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out->start + out->used, room, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n >= room) {
        out->truncated = true;
        n = room > 0 ? (int)room - 1 : 0;
    }
    out->used += (size_t)n;
}

const char *text_s(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static bool is_listed(const char *list, const char *name, size_t size)
{
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        if (n == size && memcmp(at, name, size) == 0)
            return true;
        at += n + strspn(at + n, ", ");
    }
    return false;
}

void text_put_listed(struct text_out *out, uint32_t *count, uint32_t most, const char *name, size_t size)
{
    if (*count > most || is_listed(out->start, name, size))
        return;
    if (*count > 0)
        text_puts(out, ", ");
    if (*count < most)
        text_put(out, name, size);
    else
        text_puts(out, "...");
    (*count)++;
}

size_t text_utf8_length(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    if (size == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n > size)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void text_put_clean(struct text_out *out, const char *text, size_t size)
{
    for (size_t i = 0, n; i < size && !out->truncated; i += n ? n : 1) {
        n = text_utf8_length(text + i, size - i);
        bool control = n == 1 && ((unsigned char)text[i] < 0x20 || text[i] == 0x7f);
        if (n == 0 || control)
            text_put(out, "?", 1);
        else if (out->used + n < out->capacity)
            text_put(out, text + i, n);
        else
            out->truncated = true;
    }
}

static void put_json_byte(struct text_out *out, unsigned char c)
{
    switch (c) {
    case '"':
        text_puts(out, "\\\"");
        break;
    case '\\':
        text_puts(out, "\\\\");
        break;
    case '\n':
        text_puts(out, "\\n");
        break;
    case '\t':
        text_puts(out, "\\t");
        break;
    default:
        if (c < 0x20 || c == 0x7f)
            text_printf(out, "\\u%04x", c);
        else
            text_put(out, (const char *)&c, 1);
    }
}

void text_put_json(struct text_out *out, const char *text, size_t size)
{
    text_puts(out, "\"");
    for (size_t i = 0; i < size;) {
        size_t n = text_utf8_length(text + i, size - i);
        if (n == 0)
            text_puts(out, "\\ufffd");
        else if (n == 1)
            put_json_byte(out, (unsigned char)text[i]);
        else
            text_put(out, text + i, n);
        i += n ? n : 1;
    }
    text_puts(out, "\"");
}

void text_put_number(struct text_out *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        text_puts(out, "null");
        return;
    }
    if (value == floor(value) && fabs(value) < 1e15) {
        text_printf(out, "%.0f", value);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    text_puts(out, text);
}

bool text_copy(char *to, size_t capacity, const char *from)
{
    struct text_out out = text_out_init(to, capacity);
    text_puts(&out, from);
    return !out.truncated;
}

bool text_has_wildcard(const char *pattern)
{
    return strpbrk(pattern, "*?") != NULL;
}

/* Greedy match with one point to come back to: linear in practice, never exponential. */
bool text_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
            continue;
        }
        const char *literal = *pattern == '\\' && pattern[1] ? pattern + 1 : pattern;
        if ((*pattern == '?' && literal == pattern) || (*pattern && *literal == *text)) {
            pattern = literal + 1;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

enum { NEAREST_MAX = 64 };

static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t n = strlen(word), best = n / 3 + 1;
    const char *found = NULL;
    if (n > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(candidates[i]);
        if (m > NEAREST_MAX)
            continue;
        size_t distance = edit_distance(word, n, candidates[i], m);
        if (distance < best || (distance == best && !found)) {
            best = distance;
            found = candidates[i];
        }
    }
    return found;
}

int text_parse_u64(const char *text, uint64_t *ret_value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0')
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *ret_value = value;
    return 0;
}
