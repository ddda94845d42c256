#include "collector/bt2_error.h"
#include <babeltrace2/babeltrace.h>
#include <string.h>

/* Attributes that tell nothing to anybody outside the library. */
static bool is_internal(const char *attribute, size_t size)
{
    static const char *const words[] = { "=0x", "-handle-path=", "-is-frozen=", "-partial-descr=", "-log-level=", "-type=" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (memmem(attribute, size, words[i], strlen(words[i])))
            return true;
    return false;
}

/* Messages read "Sentence: name=value, name=value". */
void bt2_clean_message(struct text_out *out, const char *message, size_t size)
{
    const char *end = message + size, *equals = memchr(message, '=', size), *colon = NULL;
    for (const char *c = message; equals && c + 1 < equals; c++)
        if (c[0] == ':' && c[1] == ' ')
            colon = c;
    if (!colon) {
        text_put_clean(out, message, size);
        return;
    }
    text_put_clean(out, message, (size_t)(colon - message));
    const char *separator = ": ";
    for (const char *at = colon + 2; at < end;) {
        const char *next = memmem(at, (size_t)(end - at), ", ", 2);
        size_t n = (size_t)((next ? next : end) - at);
        if (!is_internal(at, n)) {
            text_puts(out, separator);
            text_put_clean(out, at, n);
            separator = ", ";
        }
        at += n + 2;
    }
}

const char *bt2_first_logged(const char *log, size_t *ret_size)
{
    for (const char *line = log; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t n = strcspn(line, "\n");
        const char *level = memmem(line, n, " E PLUGIN/", 10);
        const char *text = level ? memmem(level, n - (size_t)(level - line), "] ", 2) : NULL;
        if (!text)
            continue;
        *ret_size = n - (size_t)(text + 2 - line);
        return text + 2;
    }
    return NULL;
}

/* A port of source.ctf.fs is named "TRACE | STREAM CLASS | FILE", or ends in a number. */
static void put_stream_file(struct text_out *out, const bt_error *error, uint64_t count)
{
    static const char mark[] = "port-name=\"";
    for (uint64_t i = 0; i < count; i++) {
        const char *message = bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, i));
        const char *port = strstr(message, mark), *end = port ? strchr(port + sizeof(mark), '"') : NULL;
        const char *file = end ? memrchr(port, '|', (size_t)(end - port)) : NULL;
        if (!file)
            continue;
        file += strspn(file, "| \n");
        if (!memchr(file, '/', (size_t)(end - file)))
            continue; /* a number: streams whose files have no names here */
        text_put_clean(out, file, (size_t)(end - file));
        text_puts(out, ": ");
        return;
    }
}

int bt2_take_error(struct error *err, int code)
{
    const bt_error *error = bt_current_thread_take_error();
    char text[sizeof(err->text)];
    struct text_out out = text_out_init(text, sizeof(text));
    uint64_t count = error ? bt_error_get_cause_count(error) : 0;
    if (count == 0) {
        text_puts(&out, "libbabeltrace2 failed without saying why");
    } else {
        const char *root = bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, 0));
        put_stream_file(&out, error, count);
        bt2_clean_message(&out, root, strcspn(root, "\n"));
    }
    if (error)
        bt_error_release(error);
    return error_set(err, code, "%s", text);
}
