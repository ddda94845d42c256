#include "app/watchlist.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t look_period_ns = 1000000000, look_timeout_ns = 2000000000, usual_timer_ns = 1000000000;

static void attach(struct watchlist *w, const struct relay_url *url, const char *how, int64_t timer_ns)
{
    char text[RELAY_URL_MAX], word[RELAY_URL_MAX + 64];
    snprintf(word, sizeof(word), "attach %s %" PRId64 " %s", how, timer_ns, relay_url_format(url, text));
    pipeline_tell_collect(w->pipeline, word);
}

/* The live timer of a session that is there; how often its data comes sets how
 * patient the reader is. */
static int64_t find_timer(const struct relay_url *url)
{
    struct relay_sessions sessions;
    struct error err;
    int64_t timer_ns = usual_timer_ns;
    if (relay_sessions_get(url, look_timeout_ns, &sessions, &err) < 0)
        return timer_ns;
    for (size_t i = 0; i < sessions.count; i++)
        if (strcmp(sessions.list[i].hostname, url->hostname) == 0 && strcmp(sessions.list[i].session, url->session) == 0)
            timer_ns = (int64_t)sessions.list[i].timer_us * 1000;
    relay_sessions_done(&sessions);
    return timer_ns;
}

int watchlist_parse(const char *url, struct relay_url *ret_url, struct error *err)
{
    int r = relay_url_parse(url, ret_url, err);
    if (r < 0)
        return r;
    if (!ret_url->session[0])
        return error_set(err, -EINVAL, "'%s' names no session: expected net://HOST[:PORT]/host/HOSTNAME/SESSION "
                                       "(`foretrace sessions %s` lists them; * is allowed)", url, url);
    return 0;
}

int watchlist_open(struct watchlist *w, const char *url, struct pipeline *pipeline, struct error *err)
{
    *w = (struct watchlist){ .pipeline = pipeline };
    int r = watchlist_parse(url, &w->url, err);
    if (r < 0)
        return r;
    w->pattern = relay_url_has_wildcard(&w->url);
    if (w->pattern)
        watchlist_look(w);
    else
        attach(w, &w->url, "keep", find_timer(&w->url));
    return 0;
}

static bool is_watched(const struct watchlist *w, const struct relay_session *s)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->watched[i].hostname, s->hostname) == 0 && strcmp(w->watched[i].session, s->session) == 0)
            return true;
    return false;
}

/* A session that could be watched now, or why it cannot be. */
enum matches { MATCHES_NOT, MATCHES_NO_LIVE_ONE, MATCHES_BUSY, MATCHES };

static enum matches match(const struct watchlist *w, const struct relay_session *s)
{
    if (!text_matches(w->url.hostname, s->hostname) || !text_matches(w->url.session, s->session))
        return MATCHES_NOT;
    if (s->timer_us == 0)
        return MATCHES_NO_LIVE_ONE;
    return s->clients > 0 ? MATCHES_BUSY : MATCHES;
}

/* With nothing to watch it is told once what there is instead. */
static void tell_waiting(struct watchlist *w, const struct relay_sessions *sessions)
{
    static const char *const why[] = { "of another name", "which is not live", "which has another viewer, and lttng-relayd allows one" };
    char text[900], url[RELAY_URL_MAX];
    struct text_out out = text_out_init(text, sizeof(text));
    if (w->count > 0 || w->waiting_told)
        return;
    w->waiting_told = true;
    for (size_t i = 0; i < sessions->count; i++) {
        enum matches m = match(w, &sessions->list[i]);
        if (m != MATCHES)
            text_printf(&out, "%s%s/%s, %s", out.used ? "; " : "; there is ", sessions->list[i].hostname, sessions->list[i].session, why[m]);
    }
    log_warning("%s: no session to watch yet%s; waiting", relay_url_format(&w->url, url), out.used ? text : "");
}

static void consider(struct watchlist *w, const struct relay_session *s)
{
    struct relay_url url = w->url;
    if (is_watched(w, s) || match(w, s) != MATCHES)
        return;
    if (w->count == COLLECT_LIVES_MAX) {
        if (!w->full_told)
            log_warning("more than %d sessions match: the others are not watched", COLLECT_LIVES_MAX);
        w->full_told = true;
        return;
    }
    text_copy(url.hostname, sizeof(url.hostname), s->hostname);
    text_copy(url.session, sizeof(url.session), s->session);
    GROW(w->watched, w->count, w->capacity);
    w->watched[w->count++] = *s;
    log_info("watching session %s of host %s", s->session, s->hostname);
    attach(w, &url, "once", (int64_t)s->timer_us * 1000);
}

void watchlist_look(struct watchlist *w)
{
    struct relay_sessions sessions;
    struct error err;
    int64_t now_ns = clock_monotonic_ns();
    if (!w->pattern || now_ns < w->next_look_ns)
        return;
    int r = relay_sessions_get(&w->url, look_timeout_ns, &sessions, &err);
    w->next_look_ns = clock_monotonic_ns() + look_period_ns;
    if (r < 0) {
        if (!w->unreachable_told)
            log_warning("%s; trying again", err.text);
        w->unreachable_told = true;
        return;
    }
    w->unreachable_told = false;
    for (size_t i = 0; i < sessions.count; i++)
        consider(w, &sessions.list[i]);
    tell_waiting(w, &sessions);
    relay_sessions_done(&sessions);
}

void watchlist_ended(struct watchlist *w, const char *url_text)
{
    struct relay_url url;
    struct error err;
    if (!w->pattern || relay_url_parse(url_text, &url, &err) < 0)
        return;
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->watched[i].hostname, url.hostname) != 0 || strcmp(w->watched[i].session, url.session) != 0)
            continue;
        log_info("session %s of host %s has ended", url.session, url.hostname);
        w->watched[i--] = w->watched[--w->count];
    }
}

void watchlist_close(struct watchlist *w)
{
    free(w->watched);
    *w = (struct watchlist){ 0 };
}
