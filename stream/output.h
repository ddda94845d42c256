/* output.h - the stream stage's way out: messages to the detect stage and, where
 * somebody asked for them, the same to a tap (the file of samples). */
#ifndef FT_STREAM_OUTPUT_H
#define FT_STREAM_OUTPUT_H
#include "base/outlet.h"
#include "stream/sample.h"

enum { OUTPUT_TAPS_MAX = 2 };

struct output {
    struct outlet *const *outlets; /* the first is the detect stage */
    uint32_t outlet_count;
    int failure;               /* -errno of the first send that failed */
    struct bytes body;         /* of the message being built */
    /* The samples message being built: */
    struct bytes records;
    struct window_header header;
    uint32_t meters;
    uint64_t samples_sent, windows_sent;
    /* Numbers for meters, unique among all sources that send here: */
    uint32_t next_id, *free_ids, free_count, free_capacity;
};

void output_init(struct output *o, struct outlet *const *outlets, uint32_t count);
void output_done(struct output *o);

/* A number for a meter, until output_retired() gives it back. */
uint32_t output_new_id(struct output *o);
void output_meter(struct output *o, const struct meter_description *d);
void output_retired(struct output *o, uint32_t meter_id);
void output_window_begin(struct output *o, const struct window_header *header);
void output_sample(struct output *o, const struct meter_sample *s);
void output_window_end(struct output *o);
void output_exceedance(struct output *o, const struct exceedance *x);
void output_loss(struct output *o, const struct loss_record *l);
void output_end(struct output *o);

#endif
