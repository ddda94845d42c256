/* ctf_layout.h - types at their places: the fields of a packet and of an event as a tree,
 * in which what a variant or a sequence refers to has been found. */
#ifndef FT_COLLECTOR_CTF_LAYOUT_H
#define FT_COLLECTOR_CTF_LAYOUT_H
#include "base/error.h"
#include "collector/ctf_type.h"

enum ctf_scope { CTF_PACKET_HEADER, CTF_PACKET_CONTEXT, CTF_EVENT_HEADER, CTF_EVENT_CONTEXT, CTF_OWN_CONTEXT, CTF_FIELDS, CTF_SCOPES };

/* Arrays of at most so many integers have a child for each, which can be asked for: "fildes.0". */
enum { CTF_ELEMENTS_MAX = 4 };

/* Integers that others refer to are kept in so many places while decoding: those of the packet
 * and of the event's header first, then those of an event class's own. */
enum { CTF_SHARED_SLOTS = 64, CTF_SLOTS_MAX = 256, CTF_NO_SLOT = -1 };

struct ctf_choice {
    uint64_t low, high;
    uint32_t option;
};

struct ctf_node {
    const struct ctf_type *type;
    const char *name;          /* as it is shown: without the underscore that keeps names from being keywords */
    const char *declared;      /* as it is written */
    struct ctf_node *parent;
    uint32_t child_count;      /* members, options; a sequence has one, an array too, or one for each element */
    struct ctf_node *children;
    int slot;                  /* where its value is kept, for others */
    int source;                /* of a variant or a sequence: slot of what it refers to */
    uint32_t choice_count;     /* of a variant: which values of that choose what */
    const struct ctf_choice *choices;
    bool choice_signed;
    bool big;                  /* the byte order, settled */
    int clock;                 /* index of the clock it is mapped to; -1 */
    int load;                  /* index among the values asked for; -1 */
    int place;                 /* of a packet's context: where it is kept; -1 */
    bool nothing;              /* takes no bits, whatever they are */
};

/* The trees that one event is made of; those of the packet may be shared. */
struct ctf_layout {
    struct ctf_node *scopes[CTF_SCOPES]; /* NULL: there is none */
    int *shared_slots;                   /* how many are used, of all event classes of a stream class */
    int own_slots;
};

/* Makes the tree of a scope; what it refers to may be in scopes before it. Memory is the
 * arena's. -EINVAL with err when a reference leads nowhere. */
int ctf_layout_add(struct ctf_layout *layout, enum ctf_scope scope, const struct ctf_type *type, const struct ctf_metadata *metadata,
                   struct arena *arena, struct error *err);
/* A member by its shown name; NULL. */
struct ctf_node *ctf_node_member(const struct ctf_node *structure, const char *name);
const char *ctf_scope_name(enum ctf_scope scope);
/* Whether the array is one whose elements are children. */
bool ctf_has_elements(const struct ctf_type *array);
/* 8-bit characters, one right behind the other: shown as text. */
bool ctf_is_text(const struct ctf_type *element);

#endif
