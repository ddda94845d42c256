/* host_groups.c - judges the groups whose window has ended, and makes verdicts of that. */
#include "detectors/host_private.h"
#include "base/text.h"

/* "shop.requests.rate{op=pay} (61 %), ...": the members that are most outside. */
static void name_members(const struct host *h, const struct group *x, const struct judgement *j, char *text, size_t size)
{
    struct text_out out = text_out_init(text, size);
    struct meter_description d;
    char series[SERIES_NAME_MAX];
    for (uint32_t i = 0; i < j->named_count; i++) {
        const struct group_place *p = &x->places[j->named[i].place];
        const struct watched *w = p->owner == HASH_NONE ? NULL : h->watches.list[p->owner];
        struct wire_reader r = wire_reader_init(w ? w->description : NULL, w ? w->description_size : 0);
        if (w && meter_description_get(&r, &d))
            text_printf(&out, "%s%s (%.0f %%)", out.used ? ", " : "", series_name(&d, (enum statistic)p->statistic, series), 100 * j->named[i].share);
    }
}

static int grade_group(struct host *h, struct group *x, uint32_t use, const struct group_observation *o, const struct judgement *j)
{
    struct wire_reader r = wire_reader_init(x->description, x->description_size);
    if (!host_reports(&x->reports[use], j))
        return 0;
    meter_description_get(&r, &h->description);
    struct verdict *v = host_new_verdict(h, &h->description);
    host_take_judgement(v, j);
    text_copy(v->detector, sizeof(v->detector), x->rule->use[use].detector->name);
    v->begin_ns = o->begin_ns;
    v->end_ns = o->end_ns;
    v->onset_ns = j->onset_ns ? j->onset_ns : o->begin_ns;
    v->quality = o->quality;
    v->lost = h->window.lost;
    if (!j->new_normal)
        name_members(h, x, j, v->detail, sizeof(v->detail));
    return host_send_verdict(h);
}

/* As with single series: what was learned of another length says nothing of this one. */
static void mind_length(struct host *h, struct group *x, const struct group_observation *o)
{
    int64_t length_ns = o->end_ns - o->begin_ns;
    if (x->length_ns != length_ns && x->length_ns != 0) {
        groups_restart(x);
        h->totals.restarted += x->rule->count;
        host_tell_length(h, x->length_ns, length_ns);
    }
    x->length_ns = length_ns;
}

int host_judge_groups(struct host *h, uint64_t source)
{
    struct group_observation o;
    struct judgement j;
    int r = 0;
    for (uint32_t i = 0; i < h->watches.groups.count && r == 0; i++) {
        struct group *x = &h->watches.groups.list[i];
        if (!x->rule || x->source != source || !groups_window(x, &h->window, h->window.quality, &o))
            continue;
        mind_length(h, x, &o);
        for (uint32_t k = 0; k < x->rule->count && r == 0; k++) {
            const struct bound_detector *bound = &x->rule->use[k];
            bound->detector->group.observe(group_state(x, k), bound->config, &o, &j);
            if (!j.abstains)
                r = grade_group(h, x, k, &o, &j);
        }
        groups_next(x);
    }
    return r;
}
