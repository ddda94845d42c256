/* bt2_error.h - what libbabeltrace2 says went wrong, as people can use it. */
#ifndef FT_COLLECTOR_BT2_ERROR_H
#define FT_COLLECTOR_BT2_ERROR_H
#include "base/error.h"
#include "base/text.h"

/* Fills err from the error the library left in this thread - the root cause, and
 * the stream's file where one is named - and clears it, as the library demands
 * before the next call. Returns code. */
int bt2_take_error(struct error *err, int code);

/* Appends a message of the library without addresses and its own internals. */
void bt2_clean_message(struct text_out *out, const char *message, size_t size);

/* The message of the first error line in the library's log; NULL when there is
 * none. Not NUL-terminated. */
const char *bt2_first_logged(const char *log, size_t *ret_size);

#endif
