/* kinds_context.c - contexts of the application's own, "$app.kinds:NAME": of any type, from event to event
 * another. What they need is in liblttng-ust's binary interface, for Java's agent, and in none of its
 * installed headers. */
#include "kinds_context.h"
#include <lttng/ust-events.h>
#include <lttng/ust-ringbuffer-context.h>
#include <stdlib.h>
#include <string.h>

struct lttng_ust_ctx_value {
    int type;
    union {
        int64_t i;
        uint64_t u;
        const char *text;
        double d;
    } value;
};

struct lttng_ust_context_provider {
    uint32_t struct_size;
    const char *name;
    size_t (*get_size)(void *self, struct lttng_ust_probe_ctx *probe, size_t offset);
    void (*record)(void *self, struct lttng_ust_probe_ctx *probe, struct lttng_ust_ring_buffer_ctx *to,
                   struct lttng_ust_channel_buffer *channel);
    void (*get_value)(void *self, struct lttng_ust_probe_ctx *probe, struct lttng_ust_ctx_value *value);
    void *self;
};

void *lttng_ust_context_provider_register(struct lttng_ust_context_provider *provider);

static const int8_t i8 = -8;
static const int16_t i16 = -1600;
static const int32_t i32 = -320000;
static const int64_t i64 = -6400000000;
static const uint8_t u8 = 208;
static const uint16_t u16 = 61600;
static const uint32_t u32 = 4000000000;
static const uint64_t u64 = 18000000000000000000u;
static const float f32 = 0.5F;
static const double f64 = -1e300;
static const char text[] = "text";

/* In the order of the tags: none, int8 to int64, uint8 to uint64, float, double, string. */
static const struct shape {
    const void *value;
    size_t size;
} shapes[] = { { "", 0 },
               { &i8, sizeof(i8) },
               { &i16, sizeof(i16) },
               { &i32, sizeof(i32) },
               { &i64, sizeof(i64) },
               { &u8, sizeof(u8) },
               { &u16, sizeof(u16) },
               { &u32, sizeof(u32) },
               { &u64, sizeof(u64) },
               { &f32, sizeof(f32) },
               { &f64, sizeof(f64) },
               { text, sizeof(text) } };
_Static_assert(sizeof(shapes) / sizeof(shapes[0]) == CONTEXT_SHAPES, "tags");

static unsigned tag;

void context_use_shape(unsigned shape)
{
    tag = shape % CONTEXT_SHAPES;
}

static size_t get_size(void *self, struct lttng_ust_probe_ctx *probe, size_t offset)
{
    (void)self;
    (void)probe;
    (void)offset; /* nothing is aligned */
    return 1 + shapes[tag].size;
}

static void record(void *self, struct lttng_ust_probe_ctx *probe, struct lttng_ust_ring_buffer_ctx *to,
                   struct lttng_ust_channel_buffer *channel)
{
    (void)self;
    (void)probe;
    char written = (char)tag;
    channel->ops->event_write(to, &written, 1, 1);
    if (shapes[tag].size > 0)
        channel->ops->event_write(to, shapes[tag].value, shapes[tag].size, 1);
}

static void get_value(void *self, struct lttng_ust_probe_ctx *probe, struct lttng_ust_ctx_value *value)
{
    (void)self;
    (void)probe;
    value->type = 0; /* no filter asks */
}

void context_register(void)
{
    static struct lttng_ust_context_provider provider = { .struct_size = sizeof(provider),
                                                          .name = "$app.kinds",
                                                          .get_size = get_size,
                                                          .record = record,
                                                          .get_value = get_value };
    if (!lttng_ust_context_provider_register(&provider))
        abort();
}
