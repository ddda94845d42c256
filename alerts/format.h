/* format.h - an alert as text for a terminal and as a line of JSON. */
#ifndef FT_ALERTS_FORMAT_H
#define FT_ALERTS_FORMAT_H
#include "alerts/alert.h"
#include "base/text.h"

/* Room for the longest alert, were every byte of it escaped as \u00XX. */
enum { ALERT_JSON_MAX = 1 << 17 };

/* One JSON object with the fields of docs/wire.md, without a newline. */
void alert_format_json(const struct alert *a, struct bytes *scratch, struct text_out *out);
/* One or more lines, each ended; colour with ANSI sequences. */
void alert_format_text(const struct alert *a, bool colour, struct text_out *out);

#endif
