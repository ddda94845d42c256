#include "stream/callstack.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "stream/stream.h"
#include <stdlib.h>
#include <string.h>

#define AMBIGUOUS UINT32_MAX /* an enumerator is an int */

/* What was seen at a time. Different times that share a place: the later one stays. */
struct instant {
    int64_t time_ns;
    uint32_t number; /* 0: nothing yet; AMBIGUOUS: several events, of different stacks */
};

struct callstacks {
    struct stream *stream;
    struct instant *recent;           /* CALLSTACK_RECENT */
    struct hash_index index;
    uint32_t count, capacity;
    struct callstack *stacks;
    uint64_t *words;
    size_t word_count, word_capacity;
    uint32_t mapping_count, mapping_capacity;
    struct mapping *mappings;
};

/* Places of a class' fields; -1: none. */
struct stack_place {
    int kernel, user, pid;
};

struct mapping_place {
    int pid, base, size, moved, path, build_id;
};

static struct callstacks *callstacks_new(struct stream *s)
{
    struct callstacks *c = xcalloc(1, sizeof(*c));
    c->stream = s;
    hash_index_init(&c->index, 1024);
    return c;
}

void callstacks_free(struct callstacks *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->mapping_count; i++)
        free(c->mappings[i].path);
    free(c->mappings);
    free(c->recent);
    free(c->stacks);
    free(c->words);
    hash_index_done(&c->index);
    free(c);
}

/* ---- stacks ---- */

static struct instant *instant_of(struct callstacks *c, int64_t time_ns)
{
    return &c->recent[hash_spread((uint64_t)time_ns) & (CALLSTACK_RECENT - 1)];
}

/* Copies the frames of a value to words; lttng-modules and the kernel end a stack with ULONG_MAX where they end it. */
static uint8_t take_frames(const struct value *v, uint64_t *words, bool *ret_cut)
{
    uint32_t n = v && v->kind == VALUE_BYTES ? v->size / (uint32_t)sizeof(uint64_t) : 0;
    *ret_cut = n > CALLSTACK_FRAMES_MAX;
    n = *ret_cut ? CALLSTACK_FRAMES_MAX : n;
    if (n > 0)
        memcpy(words, v->text, n * sizeof(*words));
    while (n > 0 && words[n - 1] == UINT64_MAX) {
        *ret_cut = false;
        n--;
    }
    return (uint8_t)n;
}

static bool same(const struct callstacks *c, const struct callstack *a, const struct callstack *b, const uint64_t *words)
{
    size_t n = (size_t)a->kernel_count + a->user_count;
    return a->hash == b->hash && a->pid == b->pid && a->kernel_count == b->kernel_count && a->user_count == b->user_count &&
           memcmp(c->words + a->first, words, n * sizeof(*words)) == 0;
}

/* The number of a stack, kept once; 0: no room. */
static uint32_t keep(struct callstacks *c, struct callstack *stack, const uint64_t *words)
{
    uint32_t n = (uint32_t)stack->kernel_count + stack->user_count, at;
    stack->hash = hash_mix(hash_bytes(words, n * sizeof(*words)), (uint64_t)stack->pid + stack->kernel_count);
    for (uint32_t s = hash_index_first(&c->index, stack->hash, &at); s != HASH_NONE; s = hash_index_next(&c->index, stack->hash, &at))
        if (same(c, &c->stacks[s], stack, words))
            return s + 1;
    if (c->count == CALLSTACKS_MAX) {
        stream_count(c->stream, "callstacks_refused", "", 1);
        return 0;
    }
    while (c->word_count + n > c->word_capacity) {
        c->word_capacity = c->word_capacity ? c->word_capacity * 2 : 1024;
        c->words = xrealloc(c->words, c->word_capacity, sizeof(*c->words));
    }
    memcpy(c->words + c->word_count, words, n * sizeof(*words));
    stack->first = (uint32_t)c->word_count;
    c->word_count += n;
    GROW(c->stacks, c->count, c->capacity);
    c->stacks[c->count] = *stack;
    hash_index_insert(&c->index, stack->hash, c->count);
    return ++c->count;
}

static int64_t number_at(const struct event *event, int place, int64_t otherwise)
{
    const struct value *v = place < 0 ? NULL : &event->values[place];
    return v && (v->kind == VALUE_SIGNED || v->kind == VALUE_UNSIGNED) ? v->i : otherwise;
}

static void on_event(void *self, void *data, const struct event *event)
{
    struct callstacks *c = self;
    const struct stack_place *p = data;
    uint64_t words[2 * CALLSTACK_FRAMES_MAX];
    struct callstack stack = { .pid = -1 };
    stack.kernel_count = take_frames(p->kernel < 0 ? NULL : &event->values[p->kernel], words, &stack.kernel_cut);
    stack.user_count = take_frames(p->user < 0 ? NULL : &event->values[p->user], words + stack.kernel_count, &stack.user_cut);
    if (stack.user_count > 0)
        stack.pid = number_at(event, p->pid, -1);
    struct instant *instant = instant_of(c, event->time_ns);
    bool again = instant->number != 0 && instant->time_ns == event->time_ns;
    uint32_t number = stack.kernel_count + stack.user_count > 0 ? keep(c, &stack, words) : 0;
    if (number == 0 && !again)
        return;
    *instant = (struct instant){ event->time_ns, again && instant->number != number ? AMBIGUOUS : number };
}

uint32_t callstacks_at(struct callstacks *c, int64_t time_ns)
{
    if (!c || !c->recent)
        return 0;
    const struct instant *instant = instant_of(c, time_ns);
    if (instant->number == 0 || instant->time_ns < time_ns)
        return 0;
    if (instant->time_ns > time_ns) { /* something came later, and there may have been a stack before */
        stream_count(c->stream, "callstacks_forgotten", "", 1);
        return 0;
    }
    return instant->number == AMBIGUOUS ? 0 : instant->number;
}

const struct callstack *callstacks_get(const struct callstacks *c, uint32_t number, const uint64_t **ret_frames)
{
    *ret_frames = c->words + c->stacks[number - 1].first;
    return &c->stacks[number - 1];
}

/* ---- libraries ---- */

static void on_mapping(void *self, void *data, const struct event *event)
{
    struct callstacks *c = self;
    const struct mapping_place *p = data;
    const struct value *path = p->path < 0 ? NULL : &event->values[p->path];
    if (!path || path->kind != VALUE_TEXT)
        return;
    if (c->mapping_count == CALLSTACK_MAPPINGS_MAX) {
        stream_count(c->stream, "callstack_mappings_refused", "", 1);
        return;
    }
    GROW(c->mappings, c->mapping_count, c->mapping_capacity);
    struct mapping *m = &c->mappings[c->mapping_count++];
    *m = (struct mapping){ .pid = number_at(event, p->pid, -1),
                           .base = (uint64_t)number_at(event, p->base, 0),
                           .size = (uint64_t)number_at(event, p->size, 0),
                           .moved = number_at(event, p->moved, 1) != 0,
                           .path = xcalloc(1, path->size + 1) };
    memcpy(m->path, path->text, path->size);
}

static void on_build_id(void *self, void *data, const struct event *event)
{
    struct callstacks *c = self;
    const struct mapping_place *p = data;
    const struct value *id = p->build_id < 0 ? NULL : &event->values[p->build_id];
    int64_t pid = number_at(event, p->pid, -1);
    uint64_t base = (uint64_t)number_at(event, p->base, 0);
    if (!id || id->kind != VALUE_BYTES || id->size > BUILD_ID_MAX)
        return;
    for (uint32_t i = c->mapping_count; i-- > 0;) {
        struct mapping *m = &c->mappings[i];
        if (m->pid != pid || m->base != base)
            continue;
        m->build_id_size = id->size;
        memcpy(m->build_id, id->text, id->size);
        return;
    }
}

const struct mapping *callstacks_mapping(const struct callstacks *c, int64_t pid, uint64_t address)
{
    for (uint32_t i = c->mapping_count; pid >= 0 && i-- > 0;)
        if (c->mappings[i].pid == pid && address >= c->mappings[i].base && address - c->mappings[i].base < c->mappings[i].size)
            return &c->mappings[i];
    return NULL;
}

/* ---- binding ---- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static int pid_place(struct binder *b)
{
    return binder_field(b, binder_peek(b, "ctx.vpid") ? "ctx.vpid" : "ctx.pid");
}

/* What lttng-ust says of the files in a process' memory (lttng-ust-statedump(3), lttng-ust-dl(3)). */
static bool bind_mapping(struct callstacks **c, struct stream *s, struct binder *b)
{
    static const char *const files[] = { "lttng_ust_statedump:bin_info", "lttng_ust_lib:load", "lttng_ust_dl:dlopen", NULL };
    static const char *const ids[] = { "lttng_ust_statedump:build_id", "lttng_ust_lib:build_id", "lttng_ust_dl:build_id", NULL };
    const char *name = binder_class(b)->name;
    bool id = is_one_of(name, ids);
    if (!id && !is_one_of(name, files))
        return false;
    *c = *c ? *c : callstacks_new(s);
    struct mapping_place *p = binder_alloc(b, sizeof(*p));
    p->pid = pid_place(b);
    p->base = binder_field(b, "payload.baddr");
    p->size = binder_field(b, "payload.memsz");
    p->moved = binder_field(b, "payload.is_pic");
    p->path = binder_field(b, "payload.path");
    p->build_id = binder_bytes(b, "payload.build_id");
    binder_hook(b, id ? on_build_id : on_mapping, *c, p);
    return true;
}

bool callstacks_bind(struct callstacks **c, struct stream *s, struct binder *b)
{
    if (bind_mapping(c, s, b))
        return true;
    int kernel = binder_bytes(b, "ctx.callstack_kernel"), user = binder_bytes(b, "ctx.callstack_user");
    if (kernel < 0 && user < 0)
        return false;
    *c = *c ? *c : callstacks_new(s);
    if (!(*c)->recent)
        (*c)->recent = xcalloc(CALLSTACK_RECENT, sizeof(*(*c)->recent));
    struct stack_place *p = binder_alloc(b, sizeof(*p));
    *p = (struct stack_place){ kernel, user, user < 0 ? -1 : pid_place(b) };
    binder_hook(b, on_event, *c, p);
    return false;
}
