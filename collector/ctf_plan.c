#include "collector/ctf_plan.h"
#include "base/bytes.h"
#include "collector/ctf_bits.h"
#include <errno.h>
#include <stdlib.h>

enum load_kind { LOAD_U8, LOAD_U16, LOAD_U32, LOAD_U64, LOAD_S8, LOAD_S16, LOAD_S32, LOAD_S64, LOAD_BITS, LOAD_TEXT };

/* One wanted field of a run, at a constant offset from its beginning. */
struct load {
    uint8_t kind, bits;
    bool is_signed, is_real, big;
    int16_t value, slot;  /* -1: none */
    uint64_t offset;      /* bits */
    uint32_t length;      /* LOAD_TEXT: bytes */
};

enum step_kind { STEP_RUN, STEP_STRING, STEP_SEQUENCE, STEP_WALK };

struct step {
    uint8_t kind;
    int16_t value;         /* of a string or a sequence of characters; -1 */
    uint32_t align;
    uint32_t first, count; /* of the loads */
    uint64_t bits;         /* of a run; of an element of a sequence */
    const struct ctf_node *node;
};

struct ctf_steps {
    struct step *steps;
    struct load *loads;
    uint32_t step_count, step_capacity, load_count, load_capacity;
};

void ctf_plan_free(struct ctf_plan *plan)
{
    if (!plan)
        return;
    free(plan->quick.loads);
    free(plan->steps->steps);
    free(plan->steps->loads);
    free(plan->steps);
    free(plan);
}

uint32_t ctf_plan_steps(const struct ctf_plan *plan)
{
    return plan->steps->step_count;
}

/* ---- making it ---- */

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
    s->value = text ? (int16_t)n->load : -1;
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
        add_step(plan, STEP_WALK, 1)->node = n;
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

/* Only what is walked may be there or not. */
static bool is_sure(const struct ctf_steps *steps)
{
    for (uint32_t i = 0; i < steps->step_count; i++)
        if (steps->steps[i].kind == STEP_WALK)
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

/* ---- running it ---- */

static void set_bits(const struct load *l, const uint8_t *data, uint64_t at, struct value *v, struct ctf_state *s)
{
    uint64_t raw = ctf_bits(data, at + l->offset, l->bits, l->big);
    if (l->is_signed)
        raw = (uint64_t)ctf_sign_extend(raw, l->bits);
    if (l->slot >= 0)
        s->slots[l->slot] = raw;
    if (l->value < 0)
        return;
    v->kind = l->is_signed ? VALUE_SIGNED : VALUE_UNSIGNED;
    v->u = raw;
    if (!l->is_real)
        return;
    v->kind = VALUE_REAL;
    if (l->bits == 32) {
        uint32_t raw32 = (uint32_t)raw;
        float single;
        memcpy(&single, &raw32, sizeof(single));
        v->d = (double)single;
    }
}

static void set_text(struct value *v, const char *text, size_t size)
{
    v->kind = VALUE_TEXT;
    v->size = size < VALUE_TEXT_MAX ? (uint32_t)size : VALUE_TEXT_MAX;
    v->text = text;
}

#define LOAD_AS(type, field, member, name)                                                                   \
    case LOAD_##name: {                                                                                      \
        type x;                                                                                              \
        memcpy(&x, from + l->offset / 8, sizeof(x));                                                         \
        v->kind = field;                                                                                     \
        v->member = x;                                                                                       \
        break;                                                                                               \
    }

static void run_loads(const struct ctf_steps *plan, const struct step *step, const struct ctf_cursor *c, struct ctf_state *s, struct value *values)
{
    const uint8_t *from = c->data + c->at / 8;
    for (uint32_t i = 0; i < step->count; i++) { /* of a class of which nothing is wanted there are no loads */
        const struct load *l = &plan->loads[step->first + i];
        struct value ignored, *v = l->value >= 0 ? &values[l->value] : &ignored;
        switch ((enum load_kind)l->kind) {
            LOAD_AS(uint8_t, VALUE_UNSIGNED, u, U8)
            LOAD_AS(uint16_t, VALUE_UNSIGNED, u, U16)
            LOAD_AS(uint32_t, VALUE_UNSIGNED, u, U32)
            LOAD_AS(uint64_t, VALUE_UNSIGNED, u, U64)
            LOAD_AS(int8_t, VALUE_SIGNED, i, S8)
            LOAD_AS(int16_t, VALUE_SIGNED, i, S16)
            LOAD_AS(int32_t, VALUE_SIGNED, i, S32)
            LOAD_AS(int64_t, VALUE_SIGNED, i, S64)
        case LOAD_BITS:
            set_bits(l, c->data, c->at, v, s);
            continue;
        case LOAD_TEXT: {
            const char *text = (const char *)from + l->offset / 8;
            set_text(v, text, strnlen(text, l->length));
            continue;
        }
        }
        if (l->slot >= 0)
            s->slots[l->slot] = v->u;
    }
}

void ctf_quick_texts(const struct ctf_quick *q, const uint8_t *run, struct value *values)
{
    for (const struct ctf_quick_load *l = q->loads + q->number_count, *end = l + q->text_count; l < end; l++) {
        const char *text = (const char *)run + l->offset;
        set_text(&values[l->value], text, strnlen(text, l->length));
    }
}

static int run_string(struct ctf_cursor *c, const struct step *step, struct value *values)
{
    const char *text = (const char *)c->data + c->at / 8;
    size_t room = (size_t)((c->end - c->at) / 8);
    const char *end = memchr(text, '\0', room);
    if (!end)
        return -ENODATA;
    c->at += (uint64_t)(end - text + 1) * 8;
    if (step->value >= 0)
        set_text(&values[step->value], text, (size_t)(end - text));
    return 0;
}

static int run_sequence(struct ctf_cursor *c, const struct ctf_state *s, const struct step *step, struct value *values)
{
    uint64_t length = s->slots[step->node->source];
    const char *text = (const char *)c->data + c->at / 8;
    if (length > (c->end - c->at) / step->bits)
        return -ENODATA;
    c->at += length * step->bits;
    if (step->value >= 0)
        set_text(&values[step->value], text, length ? strnlen(text, (size_t)length) : 0);
    return 0;
}

/* What the walk meets that is wanted. */
static void on_integer(void *self, const struct ctf_node *node, uint64_t value)
{
    struct value *values = self;
    if (node->load >= 0)
        values[node->load] = (struct value){ .kind = node->type->integer.is_signed ? VALUE_SIGNED : VALUE_UNSIGNED, .u = value };
}

static void on_real(void *self, const struct ctf_node *node, double value)
{
    struct value *values = self;
    if (node->load >= 0)
        values[node->load] = (struct value){ .kind = VALUE_REAL, .d = value };
}

static void on_text(void *self, const struct ctf_node *node, const char *text, size_t size)
{
    struct value *values = self;
    if (node->load >= 0)
        set_text(&values[node->load], text, size);
}

static const struct ctf_visitor loader = { .integer = on_integer, .real = on_real, .text = on_text };

int ctf_plan_run(const struct ctf_plan *plan, struct ctf_cursor *c, struct ctf_state *s, struct value *values)
{
    const struct ctf_steps *steps = plan->steps;
    for (const struct step *step = steps->steps, *end = step + steps->step_count; step < end; step++) {
        uint64_t at = (c->at + step->align - 1) & ~(uint64_t)(step->align - 1);
        int r = 0;
        if (at > c->end)
            return -ENODATA;
        c->at = at;
        switch ((enum step_kind)step->kind) {
        case STEP_RUN:
            if (step->bits > c->end - at)
                return -ENODATA;
            run_loads(steps, step, c, s, values);
            c->at += step->bits;
            break;
        case STEP_STRING:
            r = run_string(c, step, values);
            break;
        case STEP_SEQUENCE:
            r = run_sequence(c, s, step, values);
            break;
        case STEP_WALK:
            r = ctf_walk(c, s, step->node, &loader, values);
            break;
        }
        if (r < 0)
            return r;
    }
    return 0;
}
