/* ctf_reader.h - recorded CTF 1.8 traces, read by ourselves: every stream of some trace
 * directories, in the order of time. Files are mapped; nothing is allocated per event or packet. */
#ifndef FT_COLLECTOR_CTF_READER_H
#define FT_COLLECTOR_CTF_READER_H
#include "collector/ctf_delivery.h"

struct ctf_reader;

struct ctf_reader_setup {
    const char *const *paths;  /* trace directories */
    size_t count;
    const struct event_consumer *consumer;
    ctf_raw_fn raw;                        /* of ctf_delivery.h, or NULL */
    void *self;                            /* of raw */
};

/* Opens all of them. Errors name the directory. */
int ctf_reader_open(const struct ctf_reader_setup *setup, struct ctf_reader **ret_reader, struct error *err);
void ctf_reader_free(struct ctf_reader *r);
/* Reads on a little. 1: there is more; 0: that was all; negative: damaged, err names trace, stream
 * and place, and what came before was delivered. */
int ctf_reader_step(struct ctf_reader *r, struct error *err);
/* Two recordings of one kernel, by host and session alike (ret_source), but not parts of one: they are read as one. */
bool ctf_reader_mixes(const struct ctf_reader *r, struct trace_source *ret_source);
/* How much of the bytes has been read, 0 to 1; negative when there are none. */
double ctf_reader_progress(const struct ctf_reader *r);
uint64_t ctf_reader_untimed(const struct ctf_reader *r); /* events of streams without a clock */

#endif
