#include "collector/live_metadata.h"
#include "collector/ctf_metadata.h"
#include <errno.h>
#include <string.h>

void live_metadata_done(struct live_metadata *m)
{
    bytes_done(&m->packed);
    bytes_done(&m->text);
}

static void remove_front(struct bytes *b, size_t size)
{
    if (size == 0)
        return;
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
}

/* What was taken makes room. */
static void compact(struct live_metadata *m)
{
    remove_front(&m->text, m->taken);
    m->scanned -= m->taken;
    m->whole -= m->taken;
    m->taken = 0;
}

int live_metadata_add(struct live_metadata *m, const void *data, size_t size, struct error *err)
{
    compact(m);
    if (size > LIVE_METADATA_MAX - m->packed.size || m->text.size > LIVE_METADATA_MAX)
        return error_set(err, -E2BIG, "metadata: %zu bytes without an end of a declaration: more than %d are not kept", m->text.size + m->packed.size + size,
                         LIVE_METADATA_MAX);
    bytes_append(m->unpacked ? &m->text : &m->packed, data, size);
    bool packed = true;
    size_t whole = m->unpacked ? 0 : ctf_metadata_whole(m->packed.data, m->packed.size, &packed);
    if (whole == 0)
        return 0;
    int r = ctf_metadata_text(m->packed.data, whole, &m->text, err);
    if (r == 0)
        remove_front(&m->packed, whole);
    m->unpacked = !packed;
    return r;
}

/* ---- where declarations end (CTF 1.8.3, section C) ---- */

/* Before the brace that is being looked at. */
static bool follows(const struct live_metadata *m, const char *word)
{
    size_t end = m->scanned, size = strlen(word);
    while (end > 0 && strchr(" \t\r\n", (char)m->text.data[end - 1]))
        end--;
    return end >= size && memcmp(m->text.data + end - size, word, size) == 0;
}

static void scan_plain(struct live_metadata *m, char c)
{
    if (c == '"')
        m->in = LIVE_STRING;
    else if (m->before == '/' && (c == '*' || c == '/'))
        m->in = c == '*' ? LIVE_COMMENT : LIVE_LINE;
    else if (c == '{' && m->depth++ == 0)
        m->stream_begun = follows(m, "stream") || follows(m, "event");
    else if (c == '}' && m->depth > 0)
        m->depth--;
    else if (c == ';' && m->depth == 0) {
        m->whole = m->scanned + 1;
        m->streams |= m->stream_begun;
    }
}

static bool ends(const struct live_metadata *m, char c)
{
    switch (m->in) {
    case LIVE_STRING:
        return c == '"' && m->before != '\\';
    case LIVE_COMMENT:
        return c == '/' && m->before == '*';
    case LIVE_LINE:
        return c == '\n';
    case LIVE_PLAIN:
        break;
    }
    return false;
}

static void scan(struct live_metadata *m)
{
    for (; m->scanned < m->text.size; m->scanned++) {
        char c = (char)m->text.data[m->scanned];
        bool plain = m->in == LIVE_PLAIN, escaped = m->in == LIVE_STRING && m->before == '\\';
        if (plain)
            scan_plain(m, c);
        else if (ends(m, c))
            m->in = LIVE_PLAIN;
        m->before = escaped || plain != (m->in == LIVE_PLAIN) ? '\0' : c; /* what a character meant it means once */
    }
}

bool live_metadata_take(struct live_metadata *m, const char **ret_text, size_t *ret_size)
{
    compact(m);
    scan(m);
    if (!m->streams || m->whole == 0)
        return false;
    *ret_text = (const char *)m->text.data;
    *ret_size = m->taken = m->whole;
    return true;
}
