/* keys.h - CURVE keys in files, in the text format of czmq's certificates:
 *
 *     curve
 *         public-key = "40 characters of Z85"
 *         secret-key = "40 characters of Z85"
 *
 * A secret key is read only from a file that is closed to everybody else. */
#ifndef FT_BASE_KEYS_H
#define FT_BASE_KEYS_H
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_SIZE = 32, KEY_TEXT_SIZE = 41, KEY_FILE_MAX = 16384 };

struct keys {
    char public_key[KEY_TEXT_SIZE]; /* "": the text has none */
    char secret_key[KEY_TEXT_SIZE];
};

/* Overwrites the secret as well; for every struct keys that may have held one. */
void keys_wipe(struct keys *keys);

/* Reads the text of a key file. -EINVAL, with the line where there is one: it is no such file,
 * a key is given twice or is not Z85, or the two do not belong together. */
int keys_parse(const char *text, size_t size, struct keys *ret_keys, struct error *err);

/* Both keys. -EPERM unless it is a regular file of the caller's or root's with mode 0600 or
 * 0400 (judged on the opened file), -EINVAL when it is malformed or longer than KEY_FILE_MAX. */
int keys_read_secret(const char *path, struct keys *ret_keys, struct error *err);

/* The public key alone, of a file below directory_fd (AT_FDCWD: as any path). -EPERM when
 * others may write the file, -EINVAL when it is malformed or holds a secret key. name stands for it in messages. */
int keys_read_public(int directory_fd, const char *path, const char *name, char ret_key[KEY_TEXT_SIZE], struct error *err);

/* The 32 bytes that a key's text stands for; false when it is not Z85. */
bool keys_decode(const char *text, uint8_t ret_key[KEY_SIZE]);

/* Makes a pair and writes it to two new files: the secret one with mode 0600 from its first
 * moment, the public one with 0644, whatever the umask. -EEXIST when either is there; a failure leaves
 * neither. comment is one line for people, repeated in both. */
int keys_generate(const char *secret_path, const char *public_path, const char *comment, struct error *err);

#endif
