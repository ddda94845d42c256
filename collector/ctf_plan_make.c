/* ctf_plan_make.c - the steps of a class of events, from its layout. */
#include "collector/ctf_plan_private.h"
#include "base/bytes.h"
#include "collector/ctf_bits.h"
#include <stdlib.h>

static void free_steps(struct ctf_steps *steps)
{
    for (uint32_t i = 0; i < steps->step_count; i++) {
        struct step *s = &steps->steps[i];
        for (uint32_t k = 0; s->options && k < s->node->child_count; k++)
            free_steps(&s->options[k]);
        free(s->options);
    }
    free(steps->steps);
    free(steps->loads);
}

void ctf_plan_free(struct ctf_plan *plan)
{
    if (!plan)
        return;
    free(plan->quick.loads);
    free_steps(plan->steps);
    free(plan->steps);
    free(plan);
}

uint32_t ctf_plan_steps(const struct ctf_plan *plan)
{
    return plan->steps->step_count;
}

static struct step *add_step(struct ctf_steps *plan, enum step_kind kind, uint32_t align)
{
    GROW(plan->steps, plan->step_count, plan->step_capacity);
    struct step *s = &plan->steps[plan->step_count++];
    *s = (struct step){ .kind = (uint8_t)kind, .align = align, .value = -1, .first = plan->load_count };
    return s;
}

/* The run that goes on at a place aligned so; a new one where the distance from the beginning of the last is not constant. */
static struct step *run_at(struct ctf_steps *plan, uint32_t align)
{
    struct step *last = plan->step_count ? &plan->steps[plan->step_count - 1] : NULL;
    if (!last || last->kind != STEP_RUN || align > last->align)
        return add_step(plan, STEP_RUN, align);
    last->bits = (last->bits + align - 1) & ~(uint64_t)(align - 1);
    return last;
}

static enum load_kind kind_of(const struct load *l, uint32_t run_align)
{
    static const enum load_kind kinds[2][4] = { { LOAD_U8, LOAD_U16, LOAD_U32, LOAD_U64 }, { LOAD_S8, LOAD_S16, LOAD_S32, LOAD_S64 } };
    bool bytes = run_align >= 8 && l->offset % 8 == 0 && (l->bits == 8 || l->bits == 16 || l->bits == 32 || l->bits == 64);
    if (!bytes || l->is_real || (l->big && l->bits > 8) || BYTE_ORDER != LITTLE_ENDIAN)
        return LOAD_BITS;
    return kinds[l->is_signed][l->bits == 8 ? 0 : l->bits == 16 ? 1 : l->bits == 32 ? 2 : 3];
}

static void add_load(struct ctf_steps *plan, struct step *run, struct load load)
{
    if (load.value < 0 && load.slot < 0)
        return;
    GROW(plan->loads, plan->load_count, plan->load_capacity);
    load.offset = run->bits;
    if (load.kind != LOAD_TEXT)
        load.kind = (uint8_t)kind_of(&load, run->align);
    plan->loads[plan->load_count++] = load;
    run->count++;
}

static void add_scalar(struct ctf_steps *plan, const struct ctf_node *n)
{
    struct step *run = run_at(plan, n->type->align);
    bool real = n->type->kind == CTF_REAL;
    uint8_t bits = real ? n->type->real.bits : n->type->integer.bits;
    add_load(plan, run, (struct load){ .bits = bits, .is_signed = !real && n->type->integer.is_signed, .is_real = real, .big = n->big,
                                       .value = (int16_t)n->load, .slot = (int16_t)n->slot });
    run->bits += bits;
}

/* Bits of a value of this type, if that is always the same wherever it begins aligned; 0: it is not. */
static uint64_t fixed_bits(const struct ctf_node *n, unsigned depth)
{
    uint64_t bits = 0, element;
    switch (n->type->kind) {
    case CTF_INTEGER:
        return n->slot >= 0 || n->load >= 0 ? 0 : n->type->integer.bits;
    case CTF_REAL:
        return n->load >= 0 ? 0 : n->type->real.bits;
    case CTF_STRUCTURE:
        for (uint32_t i = 0; i < n->child_count && depth < CTF_DEPTH_MAX; i++) {
            uint32_t align = n->children[i].type->align;
            element = fixed_bits(&n->children[i], depth + 1);
            bits = ((bits + align - 1) & ~(uint64_t)(align - 1)) + element;
            if (element == 0)
                return 0;
        }
        return bits;
    case CTF_ARRAY:
        element = fixed_bits(&n->children[0], depth + 1);
        for (uint32_t i = 1; i < n->child_count; i++)
            if (fixed_bits(&n->children[i], depth + 1) == 0)
                return 0;
        if (element == 0 || element % n->type->align != 0 || n->type->array.length == 0 || n->type->array.length > (UINT32_MAX / element))
            return 0;
        return element * n->type->array.length;
    default:
        return 0;
    }
}

static void add_node(struct ctf_steps *plan, const struct ctf_node *n);

static void add_array(struct ctf_steps *plan, const struct ctf_node *n)
{
    uint64_t length = n->type->array.length, element = fixed_bits(&n->children[0], 0);
    for (uint32_t i = 0; ctf_has_elements(n->type) && i < n->child_count; i++)
        add_node(plan, &n->children[i]);
    if (ctf_has_elements(n->type))
        return;
    if (ctf_is_text(n->children[0].type) && length < UINT32_MAX / 8) {
        struct step *run = run_at(plan, n->type->align);
        add_load(plan, run, (struct load){ .kind = LOAD_TEXT, .value = (int16_t)n->load, .slot = -1, .length = (uint32_t)length });
        run->bits += length * 8;
    } else if (element > 0 && element % n->type->align == 0 && length < UINT32_MAX / element) {
        run_at(plan, n->type->align)->bits += element * length;
    } else {
        add_step(plan, STEP_WALK, 1)->node = n;
    }
}

static void add_sequence(struct ctf_steps *plan, const struct ctf_node *n)
{
    uint64_t element = fixed_bits(&n->children[0], 0);
    bool text = ctf_is_text(n->children[0].type);
    if (!text && (element == 0 || element % n->type->align != 0)) {
        add_step(plan, STEP_WALK, 1)->node = n;
        return;
    }
    struct step *s = add_step(plan, STEP_SEQUENCE, n->type->align);
    s->node = n;
    s->bits = text ? 8 : element;
    s->value = (int16_t)n->load;
}

static void add_variant(struct ctf_steps *plan, const struct ctf_node *n)
{
    struct step *s = add_step(plan, STEP_VARIANT, n->type->align);
    s->node = n;
    s->options = xcalloc(n->child_count, sizeof(*s->options));
    for (uint32_t i = 0; i < n->child_count; i++)
        add_node(&s->options[i], &n->children[i]);
}

static void add_node(struct ctf_steps *plan, const struct ctf_node *n)
{
    switch (n->type->kind) {
    case CTF_INTEGER:
    case CTF_REAL:
        add_scalar(plan, n);
        break;
    case CTF_STRING:
        add_step(plan, STEP_STRING, 8)->value = (int16_t)n->load;
        break;
    case CTF_STRUCTURE:
        if (n->type->align > 1)
            run_at(plan, n->type->align);
        for (uint32_t i = 0; i < n->child_count; i++)
            add_node(plan, &n->children[i]);
        break;
    case CTF_ARRAY:
        add_array(plan, n);
        break;
    case CTF_SEQUENCE:
        add_sequence(plan, n);
        break;
    case CTF_VARIANT:
        add_variant(plan, n);
        break;
    }
}

/* A field mapped to a clock moves it, and that is for the walk to do. */
static bool moves_clock(const struct ctf_node *n)
{
    for (uint32_t i = 0; i < n->child_count; i++)
        if (moves_clock(&n->children[i]))
            return true;
    return n->clock >= 0;
}

/* Only what is chosen, or walked, may be there or not. */
static bool is_sure(const struct ctf_steps *steps)
{
    for (uint32_t i = 0; i < steps->step_count; i++)
        if (steps->steps[i].kind == STEP_WALK || steps->steps[i].kind == STEP_VARIANT)
            return false;
    return true;
}

static bool is_quick(const struct load *l)
{
    bool bytes = l->kind != LOAD_BITS || (l->is_real && l->bits == 64 && l->offset % 8 == 0 && !l->big && BYTE_ORDER == LITTLE_ENDIAN);
    if (l->offset / 8 > UINT32_MAX)
        return false;
    return l->value < 0 || (bytes && (l->kind != LOAD_TEXT || l->length > 0));
}

static void add_quick(struct ctf_quick *q, const struct load *l)
{
    uint64_t reach = l->offset / 8 + (l->kind == LOAD_TEXT ? 0 : 8);
    q->reach = reach > q->reach ? reach : q->reach;
    q->loads[q->number_count + q->text_count] =
        (struct ctf_quick_load){ .value = (uint32_t)l->value,
                                 .mask = ctf_mask(l->bits),
                                 .sign = l->is_signed ? UINT64_C(1) << (l->bits - 1) : 0,
                                 .kind = l->is_real ? VALUE_REAL : l->is_signed ? VALUE_SIGNED : VALUE_UNSIGNED,
                                 .offset = (uint32_t)(l->offset / 8),
                                 .length = l->length };
    *(l->kind == LOAD_TEXT ? &q->text_count : &q->number_count) += 1;
}

/* Within one run nobody refers to another field: slots matter to nobody. */
static void make_quick(const struct ctf_steps *steps, struct ctf_quick *q)
{
    q->reach = CTF_NOT_QUICK;
    if (steps->step_count > 1 || (steps->step_count == 1 && (steps->steps[0].kind != STEP_RUN || steps->steps[0].bits % 8 != 0)))
        return;
    for (uint32_t i = 0; i < steps->load_count; i++)
        if (!is_quick(&steps->loads[i]))
            return;
    q->loads = xcalloc(steps->load_count, sizeof(*q->loads));
    q->reach = q->size = steps->step_count ? steps->steps[0].bits / 8 : 0;
    q->align_mask = steps->step_count && steps->steps[0].align > 8 ? steps->steps[0].align / 8 - 1 : 0;
    for (int texts = 0; texts < 2; texts++)
        for (uint32_t i = 0; i < steps->load_count; i++)
            if (steps->loads[i].value >= 0 && (steps->loads[i].kind == LOAD_TEXT) == texts)
                add_quick(q, &steps->loads[i]);
}

struct ctf_plan *ctf_plan_new(const struct ctf_layout *layout)
{
    struct ctf_plan *plan = xcalloc(1, sizeof(*plan));
    struct ctf_steps *steps = plan->steps = xcalloc(1, sizeof(*steps));
    for (int s = CTF_EVENT_CONTEXT; s < CTF_SCOPES; s++) {
        if (!layout->scopes[s])
            continue;
        if (moves_clock(layout->scopes[s]))
            add_step(steps, STEP_WALK, 1)->node = layout->scopes[s];
        else
            add_node(steps, layout->scopes[s]);
    }
    plan->sure = is_sure(steps);
    make_quick(steps, &plan->quick);
    return plan;
}
