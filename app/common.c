#include "app/command.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fail(const struct error *err)
{
    log_error("%s", err->text);
    return EXIT_FAILURE;
}

void end_with_reader(void)
{
    if (!process_inherited_ignored(SIGPIPE))
        signal(SIGPIPE, SIG_DFL);
}

int output_status(int status)
{
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || status != EXIT_SUCCESS)
        return status;
    log_error("standard output: %s", errno ? strerror(errno) : "not all of it could be written");
    return EXIT_FAILURE;
}

void common_log_level(const struct common_args *args)
{
    log_set_level(args->verbose ? LOG_LEVEL_DEBUG : args->quiet ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO);
}

static int add_set(struct config_sources *sources, char buffer[TEXT_MAX], const char *key, const char *value, struct error *err)
{
    if (!value)
        return 0;
    int n = snprintf(buffer, TEXT_MAX, "%s=%s", key, value);
    if (n >= TEXT_MAX || sources->set_count == CONFIG_SETS_MAX)
        return error_set(err, -E2BIG, "%s: too long, or too many settings", key);
    sources->sets[sources->set_count++] = buffer;
    return 0;
}

/* "--set window=10: ..." where --window 10 was typed. */
static void name_typed(const char *option, const char *set, const char *value, struct error *err)
{
    char prefix[TEXT_MAX + 8];
    int n = value ? snprintf(prefix, sizeof(prefix), "--set %s:", set) : 0;
    if (n == 0 || strncmp(err->text, prefix, (size_t)n) != 0)
        return;
    struct error inner = *err;
    error_set(err, -EINVAL, "--%s %s:%s", option, value, inner.text + n);
}

int common_config(const struct common_args *args, struct config **ret_config, struct error *err)
{
    struct config_sources sources = { .file = args->config };
    char sets[3][TEXT_MAX] = { "" };
    const struct {
        const char *option, *key, *value;
    } options[] = { { "window", "window", args->window },
                    { "live-timer", "session.live_timer", args->live_timer },
                    { "reader", "reader", args->reader } };
    int r = 0;
    if (args->sets.count > CONFIG_SETS_MAX - 3)
        return error_set(err, -E2BIG, "more than %d times --set: use a file", CONFIG_SETS_MAX - 3);
    for (uint32_t i = 0; i < args->presets.count; i++)
        sources.presets[sources.preset_count++] = args->presets.items[i];
    for (uint32_t i = 0; i < args->sets.count; i++)
        sources.sets[sources.set_count++] = args->sets.items[i];
    for (int i = 0; i < 3 && r == 0; i++)
        r = add_set(&sources, sets[i], options[i].key, options[i].value, err);
    if (r < 0)
        return r;
    r = config_load(&sources, ret_config, err);
    for (int i = 0; i < 3 && r < 0; i++)
        name_typed(options[i].option, sets[i], options[i].value, err);
    return r;
}

int common_fail(const struct common_args *args, const struct error *err)
{
    const struct config_sources file = { .file = args->config };
    struct config *config;
    struct error ignored;
    fail(err);
    if (args->config && config_load(&file, &config, &ignored) < 0)
        return EXIT_FAILURE;
    if (args->config)
        config_free(config);
    return EXIT_USAGE;
}

static int replace_publish(const struct common_args *args, struct config *config, struct error *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < config->sink_count; i++) {
        if (strcmp(config->sinks[i].sink->name, "publish") == 0)
            free(config->sinks[i].config);
        else
            config->sinks[kept++] = config->sinks[i];
    }
    config->sink_count = kept;
    if (strcmp(args->publish, "none") == 0)
        return 0;
    return config_add_sink(config, "publish", "endpoint", args->publish, err);
}

int common_sinks(const struct common_args *args, struct config *config, struct error *err)
{
    const char *format = args->format ? args->format : "text", *output = args->output ? args->output : "-";
    int r = args->publish ? replace_publish(args, config, err) : 0;
    if (r < 0)
        return r;
    if (strcmp(format, "none") == 0)
        return 0;
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return error_set(err, -EINVAL, "--format %s: expected text, json or none", format);
    return config_add_sink(config, format, "path", output, err);
}
