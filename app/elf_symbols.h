/* elf_symbols.h - names of the functions of an ELF file, from .symtab, else .dynsym (ELF-64 of this machine's byte order; System V
 * ABI, chapters 4 and 5). The file is foreign input: nothing in it is believed. */
#ifndef FT_APP_ELF_SYMBOLS_H
#define FT_APP_ELF_SYMBOLS_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_symbols;

/* -EINVAL: no such ELF file, or one that says nonsense; -ESTALE: its build id is another one; -errno of the file. */
int elf_symbols_open(const char *path, const uint8_t *build_id, size_t build_id_size, struct elf_symbols **ret, struct error *err);
void elf_symbols_free(struct elf_symbols *e);
/* The function that has an address of the file (base: where the file's first segment begins is 0); NULL. Valid as long as e. */
const char *elf_symbols_find(const struct elf_symbols *e, uint64_t address, bool from_base, uint64_t *ret_offset);

#endif
