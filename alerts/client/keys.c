#include "alerts/client/keys.h"
#include "base/keys.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zmq.h>

static bool is_key(const char *text)
{
    uint8_t bytes[32];
    return text && strlen(text) == CLIENT_KEY_SIZE - 1 && zmq_z85_decode(bytes, text) != NULL;
}

int client_keys_set(struct client_keys *k, const char *our_public, const char *our_secret, const char *server_public)
{
    struct client_keys set;
    if (!is_key(our_secret) || !is_key(server_public) || (our_public && !is_key(our_public)))
        return -EINVAL;
    if (our_public)
        text_copy(set.our_public, sizeof(set.our_public), our_public);
    else if (zmq_curve_public(set.our_public, our_secret) < 0)
        return -errno;
    text_copy(set.our_secret, sizeof(set.our_secret), our_secret);
    text_copy(set.server_public, sizeof(set.server_public), server_public);
    *k = set;
    client_keys_forget(&set);
    return 0;
}

int client_keys_load(struct client_keys *k, const char *our_secret_file, const char *server_public_file, struct error *err)
{
    struct keys own;
    char server[CLIENT_KEY_SIZE];
    int r = keys_read_secret(our_secret_file, &own, err);
    if (r == 0)
        r = keys_read_public(AT_FDCWD, server_public_file, server_public_file, server, err);
    if (r == 0)
        r = client_keys_set(k, own.public_key, own.secret_key, server);
    keys_wipe(&own);
    return r;
}

int client_keys_apply(const struct client_keys *k, void *socket)
{
    if (*k->server_public == '\0')
        return 0;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, k->server_public, CLIENT_KEY_SIZE) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, k->our_public, CLIENT_KEY_SIZE) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, k->our_secret, CLIENT_KEY_SIZE) < 0)
        return -errno;
    return 0;
}

void client_keys_forget(struct client_keys *k)
{
    explicit_bzero(k, sizeof(*k));
}
