/* groups.h - series that are judged together: which groups there are, who has which place in them, and
 * one window of each of them being put together. A group lives as long as it has members. */
#ifndef FT_DETECTORS_GROUPS_H
#define FT_DETECTORS_GROUPS_H
#include "base/bytes.h"
#include "detectors/rules.h"

enum { GROUPS_MAX = 1024 };

/* A meter's place in a group, one for each of its statistics that is a member. */
struct membership {
    uint16_t group, place;
    uint8_t value;                  /* of a meter sample */
};

struct group_place {
    uint64_t series;                /* identifies it; 0: never given away */
    uint32_t owner;                 /* as the owner of the series numbers it; HASH_NONE: it is not there now */
    uint8_t kind, unit, statistic;
    bool returning;                 /* it was there when the group was saved */
    double sum;                     /* of the period under way */
    uint32_t count;
};

struct group {
    uint64_t key;
    const struct group_rule *rule;  /* NULL: a free place in the list */
    uint64_t source;                /* the session whose windows it has */
    uint8_t *description;           /* meter_description_put() of what verdicts are about */
    uint32_t description_size;
    uint32_t members;               /* there now */
    bool restored;                  /* from a snapshot: until settled, only those join who were there */
    int64_t begin_ns;               /* of the period under way; 0: it begins with the next window */
    uint32_t quality;
    int64_t length_ns;              /* of what was judged last, and its states are of; 0: nothing yet */
    struct group_place *places;     /* rule->settings.members of them */
    double *values;                 /* as detectors see them */
    unsigned char *states;          /* of all its detectors */
    uint8_t reports[GROUP_DETECTORS_MAX]; /* windows still to be reported */
};

struct groups {
    const struct rules *rules;
    struct group *list;
    uint32_t count, capacity;
    /* Counts: */
    uint64_t bytes, refused;        /* refused: memberships for which there was no place or no memory */
    bool refusal_told;
};

void groups_init(struct groups *g, const struct rules *rules);
void groups_done(struct groups *g);
/* A meter, `owner` to its owner and with a hash of its own, joins the groups whose rules match; room is what
 * memory there is for new groups. Its memberships are allocated. True: something was refused for the first time. */
bool groups_join(struct groups *g, const struct meter_description *d, uint64_t hash, uint32_t owner, uint64_t room,
                 struct membership **ret_list, uint32_t *ret_count);
/* Frees the memberships. Its places are kept for it until others need them. */
void groups_leave(struct groups *g, struct membership *list, uint32_t count);
/* Of the window under way. */
void groups_take(struct groups *g, const struct membership *list, uint32_t count, const struct meter_sample *sample,
                 int64_t length_ns);
/* A window of the group's source has ended: true when it completes a period, which *ret_observation then is, until groups_next(). */
bool groups_window(struct group *x, const struct window_header *window, uint32_t quality, struct group_observation *ret_observation);
void groups_next(struct group *x);
/* For the reader: the state of the rule's detector i. */
void *group_state(const struct group *x, uint32_t i);
/* Its detectors begin anew. */
void groups_restart(struct group *x);
/* From the scale a member is judged on to its unit. */
double group_invert(const struct group *x, uint32_t place, int64_t length_ns, double value);

/* For groups_state.c: a group at a free place of the list; the bytes of the states of a rule's first `count` detectors. */
void groups_new(struct groups *g, struct group *x, const struct group_rule *rule, const uint8_t *description, size_t size);
size_t groups_states_size(const struct group_rule *rule, uint32_t count);
/* All groups, for a snapshot; load() into what was just init()ed, before their members join. */
void groups_save(const struct groups *g, struct bytes *b);
bool groups_load(struct groups *g, struct wire_reader *r, uint64_t *restarted);
/* Behind load() and the joining: those without members are forgotten. */
void groups_settle(struct groups *g);

#endif
