/* options.h - what a subscriber wants. */
#ifndef FT_ALERTS_CLIENT_OPTIONS_H
#define FT_ALERTS_CLIENT_OPTIONS_H
#include "alerts/client/foretrace.h"
#include "alerts/client/keys.h"
#include <stdbool.h>

enum { CLIENT_FILTERS_MAX = 16, CLIENT_FILTER_TEXT_MAX = 320, CLIENT_PATH_MAX = 4096 };

struct filter_list {
    uint32_t count;
    char items[CLIENT_FILTERS_MAX][CLIENT_FILTER_TEXT_MAX];
};

struct foretrace_options {
    struct filter_list topics, analyses;
    enum foretrace_severity least;
    bool firing, recovery;
    int patience_ms;
    char replay[512];                                        /* empty: beside the endpoint */
    struct client_keys keys;
    char secret_file[CLIENT_PATH_MAX], server_file[CLIENT_PATH_MAX]; /* empty: none */
};

void client_options_init(struct foretrace_options *o);
/* Whether anything is left out at all, and whether this alert is. */
bool client_options_take_all(const struct foretrace_options *o);
bool client_options_take(const struct foretrace_options *o, const struct foretrace_alert *a);

#endif
