#include "collector/live_source.h"
#include "base/text.h"
#include <string.h>

/* "there is no host 'x'; there is a/b" - a wrong name is worth more than "not found". */
static void describe_absence(const struct relay_url *url, const struct relay_sessions *sessions, struct text_out *out)
{
    bool host_known = false;
    for (size_t i = 0; i < sessions->count; i++)
        host_known |= strcmp(sessions->list[i].hostname, url->hostname) == 0;
    if (sessions->count == 0) {
        text_puts(out, "lttng-relayd has no live session yet");
        return;
    }
    if (host_known)
        text_printf(out, "there is no live session '%s' of host '%s'; there is ", url->session, url->hostname);
    else
        text_printf(out, "there is no host '%s'; there is ", url->hostname);
    for (size_t i = 0; i < sessions->count && i < 5; i++)
        text_printf(out, "%s%s/%s", i ? ", " : "", sessions->list[i].hostname, sessions->list[i].session);
    if (sessions->count > 5)
        text_puts(out, ", ...");
}

enum reader_status live_source_look_up(const struct relay_url *url, const struct relay_sessions *sessions, char *why, size_t size)
{
    struct text_out out = text_out_init(why, size);
    bool found = false;
    for (size_t i = 0; i < sessions->count; i++) {
        const struct relay_session *s = &sessions->list[i];
        if (strcmp(s->hostname, url->hostname) != 0 || strcmp(s->session, url->session) != 0)
            continue;
        found = true;
        if (s->clients == 0)
            continue;
        text_puts(&out, "the session has another viewer, and lttng-relayd allows one");
        return READER_BUSY;
    }
    if (found)
        return READER_ATTACHED;
    describe_absence(url, sessions, &out);
    return READER_WAITING;
}
