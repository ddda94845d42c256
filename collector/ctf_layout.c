#include "collector/ctf_layout.h"
#include <errno.h>
#include <string.h>

enum { LAYOUT_BYTES_MAX = 128 << 20 };

/* While a tree is made. */
struct building {
    struct ctf_layout *layout;
    enum ctf_scope scope;
    const struct ctf_metadata *metadata;
    struct arena *arena;
    struct error *err;
    unsigned depth;
};

const char *ctf_scope_name(enum ctf_scope scope)
{
    static const char *const names[] = { "trace.packet.header", "stream.packet.context", "stream.event.header", "stream.event.context",
                                         "event.context", "event.fields" };
    return names[scope];
}

bool ctf_is_text(const struct ctf_type *element)
{
    return element->kind == CTF_INTEGER && element->integer.bits == 8 && element->align == 8 && element->integer.is_text;
}

struct ctf_node *ctf_node_member(const struct ctf_node *structure, const char *name)
{
    for (uint32_t i = 0; structure && i < structure->child_count; i++)
        if (strcmp(structure->children[i].name, name) == 0)
            return &structure->children[i];
    return NULL;
}

/* ---- references ---- */

static bool next_word(const char **path, char word[256])
{
    size_t n = strcspn(*path, ".");
    if (n == 0 || n >= 256)
        return false;
    memcpy(word, *path, n);
    word[n] = '\0';
    *path += n + ((*path)[n] == '.');
    return true;
}

/* Down from a structure by the names of a path; options of variants are looked into as if they were members. */
static struct ctf_node *descend(struct ctf_node *from, const char *path)
{
    char word[256];
    while (*path) {
        if (!next_word(&path, word) || (from->type->kind != CTF_STRUCTURE && from->type->kind != CTF_VARIANT))
            return NULL;
        struct ctf_node *found = NULL;
        for (uint32_t i = 0; i < from->child_count && !found; i++)
            if (strcmp(from->children[i].declared, word) == 0)
                found = &from->children[i];
        for (uint32_t i = 0; i < from->child_count && !found && from->type->kind == CTF_VARIANT; i++)
            for (uint32_t k = 0; k < from->children[i].child_count && !found; k++)
                if (strcmp(from->children[i].children[k].declared, word) == 0)
                    found = &from->children[i].children[k];
        if (!found)
            return NULL;
        from = found;
    }
    return from;
}

/* A path that begins with a scope's own name; else one that is looked for from the inside to the outside, then in
 * the scopes before. (CTF 1.8.3, section 7.3.2.) */
static struct ctf_node *find(const struct building *b, struct ctf_node *at, const char *path)
{
    for (int s = 0; s < CTF_SCOPES; s++) {
        const char *name = ctf_scope_name((enum ctf_scope)s);
        size_t n = strlen(name);
        if (strncmp(path, name, n) == 0 && path[n] == '.' && b->layout->scopes[s])
            return descend(b->layout->scopes[s], path + n + 1);
    }
    for (struct ctf_node *n = at->parent; n; n = n->parent) {
        struct ctf_node *found = n->type->kind == CTF_STRUCTURE ? descend(n, path) : NULL;
        if (found && found != at)
            return found;
    }
    for (int s = (int)b->scope - 1; s >= 0; s--) {
        struct ctf_node *found = b->layout->scopes[s] ? descend(b->layout->scopes[s], path) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

/* Of a tree that all event classes of a stream class have in common. */
static bool is_shared(const struct ctf_layout *layout, const struct ctf_node *node)
{
    while (node->parent)
        node = node->parent;
    return node == layout->scopes[CTF_PACKET_HEADER] || node == layout->scopes[CTF_PACKET_CONTEXT] || node == layout->scopes[CTF_EVENT_HEADER];
}

static int refer(struct building *b, struct ctf_node *node, const char *path, struct ctf_node **ret_target)
{
    struct ctf_node *target = path ? find(b, node, path) : NULL;
    if (!target || target->type->kind != CTF_INTEGER)
        return error_set(b->err, -EINVAL, "metadata: %s: '%s' refers to '%s', which is no integer before it", ctf_scope_name(b->scope), node->name,
                         path ? path : "nothing");
    if (target->slot == CTF_NO_SLOT) {
        bool shared = is_shared(b->layout, target);
        int *used = shared ? b->layout->shared_slots : &b->layout->own_slots;
        if (*used == (shared ? CTF_SHARED_SLOTS : CTF_SLOTS_MAX - CTF_SHARED_SLOTS))
            return error_set(b->err, -E2BIG, "metadata: more than %d fields are referred to", *used);
        target->slot = (shared ? 0 : CTF_SHARED_SLOTS) + (*used)++;
    }
    node->source = target->slot;
    *ret_target = target;
    return 0;
}

static int choose(struct building *b, struct ctf_node *node)
{
    struct ctf_node *tag;
    int r = refer(b, node, node->type->variant.tag, &tag);
    if (r < 0)
        return r;
    if (!tag->type->integer.is_enumeration)
        return error_set(b->err, -EINVAL, "metadata: %s: the tag of variant '%s' is no enumeration", ctf_scope_name(b->scope), node->name);
    struct ctf_choice *choices = arena_alloc(b->arena, (tag->type->integer.range_count + 1) * sizeof(*choices));
    for (uint32_t i = 0; i < tag->type->integer.range_count; i++) {
        const struct ctf_range *range = &tag->type->integer.ranges[i];
        for (uint32_t k = 0; k < node->child_count; k++)
            if (strcmp(node->type->variant.options[k].name, range->label) == 0)
                choices[node->choice_count++] = (struct ctf_choice){ range->low, range->high, k };
    }
    node->choices = choices;
    node->choice_signed = tag->type->integer.is_signed;
    return 0;
}

/* ---- the tree ---- */

static int find_clock(const struct ctf_metadata *m, const char *name)
{
    for (uint32_t i = 0; name && i < m->clock_count; i++)
        if (strcmp(m->clocks[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int fill(struct building *b, struct ctf_node *node, const struct ctf_type *type);

static int add_children(struct building *b, struct ctf_node *node, const struct ctf_member *members, uint32_t count)
{
    node->children = arena_alloc(b->arena, (count ? count : 1) * sizeof(*node->children));
    for (uint32_t i = 0; i < count; i++) {
        struct ctf_node *child = &node->children[i];
        child->parent = node;
        child->declared = members[i].name;
        child->name = members[i].name[0] == '_' ? members[i].name + 1 : members[i].name;
        node->child_count = i + 1; /* what comes later cannot be referred to */
        int r = fill(b, child, members[i].type);
        if (r < 0)
            return r;
    }
    return 0;
}

bool ctf_has_elements(const struct ctf_type *array)
{
    const struct ctf_type *element = array->array.element;
    return array->array.length > 0 && array->array.length <= CTF_ELEMENTS_MAX && element->kind == CTF_INTEGER && !ctf_is_text(element);
}

static int add_elements(struct building *b, struct ctf_node *node, const struct ctf_type *type)
{
    static const char *const numbers[CTF_ELEMENTS_MAX] = { "0", "1", "2", "3" };
    struct ctf_member elements[CTF_ELEMENTS_MAX];
    for (uint32_t i = 0; i < type->array.length; i++)
        elements[i] = (struct ctf_member){ numbers[i], type->array.element };
    return add_children(b, node, elements, (uint32_t)type->array.length);
}

static bool is_nothing(const struct ctf_node *n)
{
    bool all = n->type->kind == CTF_STRUCTURE || n->type->kind == CTF_ARRAY;
    if (n->type->kind == CTF_ARRAY && n->type->array.length == 0)
        return true;
    for (uint32_t i = 0; i < n->child_count && all; i++)
        all = n->children[i].nothing;
    return all;
}

static int fill_inner(struct building *b, struct ctf_node *node, const struct ctf_type *type)
{
    const struct ctf_member element = { "element", type->kind == CTF_ARRAY ? type->array.element : type->sequence.element };
    struct ctf_node *length;
    int r;
    switch (type->kind) {
    case CTF_INTEGER:
        node->big = (type->integer.order == CTF_NATIVE ? b->metadata->order : type->integer.order) == CTF_BIG;
        node->clock = find_clock(b->metadata, type->integer.clock);
        if (type->integer.clock && node->clock < 0)
            return error_set(b->err, -EINVAL, "metadata: '%s' is mapped to clock '%s', which there is not", node->name, type->integer.clock);
        if (type->integer.is_signed) /* cycles are not: babeltrace2 does not count by it either */
            node->clock = -1;
        return 0;
    case CTF_REAL:
        node->big = (type->real.order == CTF_NATIVE ? b->metadata->order : type->real.order) == CTF_BIG;
        return 0;
    case CTF_STRING:
        return 0;
    case CTF_STRUCTURE:
        return add_children(b, node, type->structure.members, type->structure.count);
    case CTF_VARIANT:
        r = add_children(b, node, type->variant.options, type->variant.count);
        return r < 0 ? r : choose(b, node);
    case CTF_SEQUENCE:
        r = refer(b, node, type->sequence.length, &length);
        if (r == 0 && length->type->integer.is_signed)
            r = error_set(b->err, -EINVAL, "metadata: the length of sequence '%s' is signed", node->name);
        if (r < 0)
            return r;
        return add_children(b, node, &element, 1);
    case CTF_ARRAY:
        return ctf_has_elements(type) ? add_elements(b, node, type) : add_children(b, node, &element, 1);
    }
    return 0;
}

static int fill(struct building *b, struct ctf_node *node, const struct ctf_type *type)
{
    node->type = type;
    node->slot = node->source = node->clock = node->load = node->place = -1;
    if (++b->depth > CTF_DEPTH_MAX)
        return error_set(b->err, -E2BIG, "metadata: '%s' is nested too deeply", node->name);
    /* A few lines can declare structures of structures of structures. */
    if (b->arena->total > LAYOUT_BYTES_MAX)
        return error_set(b->err, -E2BIG, "metadata: its events have more fields, all together, than %d MiB hold", LAYOUT_BYTES_MAX >> 20);
    int r = fill_inner(b, node, type);
    node->nothing = r == 0 && is_nothing(node);
    b->depth--;
    return r;
}

int ctf_layout_add(struct ctf_layout *layout, enum ctf_scope scope, const struct ctf_type *type, const struct ctf_metadata *metadata,
                   struct arena *arena, struct error *err)
{
    struct building b = { .layout = layout, .scope = scope, .metadata = metadata, .arena = arena, .err = err };
    layout->scopes[scope] = NULL;
    if (!type)
        return 0;
    struct ctf_node *root = arena_alloc(arena, sizeof(*root));
    root->name = root->declared = ctf_scope_name(scope);
    layout->scopes[scope] = root; /* a path may begin with the scope's own name */
    int r = fill(&b, root, type);
    if (r < 0)
        layout->scopes[scope] = NULL;
    return r;
}
