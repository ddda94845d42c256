/* decode.h - the body of an ALERT message as a foretrace_alert. More forgiving than
 * alert_get(), which reads what this very version wrote: words and fields of later
 * versions must not stop anybody's program. */
#ifndef FT_ALERTS_CLIENT_DECODE_H
#define FT_ALERTS_CLIENT_DECODE_H
#include "alerts/client/foretrace.h"
#include "base/wire.h"

/* What is beyond is refused. */
enum { CLIENT_LABELS_MAX = 64, CLIENT_DETECTORS_MAX = 64, CLIENT_EVIDENCE_MAX = 16, CLIENT_FIELDS_MAX = 64, CLIENT_MAP_MAX = 1024 };

/* Zeroed to begin with. The alert comes first: one leads to the other. */
struct decoded {
    struct foretrace_alert alert;
    struct bytes body;  /* as it came */
    struct bytes texts; /* what the alert points to, NUL-terminated */
    char *json;         /* NULL until somebody asks */
    struct foretrace_text_pair labels[CLIENT_LABELS_MAX];
    const char *detectors[CLIENT_DETECTORS_MAX];
    struct foretrace_operation operations[CLIENT_EVIDENCE_MAX];
    const struct foretrace_operation *evidence[CLIENT_EVIDENCE_MAX];
    struct foretrace_text_pair fields[CLIENT_EVIDENCE_MAX][CLIENT_FIELDS_MAX];
};
void decoded_done(struct decoded *d);

/* Reads the rest of the message; false when it is malformed. */
bool decoded_read(struct decoded *d, struct wire_reader *r);

#endif
