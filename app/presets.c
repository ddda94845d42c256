/* presets.c - ready-made settings, below the file and the command line. */
#include "app/config.h"

const struct preset presets[] = {
    { "fast", "windows of 100 ms and a live timer of 10 ms: alerts sooner, at more cost",
      "window: 100ms\n"
      "session: { live_timer: 10ms }\n"
      "alerts: { bad_windows: 3, of_windows: 5, clean_windows: 10 }\n" },
    { "kernel", "all analyses of the kernel",
      "analyses:\n"
      "  - cpu\n"
      "  - futex\n"
      "  - wakeup\n"
      "  - offcpu\n"
      "  - irq\n"
      "  - block\n"
      "  - net\n"
      "  - memory\n"
      "  - syscall\n"
      "  - io\n" },
    { "io", "reads, writes, requests to disks, packets: latency, bytes, by process, file, disk and interface",
      "analyses:\n"
      "  - io\n"
      "  - block\n"
      "  - net\n" },
    { "latency", "the kernel's latencies",
      "analyses:\n"
      "  - futex\n"
      "  - wakeup\n"
      "  - offcpu\n"
      "  - irq\n"
      "  - block\n"
      "  - syscall\n" },
    { "net", "packets and drops by interface, time until packets are consumed and connections answered",
      "analyses:\n"
      "  - net\n" },
    { "sched", "who runs, who waits for a cpu, who is off it and why",
      "analyses:\n"
      "  - cpu\n"
      "  - wakeup\n"
      "  - offcpu\n" },
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
