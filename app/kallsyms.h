/* kallsyms.h - the kernel's symbols as /proc/kallsyms has them: "ADDRESS TYPE NAME [MODULE]" a line (proc(5)). */
#ifndef FT_APP_KALLSYMS_H
#define FT_APP_KALLSYMS_H
#include "base/error.h"
#include <stddef.h>
#include <stdint.h>

struct kallsyms;

struct kernel_symbol {
    const char *name, *module; /* module: NULL for the kernel's own. Valid as long as the table */
    uint64_t offset;
};

/* -EINVAL with err "FILE:LINE: ..."; -EACCES: all addresses are 0, since they are kept from who reads (kernel.kptr_restrict);
 * -errno of the file. */
int kallsyms_read(const char *path, struct kallsyms **ret, struct error *err);
void kallsyms_free(struct kallsyms *k);
size_t kallsyms_count(const struct kallsyms *k);
/* -ENOENT: there is no function that an address may belong to. */
int kallsyms_find(const struct kallsyms *k, uint64_t address, struct kernel_symbol *ret);

#endif
