#include "stream/seen.h"
#include "base/bytes.h"
#include "base/text.h"
#include "stream/observe.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void seen_init(struct seen *seen)
{
    *seen = (struct seen){ 0 };
    hash_index_init(&seen->by_name, 64);
}

/* "a|b": either. */
static bool matched(const struct seen *seen, const char *patterns)
{
    char pattern[TEXT_MAX];
    for (const char *at = patterns; *at;) {
        size_t n = strcspn(at, "|");
        struct text_out out = text_out_init(pattern, sizeof(pattern));
        text_put(&out, at, n);
        at += n + (at[n] == '|');
        for (uint32_t i = 0; i < seen->count; i++)
            if (text_matches(pattern, seen->names[i]))
                return true;
    }
    return false;
}

void seen_add(struct seen *seen, const char *name)
{
    uint64_t hash = hash_bytes(name, strlen(name));
    uint32_t at;
    for (uint32_t s = hash_index_first(&seen->by_name, hash, &at); s != HASH_NONE;
         s = hash_index_next(&seen->by_name, hash, &at))
        if (strcmp(seen->names[s], name) == 0)
            return;
    if (seen->count == SEEN_MAX) {
        seen->full = true;
        return;
    }
    GROW(seen->names, seen->count, seen->capacity);
    hash_index_insert(&seen->by_name, hash, seen->count);
    seen->names[seen->count++] = xstrdup(name);
}

void seen_merge(struct seen *seen, const struct seen *other)
{
    for (uint32_t i = 0; i < other->count; i++)
        seen_add(seen, other->names[i]);
    seen->full |= other->full;
}

void seen_done(struct seen *seen)
{
    for (uint32_t i = 0; i < seen->count; i++)
        free(seen->names[i]);
    free(seen->names);
    hash_index_done(&seen->by_name);
    *seen = (struct seen){ 0 };
}

/* Whether an analysis waits in vain for what the pattern names. */
static bool is_missing(const struct seen *seen, const char *pattern)
{
    if (matched(seen, pattern) || pattern[strlen(pattern) - 1] == '|' || strchr(pattern, '='))
        return false; /* it is there, or need not be (needs.h); a probe may not have been met, and there is no session where it cannot be set */
    /* That a call was not made is no mistake. */
    return strncmp(pattern, "syscall_entry_", 14) != 0 || !matched(seen, "syscall_entry_*|compat_syscall_entry_*|sys_*");
}

static bool is_dump(const char *pattern)
{
    return strncmp(pattern, "lttng_statedump_", 16) == 0;
}

enum { NAMED_MAX = 8 };

/* What people call it: of several names the first, of families the family. */
static void add_missing(struct text_out *names, uint32_t *count, uint32_t most, const char *pattern)
{
    const char *family = strncmp(pattern, "syscall_", 8) == 0 ? "system calls" : is_dump(pattern) ? "lttng_statedump_*" : NULL;
    text_put_listed(names, count, most, family ? family : pattern, family ? strlen(family) : strcspn(pattern, "|"));
}

/* Its events are its own, and not names that somebody typed. */
static bool has_tables(const struct analysis *a)
{
    for (const struct metric_info *m = a->emits; m->name; m++)
        if (m->of)
            return true;
    return false;
}

/* "rate 'logins'" where the configuration gave it a name of its own. */
static const char *title(const struct analysis_instance *instance, char buffer[TEXT_MAX])
{
    const char *kind = instance->analysis->name;
    const struct option *o = option_find(instance->analysis->options, "name");
    const struct text *name = o ? (const struct text *)((const char *)instance->config + o->offset) : NULL;
    struct text_out out = text_out_init(buffer, TEXT_MAX);
    text_puts(&out, kind);
    if (name && *name->s && strcmp(name->s, kind) != 0)
        text_printf(&out, " '%s'", name->s);
    return buffer;
}

static struct needs *needs_of(const struct analysis_instance *instance)
{
    struct needs *needs = xcalloc(1, sizeof(*needs));
    analysis_needs(instance->analysis, instance->config, needs);
    return needs;
}

void seen_report(const struct seen *seen, const struct analysis_instance *instances, uint32_t count, struct stream *stream)
{
    struct report_sink *sink = stream_report(stream);
    if (!sink || seen->full || seen->count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        char text[SEEN_TEXT_MAX];
        uint32_t named = 0;
        struct text_out names = text_out_init(text, sizeof(text));
        if (!has_tables(instances[i].analysis))
            continue;
        struct needs *needs = needs_of(&instances[i]);
        for (uint32_t e = 0; e < needs->event_count; e++)
            if (is_missing(seen, needs->events[e].s))
                add_missing(&names, &named, UINT32_MAX, needs->events[e].s);
        free(needs);
        if (named > 0)
            sink->missing(sink->self, stream, instances[i].analysis->name, text);
    }
}

static void tell(const struct stream_setup *setup, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct stream_setup *setup, const char *fmt, ...)
{
    char text[SEEN_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (setup->notice)
        setup->notice(setup->notice_self, text);
}

static void tell_typed(const struct seen *seen, const struct stream_setup *setup, const char *analysis, const struct needs *needs)
{
    for (uint32_t e = 0; e < needs->event_count; e++) {
        const char *pattern = needs->events[e].s;
        if (!is_missing(seen, pattern))
            continue;
        const char *near = text_nearest(pattern, (const char *const *)seen->names, seen->count);
        tell(setup, "%s: there is no event '%s' in the trace%s%s%s", analysis, pattern, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
}

/* Analyses of which nothing is there, or something is missing. */
struct lacking {
    char who[TEXT_MAX], what[TEXT_MAX];
    struct text_out who_out, what_out;
    uint32_t analyses, events;
};

static void add_lacking(struct lacking lacking[2], const struct seen *seen, const char *analysis, const struct needs *needs)
{
    bool some = false;
    for (uint32_t e = 0; e < needs->event_count && !some; e++)
        some = !is_dump(needs->events[e].s) && matched(seen, needs->events[e].s);
    struct lacking *l = &lacking[some];
    for (uint32_t e = 0; e < needs->event_count; e++) {
        if (!is_missing(seen, needs->events[e].s))
            continue;
        text_put_listed(&l->who_out, &l->analyses, UINT32_MAX, analysis, strlen(analysis));
        add_missing(&l->what_out, &l->events, NAMED_MAX, needs->events[e].s);
    }
}

void seen_tell(const struct seen *seen, const struct stream_setup *setup)
{
    static const char *const words[] = { "nothing", "not everything" };
    struct lacking lacking[2] = { 0 };
    char who[TEXT_MAX];
    if (seen->full || seen->count == 0)
        return;
    for (int i = 0; i < 2; i++) {
        lacking[i].who_out = text_out_init(lacking[i].who, sizeof(lacking[i].who));
        lacking[i].what_out = text_out_init(lacking[i].what, sizeof(lacking[i].what));
    }
    for (uint32_t i = 0; i < setup->analysis_count; i++) {
        const struct analysis *a = setup->analyses[i].analysis;
        bool own = has_tables(a);
        if (own && setup->report)
            continue;
        struct needs *needs = needs_of(&setup->analyses[i]);
        if (own)
            add_lacking(lacking, seen, a->name, needs);
        else
            tell_typed(seen, setup, title(&setup->analyses[i], who), needs);
        free(needs);
    }
    for (int i = 0; i < 2; i++)
        if (lacking[i].analyses > 0)
            tell(setup, "%s of %s: the trace has no %s", words[i], lacking[i].who, lacking[i].what);
}
