#include "base/endpoint.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { HOST_MAX = 256 };

static const char *after(const char *endpoint, const char *scheme)
{
    size_t size = strlen(scheme);
    return strncmp(endpoint, scheme, size) == 0 ? endpoint + size : NULL;
}

/* Splits HOST:PORT at the last colon, as libzmq does; false when there is none or the host is too long. */
static bool split(const char *address, char host[HOST_MAX], const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || (size_t)(colon - address) >= HOST_MAX)
        return false;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    *ret_port = colon + 1;
    return true;
}

/* The address between brackets, without a zone ("%eth0"); false when it is none. */
static bool parse_ipv6(const char *host, struct in6_addr *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    size_t size = strlen(host);
    if (size < 2 || host[0] != '[' || host[size - 1] != ']')
        return false;
    size_t inner = strcspn(host + 1, "%]");
    if (inner >= sizeof(text) || (host[1 + inner] == ']' && inner + 2 != size))
        return false;
    memcpy(text, host + 1, inner);
    text[inner] = '\0';
    return inet_pton(AF_INET6, text, ret_address) == 1;
}

static bool port_is_valid(const char *port)
{
    unsigned value = 0;
    if (strcmp(port, "*") == 0)
        return true;
    if (!*port || strlen(port) > 5 || strspn(port, "0123456789") != strlen(port))
        return false;
    for (; *port; port++)
        value = value * 10 + (unsigned)(*port - '0');
    return value >= 1 && value <= 65535;
}

static bool host_is_valid(const char *host)
{
    struct in6_addr address;
    if (*host == '[')
        return parse_ipv6(host, &address);
    if (strcmp(host, "*") == 0)
        return true;
    return *host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(host);
}

static int check_tcp(const char *endpoint, const char *address, struct error *err)
{
    char host[HOST_MAX];
    const char *port;
    if (!split(address, host, &port))
        return error_set(err, -EINVAL, "'%s': the port is missing (tcp://HOST:PORT)", endpoint);
    if (!host_is_valid(host))
        return error_set(err, -EINVAL, "'%s': '%s' is no host (a name, an address, [IPv6 address], or * to bind)", endpoint, host);
    if (!port_is_valid(port))
        return error_set(err, -EINVAL, "'%s': '%s' is no port (1 to 65535, or * to bind any)", endpoint, port);
    return 0;
}

int endpoint_check(const char *endpoint, struct error *err)
{
    const char *rest;
    size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if ((rest = after(endpoint, "tcp://")) != NULL)
        return check_tcp(endpoint, rest, err);
    if ((rest = after(endpoint, "inproc://")) != NULL)
        return *rest ? 0 : error_set(err, -EINVAL, "'%s': the name is missing (inproc://NAME)", endpoint);
    if ((rest = after(endpoint, "ipc://")) == NULL)
        return error_set(err, -EINVAL, "'%s' is no endpoint: expected ipc://PATH or tcp://HOST:PORT", endpoint);
    if (!*rest)
        return error_set(err, -EINVAL, "'%s': the path is missing (ipc://PATH)", endpoint);
    if (*rest == '@' || strcmp(rest, "*") == 0) /* libzmq's abstract socket, which is open to every user, and its random name */
        return error_set(err, -EINVAL, "'%s': '%s' is no path (ipc://PATH)", endpoint, rest);
    if (strlen(rest) > most)
        return error_set(err, -ENAMETOOLONG, "'%s': the path has %zu bytes, a socket's may have %zu", endpoint, strlen(rest), most);
    return 0;
}

bool endpoint_is_tcp(const char *endpoint)
{
    return after(endpoint, "tcp://") != NULL;
}

bool endpoint_is_local(const char *endpoint)
{
    char host[HOST_MAX];
    const char *port, *rest = after(endpoint, "tcp://");
    struct in_addr v4;
    struct in6_addr v6;
    if (!rest)
        return after(endpoint, "ipc://") || after(endpoint, "inproc://");
    if (!split(rest, host, &port))
        return false;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (parse_ipv6(host, &v6))
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}
