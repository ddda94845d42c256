/* Any text as a configuration, as a setting of the command line, and as a relay URL. */
#include "app/config.h"
#include "collector/relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config;
    struct relay_url url;
    struct error err;
    char path[64], *text = malloc(size + 1);
    int fd = memfd_create("config", 0);
    if (!text || fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct config_sources sources = { .file = path };
    if (config_load(&sources, &config, &err) == 0)
        config_free(config);
    sources = (struct config_sources){ .set_count = 1, .sets = { text } };
    if (config_load(&sources, &config, &err) == 0)
        config_free(config);
    relay_url_parse(text, &url, &err);
    free(text);
    close(fd);
    return 0;
}
