#include "base/security.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/zap.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* ZMQ_ZAP_ENFORCE_DOMAIN: libzmq has it from 4.3.0 on, but zmq.h shows it to draft builds
 * only. Without it a server whose authenticating thread is gone admits everybody. */
enum { ENFORCE_DOMAIN = 93 };

/* A peer that says nothing may hold a descriptor so long (libzmq's 30 s let noise pile up), and a
 * client that is not admitted waits so long before it tries again. */
enum { HANDSHAKE_MS = 3000 };

/* Where a server drops us at once, as when server_key is another's, we come back less and less often up to this. */
enum { RECONNECT_MOST_MS = 2000 };

const struct option security_options[] = {
    OPTION(struct security_config, key, 0, 0, "", "this process's secret key file, mode 0600 (`foretrace keygen`)"),
    OPTION(struct security_config, server_key, 0, 0, "", "public key file of the server to connect to"),
    OPTION(struct security_config, allowed, 0, 0, "", "directory of the *.pub files of those who may connect"),
    OPTION_END
};

struct security {
    struct security_config config;
    struct keys keys;
    char server_key[KEY_TEXT_SIZE];
    struct zap zap;
};

int security_config_check(const struct security_config *config, struct error *err)
{
    const char *other = *config->allowed.s ? "allowed" : *config->server_key.s ? "server_key" : NULL;
    if (other && !*config->key.s)
        return error_set(err, -EINVAL, "%s needs key, this process's own secret key (`foretrace keygen` makes one)", other);
    if (*config->key.s && !other)
        return error_set(err, -EINVAL, "key alone does nothing: allowed says who may connect, server_key whom to connect to");
    return 0;
}

static int load(struct security *s, struct error *err)
{
    const struct security_config *c = &s->config;
    int r = security_config_check(c, err);
    if (r == 0 && !zmq_has("curve"))
        r = error_set(err, -ENOTSUP, "this libzmq was built without CURVE");
    if (r == 0 && (r = keys_read_secret(c->key.s, &s->keys, err)) < 0)
        return error_wrap(err, r, "security.key");
    if (r == 0 && *c->server_key.s && (r = keys_read_public(AT_FDCWD, c->server_key.s, c->server_key.s, s->server_key, err)) < 0)
        return error_wrap(err, r, "security.server_key");
    if (r == 0 && *c->allowed.s && (r = allowed_open(&s->zap.allowed, c->allowed.s, clock_monotonic_ns(), err)) < 0)
        return error_wrap(err, r, "security.allowed");
    return r;
}

int security_load(const struct security_config *config, struct security **ret_security, struct error *err)
{
    if (!*config->key.s && !*config->server_key.s && !*config->allowed.s) {
        *ret_security = NULL;
        return 0;
    }
    struct security *s = xcalloc(1, sizeof(*s));
    s->config = *config;
    int r = load(s, err);
    if (r < 0)
        security_free(s);
    else
        *ret_security = s;
    return r;
}

void security_free(struct security *s)
{
    if (!s)
        return;
    security_stop(s);
    allowed_done(&s->zap.allowed);
    keys_wipe(&s->keys);
    free(s);
}

int security_start(struct security *s, void *zmq, void (*notice)(void *self, const char *text), void *self, struct error *err)
{
    if (!s || !*s->config.allowed.s)
        return 0;
    bool nobody = s->zap.allowed.count == 0; /* from now on it is the thread's */
    int r = zap_start(&s->zap, zmq, notice, self, err);
    if (r == 0 && notice && nobody)
        notice(self, "security.allowed: there is no *.pub in it so far, so nobody can connect over tcp");
    return r;
}

void security_stop(struct security *s)
{
    if (s)
        zap_stop(&s->zap);
}

static int set_text(void *socket, int option, const char *text)
{
    return zmq_setsockopt(socket, option, text, strlen(text)) < 0 ? -errno : 0;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* What both ends of any endpoint need. 0: nothing more to do, 1: it is tcp. */
static int prepare(void *socket, const char *endpoint, struct error *err)
{
    int r = endpoint_check(endpoint, err);
    if (r < 0 || !endpoint_is_tcp(endpoint))
        return r;
    if (strncmp(endpoint, "tcp://[", 7) == 0 && (r = set_int(socket, ZMQ_IPV6, 1)) < 0)
        return error_set(err, r, "%s: %s", endpoint, zmq_strerror(-r));
    return 1;
}

int security_server(struct security *s, void *socket, const char *endpoint, struct error *err)
{
    int r = prepare(socket, endpoint, err);
    if (r <= 0)
        return r;
    if (!s || !*s->config.allowed.s) {
        if (endpoint_is_local(endpoint))
            return 0;
        return error_set(err, -EACCES,
                         "%s can be reached by other machines and so needs keys: make them with `foretrace keygen`, "
                         "then set security.key and security.allowed", endpoint);
    }
    if (!s->zap.stage.running)
        return error_set(err, -EINVAL, "%s: nobody decides who is admitted (security_start)", endpoint);
    r = set_text(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN);
    if (r == 0)
        r = set_int(socket, ENFORCE_DOMAIN, 1);
    if (r == 0)
        r = set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (r == 0)
        r = set_int(socket, ZMQ_CURVE_SERVER, 1);
    if (r == 0)
        r = set_text(socket, ZMQ_CURVE_SECRETKEY, s->keys.secret_key);
    return r < 0 ? error_set(err, r, "%s: cannot use CURVE: %s", endpoint, zmq_strerror(-r)) : 0;
}

int security_client(struct security *s, void *socket, const char *endpoint, struct error *err)
{
    int r = prepare(socket, endpoint, err);
    if (r <= 0)
        return r;
    if (!s || !*s->config.server_key.s) {
        if (endpoint_is_local(endpoint))
            return 0;
        return error_set(err, -EACCES,
                         "%s is on another machine and so needs keys: make them with `foretrace keygen`, then set "
                         "security.key and security.server_key (subscribe: --key and --server-key)", endpoint);
    }
    r = set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
    if (r == 0)
        r = set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (r == 0)
        r = set_text(socket, ZMQ_CURVE_SERVERKEY, s->server_key);
    if (r == 0)
        r = set_text(socket, ZMQ_CURVE_PUBLICKEY, s->keys.public_key);
    if (r == 0)
        r = set_text(socket, ZMQ_CURVE_SECRETKEY, s->keys.secret_key);
    return r < 0 ? error_set(err, r, "%s: cannot use CURVE: %s", endpoint, zmq_strerror(-r)) : 0;
}

struct security_counts security_counts(const struct security *s)
{
    if (!s)
        return (struct security_counts){ 0 };
    return (struct security_counts){ .admitted = atomic_load(&s->zap.admitted),
                                     .refused = atomic_load(&s->zap.refused),
                                     .malformed = atomic_load(&s->zap.malformed) };
}
