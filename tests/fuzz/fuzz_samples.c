/* The detect stage: any bytes as messages of the stream stage. */
#include "detectors/host.h"
#include "messages.h"
#include <stdio.h>
#include <stdlib.h>
#include "../unit/outlet_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rules rules;
static struct outlet_fixture out;

/* Series of the analysis "sketch" are watched by their sketches. */
static void watch_sketches(void)
{
    struct error err;
    const struct detector *d = detector_find("distribution");
    void *config = calloc(1, d->config_size);
    struct rule *rule = &rules.list[rules.count++];
    options_default(d->options, config);
    option_set(d->options, config, "warmup", "20", &err);
    snprintf(rule->pattern.s, sizeof(rule->pattern.s), "sketch.*");
    rule_add(rule, d, &config, &err);
}

static void ignore(void *self, const char *text)
{
    (void)self;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct wire_header h;
    struct wire_reader body;
    if (!ready) {
        ready = true;
        rules_init(&rules);
        watch_sketches();
        outlet_fixture_init(&out);
    }
    struct host_config config = { .memory.bytes = 1 << 20 };
    struct host *host = host_new(&config, &rules, &out.outlet, ignore, NULL);
    for (size_t at = 0, n; at < size; at += n) {
        n = message_size(data + at, size - at);
        if (wire_open(&body, data + at, n, &h))
            host_message(host, (uint32_t)(at % 3), &h, body);
        while (outlet_fixture_take(&out, &h, &body))
            ;
    }
    host_free(host);
    return 0;
}
