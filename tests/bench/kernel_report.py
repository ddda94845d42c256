#!/usr/bin/python3
"""All kernel analyses at once over the recorded kernel traces, against the run times of lttng-analyses for the same tables.

    kernel_report.py [--runs N] [--copies N]     (5 runs, 40 copies)

- Each trace of tests/data: `report --log --freq` (every table, every operation, every histogram) as JSON, against the sum of the
  times that the originals took, one command a table, as JSON (reference/timing.tsv). At least 200 times less CPU asked for.
- The same traces, each 40 times in a row (repeat_packets.c), so that starting does not count: ns an event, of the tables alone and
  with logs and histograms. At most 250 asked for, of the tables alone. For comparison: reading alone (events --count).
"""
import argparse
import os
import resource
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import reference  # noqa: E402

BUILD = os.path.dirname(foretrace.PROGRAM)
LOSSLESS = tuple(t for t in reference.TRACES if t != "redislost")
RATIO, NS = 200, 250


def cpu(command):
    """Seconds, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def originals():
    """Seconds by trace, of all commands as JSON, and how many commands."""
    with tarfile.open(os.path.join(foretrace.DATA, "reference.tar.xz")) as f:
        rows = [line.split("\t") for line in f.extractfile("reference/timing.tsv").read().decode().splitlines()[1:]]
    chosen = [(row[0], float(row[4])) for row in rows if row[2] == "json"]
    return {t: (sum(s for name, s in chosen if name == t), sum(1 for name, _ in chosen if name == t)) for t in LOSSLESS}


def report(*args):
    return [foretrace.PROGRAM, "report", "--quiet", "--reader", "native", *args]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--copies", type=int, default=40)
    args = parser.parse_args()
    theirs, missed, ours_all, theirs_all = originals(), [], 0, 0

    def least(command):
        return min(cpu(command) for _ in range(args.runs))

    with tempfile.TemporaryDirectory(dir=os.path.join(foretrace.ROOT, "build")) as scratch:
        repeated = {}
        for name in LOSSLESS:
            with tarfile.open(os.path.join(foretrace.DATA, name + ".tar.xz")) as f:
                f.extractall(os.path.join(scratch, name))
            trace = os.path.join(scratch, name)
            seconds, commands = theirs[name]
            ours = least(report("--log", "--freq", "--format", "json", trace))
            ours_all, theirs_all = ours_all + ours, theirs_all + seconds
            print("%-9s %2d commands of the originals %6.2f s, ours at once %6.1f ms: %5.0f times less" % (name, commands, seconds, ours * 1e3, seconds / ours), flush=True)
            repeated[name] = os.path.join(scratch, name + "-repeated")
            subprocess.run([os.path.join(BUILD, "tests", "repeat_packets"), os.path.join(trace, "kernel"), repeated[name], str(args.copies)], check=True)
        ratio = theirs_all / ours_all
        print("%-9s %5.0f times less, at least %d asked for%s" % ("together", ratio, RATIO, "" if ratio >= RATIO else "  <-- MISSED"), flush=True)
        missed += ["ratio"] if ratio < RATIO else []
        total_events, total = 0, 0
        for name, trace in repeated.items():
            events = int(subprocess.check_output([foretrace.PROGRAM, "events", "--count", trace], stderr=subprocess.DEVNULL))
            read, tables, logs = (least(c) for c in ([foretrace.PROGRAM, "events", "--count", trace], report("--all", trace), report("--log", "--freq", "--format", "json", trace)))
            total_events, total = total_events + events, total + tables
            print("%-9s %9d events: reading %5.1f ns, all tables %6.1f ns, with logs and histograms %7.1f ns an event" % (
                name, events, *(s / events * 1e9 for s in (read, tables, logs))), flush=True)
        ns = total / total_events * 1e9
        print("%-9s all tables %5.1f ns an event, at most %d asked for%s" % ("together", ns, NS, "" if ns <= NS else "  <-- MISSED"), flush=True)
        missed += ["ns"] if ns > NS else []
    sys.exit(1 if missed else 0)


main()
