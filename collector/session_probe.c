#include "collector/session_probe.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

/* "SYMBOL", "SYMBOL+OFFSET" or "0xADDRESS". */
static bool kernel_place(struct lttng_event *event, const char *where)
{
    char *end = NULL;
    size_t symbol = strcspn(where, "+");
    struct text_out out = text_out_init(event->attr.probe.symbol_name, sizeof(event->attr.probe.symbol_name));
    if (strncmp(where, "0x", 2) == 0) {
        event->attr.probe.addr = strtoull(where, &end, 16);
        return *end == '\0';
    }
    text_put(&out, where, symbol);
    event->attr.probe.offset = where[symbol] ? strtoull(where + symbol + 1, &end, 0) : 0;
    return !out.truncated && (!end || *end == '\0');
}

/* "elf:PATH:SYMBOL", "sdt:PATH:PROVIDER:NAME"; taken apart in place. */
static struct lttng_userspace_probe_location *user_place(char *where)
{
    bool sdt = strncmp(where, "sdt:", 4) == 0;
    char *name = strrchr(where, ':'), *provider = NULL;
    *name++ = '\0';
    if (sdt && (provider = strrchr(where, ':')) > where + 3)
        *provider++ = '\0';
    const char *path = where + 4;
    struct lttng_userspace_probe_location_lookup_method *how =
        sdt ? lttng_userspace_probe_location_lookup_method_tracepoint_sdt_create() : lttng_userspace_probe_location_lookup_method_function_elf_create();
    struct lttng_userspace_probe_location *place = NULL;
    if (how && sdt && provider)
        place = lttng_userspace_probe_location_tracepoint_create(path, provider, name, how);
    else if (how && !sdt)
        place = lttng_userspace_probe_location_function_create(path, name, how);
    if (!place)
        lttng_userspace_probe_location_lookup_method_destroy(how);
    return place;
}

int session_probe_place(struct lttng_event *event, char *where)
{
    static const char function[] = "function:";
    bool is_function = strncmp(where, function, sizeof(function) - 1) == 0;
    if (strncmp(where, "elf:", 4) != 0 && strncmp(where, "sdt:", 4) != 0) {
        event->type = is_function ? LTTNG_EVENT_FUNCTION : LTTNG_EVENT_PROBE;
        return kernel_place(event, where + (is_function ? sizeof(function) - 1 : 0)) ? 0 : -LTTNG_ERR_INVALID;
    }
    event->type = LTTNG_EVENT_USERSPACE_PROBE;
    struct lttng_userspace_probe_location *place = user_place(where);
    int r = place ? lttng_event_set_userspace_probe_location(event, place) : -LTTNG_ERR_INVALID;
    if (r < 0)
        lttng_userspace_probe_location_destroy(place);
    return r;
}
