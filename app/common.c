#include "app/command.h"
#include "base/log.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fail(const struct error *err)
{
    log_error("%s", err->text);
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

int common_config(const struct common_args *args, struct config **ret_config, struct error *err)
{
    struct config_sources sources = { .preset = args->preset, .file = args->config };
    char window[TEXT_MAX], timer[TEXT_MAX], reader[TEXT_MAX];
    int r = 0;
    if (args->sets.count > CONFIG_SETS_MAX - 3)
        return error_set(err, -E2BIG, "more than %d times --set: use a file", CONFIG_SETS_MAX - 3);
    for (uint32_t i = 0; i < args->sets.count; i++)
        sources.sets[sources.set_count++] = args->sets.items[i];
    r = add_set(&sources, window, "window", args->window, err);
    if (r == 0)
        r = add_set(&sources, timer, "session.live_timer", args->live_timer, err);
    if (r == 0)
        r = add_set(&sources, reader, "reader", args->reader, err);
    return r < 0 ? r : config_load(&sources, ret_config, err);
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
