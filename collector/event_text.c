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

static void select_fields(void *self, const struct event_class *class, struct event_selection *ret_selection)
{
    const struct event_text_consumer *consumer = self;
    if (consumer->filter)
        event_filter_select(consumer->filter, class, ret_selection);
    else
        ret_selection->skip = !consumer->event;
}

static void count_skipped(void *self, uint64_t count)
{
    const struct event_text_consumer *consumer = self;
    if (!consumer->filter)
        consumer->count(consumer->self, count);
}

static void ignore_watermark(void *self, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
}

static void hand_on_loss(void *self, const struct loss *loss)
{
    const struct event_text_consumer *consumer = self;
    if (consumer->loss)
        consumer->loss(consumer->self, loss);
}

struct event_consumer event_text_events(const struct event_text_consumer *consumer)
{
    return (struct event_consumer){ .self = (void *)(uintptr_t)consumer, .select = select_fields, .skipped = count_skipped,
                                    .watermark = ignore_watermark, .loss = hand_on_loss };
}
