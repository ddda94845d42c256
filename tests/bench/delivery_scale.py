#!/usr/bin/python3
"""A program with many series, watched by `foretrace collect`, judged over tcp by `foretrace detect` with the
default detectors: CPU and memory of each stage, and whether all came.

    delivery_scale.py [--series N] [--seconds N]       (100000, 60)

Each operation is one of so many kinds, each of which comes about once a second, and has seven series.
"""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import stages  # noqa: E402

PER_KIND = 7
CONFIG = """
max_series: 1000000
histogram_memory: 1GiB
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, labels: id, evidence: "" }
"""


def report(name, cpu, memory, seconds):
    """Of a stage: (time, cpu) and (time, memory) as they went."""
    third = len(memory) // 3
    print("%-8s %5.1f %% of a core; memory %6.1f MB after a third, %6.1f MB at the end" % (
        name, 100 * (cpu[-1] - cpu[0]) / seconds, memory[third] / 1e6, memory[-1] / 1e6))
    return (cpu[-1] - cpu[0]) / seconds, memory[-1] / memory[third]


def measure(case, started, seconds):
    """Samples every second, from when the program is watched until so many seconds later."""
    lttng.wait_for("the program to be watched", lambda: "watching" in started["collect"].said())
    cpu, memory = {n: [] for n in started}, {n: [] for n in started}
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        for name, stage in started.items():
            cpu[name].append(foretrace.cpu_seconds(foretrace.tree(stage.process.pid)))
            memory[name].append(foretrace.memory_bytes(stage.process.pid))
        time.sleep(1)
    return cpu, memory


def run(case, kinds, seconds):
    emitter = os.environ.get("EMITTER", os.path.join(os.path.dirname(foretrace.PROGRAM), "tests", "emitter"))
    endpoints = {n: "tcp://127.0.0.1:%d" % lttng.free_port() for n in ("samples", "verdicts")}
    config = case.delivery(CONFIG, **endpoints)
    summary = {n: case.path(n + ".json") for n in ("collect", "detect", "alert")}
    started = {}
    for name in ("alert", "detect"):
        extra = ["--publish", "none", "--format", "none"] if name == "alert" else []
        started[name] = case.stage(name, "-c", config, "--once", "--summary", summary[name], *extra).start().listening()
    # A batch of a tenth of all kinds every 90 ms or so.
    started["collect"] = case.stage("collect", "-c", config, "--live-timer", "1s", "--summary", summary["collect"], "--", emitter,
                                    str(kinds * seconds), "88000", "ids=%d" % kinds, "batch=%d" % -(-kinds // 10)).start()
    cpu, memory = measure(case, started, seconds * 0.85)
    for stage in reversed(started.values()):
        if stage.wait() != 0:
            sys.exit("%s failed:\n%s" % (stage.name, stage.said()))
    return cpu, memory, {n: foretrace.load(path) for n, path in summary.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=100000)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    case = stages.Case()
    case.setUp()
    try:
        cpu, memory, summary = run(case, -(-args.series // PER_KIND), args.seconds)
    finally:
        case.tearDown()
    figures = {n: report(n, cpu[n], memory[n], args.seconds * 0.85) for n in ("collect", "detect", "alert")}
    used = figures["collect"][0] + figures["detect"][0]
    made, judged = summary["collect"]["samples"], summary["detect"]["samples_judged"]
    lost = sum(summary["collect"][what] for what in ("discarded_events", "lost_packets", "late_events", "dropped_windows", "undelivered"))
    print("collect and detect together: %.1f %% of a core; %d series, %d samples made, %d judged, %d verdicts; lost events and windows: %d" % (
        100 * used, summary["collect"]["series"], made, judged, summary["detect"]["verdicts"], lost))
    sys.exit(0 if used < 0.5 and judged == made and lost == 0 and figures["detect"][1] < 1.1 else 1)


main()
