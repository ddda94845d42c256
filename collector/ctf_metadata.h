/* ctf_metadata.h - the text of a trace's metadata, out of its packets if it is in any. */
#ifndef FT_COLLECTOR_CTF_METADATA_H
#define FT_COLLECTOR_CTF_METADATA_H
#include "base/bytes.h"
#include "base/error.h"
#include <stdbool.h>

/* Appends the text. -ENOTSUP: CTF 2, or compressed, encrypted; -EINVAL: no metadata. */
int ctf_metadata_text(const void *data, size_t size, struct bytes *text, struct error *err);
/* How many of the bytes that have come so far are whole packets of metadata; all of them where it is in none (not packed), once
 * its first line can be judged. */
size_t ctf_metadata_whole(const void *data, size_t size, bool *ret_packed);

#endif
