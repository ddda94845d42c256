/* helpers.h - foretrace starts itself again for what may block, abort or hang:
 * libbabeltrace2 and liblttng-ctl. These are the hidden subcommands. */
#ifndef FT_COLLECTOR_HELPERS_H
#define FT_COLLECTOR_HELPERS_H
#include "base/bytes.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define HELPER_TRACE_PROBE "internal-trace-probe" /* DIR ... */
#define HELPER_LIVE_READER "internal-live-reader" /* URL POLL_NS */
#define HELPER_SESSION     "internal-session"

/* Runs the helper if argv[1] names one and never returns then; does nothing otherwise. */
void helper_main(int argc, char **argv);

int helper_trace_probe(int argc, char **argv);
int helper_live_reader(int argc, char **argv);
int helper_session(int argc, char **argv);

/* Starts a helper with args (without the program), gathers what it prints on
 * standard output for at most timeout_ns, or until give_up (may be NULL; asked
 * several times a second) says so, and ends it. A helper that fails has
 * said why on standard error: its last line is in err. -ETIMEDOUT, -EIO (it
 * failed), -ECONNABORTED (a signal killed it: named in err), -ECANCELED. */
int helper_ask(const char *const *args, int64_t timeout_ns, bool (*give_up)(void *self), void *self,
               struct bytes *ret_answer, struct error *err);

#endif
