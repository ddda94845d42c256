/* text.c - alerts as lines for a person. */
#include "alerts/format.h"
#include "alerts/line_file.h"
#include "alerts/sink.h"
#include <stdlib.h>
#include <unistd.h>

struct config {
    struct text path;
    struct choice colour;
};

static const struct option options[] = {
    OPTION(struct config, path, 0, 0, "-", "file to append to; - is standard output"),
    OPTION_ONE_OF(struct config, colour, "auto|yes|no", "auto", "colour; auto: on a terminal"),
    OPTION_END
};

struct sheet {
    struct line_file file;
    bool colour;
};

static int open_text(const void *config, const struct sink_setup *setup, void **ret_self, struct error *err)
{
    const struct config *c = config;
    struct sheet *s = xcalloc(1, sizeof(*s));
    int r = line_file_open(&s->file, c->path.s, setup, err);
    if (r < 0) {
        free(s);
        return r;
    }
    s->colour = c->colour.index == 1 || (c->colour.index == 0 && isatty(s->file.fd));
    *ret_self = s;
    return 0;
}

static void deliver(void *self, const struct alert *a)
{
    struct sheet *s = self;
    char lines[2048];
    struct text_out out = text_out_init(lines, sizeof(lines));
    alert_format_text(a, s->colour, &out);
    line_file_write(&s->file, lines, out.used);
}

static uint64_t failures(const void *self)
{
    return ((const struct sheet *)self)->file.failures;
}

static void close_text(void *self)
{
    struct sheet *s = self;
    line_file_close(&s->file);
    free(s);
}

const struct sink sink_text = {
    .name = "text",
    .summary = "lines for a person, on a terminal or in a file",
    .options = options,
    .config_size = sizeof(struct config),
    .open = open_text,
    .deliver = deliver,
    .failures = failures,
    .close = close_text,
};
