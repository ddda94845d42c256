/* keys.h - a subscriber's keys for a publisher that encrypts. */
#ifndef FT_ALERTS_CLIENT_KEYS_H
#define FT_ALERTS_CLIENT_KEYS_H
#include "base/error.h"

enum { CLIENT_KEY_SIZE = 41 };

/* Z85, NUL-terminated; empty server: not encrypted. */
struct client_keys {
    char our_public[CLIENT_KEY_SIZE], our_secret[CLIENT_KEY_SIZE], server_public[CLIENT_KEY_SIZE];
};

/* our_public may be NULL: it follows from the secret one. -EINVAL: not a key. */
int client_keys_set(struct client_keys *k, const char *our_public, const char *our_secret, const char *server_public);
/* From certificate files: ours with its secret key, the publisher's public one. */
int client_keys_load(struct client_keys *k, const char *our_secret_file, const char *server_public_file, struct error *err);
/* Sets them on a socket of ZeroMQ, if there are any. */
int client_keys_apply(const struct client_keys *k, void *socket);
/* Leaves no key in memory. */
void client_keys_forget(struct client_keys *k);

#endif
