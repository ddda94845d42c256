/* json.c - one JSON object a line for every transition. */
#include "alerts/format.h"
#include "alerts/line_file.h"
#include "alerts/sink.h"
#include <stdlib.h>
#include <string.h>

struct config {
    struct text path;
};

static const struct option options[] = {
    OPTION(struct config, path, 0, 0, "-", "file to append to; - is standard output"),
    OPTION_END
};

struct json {
    struct line_file file;
    struct bytes scratch;
    char line[ALERT_JSON_MAX], before[ALERT_JSON_MAX];
};

static int open_json(const void *config, const struct sink_setup *setup, void **ret_self, struct error *err)
{
    const struct config *c = config;
    struct json *j = xcalloc(1, sizeof(*j));
    int r = line_file_open(&j->file, c->path.s, setup, err);
    if (r < 0)
        free(j);
    else
        *ret_self = j;
    return r;
}

static void deliver(void *self, const struct alert *a)
{
    struct json *j = self;
    struct text_out out = text_out_init(j->line, sizeof(j->line) - 1);
    alert_format_json(a, &j->scratch, &out);
    j->line[out.used] = '\n';
    line_file_write(&j->file, j->line, out.used + 1);
}

/* The line that would be written is the last of the file. */
static bool has(void *self, const struct alert *a)
{
    struct json *j = self;
    if (line_file_last(&j->file, j->before, sizeof(j->before)) < 0)
        return false;
    struct text_out out = text_out_init(j->line, sizeof(j->line));
    alert_format_json(a, &j->scratch, &out);
    return strcmp(j->line, j->before) == 0;
}

static uint64_t failures(const void *self)
{
    return ((const struct json *)self)->file.failures;
}

static void close_json(void *self)
{
    struct json *j = self;
    line_file_close(&j->file);
    bytes_done(&j->scratch);
    free(j);
}

const struct sink sink_json = {
    .name = "json",
    .summary = "one JSON object a line, to a file or standard output",
    .options = options,
    .config_size = sizeof(struct config),
    .open = open_json,
    .deliver = deliver,
    .has = has,
    .failures = failures,
    .close = close_json,
};
