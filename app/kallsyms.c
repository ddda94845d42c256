#include "app/kallsyms.h"
#include "base/bytes.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYMBOLS_MAX = 16 * 1024 * 1024, FUNCTION_MAX = 1 << 20 };

struct symbol {
    uint64_t address;
    uint32_t number;  /* in the file */
    bool function;
    const char *name, *module;
};

struct kallsyms {
    struct bytes text; /* names point into it */
    struct symbol *symbols;
    size_t count, capacity;
};

static int read_text(const char *path, struct bytes *b, struct error *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    size_t n;
    do {
        n = fread(bytes_reserve(b, 1 << 16), 1, 1 << 16, f);
        b->size += n;
    } while (n > 0 && b->size < (size_t)1 << 30);
    int r = ferror(f) ? error_set(err, -EIO, "%s: %s", path, strerror(errno)) : 0;
    fclose(f);
    bytes_append(b, "", 1);
    return r;
}

/* Cuts the next word off; NULL: there is none. */
static char *word(char **at)
{
    char *first = *at + strspn(*at, " \t\r");
    size_t n = strcspn(first, " \t\r");
    *at = first[n] ? first + n + 1 : first + n;
    first[n] = '\0';
    return n ? first : NULL;
}

/* NULL: fine; else what is wrong. */
static const char *parse_line(struct kallsyms *k, char *line)
{
    char *address = word(&line), *type = word(&line), *name = word(&line), *module = word(&line), *end;
    if (!address)
        return NULL; /* an empty line */
    errno = 0;
    unsigned long long number = strtoull(address, &end, 16);
    if (*end || end == address || address[0] == '-' || address[0] == '+' || errno)
        return "an address was expected first, in hexadecimal";
    if (!type || type[1])
        return "a type of one letter was expected after the address";
    if (!name)
        return "a name was expected after the type";
    if (module && (module[0] != '[' || module[1] == '\0' || module[strlen(module) - 1] != ']'))
        return "a [module], or nothing, was expected after the name";
    if (word(&line))
        return "nothing was expected after the module";
    if (k->count == SYMBOLS_MAX)
        return "too many symbols";
    GROW(k->symbols, k->count, k->capacity);
    k->symbols[k->count] = (struct symbol){ number, (uint32_t)k->count, strchr("tTwW", type[0]) != NULL, name, module };
    k->count++;
    return NULL;
}

static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int parse(struct kallsyms *k, const char *path, struct error *err)
{
    bool hidden = true;
    char *at = (char *)k->text.data, *all_end = at + k->text.size - 1;
    for (unsigned line = 1; at < all_end; line++) {
        char *end = memchr(at, '\n', (size_t)(all_end - at));
        end = end ? end : all_end;
        *end = '\0';
        const char *wrong = strlen(at) < (size_t)(end - at) ? "there is a NUL in it" : parse_line(k, at);
        if (wrong)
            return error_set(err, -EINVAL, "%s:%u: %s", path, line, wrong);
        at = end + 1;
    }
    for (size_t i = 0; i < k->count && hidden; i++)
        hidden = k->symbols[i].address == 0;
    if (k->count == 0)
        return error_set(err, -EINVAL, "%s: there are no symbols in it", path);
    if (hidden)
        return error_set(err, -EACCES, "%s: all addresses are 0: the kernel shows them to root only (sysctl kernel.kptr_restrict)", path);
    qsort(k->symbols, k->count, sizeof(*k->symbols), by_address);
    return 0;
}

int kallsyms_read(const char *path, struct kallsyms **ret, struct error *err)
{
    struct kallsyms *k = xcalloc(1, sizeof(*k));
    int r = read_text(path, &k->text, err);
    if (r == 0)
        r = parse(k, path, err);
    *ret = r < 0 ? NULL : k;
    if (r < 0)
        kallsyms_free(k);
    return r;
}

void kallsyms_free(struct kallsyms *k)
{
    if (!k)
        return;
    bytes_done(&k->text);
    free(k->symbols);
    free(k);
}

size_t kallsyms_count(const struct kallsyms *k)
{
    return k->count;
}

/* Symbols of data end functions: what is behind the last function is none of its. */
int kallsyms_find(const struct kallsyms *k, uint64_t address, struct kernel_symbol *ret)
{
    size_t low = 0, high = k->count;
    while (low < high) { /* the first symbol beyond it */
        size_t middle = low + (high - low) / 2;
        if (k->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct symbol *found = NULL;
    for (size_t i = low; i > 0 && k->symbols[i - 1].address == k->symbols[low - 1].address; i--)
        if (k->symbols[i - 1].function)
            found = &k->symbols[i - 1]; /* of several names the first */
    if (!found || address - found->address > FUNCTION_MAX)
        return -ENOENT;
    *ret = (struct kernel_symbol){ found->name, found->module, address - found->address };
    return 0;
}
