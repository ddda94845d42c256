#!/usr/bin/python3
"""CPU of watching a live session: a quiet program, and one that emits steadily. In percent of one core,
of foretrace with its reader child, as its own summary says.

    watch_cost.py [--seconds N]
"""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=15)
    args = parser.parse_args()
    emitter = os.environ.get("EMITTER", os.path.join(os.path.dirname(foretrace.PROGRAM), "tests", "emitter"))
    summary = os.path.join(foretrace.ROOT, "build", "bench-watch.json")
    for what, period_us in (("1 operation a second", 1000000), ("100 a second", 10000), ("about 5,000 a second", 150)):
        count = {1000000: args.seconds, 10000: args.seconds * 100, 150: args.seconds * 5000}[period_us]
        for timer in ("100ms", "10ms"):
            subprocess.run([foretrace.PROGRAM, "run", "--quiet", "--publish", "none", "--format", "none", "--live-timer", timer, "--summary", summary,
                            "--", emitter, str(count), str(period_us)], check=True, stdin=subprocess.DEVNULL)
            s = foretrace.load(summary)
            print("%-22s live timer %-5s  %8d events in %5.1f s: %5.2f %% of a core" % (
                what, timer, s["events"], s["wall_ns"] / 1e9, 100 * s["cpu_ns"] / s["wall_ns"]), flush=True)


main()
