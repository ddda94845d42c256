/* log.h - messages for the person who runs the program, on standard error, one
 * line each. Plug-ins and libraries return errors instead; app/ and the stage
 * loops call this. */
#ifndef FT_BASE_LOG_H
#define FT_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Only messages at most this talkative are printed (default: INFO). Set before threads start. */
void log_set_level(enum log_level most);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
