/* security.h - CURVE for every tcp endpoint that other machines can reach: who we
 * are, whose server we trust, whom we let in. Without keys such endpoints are refused. */
#ifndef FT_BASE_SECURITY_H
#define FT_BASE_SECURITY_H
#include "base/error.h"
#include "base/option.h"

struct security_config {
    struct text key;        /* own secret key file */
    struct text server_key; /* public key file of the server that this process connects to */
    struct text allowed;    /* directory of the *.pub files of clients that may connect */
};
extern const struct option security_options[];

/* Relations between the options: allowed and server_key need key. */
int security_config_check(const struct security_config *config, struct error *err);

struct security;

/* Reads and checks all files that are configured; *ret_security is NULL when none is. The errors
 * are those of keys_read_secret(), keys_read_public() and allowed_open(), and -ENOTSUP when libzmq has no CURVE. */
int security_load(const struct security_config *config, struct security **ret_security, struct error *err);
/* Wipes what was secret. The sockets it was used for are closed, or nobody will be admitted to them any more. */
void security_free(struct security *s);

/* Starts the thread that decides who is admitted to the sockets of this ZeroMQ context;
 * before the first security_server(), and a no-op without `allowed`. notice gets sentences
 * for people and is called from that thread; it may be NULL. */
int security_start(struct security *s, void *zmq, void (*notice)(void *self, const char *text), void *self, struct error *err);
/* Ends it, before the context is terminated: nobody is admitted from then on. Fine when it never started, and for NULL. */
void security_stop(struct security *s);

/* Prepares a socket for zmq_bind() or zmq_connect() to endpoint; call it for each endpoint, just before. With keys every tcp
 * endpoint uses them, loopback included; ipc and inproc never do. s may be NULL: no keys. -EINVAL
 * for a malformed endpoint; -EACCES for one beyond this machine without the keys it needs, with err saying how to get them. */
int security_server(struct security *s, void *socket, const char *endpoint, struct error *err);
int security_client(struct security *s, void *socket, const char *endpoint, struct error *err);

struct security_counts {
    uint64_t admitted, refused; /* by key */
    uint64_t malformed;         /* requests of libzmq's that could not be understood */
};
/* From any thread; zeros for NULL. */
struct security_counts security_counts(const struct security *s);

#endif
