#include "base/error.h"
#include "base/text.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
    assert(code < 0);
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
    }
    return code;
}

int error_wrap(struct error *err, int code, const char *fmt, ...)
{
    assert(code < 0);
    if (err) {
        struct error inner = *err;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
        struct text_out out = { .start = err->text, .used = strlen(err->text), .capacity = sizeof(err->text) };
        text_puts(&out, ": ");
        text_puts(&out, inner.text);
    }
    return code;
}
