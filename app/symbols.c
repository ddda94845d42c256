#include "app/symbols.h"
#include "app/elf_symbols.h"
#include "app/kallsyms.h"
#include "base/bytes.h"
#include "base/log.h"
#include "collector/ctf_trace.h"
#include "collector/trace_dir.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A file of a build id, looked for once. */
struct symbol_file {
    uint8_t build_id[BUILD_ID_MAX];
    uint32_t build_id_size;
    struct elf_symbols *elf; /* NULL: it is not on this machine */
};

struct symbols {
    char *const *traces;
    size_t trace_count;
    bool searched;
    struct kallsyms *kernel; /* NULL: none */
    uint32_t file_count;
    struct symbol_file files[SYMBOL_FILES_MAX];
};

int symbols_new(const char *kallsyms, char *const *traces, size_t trace_count, struct symbols **ret, struct error *err)
{
    struct symbols *s = xcalloc(1, sizeof(*s));
    s->traces = traces;
    s->trace_count = trace_count;
    s->searched = kallsyms != NULL;
    int r = kallsyms ? kallsyms_read(kallsyms, &s->kernel, err) : 0;
    if (r < 0) {
        symbols_free(s);
        s = NULL;
    }
    *ret = s;
    return r;
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->file_count; i++)
        elf_symbols_free(s->files[i].elf);
    kallsyms_free(s->kernel);
    free(s);
}

/* ---- the kernel's ---- */

static size_t read_small(const char *path, struct bytes *b)
{
    FILE *f = fopen(path, "re");
    size_t n = 0;
    while (f && b->size < (size_t)64 << 20 && (n = fread(bytes_reserve(b, 1 << 16), 1, 1 << 16, f)) > 0)
        b->size += n;
    if (f)
        fclose(f);
    return b->size;
}

/* Kernel addresses differ from boot to boot. LTTng gives its clock the boot's id for a uuid. */
static bool is_of_this_boot(const char *dir)
{
    char path[PATH_MAX], boot[64] = "";
    struct bytes metadata = { 0 };
    struct error err;
    struct ctf_class_ids ids = { 0 };
    struct ctf_trace *t = ctf_trace_new(NULL, &ids);
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool same = false;
    if (f && fgets(boot, sizeof(boot), f))
        boot[strcspn(boot, "\n")] = '\0';
    if (f)
        fclose(f);
    if (boot[0] && snprintf(path, sizeof(path), "%s/metadata", dir) < (int)sizeof(path) && read_small(path, &metadata) > 0 &&
        ctf_trace_metadata(t, metadata.data, metadata.size, &err) == 0 && strcmp(t->domain, "kernel") == 0)
        for (uint32_t i = 0; i < t->metadata->clock_count; i++)
            same = same || (t->metadata->clocks[i].uuid && strcasecmp(t->metadata->clocks[i].uuid, boot) == 0);
    ctf_trace_free(t);
    ctf_class_ids_done(&ids);
    bytes_done(&metadata);
    return same;
}

/* In the directory that was given, or that of the trace, or the one around that. True: there is a file, good or not. */
static bool find_beside(struct symbols *s, const char *given, const struct trace_dirs *dirs)
{
    struct error err;
    for (size_t i = 0; i < 1 + 2 * dirs->count; i++) {
        char path[PATH_MAX];
        const char *dir = i == 0 ? given : dirs->paths[(i - 1) / 2];
        if (snprintf(path, sizeof(path), i > 0 && i % 2 == 0 ? "%s/../kallsyms" : "%s/kallsyms", dir) >= (int)sizeof(path) || access(path, F_OK) < 0)
            continue;
        if (kallsyms_read(path, &s->kernel, &err) < 0)
            log_warning("%s", err.text);
        return true;
    }
    return false;
}

static void find_kernel(struct symbols *s)
{
    bool found = false, here = false;
    struct error err;
    s->searched = true;
    for (size_t i = 0; i < s->trace_count && !found; i++) {
        struct trace_dirs dirs = { 0 };
        if (trace_dirs_find(&dirs, s->traces[i], &err) == 0) {
            found = find_beside(s, s->traces[i], &dirs);
            for (size_t d = 0; d < dirs.count && !found && !here; d++)
                here = is_of_this_boot(dirs.paths[d]);
        }
        trace_dirs_done(&dirs);
    }
    if (!found && here && kallsyms_read("/proc/kallsyms", &s->kernel, &err) < 0)
        log_warning("%s", err.text);
    if (!found && !here)
        log_info("call stacks of the kernel are shown as addresses: there is no file `kallsyms` beside the trace; see --kallsyms");
}

/* ---- programs' ---- */

static void hex(char *out, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", bytes[i]);
    out[2 * (size_t)size] = '\0';
}

static struct elf_symbols *open_file(const struct mapping *m)
{
    char path[PATH_MAX], id[2 * BUILD_ID_MAX + 1];
    struct elf_symbols *e;
    struct error err;
    hex(id, m->build_id, m->build_id_size);
    if (snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2) < (int)sizeof(path) &&
        elf_symbols_open(path, m->build_id, m->build_id_size, &e, &err) == 0)
        return e;
    return elf_symbols_open(m->path, m->build_id, m->build_id_size, &e, &err) == 0 ? e : NULL;
}

static const struct elf_symbols *file_of(struct symbols *s, const struct mapping *m)
{
    if (m->build_id_size < 2) /* a file of this name may be another one */
        return NULL;
    for (uint32_t i = 0; i < s->file_count; i++)
        if (s->files[i].build_id_size == m->build_id_size && memcmp(s->files[i].build_id, m->build_id, m->build_id_size) == 0)
            return s->files[i].elf;
    if (s->file_count == SYMBOL_FILES_MAX)
        return NULL;
    struct symbol_file *f = &s->files[s->file_count++];
    f->build_id_size = m->build_id_size;
    memcpy(f->build_id, m->build_id, m->build_id_size);
    return f->elf = open_file(m);
}

static void put_user(struct symbols *s, const struct mapping *m, uint64_t address, char out[FRAME_TEXT_MAX])
{
    const struct elf_symbols *elf = file_of(s, m);
    const char *slash = strrchr(m->path, '/'), *file = slash ? slash + 1 : m->path;
    uint64_t offset = address - m->base, within;
    const char *name = elf ? elf_symbols_find(elf, m->moved ? offset : address, m->moved, &within) : NULL;
    char id[2 * BUILD_ID_MAX + 1];
    hex(id, m->build_id, m->build_id_size);
    if (name)
        snprintf(out, FRAME_TEXT_MAX, "%s+0x%" PRIx64 " [%s]", name, within, file);
    else if (m->build_id_size > 0)
        snprintf(out, FRAME_TEXT_MAX, "%s+0x%" PRIx64 " (%s)", file, offset, id);
    else
        snprintf(out, FRAME_TEXT_MAX, "%s+0x%" PRIx64, file, offset);
}

const char *symbols_frame(struct symbols *s, const struct callstacks *all, const struct callstack *stack, const uint64_t *frames, uint32_t i,
                          char out[FRAME_TEXT_MAX])
{
    struct kernel_symbol symbol;
    const struct mapping *m;
    bool kernel = i < stack->kernel_count;
    if (kernel && !s->searched)
        find_kernel(s);
    snprintf(out, FRAME_TEXT_MAX, "0x%" PRIx64, frames[i]);
    if (kernel && s->kernel && kallsyms_find(s->kernel, frames[i], &symbol) == 0)
        snprintf(out, FRAME_TEXT_MAX, "%s+0x%" PRIx64 "%s%s", symbol.name, symbol.offset, symbol.module ? " " : "", symbol.module ? symbol.module : "");
    else if (!kernel && (m = callstacks_mapping(all, stack->pid, frames[i])) != NULL)
        put_user(s, m, frames[i], out);
    return out;
}
