/* endpoint.h - what may be written where a ZeroMQ endpoint is asked for, and
 * whether it stays on this machine. Nothing is looked up: names are judged as written. */
#ifndef FT_BASE_ENDPOINT_H
#define FT_BASE_ENDPOINT_H
#include "base/error.h"
#include <stdbool.h>

/* tcp://HOST:PORT, ipc://PATH or inproc://NAME. HOST is a name, an IPv4 address, an
 * IPv6 address in brackets, or, to bind, '*' or the name of an interface; PORT is 1 to
 * 65535, or '*' to bind any free one. -EINVAL, or -ENAMETOOLONG for a path that does not
 * fit into a socket's address; err names the endpoint and what is wrong with it. */
int endpoint_check(const char *endpoint, struct error *err);

/* By scheme alone; the endpoint need not be valid. */
bool endpoint_is_tcp(const char *endpoint);

/* True for what only this machine can reach: ipc, inproc, and tcp at 127.0.0.0/8, [::1] and
 * localhost. False for everything else, wildcards, interfaces and malformed endpoints included. */
bool endpoint_is_local(const char *endpoint);

#endif
