#include "alerts/client/keys.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
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

/* `    NAME = "VALUE"`, as in czmq's certificates. */
static void take_line(const char *line, const char *name, char value[CLIENT_KEY_SIZE])
{
    line += strspn(line, " \t");
    size_t n = strlen(name);
    if (strncmp(line, name, n) != 0)
        return;
    line += n;
    line += strspn(line, " \t");
    if (*line++ != '=')
        return;
    line += strspn(line, " \t");
    if (*line == '"' && strcspn(line + 1, "\"") == CLIENT_KEY_SIZE - 1) {
        memcpy(value, line + 1, CLIENT_KEY_SIZE - 1);
        value[CLIENT_KEY_SIZE - 1] = '\0';
    }
}

static int read_key(const char *path, const char *name, char value[CLIENT_KEY_SIZE], struct error *err)
{
    char line[512];
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    *value = '\0';
    while (*value == '\0' && fgets(line, sizeof(line), file))
        take_line(line, name, value);
    fclose(file);
    explicit_bzero(line, sizeof(line));
    return is_key(value) ? 0 : error_set(err, -EINVAL, "%s: has no %s of 40 characters", path, name);
}

int client_keys_load(struct client_keys *k, const char *our_secret_file, const char *server_public_file, struct error *err)
{
    char secret[CLIENT_KEY_SIZE], server[CLIENT_KEY_SIZE];
    int r = read_key(our_secret_file, "secret-key", secret, err);
    if (r == 0)
        r = read_key(server_public_file, "public-key", server, err);
    if (r == 0) {
        r = client_keys_set(k, NULL, secret, server);
        if (r < 0)
            error_set(err, r, "%s: %s", our_secret_file, strerror(-r));
    }
    explicit_bzero(secret, sizeof(secret));
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
