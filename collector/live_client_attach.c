#include "collector/live_client_private.h"

static const int64_t look_period_ns = 1000000000, shortest_timer_ns = 500000, first_look_ns = 100000000, newcomer_wait_ns = 300000000;

struct live_client_part *live_client_part(struct live_client *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (c->parts[i].id == id)
            return &c->parts[i];
    return NULL;
}

void live_client_tell(struct live_client *c, enum reader_status status, const char *text)
{
    if (c->told == status && status != READER_ENDED)
        return;
    c->told = status;
    c->setup.owner->status(c->setup.owner->self, status, text);
}

static void look_again(struct live_client *c)
{
    c->state = LIVE_CLIENT_LOOKING;
    c->look_wait_ns = c->look_wait_ns ? c->look_wait_ns * 2 : first_look_ns;
    if (c->look_wait_ns > look_period_ns)
        c->look_wait_ns = look_period_ns;
    loop_set_timer(c->timer, clock_monotonic_ns() + c->look_wait_ns);
}

static bool matches(const struct live_client *c, const struct relay_session *s)
{
    return s->id >= c->given_back && strcmp(s->hostname, c->setup.url.hostname) == 0 && strcmp(s->session, c->setup.url.session) == 0;
}

static void attach_part(struct live_client *c, const struct relay_session *s)
{
    struct live_client_part *part = live_client_part(c, s->id);
    if (part)
        return;
    if (c->part_count == LIVE_CLIENT_PARTS_MAX) {
        if (!c->parts_told)
            live_client_notice(c, "lttng-relayd has more than 64 sessions of that name: the others are not read");
        c->parts_told = true;
        return;
    }
    part = &c->parts[c->part_count++];
    *part = (struct live_client_part){ .id = s->id };
    if (!c->created)
        live_client_ask(c, VIEWER_CREATE_SESSION);
    c->created = true;
    live_client_question(c, VIEWER_ATTACH_SESSION)->part = s->id;
    viewer_ask_attach(c->viewer, s->id, c->first_done ? VIEWER_SEEK_BEGINNING : c->setup.seek);
    c->attaching++;
    int64_t timer_ns = (int64_t)s->timer_us * 1000;
    if (timer_ns > 0 && (!c->timer_known || timer_ns < c->live_timer_ns))
        c->live_timer_ns = timer_ns > shortest_timer_ns ? timer_ns : shortest_timer_ns;
    c->timer_known |= timer_ns > 0;
}

bool live_client_has_streams(const struct live_client *c, const struct live_client_part *part)
{
    for (uint32_t i = 0; i < c->set.stream_count; i++) {
        const struct live_stream *s = c->set.streams[i];
        if (s->trace->session == part->id && s->connected && !s->hung_up)
            return true;
    }
    return false;
}

/* All that was read has come to its end, whether lttng-relayd says so or not. */
static bool is_over(const struct live_client *c)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (!c->parts[i].had_streams || live_client_has_streams(c, &c->parts[i]))
            return false;
    return c->part_count > 0;
}

/* While a session is read another one of its name appears: another domain of it, or the next one in its place. That one begins
 * when the first is over, which shows in a while: then what nobody recorded between the two is missing. True: attach to it. */
static bool is_of_ours(struct live_client *c, const struct relay_sessions *sessions)
{
    int64_t now_ns = clock_monotonic_ns();
    bool more = false;
    for (size_t i = 0; i < sessions->count && !more; i++)
        more = matches(c, &sessions->list[i]) && sessions->list[i].clients == 0 && !live_client_part(c, sessions->list[i].id);
    if (!more) {
        c->newcomer_ns = 0;
        return false;
    }
    if (c->newcomer_ns == 0) {
        c->newcomer_ns = now_ns;
        c->look_at_ns = c->chores_at_ns = now_ns + newcomer_wait_ns;
        return false;
    }
    c->replaced = is_over(c);
    return !c->replaced;
}

void live_client_on_sessions(struct live_client *c, const struct viewer_reply *reply)
{
    struct relay_sessions sessions;
    char why[600];
    relay_sessions_take(&sessions, reply);
    enum reader_status status = c->part_count > 0 ? READER_ATTACHED : live_source_look_up(&c->setup.url, &sessions, why, sizeof(why));
    bool attach = status == READER_ATTACHED && (c->state != LIVE_CLIENT_READING || is_of_ours(c, &sessions));
    for (size_t i = 0; i < sessions.count && attach; i++)
        if (matches(c, &sessions.list[i]) && sessions.list[i].clients == 0)
            attach_part(c, &sessions.list[i]);
    relay_sessions_done(&sessions);
    if (c->state == LIVE_CLIENT_READING)
        return;
    if (status == READER_ATTACHED) {
        c->state = LIVE_CLIENT_ATTACHING;
        c->busy = c->not_live = false;
        return;
    }
    live_client_tell(c, status, why);
    look_again(c);
}

static void remove_part(struct live_client *c, struct live_client_part *part)
{
    *part = c->parts[--c->part_count];
}

/* Whoever reads the rest of the session now does not let us read it: what was attached to is given back. */
static void back_off(struct live_client *c)
{
    while (c->part_count > 0) {
        live_client_question(c, VIEWER_DETACH_SESSION);
        viewer_ask_of(c->viewer, VIEWER_DETACH_SESSION, c->parts[0].id);
        remove_part(c, &c->parts[0]);
    }
    look_again(c);
}

int live_client_add_streams(struct live_client *c, uint64_t part, const struct viewer_reply *reply, struct error *err)
{
    int64_t now_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < reply->answer.count; i++) {
        struct viewer_stream s;
        if (c->set.stream_count >= LIVE_STREAMS_MAX || c->set.trace_count >= LIVE_STREAMS_MAX)
            return error_set(err, -E2BIG, "the session has more than %d streams at a time: that many are not read", LIVE_STREAMS_MAX);
        viewer_get_stream(reply->list + (size_t)i * VIEWER_STREAM_BYTES, &s);
        struct live_trace *t = live_set_trace(&c->set, part, s.trace_id);
        t->since_ns = t->since_ns ? t->since_ns : now_ns;
        if (s.is_metadata) {
            t->metadata_id = s.id;
            t->has_metadata_id = true;
        } else {
            live_set_stream(&c->set, t, s.id, s.channel, now_ns);
            live_client_part(c, part)->had_streams = true;
        }
    }
    for (uint32_t i = 0; i < c->set.trace_count; i++)
        if (!c->set.traces[i]->trace)
            live_client_ask_metadata(c, c->set.traces[i]);
    return 0;
}

/* It is read no more. */
static void detach_part(struct live_client *c, uint64_t id)
{
    live_client_question(c, VIEWER_DETACH_SESSION);
    viewer_ask_of(c->viewer, VIEWER_DETACH_SESSION, id);
    for (uint32_t i = 0; i < c->set.stream_count; i++)
        if (c->set.streams[i]->connected && c->set.streams[i]->trace->session == id)
            live_stream_hang_up(c->set.streams[i]);
    for (uint32_t i = 0; i < c->set.trace_count; i++)
        if (c->set.traces[i]->connected && c->set.traces[i]->session == id)
            c->set.traces[i]->unreadable = true;
    remove_part(c, live_client_part(c, id));
    c->given_back = id >= c->given_back ? id + 1 : c->given_back;
    c->set.continued = false;
}

/* lttng-relayd has a session for each domain and width of programs; it keeps one that was destroyed as long as its connection stands,
 * which with LTTng 2.13 may be for ever. */
static bool takes_place(const struct live_trace *a, const struct live_trace *b)
{
    return a->session != b->session && a->connected && b->connected && a->trace && b->trace && a->trace->bit_width == b->trace->bit_width &&
           strcmp(a->trace->domain, b->trace->domain) == 0;
}

int live_client_check_place(struct live_client *c, const struct live_trace *t, struct error *err)
{
    for (uint32_t i = 0; i < c->set.trace_count; i++) {
        const struct live_trace *other = c->set.traces[i];
        uint64_t older = other->session < t->session ? other->session : t->session;
        if (!takes_place(other, t) || !live_client_part(c, older))
            continue;
        if (c->settled)
            return error_set(err, -ESTALE, "the session has been made anew, and lttng-relayd does not end the one before it");
        detach_part(c, older);
        live_client_notice(c, "lttng-relayd has two sessions of that name for the same programs: the later one is read");
        return 0;
    }
    return 0;
}

static const char *why_not_attached(const struct live_client *c)
{
    if (c->busy)
        return "the session has another viewer, and lttng-relayd allows one";
    if (c->not_live)
        return "the session is not a live one (lttng create --live), and lttng-relayd lets nobody watch it";
    return "the session went away before it could be attached to";
}

int live_client_on_attached(struct live_client *c, uint64_t id, const struct viewer_reply *reply, struct error *err)
{
    struct live_client_part *part = live_client_part(c, id);
    int r;
    c->attaching--;
    c->busy |= reply->answer.status == VIEWER_ATTACH_ALREADY;
    c->not_live |= reply->answer.status == VIEWER_ATTACH_NOT_LIVE;
    if (!part)
        return 0;
    switch (reply->answer.status) {
    case VIEWER_ATTACH_OK:
        part->attached = true;
        if ((r = live_client_add_streams(c, id, reply, err)) < 0)
            return r;
        break;
    case VIEWER_ATTACH_ALREADY:
    case VIEWER_ATTACH_UNKNOWN: /* gone since it was listed */
    case VIEWER_ATTACH_NOT_LIVE:
        remove_part(c, part);
        break;
    default:
        return error_set(err, -EPROTO, "lttng-relayd does not let the session be attached to: status %" PRIu32, reply->answer.status);
    }
    if (c->attaching > 0 || c->state != LIVE_CLIENT_ATTACHING)
        return 0;
    if (c->busy || c->part_count == 0) {
        live_client_tell(c, c->busy ? READER_BUSY : READER_WAITING, why_not_attached(c));
        back_off(c);
        return 0;
    }
    c->state = LIVE_CLIENT_READING;
    c->first_done = true;
    c->attached_ns = clock_monotonic_ns();
    c->look_wait_ns = 0;
    c->look_at_ns = clock_monotonic_ns() + look_period_ns;
    live_client_tell(c, READER_ATTACHED, "attached");
    return 0;
}
