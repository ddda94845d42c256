#include "base/yaml.h"
#include "base/bytes.h"
#include "base/text.h"
#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct yaml {
    char *name;
    char *source;
    struct fy_document *document;
    char **texts;            /* copies of scalars handed out */
    size_t text_count, text_capacity;
};

int yaml_error(struct yaml *y, int line, struct error *err, int code, const char *fmt, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return error_set(err, code, "%s:%d: %s", y->name, line, text);
}

static int parse(struct yaml *y, struct error *err)
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = { .flags = FYPCF_COLLECT_DIAG | FYPCF_RESOLVE_DOCUMENT, .diag = diag };
    y->document = fy_document_build_from_string(&cfg, y->source, strlen(y->source));
    int r = 0;
    void *at = NULL;
    struct fy_diag_error *first = y->document ? NULL : fy_diag_errors_iterate(diag, &at);
    if (first) /* without one it had no content: an empty file, or comments */
        r = yaml_error(y, first->line, err, -EINVAL, "not valid YAML: %s", first->msg ? first->msg : "cannot be parsed");

    fy_diag_destroy(diag);
    return r;
}

/* A character that is none, and a second document: both would go unnoticed. */
static int check_source(struct yaml *y, struct error *err)
{
    int number = 0;
    bool content = false;
    for (const char *line = y->source; *line;) {
        size_t size = strcspn(line, "\n");
        number++;
        for (size_t i = 0, n; i < size; i += n)
            if ((n = text_utf8_length(line + i, size - i)) == 0)
                return yaml_error(y, number, err, -EINVAL, "not UTF-8");
        size_t blank = strspn(line, " \t\r");
        bool marker = strncmp(line, "---", 3) == 0 && (size == 3 || strchr(" \t\r\n", line[3]));
        if (marker && content)
            return yaml_error(y, number, err, -EINVAL, "a second document begins here: a file has one");
        content |= marker || (blank < size && line[blank] != '#' && line[0] != '%');
        line += size + (line[size] == '\n');
    }
    return 0;
}

static int load(char *source, const char *name, struct yaml **ret_yaml, struct error *err)
{
    struct yaml *y = xcalloc(1, sizeof(*y));
    y->name = xstrdup(name);
    y->source = source;
    int r = check_source(y, err);
    if (r == 0)
        r = parse(y, err);
    if (r < 0) {
        yaml_free(y);
        return r;
    }
    *ret_yaml = y;
    return 0;
}

int yaml_load_text(const char *text, const char *name, struct yaml **ret_yaml, struct error *err)
{
    return load(xstrdup(text), name, ret_yaml, err);
}

int yaml_load_file(const char *path, struct yaml **ret_yaml, struct error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    char *source = xcalloc(1, YAML_FILE_MAX + 2);
    errno = 0;
    size_t n = fread(source, 1, YAML_FILE_MAX + 1, f);
    int failed = ferror(f) ? (errno ? errno : EIO) : 0;
    fclose(f);
    if (failed || n > YAML_FILE_MAX || memchr(source, '\0', n)) {
        free(source);
        if (failed)
            return error_set(err, -failed, "%s: %s", path, strerror(failed));
        return error_set(err, -EINVAL, "%s: %s", path,
                         n > YAML_FILE_MAX ? "larger than 1 MiB" : "contains a NUL byte; is it a text file?");
    }
    return load(source, path, ret_yaml, err);
}

void yaml_free(struct yaml *y)
{
    if (!y)
        return;
    fy_document_destroy(y->document);
    for (size_t i = 0; i < y->text_count; i++)
        free(y->texts[i]);
    free(y->texts);
    free(y->source);
    free(y->name);
    free(y);
}

struct fy_node *yaml_root(struct yaml *y)
{
    return y->document ? fy_document_root(y->document) : NULL;
}

enum yaml_kind yaml_kind(struct fy_node *node)
{
    switch (fy_node_get_type(node)) {
    case FYNT_MAPPING:
        return YAML_MAP;
    case FYNT_SEQUENCE:
        return YAML_SEQUENCE;
    default:
        return YAML_SCALAR;
    }
}

/* libfyaml tells positions of scalars only: a collection begins where its first scalar does. */
int yaml_line(struct fy_node *node)
{
    for (int depth = 0; node && depth < 64; depth++) {
        if (fy_node_get_type(node) == FYNT_SCALAR) {
            struct fy_token *token = fy_node_get_scalar_token(node);
            const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
            return mark ? mark->line + 1 : 1;
        }
        node = yaml_kind(node) == YAML_MAP
                   ? fy_node_pair_key(fy_node_mapping_get_by_index(node, 0))
                   : fy_node_sequence_get_by_index(node, 0);
    }
    return 1;
}

const char *yaml_text(struct yaml *y, struct fy_node *node)
{
    size_t n = 0;
    const char *text = node ? fy_node_get_scalar(node, &n) : NULL;
    char *copy = xcalloc(1, n + 1);
    if (text)
        memcpy(copy, text, n);
    GROW(y->texts, y->text_count, y->text_capacity);
    y->texts[y->text_count++] = copy;
    return copy;
}

size_t yaml_count(struct fy_node *node)
{
    int n = 0;
    if (node && yaml_kind(node) == YAML_MAP)
        n = fy_node_mapping_item_count(node);
    else if (node && yaml_kind(node) == YAML_SEQUENCE)
        n = fy_node_sequence_item_count(node);
    return n > 0 ? (size_t)n : 0;
}

int yaml_pair(struct yaml *y, struct fy_node *map, size_t index, struct yaml_pair *ret_pair, struct error *err)
{
    struct fy_node_pair *pair = fy_node_mapping_get_by_index(map, (int)index);
    struct fy_node *key = pair ? fy_node_pair_key(pair) : NULL;
    if (!key || yaml_kind(key) != YAML_SCALAR)
        return yaml_error(y, yaml_line(map), err, -EINVAL, "a name was expected before ':'");
    *ret_pair = (struct yaml_pair){
        .key = yaml_text(y, key), .line = yaml_line(key), .value = fy_node_pair_value(pair)
    };
    return 0;
}

struct fy_node *yaml_item(struct fy_node *sequence, size_t index)
{
    return fy_node_sequence_get_by_index(sequence, (int)index);
}

static int set_list(struct yaml *y, const struct yaml_pair *pair, const struct option *table, void *config,
                    struct error *err)
{
    const char *items[TEXT_LIST_MAX + 1];
    size_t n = yaml_count(pair->value), most = sizeof(items) / sizeof(items[0]);
    for (size_t i = 0; i < n && i < most; i++) {
        struct fy_node *item = yaml_item(pair->value, i);
        if (yaml_kind(item) != YAML_SCALAR)
            return error_set(err, -EINVAL, "%s: entry %zu is not a text", pair->key, i + 1);
        items[i] = yaml_text(y, item);
    }
    return option_set_list(table, config, pair->key, items, n, err);
}

int yaml_set_option(struct yaml *y, const struct yaml_pair *pair, const struct option *table, void *config,
                    struct error *err)
{
    struct error inner;
    int r;
    if (pair->value && yaml_kind(pair->value) == YAML_SEQUENCE) {
        r = set_list(y, pair, table, config, &inner);
    } else if (pair->value && yaml_kind(pair->value) == YAML_MAP) {
        r = error_set(&inner, -EINVAL, "%s: a map where a value was expected", pair->key);
        if (!option_find(table, pair->key))
            r = option_set(table, config, pair->key, "", &inner);
    } else {
        r = option_set(table, config, pair->key, yaml_text(y, pair->value), &inner);
    }
    return r < 0 ? yaml_error(y, pair->line, err, r, "%s", inner.text) : 0;
}

int yaml_set_options(struct yaml *y, struct fy_node *map, int line, const char *what,
                     const struct option *table, void *config, struct error *err)
{
    struct error inner;
    if (map && yaml_kind(map) != YAML_MAP && *yaml_text(y, map) != '\0')
        return yaml_error(y, yaml_line(map), err, -EINVAL, "%s: a map of options was expected", what);
    for (size_t i = 0, n = map && yaml_kind(map) == YAML_MAP ? yaml_count(map) : 0; i < n; i++) {
        struct yaml_pair pair;
        int r = yaml_pair(y, map, i, &pair, err);
        if (r == 0) {
            struct error where;
            r = yaml_set_option(y, &pair, table, config, &where);
            /* "FILE:LINE: text" becomes "FILE:LINE: what: text". */
            const char *text = r < 0 ? strstr(where.text, ": ") : NULL;
            if (r < 0)
                return yaml_error(y, pair.line, err, r, "%s: %s", what, text ? text + 2 : where.text);
        }
        if (r < 0)
            return r;
    }
    int r = options_complete(table, config, &inner);
    return r < 0 ? yaml_error(y, line, err, r, "%s: %s", what, inner.text) : 0;
}
