/* trace_probe.c - what babeltrace2 makes of recorded traces before it is let
 * near them in this process: which directories are one trace, from when to when
 * they reach, and whether its metadata makes the library abort. */
#include "collector/trace_probe.h"
#include "base/clock.h"
#include "base/text.h"
#include "collector/bt2_query.h"
#include "collector/helpers.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t probe_timeout_ns = 600000000000;

/* ---- the helper ---- */

static int ask_group(const char *path, char *group, size_t capacity, struct error *err)
{
    bt_value *params = bt_value_map_create();
    const bt_value *answer = NULL;
    bt_value_map_insert_string_entry(params, "type", "directory");
    bt_value_map_insert_string_entry(params, "input", path);
    int r = bt2_query("fs", "babeltrace.support-info", params, &answer, err);
    if (r < 0)
        return r;
    const bt_value *g = bt_value_is_map(answer) ? bt_value_map_borrow_entry_value_const(answer, "group") : NULL;
    text_copy(group, capacity, g && bt_value_is_string(g) ? bt_value_string_get(g) : path);
    bt_value_put_ref(answer);
    return 0;
}

static const bt_value *entry(const bt_value *map, const char *name)
{
    return map && bt_value_is_map(map) ? bt_value_map_borrow_entry_value_const(map, name) : NULL;
}

static void widen(const bt_value *range, int64_t *begin_ns, int64_t *end_ns)
{
    const bt_value *begin = entry(range, "begin"), *end = entry(range, "end");
    if (!begin || !end || !bt_value_is_signed_integer(begin) || !bt_value_is_signed_integer(end))
        return;
    int64_t b = bt_value_integer_signed_get(begin), e = bt_value_integer_signed_get(end);
    *begin_ns = b < *begin_ns ? b : *begin_ns;
    *end_ns = e > *end_ns ? e : *end_ns;
}

/* A trace without streams is no mistake: it is empty. */
static bool has_no_streams(const struct error *err)
{
    return strstr(err->text, "Trace has no streams") != NULL;
}

static int ask_range(char *const *paths, size_t count, int64_t *begin_ns, int64_t *end_ns, struct error *err)
{
    bt_value *params = bt_value_map_create(), *inputs = NULL;
    const bt_value *answer = NULL;
    bt_value_map_insert_empty_array_entry(params, "inputs", &inputs);
    for (size_t i = 0; i < count; i++)
        bt_value_array_append_string_element(inputs, paths[i]);
    int r = bt2_query("fs", "babeltrace.trace-infos", params, &answer, err);
    if (r < 0)
        return has_no_streams(err) ? 0 : r;
    for (uint64_t t = 0, n = bt_value_is_array(answer) ? bt_value_array_get_length(answer) : 0; t < n; t++) {
        const bt_value *streams = entry(bt_value_array_borrow_element_by_index_const(answer, t), "stream-infos");
        for (uint64_t s = 0, m = streams && bt_value_is_array(streams) ? bt_value_array_get_length(streams) : 0; s < m; s++)
            widen(entry(bt_value_array_borrow_element_by_index_const(streams, s), "range-ns"), begin_ns, end_ns);
    }
    bt_value_put_ref(answer);
    return 0;
}

int helper_trace_probe(int argc, char **argv)
{
    size_t count = (size_t)argc - 1;
    char(*groups)[256] = xcalloc(count, sizeof(*groups));
    char **together = xcalloc(count, sizeof(*together));
    int64_t begin_ns = INT64_MAX, end_ns = INT64_MIN;
    struct error err;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = ask_group(argv[i + 1], groups[i], sizeof(groups[i]), &err);
        if (r < 0)
            error_wrap(&err, r, "%s", argv[i + 1]);
        else
            printf("trace\t%s\t%s\n", groups[i], argv[i + 1]);
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        size_t n = 0;
        bool first = true;
        for (size_t j = 0; j < count; j++) {
            if (strcmp(groups[i], groups[j]) != 0)
                continue;
            first &= j >= i;
            together[n++] = argv[j + 1];
        }
        if (first)
            r = ask_range(together, n, &begin_ns, &end_ns, &err);
        if (r < 0)
            error_wrap(&err, r, "%s", argv[i + 1]);
    }
    if (r == 0 && begin_ns <= end_ns)
        printf("range\t%" PRId64 "\t%" PRId64 "\n", begin_ns, end_ns);
    free(together);
    free(groups);
    if (r == 0)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    fflush(NULL);
    _exit(1); /* the library leaks what it refuses: no leak checker need say so after the reason */
}

/* ---- the asking side ---- */

static int parse_number(const char *text, int64_t *ret_number)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || *end != '\0')
        return -EBADMSG;
    *ret_number = n;
    return 0;
}

static int parse_line(char *line, struct trace_set *set)
{
    char *save = NULL;
    const char *word = strtok_r(line, "\t", &save), *a = strtok_r(NULL, "\t", &save), *b = strtok_r(NULL, "\t", &save);
    if (!word || !a || !b)
        return -EBADMSG;
    if (strcmp(word, "range") == 0)
        return parse_number(a, &set->begin_ns) < 0 || parse_number(b, &set->end_ns) < 0 ? -EBADMSG : 0;
    if (strcmp(word, "trace") != 0)
        return -EBADMSG;
    GROW(set->members, set->count, set->capacity);
    struct trace_member *m = &set->members[set->count++];
    m->path = xstrdup(b);
    m->group = xstrdup(a);
    return 0;
}

static int by_group(const void *a, const void *b)
{
    const struct trace_member *x = a, *y = b;
    int r = strcmp(x->group, y->group);
    return r ? r : strcmp(x->path, y->path);
}

int trace_probe(char *const *paths, size_t count, bool (*give_up)(void *self), void *self, struct trace_set *ret_set,
                struct error *err)
{
    const char **args = xcalloc(count + 2, sizeof(*args));
    struct bytes answer = { 0 };
    struct trace_set set = { .begin_ns = INT64_MAX, .end_ns = INT64_MIN };
    args[0] = HELPER_TRACE_PROBE;
    for (size_t i = 0; i < count; i++)
        args[i + 1] = paths[i];
    int r = helper_ask(args, probe_timeout_ns, give_up, self, &answer, err);
    bytes_append(&answer, "", 1);
    char *save = NULL;
    for (char *line = strtok_r((char *)answer.data, "\n", &save); line && r == 0; line = strtok_r(NULL, "\n", &save))
        if (parse_line(line, &set) < 0)
            r = error_set(err, -EBADMSG, "the answer of the trace probe cannot be read");
    if (r == -ECONNABORTED)
        error_wrap(err, r, "libbabeltrace2 cannot read %s%s", paths[0], count > 1 ? " or one of the others" : "");
    if (r == 0)
        qsort(set.members, set.count, sizeof(*set.members), by_group);
    bytes_done(&answer);
    free(args);
    if (r < 0)
        trace_set_done(&set);
    else
        *ret_set = set;
    return r;
}

void trace_set_done(struct trace_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->members[i].path);
        free(set->members[i].group);
    }
    free(set->members);
    *set = (struct trace_set){ 0 };
}
