/* The file is made here; then every byte of it is damaged, and it is cut off everywhere. */
#include "app/elf_symbols.h"
#include "testing.h"
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const uint8_t id[4] = { 1, 2, 3, 4 };

struct file {
    Elf64_Ehdr head;
    Elf64_Phdr segments[2];
    struct {
        Elf64_Nhdr head;
        char name[4];
        uint8_t id[4];
    } note;
    Elf64_Sym symbols[5];
    char names[24];
    Elf64_Shdr sections[3];
};

static struct file make(void)
{
    struct file f = { 0 };
    memcpy(f.head.e_ident, ELFMAG, SELFMAG);
    f.head.e_ident[EI_CLASS] = ELFCLASS64;
    f.head.e_ident[EI_DATA] = ELFDATA2LSB;
    f.head.e_phoff = offsetof(struct file, segments);
    f.head.e_phentsize = sizeof(Elf64_Phdr);
    f.head.e_phnum = 2;
    f.head.e_shoff = offsetof(struct file, sections);
    f.head.e_shentsize = sizeof(Elf64_Shdr);
    f.head.e_shnum = 3;
    f.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = 0x400010 };
    f.segments[1] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = offsetof(struct file, note), .p_filesz = sizeof(f.note) };
    f.note.head = (Elf64_Nhdr){ 4, 4, NT_GNU_BUILD_ID };
    memcpy(f.note.name, "GNU", 4);
    memcpy(f.note.id, id, 4);
    memcpy(f.names, "\0outer\0inner\0alias\0none", 24);
    const unsigned char function = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    f.symbols[1] = (Elf64_Sym){ 1, function, 0, 1, 0x401000, 0x100 };
    f.symbols[2] = (Elf64_Sym){ 7, function, 0, 1, 0x401020, 0x10 };
    f.symbols[3] = (Elf64_Sym){ 13, function, 0, 1, 0x401000, 0x100 };
    f.symbols[4] = (Elf64_Sym){ 19, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 1, 0x402000, 0x10 };
    f.sections[1] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB, .sh_offset = offsetof(struct file, symbols), .sh_size = sizeof(f.symbols), .sh_link = 2, .sh_entsize = sizeof(Elf64_Sym) };
    f.sections[2] = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file, names), .sh_size = sizeof(f.names) };
    return f;
}

static int open_bytes(const void *data, size_t size, struct elf_symbols **ret, struct error *err)
{
    char path[] = "/tmp/foretrace-elf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
    int r = elf_symbols_open(path, id, sizeof(id), ret, err);
    unlink(path);
    return r;
}

static void assert_found(const struct elf_symbols *e, uint64_t address, bool from_base, const char *name, uint64_t offset)
{
    uint64_t within;
    assert_string_equal(elf_symbols_find(e, address, from_base, &within), name);
    assert_int_equal(within, offset);
}

static void test_find(void **unused)
{
    struct file f = make();
    struct elf_symbols *e;
    struct error err;
    uint64_t offset;
    (void)unused;
    assert_int_equal(open_bytes(&f, sizeof(f), &e, &err), 0);
    assert_found(e, 0x401000, false, "alias", 0);
    assert_found(e, 0x1010, true, "alias", 0x10);
    assert_found(e, 0x401025, false, "inner", 5);
    assert_found(e, 0x401030, false, "alias", 0x30); /* behind the shorter one within it */
    assert_null(elf_symbols_find(e, 0x401100, false, &offset));
    assert_null(elf_symbols_find(e, 0x402000, false, &offset));
    assert_null(elf_symbols_find(e, 0, false, &offset));
    elf_symbols_free(e);
}

static void test_bad(void **unused)
{
    struct file f = make();
    struct elf_symbols *e;
    struct error err;
    (void)unused;
    f.note.id[3]++;
    assert_int_equal(open_bytes(&f, sizeof(f), &e, &err), -ESTALE);
    assert_non_null(strstr(err.text, "build id"));
    assert_int_equal(open_bytes("", 0, &e, &err), -EINVAL);
    assert_int_equal(elf_symbols_open("/", id, sizeof(id), &e, &err), -EINVAL);
    assert_int_equal(elf_symbols_open("/nowhere/lib.so", id, sizeof(id), &e, &err), -ENOENT);
}

/* Whatever is in it: an error or a table, and nothing beyond the file is read (the sanitizers look). */
static void look(const void *data, size_t size)
{
    struct elf_symbols *e;
    struct error err;
    uint64_t offset;
    if (open_bytes(data, size, &e, &err) < 0)
        return;
    for (uint64_t a = 0x400fff; a < 0x401102; a++) {
        const char *name = elf_symbols_find(e, a, false, &offset);
        assert_true(!name || strlen(name) < sizeof(struct file));
    }
    elf_symbols_free(e);
}

static void test_damaged(void **unused)
{
    static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
    struct file f = make();
    uint8_t *bytes = (uint8_t *)&f;
    (void)unused;
    for (size_t size = 0; size < sizeof(f); size++)
        look(&f, size);
    for (size_t i = 0; i < sizeof(f); i++) {
        uint8_t old = bytes[i];
        for (size_t v = 0; v < COUNT(values); v++) {
            bytes[i] = values[v];
            look(&f, sizeof(f));
        }
        bytes[i] = old;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_find), cmocka_unit_test(test_bad), cmocka_unit_test(test_damaged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
