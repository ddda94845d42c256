#include "alerts/sink.h"
#include <string.h>

#define SINK(name) extern const struct sink sink_##name;
#include "alerts/sinks/sinks.def"
#undef SINK

const struct sink *const sinks[] = {
#define SINK(name) &sink_##name,
#include "alerts/sinks/sinks.def"
#undef SINK
    NULL
};

const struct sink *sink_find(const char *name)
{
    for (const struct sink *const *s = sinks; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}
