/* symbols.h - names of the frames of call stacks. */
#ifndef FT_APP_SYMBOLS_H
#define FT_APP_SYMBOLS_H
#include "base/error.h"
#include "stream/callstack.h"
#include <stddef.h>

enum { FRAME_TEXT_MAX = 512, SYMBOL_FILES_MAX = 256 };

struct symbols;

/* kallsyms: a file; NULL: one called so beside a trace, or this machine's, where the trace was made since it started. A given file is read at once, what is searched for with the first
 * frame of a kernel. The paths stay valid. */
int symbols_new(const char *kallsyms, char *const *traces, size_t trace_count, struct symbols **ret, struct error *err);
void symbols_free(struct symbols *s);
/* Frame i of a stack (of callstacks_get()): "symbol+0xoff [module]", "symbol+0xoff [lib.so]", "lib.so+0xoff (build id)", or the address. Returns out. */
const char *symbols_frame(struct symbols *s, const struct callstacks *all, const struct callstack *stack, const uint64_t *frames, uint32_t i,
                          char out[FRAME_TEXT_MAX]);

#endif
