/* yaml.h - YAML through libfyaml, in the shape a configuration needs: maps,
 * sequences and scalars, each knowing its line, and option tables filled from
 * maps. Every error names file and line. */
#ifndef FT_BASE_YAML_H
#define FT_BASE_YAML_H
#include "base/error.h"
#include "base/option.h"
#include <stddef.h>

struct yaml;      /* a loaded document */
struct fy_node;   /* a node of it, valid as long as the document */

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAP };
enum { YAML_FILE_MAX = 1 << 20 };

/* -errno when the file cannot be read, -EINVAL when it is not YAML or larger than YAML_FILE_MAX. */
int yaml_load_file(const char *path, struct yaml **ret_yaml, struct error *err);
/* name stands for the file in messages. */
int yaml_load_text(const char *text, const char *name, struct yaml **ret_yaml, struct error *err);
void yaml_free(struct yaml *y);

/* NULL for an empty document. */
struct fy_node *yaml_root(struct yaml *y);
enum yaml_kind yaml_kind(struct fy_node *node);
int yaml_line(struct fy_node *node);

/* A scalar's text, NUL-terminated, owned by the document; "" for null. */
const char *yaml_text(struct yaml *y, struct fy_node *node);

struct yaml_pair {
    const char *key;       /* owned by the document */
    int line;
    struct fy_node *value;
};
/* Number of pairs or items; 0 for a scalar. */
size_t yaml_count(struct fy_node *node);
/* The index-th pair of a map. Fails when its key is no scalar. */
int yaml_pair(struct yaml *y, struct fy_node *map, size_t index, struct yaml_pair *ret_pair, struct error *err);
struct fy_node *yaml_item(struct fy_node *sequence, size_t index);

/* error_set() with "FILE:LINE: " before it. */
int yaml_error(struct yaml *y, int line, struct error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Sets one option from the value of a pair. */
int yaml_set_option(struct yaml *y, const struct yaml_pair *pair, const struct option *table, void *config,
                    struct error *err);
/* Sets the options a map names (a missing or empty node is an empty map), then
 * asks for those without a default. `what` names the thing in messages. */
int yaml_set_options(struct yaml *y, struct fy_node *map, int line, const char *what,
                     const struct option *table, void *config, struct error *err);

#endif
