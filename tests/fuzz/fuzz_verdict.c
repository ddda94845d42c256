/* The alert stage: any bytes as verdicts and windows; what they lead to is delivered. */
#include "alerts/format.h"
#include "alerts/life.h"
#include "messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void deliver(void *self, struct alert *a)
{
    static struct bytes scratch;
    static char text[ALERT_JSON_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    (void)self;
    alert_format_json(a, &scratch, &out);
    out = text_out_init(text, sizeof(text));
    alert_format_text(a, true, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct life_config config;
    struct wire_reader body;
    struct wire_header h;
    static struct verdict v;
    struct window_done w;
    options_default(life_options, &config);
    config.bad_windows = config.of_windows = 1;
    config.cool_down.ns = 0;
    struct life *life = life_new(&config, deliver, NULL);
    for (size_t at = 0, n; at < size; at += n) {
        n = message_size(data + at, size - at);
        if (!wire_open(&body, data + at, n, &h))
            continue;
        if (h.type == WIRE_VERDICT && verdict_get(&body, &v))
            life_verdict(life, &v);
        if (h.type == WIRE_WINDOW && window_done_get(&body, &w))
            life_window(life, &w);
    }
    life_free(life);
    return 0;
}
