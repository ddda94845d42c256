#include "collector/event_text.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void event_text_puts(struct bytes *b, const char *text)
{
    bytes_append(b, text, strlen(text));
}

void event_text_put_string(struct bytes *b, const char *text, size_t size)
{
    char escaped[8];
    event_text_puts(b, "\"");
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = text_utf8_length(text + i, size - i);
        if (n == 0)
            snprintf(escaped, sizeof(escaped), "\\udc%02x", c);
        else if (c == '"' || c == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", c);
        else if (c < 0x20)
            snprintf(escaped, sizeof(escaped), "\\u%04x", c);
        else
            escaped[0] = '\0';
        if (escaped[0])
            event_text_puts(b, escaped);
        else
            bytes_append(b, text + i, n);
        i += n ? n : 1;
    }
    event_text_puts(b, "\"");
}

void event_text_put_real(struct bytes *b, double value)
{
    char number[48];
    struct text_out out = text_out_init(number, sizeof(number));
    text_put_number(&out, value);
    event_text_puts(b, number);
}

void event_text_put_integer(struct bytes *b, uint64_t value, bool is_signed)
{
    char number[24];
    if (is_signed)
        snprintf(number, sizeof(number), "%" PRId64, (int64_t)value);
    else
        snprintf(number, sizeof(number), "%" PRIu64, value);
    event_text_puts(b, number);
}
