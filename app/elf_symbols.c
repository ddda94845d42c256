#include "app/elf_symbols.h"
#include "base/bytes.h"
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct function {
    uint64_t address, size;
    const char *name;
};

struct elf_symbols {
    uint8_t *data;
    size_t size;
    uint64_t base;               /* address of the first loaded segment */
    size_t count, capacity;
    struct function *functions;  /* by address */
};

static bool within(const struct elf_symbols *e, uint64_t offset, uint64_t size)
{
    return offset <= e->size && size <= e->size - offset;
}

/* Item i of a table in the file; false: it is not in it. */
static bool read_item(const struct elf_symbols *e, uint64_t offset, uint64_t step, uint64_t i, void *ret, size_t size)
{
    uint64_t at;
    if (step < size || __builtin_mul_overflow(step, i, &at) || __builtin_add_overflow(at, offset, &at) || !within(e, at, size))
        return false;
    memcpy(ret, e->data + at, size);
    return true;
}

static bool read_header(const struct elf_symbols *e, Elf64_Ehdr *h)
{
    return read_item(e, 0, sizeof(*h), 0, h, sizeof(*h)) && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
           h->e_ident[EI_DATA] == (BYTE_ORDER == LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB);
}

/* ---- the build id: a note of "GNU", type 3 ---- */

static bool note_has(const struct elf_symbols *e, const Elf64_Phdr *p, const uint8_t *id, size_t id_size)
{
    uint64_t at = p->p_offset, end = p->p_offset + p->p_filesz;
    Elf64_Nhdr note;
    while (end - at >= sizeof(note) && read_item(e, at, sizeof(note), 0, &note, sizeof(note))) {
        uint64_t name = at + sizeof(note), text = name + ((note.n_namesz + UINT64_C(3)) & ~UINT64_C(3));
        uint64_t next = text + ((note.n_descsz + UINT64_C(3)) & ~UINT64_C(3));
        if (next > end || !within(e, at, next - at))
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(e->data + name, "GNU", 4) == 0)
            return note.n_descsz == id_size && memcmp(e->data + text, id, id_size) == 0;
        at = next;
    }
    return false;
}

static int check_segments(struct elf_symbols *e, const Elf64_Ehdr *h, const uint8_t *id, size_t id_size)
{
    bool loaded = false, known = false;
    for (uint32_t i = 0; i < h->e_phnum; i++) {
        Elf64_Phdr p;
        if (!read_item(e, h->e_phoff, h->e_phentsize, i, &p, sizeof(p)))
            return -EINVAL;
        if (p.p_type == PT_LOAD && !loaded) {
            e->base = p.p_vaddr & ~UINT64_C(4095);
            loaded = true;
        }
        known = known || (p.p_type == PT_NOTE && within(e, p.p_offset, p.p_filesz) && note_has(e, &p, id, id_size));
    }
    return !loaded ? -EINVAL : known ? 0 : -ESTALE;
}

/* ---- symbols ---- */

static int add_functions(struct elf_symbols *e, const Elf64_Shdr *table, const Elf64_Shdr *names)
{
    uint64_t n = table->sh_entsize ? table->sh_size / table->sh_entsize : 0;
    if (!within(e, table->sh_offset, table->sh_size) || !within(e, names->sh_offset, names->sh_size) || names->sh_size == 0 ||
        e->data[names->sh_offset + names->sh_size - 1] != '\0')
        return -EINVAL;
    for (uint64_t i = 0; i < n; i++) {
        Elf64_Sym s;
        if (!read_item(e, table->sh_offset, table->sh_entsize, i, &s, sizeof(s)) || s.st_name >= names->sh_size)
            return -EINVAL;
        if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF || s.st_name == 0)
            continue;
        GROW(e->functions, e->count, e->capacity);
        e->functions[e->count++] = (struct function){ s.st_value, s.st_size, (const char *)e->data + names->sh_offset + s.st_name };
    }
    return 0;
}

static int read_table(struct elf_symbols *e, const Elf64_Ehdr *h, uint32_t type)
{
    for (uint32_t i = 0; i < h->e_shnum; i++) {
        Elf64_Shdr s, names;
        if (!read_item(e, h->e_shoff, h->e_shentsize, i, &s, sizeof(s)))
            return -EINVAL;
        if (s.sh_type != type)
            continue;
        if (s.sh_link >= h->e_shnum || !read_item(e, h->e_shoff, h->e_shentsize, s.sh_link, &names, sizeof(names)) || names.sh_type != SHT_STRTAB)
            return -EINVAL;
        return add_functions(e, &s, &names);
    }
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const struct function *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->size != y->size ? (x->size > y->size ? -1 : 1) : strcmp(x->name, y->name);
}

static int load(struct elf_symbols *e, const uint8_t *id, size_t id_size)
{
    Elf64_Ehdr h;
    if (!read_header(e, &h))
        return -EINVAL;
    int r = check_segments(e, &h, id, id_size);
    if (r == 0)
        r = read_table(e, &h, SHT_SYMTAB);
    if (r == 0 && e->count == 0)
        r = read_table(e, &h, SHT_DYNSYM);
    if (e->count > 0)
        qsort(e->functions, e->count, sizeof(*e->functions), by_address);
    return r;
}

/* Read rather than mapped: the file may change meanwhile. */
static int read_file(const char *path, struct bytes *b)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)1 << 30)
        r = -EINVAL;
    for (ssize_t n = 1; r == 0 && n > 0 && b->size <= (size_t)1 << 30; b->size += n > 0 ? (size_t)n : 0)
        if ((n = read(fd, bytes_reserve(b, 1 << 20), 1 << 20)) < 0)
            r = -errno;
    close(fd);
    return r;
}

int elf_symbols_open(const char *path, const uint8_t *build_id, size_t build_id_size, struct elf_symbols **ret, struct error *err)
{
    struct elf_symbols *e = xcalloc(1, sizeof(*e));
    struct bytes b = { 0 };
    int r = read_file(path, &b);
    e->data = b.data;
    e->size = b.size;
    if (r == 0)
        r = load(e, build_id, build_id_size);
    *ret = e;
    if (r == 0)
        return 0;
    elf_symbols_free(e);
    *ret = NULL;
    return error_set(err, r, "%s: %s", path, r == -EINVAL ? "no ELF file of this machine's kind, or a damaged one" : r == -ESTALE ? "its build id is another one" : strerror(-r));
}

void elf_symbols_free(struct elf_symbols *e)
{
    if (!e)
        return;
    free(e->functions);
    free(e->data);
    free(e);
}

const char *elf_symbols_find(const struct elf_symbols *e, uint64_t address, bool from_base, uint64_t *ret_offset)
{
    size_t low = 0, high = e->count;
    address += from_base ? e->base : 0;
    while (low < high) { /* the first function beyond it */
        size_t middle = low + (high - low) / 2;
        if (e->functions[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* A shorter function may stand within a longer one: look back a little. */
    for (size_t i = low, tries = 0; i-- > 0 && tries < 16; tries++) {
        const struct function *f = &e->functions[i];
        if (address - f->address >= (f->size ? f->size : 1))
            continue;
        while (i > 0 && e->functions[i - 1].address == f->address && e->functions[i - 1].size == f->size)
            f = &e->functions[--i]; /* of several names the first */
        *ret_offset = address - f->address;
        return f->name;
    }
    return NULL;
}
