#include "collector/ctf_plan_private.h"
#include "collector/ctf_bits.h"
#include <errno.h>

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

static void set_bytes(struct value *v, const char *bytes, uint64_t size)
{
    set_text(v, bytes, size < VALUE_TEXT_MAX ? (size_t)size : VALUE_TEXT_MAX);
    v->kind = VALUE_BYTES;
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
    if (step->value < 0)
        return 0;
    if (ctf_is_text(step->node->children[0].type))
        set_text(&values[step->value], text, length ? strnlen(text, (size_t)length) : 0);
    else
        set_bytes(&values[step->value], text, length * (step->bits / 8));
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

static int run_steps(const struct ctf_steps *steps, struct ctf_cursor *c, struct ctf_state *s, struct value *values);

static int run_variant(struct ctf_cursor *c, struct ctf_state *s, const struct step *step, struct value *values)
{
    int option = ctf_choose(step->node, s);
    return option < 0 ? option : run_steps(&step->options[option], c, s, values);
}

static int run_steps(const struct ctf_steps *steps, struct ctf_cursor *c, struct ctf_state *s, struct value *values)
{
    for (uint32_t i = 0; i < steps->step_count; i++) {
        const struct step *step = &steps->steps[i];
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
        case STEP_VARIANT:
            r = run_variant(c, s, step, values);
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

int ctf_plan_run(const struct ctf_plan *plan, struct ctf_cursor *c, struct ctf_state *s, struct value *values)
{
    return run_steps(plan->steps, c, s, values);
}
