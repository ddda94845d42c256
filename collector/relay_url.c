#include "base/text.h"
#include "collector/relay.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const expected = "expected net://HOST[:PORT]/host/HOSTNAME/SESSION";

/* Copies text up to one of `stops` and returns what follows; NULL when it is empty or too long. */
static const char *take_part(const char *text, const char *stops, char *part, size_t capacity)
{
    size_t n = strcspn(text, stops);
    if (n == 0 || n >= capacity)
        return NULL;
    memcpy(part, text, n);
    part[n] = '\0';
    return text + n;
}

static const char *take_address(const char *at, struct relay_url *url)
{
    if (*at != '[')
        return take_part(at, ":/", url->address, sizeof(url->address));
    at = take_part(at + 1, "]", url->address, sizeof(url->address));
    return at && *at == ']' ? at + 1 : NULL;
}

static const char *take_port(const char *at, struct relay_url *url)
{
    char digits[8];
    uint64_t port = RELAY_PORT;
    if (*at == ':') {
        at = take_part(at + 1, "/", digits, sizeof(digits));
        if (!at || text_parse_u64(digits, &port) < 0 || port == 0 || port > 65535)
            return NULL;
    }
    url->port = (uint32_t)port;
    return at;
}

int relay_url_parse(const char *text, struct relay_url *url, struct error *err)
{
    const char *at = text;
    memset(url, 0, sizeof(*url));
    if (strncmp(at, "net://", 6) == 0)
        at += 6;
    else if (strncmp(at, "net4://", 7) == 0)
        at += 7;
    else
        return error_set(err, -EINVAL, "'%s' is no relay URL: %s", text, expected);
    at = take_address(at, url);
    at = at ? take_port(at, url) : NULL;
    if (at && (*at == '\0' || strcmp(at, "/") == 0))
        return 0;
    if (at && strncmp(at, "/host/", 6) == 0)
        at = take_part(at + 6, "/", url->hostname, sizeof(url->hostname));
    else
        at = NULL;
    if (at && *at == '/')
        at = take_part(at + 1, "/", url->session, sizeof(url->session));
    if (!at || *at != '\0' || url->session[0] == '\0')
        return error_set(err, -EINVAL, "'%s' is no relay URL: %s", text, expected);
    return 0;
}

const char *relay_url_format(const struct relay_url *url, char buffer[RELAY_URL_MAX])
{
    bool v6 = strchr(url->address, ':') != NULL;
    int n = snprintf(buffer, RELAY_URL_MAX, "net://%s%s%s:%u", v6 ? "[" : "", url->address, v6 ? "]" : "", url->port);
    if (url->session[0] && n > 0 && n < RELAY_URL_MAX)
        snprintf(buffer + n, RELAY_URL_MAX - (size_t)n, "/host/%s/%s", url->hostname, url->session);
    return buffer;
}

bool relay_url_has_wildcard(const struct relay_url *url)
{
    return text_has_wildcard(url->hostname) || text_has_wildcard(url->session);
}
