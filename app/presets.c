/* presets.c - ready-made settings, below the file and the command line. */
#include "app/config.h"

const struct preset presets[] = {
    { "fast", "windows of 100 ms and a live timer of 10 ms: alerts sooner, at more cost",
      "window: 100ms\n"
      "session: { live_timer: 10ms }\n"
      "alerts: { bad_windows: 3, of_windows: 5, clean_windows: 10 }\n" },
    { "quiet", "fewer alerts: only what is very improbable and lasts",
      "detectors:\n"
      "  - series: '*'\n"
      "    auto: { threshold: 9 }\n"
      "alerts: { bad_windows: 3, of_windows: 5 }\n" },
    { "sensitive", "more alerts: what is merely improbable, in a single window",
      "detectors:\n"
      "  - series: '*'\n"
      "    auto: { threshold: 4 }\n"
      "alerts: { bad_windows: 1, of_windows: 1 }\n" },
    { NULL, NULL, NULL },
};
