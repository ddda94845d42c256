#include "base/log.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_most = LOG_LEVEL_INFO;

void log_set_level(enum log_level most)
{
    log_most = most;
}

/* One write per line: lines of several threads and of the watched program do not mix. */
static void emit(enum log_level level, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void emit(enum log_level level, const char *fmt, va_list ap)
{
    static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };
    char body[1800], line[2048];
    if (level > log_most)
        return;
    vsnprintf(body, sizeof(body), fmt, ap);
    struct text_out out = text_out_init(line, sizeof(line));
    text_printf(&out, "foretrace: %s%s\n", prefix[level], body);
    ssize_t n = write(STDERR_FILENO, line, out.used);
    (void)n; /* nowhere left to complain */
}

#define DEFINE(name, level)                                                                                  \
    void name(const char *fmt, ...)                                                                          \
    {                                                                                                        \
        va_list ap;                                                                                          \
        va_start(ap, fmt);                                                                                   \
        emit(level, fmt, ap);                                                                                \
        va_end(ap);                                                                                          \
    }
DEFINE(log_error, LOG_LEVEL_ERROR)
DEFINE(log_warning, LOG_LEVEL_WARNING)
DEFINE(log_info, LOG_LEVEL_INFO)
DEFINE(log_debug, LOG_LEVEL_DEBUG)
