/* ctf_plan_private.h - the steps that a plan is made of. */
#ifndef FT_COLLECTOR_CTF_PLAN_PRIVATE_H
#define FT_COLLECTOR_CTF_PLAN_PRIVATE_H
#include "collector/ctf_plan.h"

enum load_kind { LOAD_U8, LOAD_U16, LOAD_U32, LOAD_U64, LOAD_S8, LOAD_S16, LOAD_S32, LOAD_S64, LOAD_BITS, LOAD_TEXT };

/* One wanted field of a run, at a constant offset from its beginning. */
struct load {
    uint8_t kind, bits;
    bool is_signed, is_real, big;
    int16_t value, slot;  /* -1: none */
    uint64_t offset;      /* bits */
    uint32_t length;      /* LOAD_TEXT: bytes */
};

enum step_kind { STEP_RUN, STEP_STRING, STEP_SEQUENCE, STEP_VARIANT, STEP_WALK };

struct step {
    uint8_t kind;
    int16_t value;         /* of a string or a sequence; -1 */
    uint32_t align;
    uint32_t first, count; /* of the loads */
    uint64_t bits;         /* of a run; of an element of a sequence */
    const struct ctf_node *node;
    struct ctf_steps *options; /* of a variant: steps of each */
};

struct ctf_steps {
    struct step *steps;
    struct load *loads;
    uint32_t step_count, step_capacity, load_count, load_capacity;
};

#endif
