/* ctf_header.h - how events begin: LTTng's two headers are known by their shape, and read at one go. */
#ifndef FT_COLLECTOR_CTF_HEADER_H
#define FT_COLLECTOR_CTF_HEADER_H
#include "collector/ctf_trace.h"

/* header may be NULL. What is only nearly one of LTTng's is CTF_HEADER_ANY. */
enum ctf_header_form ctf_header_form(const struct ctf_node *header);
/* Whether a variant or a sequence in a tree depends on something in the header. Either may be NULL. */
bool ctf_refers_to(const struct ctf_node *tree, const struct ctf_node *header);
/* Sets kind->quick, by its form and as far as its table of classes goes. */
void ctf_header_quick(struct ctf_kind_of_stream *kind);

#endif
