/* report_top.c - the greatest observations: a heap with the least on top. */
#include "base/bytes.h"
#include "stream/report.h"
#include <stdlib.h>
#include <string.h>

static bool less(const struct report_entry *a, const struct report_entry *b)
{
    return a->value < b->value || (a->value == b->value && a->number > b->number);
}

static void sift(struct report_entry *heap, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (less(&heap[child], &heap[least]))
                least = child;
        if (least == at)
            return;
        struct report_entry t = heap[at];
        heap[at] = heap[least];
        heap[least] = t;
        at = least;
    }
}

static void fill_entry(struct report_observable *o, struct report_entry *e, const struct observed *x, struct stack_pair stacks)
{
    size_t size = 0;
    for (uint32_t i = 0; i < o->observer->field_count; i++)
        size += x->fields[i].kind == VALUE_TEXT ? x->fields[i].size : 0;
    *e = (struct report_entry){ x->begin_ns, x->end_ns, x->value, o->observed, { { 0 } }, xrealloc(e->texts, size + 1, 1), stacks };
    size = 0;
    for (uint32_t i = 0; i < o->observer->field_count; i++) {
        e->fields[i] = x->fields[i];
        if (x->fields[i].kind != VALUE_TEXT)
            continue;
        memcpy(e->texts + size, x->fields[i].text, x->fields[i].size);
        e->fields[i].text = e->texts + size;
        size += x->fields[i].size;
    }
}

void report_add_to_top(struct report_observable *o, uint32_t most, const struct observed *x, struct stack_pair stacks)
{
    if (o->top_count == most) {
        if (most == 0 || x->value <= o->top[0].value)
            return;
        fill_entry(o, &o->top[0], x, stacks);
        sift(o->top, o->top_count, 0);
        return;
    }
    fill_entry(o, &o->top[o->top_count++], x, stacks);
    for (uint32_t i = o->top_count / 2; o->top_count == most && i-- > 0;)
        sift(o->top, o->top_count, i);
}

static int by_value(const void *a, const void *b)
{
    return less(a, b) ? 1 : less(b, a) ? -1 : 0;
}

void report_sort_top(struct report_observable *o)
{
    qsort(o->top, o->top_count, sizeof(*o->top), by_value);
}
