#include "app/samples_file.h"
#include "base/delivery.h"
#include "base/loop.h"
#include "base/text.h"
#include "stream/sample.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writing {
    struct stage_io *io;
    struct link_receiver *in;
    bool over;
    FILE *file;
    struct meter_description **meters; /* by id */
    uint32_t count, capacity;
    struct window_header window;       /* scratch */
    struct meter_sample sample;
};

enum { METERS_MAX = 1 << 24 };

static bool take_series(struct writing *w, struct wire_reader *body)
{
    struct meter_description d;
    if (!meter_description_get(body, &d) || d.id >= METERS_MAX)
        return false;
    while (w->count <= d.id) {
        GROW(w->meters, w->count, w->capacity);
        w->meters[w->count++] = NULL;
    }
    if (!w->meters[d.id])
        w->meters[d.id] = xcalloc(1, sizeof(d));
    *w->meters[d.id] = d;
    return true;
}

static void put_quoted(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, f);
        return;
    }
    putc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', f);
        putc(*text, f);
    }
    putc('"', f);
}

static void write_sample(struct writing *w)
{
    const struct meter_description *d = w->sample.id < w->count ? w->meters[w->sample.id] : NULL;
    const enum statistic *list;
    char name[SERIES_NAME_MAX], quality[QUALITY_TEXT_MAX];
    if (!d)
        return;
    uint32_t n = metric_statistics(d->kind, &list);
    quality_text(meter_sample_quality(&w->window, &w->sample), quality);
    for (uint32_t i = 0; i < n && i < w->sample.value_count; i++) {
        if (isnan(w->sample.values[i]))
            continue;
        fprintf(w->file, "%" PRId64 ",", w->window.end_ns);
        put_quoted(w->file, series_name(d, list[i], name));
        putc(',', w->file);
        char number[48];
        struct text_out out = text_out_init(number, sizeof(number));
        text_put_number(&out, w->sample.values[i]);
        fputs(number, w->file);
        fprintf(w->file, ",%" PRIu64 ",%s\n", w->sample.count, quality);
    }
}

static bool take_samples(struct writing *w, struct wire_reader *body)
{
    if (wire_get_array(body, 2) != 2 || !window_header_get(body, &w->window))
        return false;
    for (uint32_t i = 0, n = wire_get_array(body, SAMPLES_METERS_MAX); i < n; i++) {
        if (!meter_sample_get(body, &w->sample))
            return false;
        write_sample(w);
    }
    return wire_finished(body);
}

static int apply(void *self, uint32_t sender, const struct wire_header *header, struct wire_reader body)
{
    struct writing *w = self;
    (void)sender;
    if (header->type == WIRE_END)
        w->over = true;
    if ((header->type == WIRE_SERIES && !take_series(w, &body)) || (header->type == WIRE_SAMPLES && !take_samples(w, &body)))
        return -EBADMSG;
    return 0;
}

static const struct link_consumer consumer = { .apply = apply };

static int on_message(void *self)
{
    struct writing *w = self;
    int r = link_receive(w->in);
    if (w->file)
        fflush(w->file); /* somebody may read along; an error stays with the file until it is closed */
    return r < 0 ? r : w->over ? LOOP_STOP : 0;
}

static int on_word(void *self)
{
    struct writing *w = self;
    return stage_must_end(w->io) ? LOOP_STOP : 0;
}

static int open_file(struct writing *w, const char *path, struct error *err)
{
    w->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!w->file)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    fputs("time_ns,series,value,count,quality\n", w->file);
    return 0;
}

static int close_file(struct writing *w, const char *path, struct error *err)
{
    int failed = !w->file ? 0 : ferror(w->file) || fflush(w->file) != 0;
    if (w->file && w->file != stdout)
        failed |= fclose(w->file) != 0;
    return failed ? error_set(err, -EIO, "%s: cannot be written", path) : 0;
}

int samples_stage_run(struct stage_io *io, void *self, struct error *err)
{
    const struct samples_stage *stage = self;
    struct writing w = { .io = io };
    struct loop *loop = loop_new();
    int r = open_file(&w, stage->path, err);
    struct link_receiver_setup setup = { .zmq = stage_zmq(io), .endpoint = stage->in, .epoch = 1, .consumer = &consumer, .self = &w };
    w.in = link_receiver_new(&setup);
    if (r == 0)
        r = link_receiver_bind(w.in, err);
    if (r == 0) {
        loop_add_socket(loop, link_receiver_socket(w.in), on_message, &w);
        loop_add_socket(loop, stage_socket(io), on_word, &w);
        stage_ready(io);
        r = loop_run(loop);
    }
    struct error closing;
    if (close_file(&w, stage->path, &closing) < 0 && r == 0) {
        *err = closing;
        r = -EIO;
    }
    for (uint32_t i = 0; i < w.count; i++)
        free(w.meters[i]);
    free(w.meters);
    link_receiver_free(w.in);
    loop_free(loop);
    return r;
}
