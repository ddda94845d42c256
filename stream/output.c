#include "stream/output.h"
#include <stdlib.h>

/* A message with more than this is sent and the window goes on in the next:
 * half of what a receiver accepts. */
enum { OUTPUT_MESSAGE_SIZE = WIRE_MESSAGE_MAX / 2 };

void output_init(struct output *o, struct outlet *const *outlets, uint32_t count)
{
    *o = (struct output){ .outlets = outlets, .outlet_count = count };
}

void output_done(struct output *o)
{
    bytes_done(&o->body);
    bytes_done(&o->records);
    free(o->free_ids);
}

uint32_t output_new_id(struct output *o)
{
    return o->free_count > 0 ? o->free_ids[--o->free_count] : o->next_id++;
}

static struct bytes *begin(struct output *o)
{
    bytes_reset(&o->body);
    return &o->body;
}

static void send_body(struct output *o, enum wire_type type)
{
    for (uint32_t i = 0; i < o->outlet_count; i++) {
        int r = o->outlets[i]->send(o->outlets[i]->self, type, &o->body);
        if (r < 0 && o->failure == 0)
            o->failure = r;
    }
}

void output_meter(struct output *o, const struct meter_description *d)
{
    meter_description_put(begin(o), d);
    send_body(o, WIRE_SERIES);
}

void output_retired(struct output *o, uint32_t meter_id)
{
    wire_put_uint(begin(o), meter_id);
    send_body(o, WIRE_RETIRED);
    GROW(o->free_ids, o->free_count, o->free_capacity);
    o->free_ids[o->free_count++] = meter_id;
}

void output_exceedance(struct output *o, const struct exceedance *x)
{
    exceedance_put(begin(o), x);
    send_body(o, WIRE_EXCEEDANCE);
}

void output_loss(struct output *o, const struct loss_record *l)
{
    loss_record_put(begin(o), l);
    send_body(o, WIRE_LOSS);
}

void output_end(struct output *o)
{
    wire_put_nil(begin(o));
    send_body(o, WIRE_END);
}

static void send_window(struct output *o, bool last)
{
    struct bytes *b = begin(o);
    o->header.last = last;
    wire_put_array(b, 2);
    window_header_put(b, &o->header);
    wire_put_array(b, o->meters);
    bytes_append(b, o->records.data, o->records.size);
    send_body(o, WIRE_SAMPLES);
    bytes_reset(&o->records);
    o->meters = 0;
}

void output_window_begin(struct output *o, const struct window_header *header)
{
    o->header = *header;
}

void output_sample(struct output *o, const struct meter_sample *s)
{
    meter_sample_put(&o->records, s);
    o->meters++;
    o->samples_sent += s->value_count;
    if (o->records.size > OUTPUT_MESSAGE_SIZE || o->meters == SAMPLES_METERS_MAX)
        send_window(o, false);
}

void output_window_end(struct output *o)
{
    send_window(o, true);
    o->windows_sent++;
}
