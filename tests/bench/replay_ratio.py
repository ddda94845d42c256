#!/usr/bin/python3
"""Replay of a large trace with one latency analysis, against babeltrace2 reading the same trace
into nothing, in turns. Prints user CPU of each and their ratio.

    replay_ratio.py [--events N] [--runs N] [--trace DIR]     (8,000,000 events, 3 runs)

The trace is made on the spot, by a program under LTTng that emits pairs as fast as it
can with blocking buffers, so that none is lost.
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402

CONFIG = """
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, evidence: [] }
"""


def record(directory, events, emitter):
    """A trace of so many events, in a directory of its own."""
    sessiond = lttng.Sessiond()
    try:
        lttng.lttng("create", "bench", "--output", directory)
        lttng.lttng("enable-channel", "-u", "ch", "-s", "bench", "--subbuf-size=4M", "--num-subbuf=8", "--blocking-timeout=inf")
        lttng.lttng("enable-event", "-u", "-c", "ch", "-s", "bench", "emitter:*")
        lttng.lttng("start", "bench")
        subprocess.run([emitter, str(events // 2), "0"], check=True, env={**os.environ, "LTTNG_UST_ALLOW_BLOCKING": "1"})
        lttng.lttng("stop", "bench", timeout=120)
        lttng.lttng("destroy", "bench")
    finally:
        sessiond.stop()


def user_cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=8000000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trace")
    args = parser.parse_args()
    emitter = os.environ.get("EMITTER", os.path.join(os.path.dirname(foretrace.PROGRAM), "tests", "emitter"))
    trace = args.trace or os.path.join(foretrace.ROOT, "build", "bench-trace-%d" % args.events)
    if not os.path.isdir(trace):
        print("recording %d events to %s" % (args.events, trace), flush=True)
        record(trace, args.events, emitter)
    config = os.path.join(foretrace.ROOT, "build", "bench-replay.yaml")
    with open(config, "w") as file:
        file.write(CONFIG)
    summary = os.path.join(foretrace.ROOT, "build", "bench-replay.json")
    ours = [foretrace.PROGRAM, "replay", "--quiet", "--config", config, "--publish", "none", "--summary", summary, trace]
    theirs = ["babeltrace2", trace, "-o", "dummy"]
    rows = []
    for i in range(args.runs):
        rows.append((user_cpu(theirs), user_cpu(ours)))
        print("run %d: babeltrace2 -o dummy %.2f s, foretrace replay %.2f s of user CPU: ratio %.2f" % (
            i + 1, rows[-1][0], rows[-1][1], rows[-1][1] / rows[-1][0]), flush=True)
    events = foretrace.load(summary)["events"]
    bt, ft = (statistics.median(r[i] for r in rows) for i in (0, 1))
    print("%d events; per event: babeltrace2 %.0f ns, foretrace %.0f ns; ratio of medians %.2f (at most 1.5 is asked for)" % (
        events, bt / events * 1e9, ft / events * 1e9, ft / bt))
    sys.exit(0 if ft / bt <= 1.5 else 1)


main()
