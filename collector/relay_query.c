/* relay_query.c - the helper that asks an lttng-relayd for its sessions. */
#include "base/bytes.h"
#include "base/text.h"
#include "collector/bt2_query.h"
#include "collector/helpers.h"
#include "collector/relay.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const bt_value *map, const char *name)
{
    const bt_value *v = bt_value_map_borrow_entry_value_const(map, name);
    return v && bt_value_is_string(v) ? bt_value_string_get(v) : "";
}

static uint64_t number_of(const bt_value *map, const char *name)
{
    const bt_value *v = bt_value_map_borrow_entry_value_const(map, name);
    if (v && bt_value_is_unsigned_integer(v))
        return bt_value_integer_unsigned_get(v);
    return v && bt_value_is_signed_integer(v) ? (uint64_t)bt_value_integer_signed_get(v) : 0;
}

static void add_session(struct relay_sessions *sessions, const bt_value *map)
{
    if (!bt_value_is_map(map) || sessions->count == RELAY_SESSIONS_MAX)
        return;
    GROW(sessions->list, sessions->count, sessions->capacity);
    struct relay_session *s = &sessions->list[sessions->count++];
    text_copy(s->hostname, sizeof(s->hostname), text_of(map, "target-hostname"));
    text_copy(s->session, sizeof(s->session), text_of(map, "session-name"));
    s->timer_us = number_of(map, "timer-us");
    s->streams = number_of(map, "stream-count");
    s->clients = number_of(map, "client-count");
}

int relay_query(const struct relay_url *url, struct relay_sessions *ret_sessions, struct error *err)
{
    struct relay_url bare = *url;
    char text[RELAY_URL_MAX];
    const bt_value *answer = NULL;
    bt_value *params = bt_value_map_create();
    bare.hostname[0] = bare.session[0] = '\0';
    bt_value_map_insert_string_entry(params, "url", relay_url_format(&bare, text));
    *ret_sessions = (struct relay_sessions){ 0 };
    int r = bt2_query("lttng-live", "sessions", params, &answer, err);
    if (r < 0)
        return r;
    for (uint64_t i = 0, n = bt_value_is_array(answer) ? bt_value_array_get_length(answer) : 0; i < n; i++)
        add_session(ret_sessions, bt_value_array_borrow_element_by_index_const(answer, i));
    bt_value_put_ref(answer);
    return 0;
}

int helper_relay_list(int argc, char **argv)
{
    struct relay_url url;
    struct relay_sessions sessions;
    struct error err;
    int r = argc == 2 ? relay_url_parse(argv[1], &url, &err) : error_set(&err, -EINVAL, "one URL is expected");
    if (r == 0)
        r = relay_query(&url, &sessions, &err);
    if (r < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < sessions.count; i++)
        printf("%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", sessions.list[i].hostname, sessions.list[i].session,
               sessions.list[i].timer_us, sessions.list[i].streams, sessions.list[i].clients);
    relay_sessions_done(&sessions);
    return 0;
}
