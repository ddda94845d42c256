#include "alerts/client/options.h"
#include "base/bytes.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void client_options_init(struct foretrace_options *o)
{
    memset(o, 0, sizeof(*o));
    o->firing = o->recovery = true;
    o->patience_ms = 1000;
}

struct foretrace_options *foretrace_options_new(void)
{
    struct foretrace_options *o = xcalloc(1, sizeof(*o));
    client_options_init(o);
    return o;
}

void foretrace_options_free(struct foretrace_options *o)
{
    if (o)
        client_keys_forget(&o->keys);
    free(o);
}

static int set_text(char *to, size_t capacity, const char *from)
{
    if (strlen(from) >= capacity)
        return -ENAMETOOLONG;
    text_copy(to, capacity, from);
    return 0;
}

static int add_filter(struct filter_list *list, const char *text)
{
    if (list->count == CLIENT_FILTERS_MAX)
        return -ENOSPC;
    int r = set_text(list->items[list->count], sizeof(list->items[0]), text);
    if (r == 0)
        list->count++;
    return r;
}

int foretrace_options_add_topic(struct foretrace_options *o, const char *prefix)
{
    return add_filter(&o->topics, prefix);
}

int foretrace_options_add_analysis(struct foretrace_options *o, const char *pattern)
{
    return add_filter(&o->analyses, pattern);
}

int foretrace_options_set_severity(struct foretrace_options *o, enum foretrace_severity least)
{
    if ((unsigned)least > FORETRACE_CRITICAL)
        return -EINVAL;
    o->least = least;
    return 0;
}

void foretrace_options_set_firing(struct foretrace_options *o, int wanted)
{
    o->firing = wanted != 0;
}

void foretrace_options_set_recovery(struct foretrace_options *o, int wanted)
{
    o->recovery = wanted != 0;
}

int foretrace_options_set_replay(struct foretrace_options *o, const char *endpoint)
{
    return strstr(endpoint, "://") ? set_text(o->replay, sizeof(o->replay), endpoint) : -EINVAL;
}

int foretrace_options_set_patience(struct foretrace_options *o, int patience_ms)
{
    if (patience_ms < 1)
        return -EINVAL;
    o->patience_ms = patience_ms;
    return 0;
}

int foretrace_options_set_keys(struct foretrace_options *o, const char *our_public, const char *our_secret,
                               const char *server_public)
{
    return client_keys_set(&o->keys, our_public, our_secret, server_public);
}

int foretrace_options_set_key_files(struct foretrace_options *o, const char *our_secret_file, const char *server_public_file)
{
    int r = set_text(o->secret_file, sizeof(o->secret_file), our_secret_file);
    return r < 0 ? r : set_text(o->server_file, sizeof(o->server_file), server_public_file);
}

bool client_options_take_all(const struct foretrace_options *o)
{
    return o->topics.count == 0 && o->analyses.count == 0 && o->least <= FORETRACE_OK;
}

static bool topic_matches(const struct filter_list *topics, const struct foretrace_alert *a)
{
    char topic[1024];
    snprintf(topic, sizeof(topic), "alert.%s.%s", a->severity_text, a->analysis);
    for (uint32_t i = 0; i < topics->count; i++)
        if (strncmp(topic, topics->items[i], strlen(topics->items[i])) == 0)
            return true;
    return topics->count == 0;
}

static bool analysis_matches(const struct filter_list *analyses, const struct foretrace_alert *a)
{
    for (uint32_t i = 0; i < analyses->count; i++)
        if (text_matches(analyses->items[i], a->analysis))
            return true;
    return analyses->count == 0;
}

bool client_options_take(const struct foretrace_options *o, const struct foretrace_alert *a)
{
    /* A severity that only a later version knows is nobody's to hide. */
    bool severe = a->severity == FORETRACE_SEVERITY_UNKNOWN || a->severity >= o->least;
    return severe && topic_matches(&o->topics, a) && analysis_matches(&o->analyses, a);
}
