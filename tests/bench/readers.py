#!/usr/bin/python3
"""Our own reader against babeltrace2 reading the same traces into nothing, in turns: the least CPU of each, and their ratio.

    readers.py [--events N] [--runs N]     (8,000,000 events, 5 runs)

- A trace recorded on the spot, of a program under LTTng that emits pairs as fast as it can, with blocking buffers so that
  none is lost: replayed with one latency analysis, and only counted.
- The kernel traces of tests/data, with three contexts: one latency of block requests, one of system calls.
- The same events in 16 streams and in 2 (make_trace.c).
- 1 GiB: what the process has in memory besides the mapped files.
"""
import argparse
import glob
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402

BUILD = os.path.dirname(foretrace.PROGRAM)
PAIR = """
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, evidence: [] }
"""
KERNEL = """
analyses:
  - latency: { name: request, in: block_rq_issue, out: block_rq_complete, key: [dev, sector], evidence: [] }
  - latency: { name: syscall, in: "syscall_entry_*", out: "syscall_exit_*", key: ctx.tid, evidence: [] }
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


def cpu(command):
    """Seconds, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


class Bench:
    def __init__(self, args, scratch):
        self.args, self.scratch = args, scratch
        self.missed = []   # what was not as asked for

    def path(self, name):
        return os.path.join(self.scratch, name)

    def replay(self, config, *traces):
        path = self.path("%08x.yaml" % (hash(config) & 0xffffffff))
        with open(path, "w") as f:
            f.write(config)
        return [foretrace.PROGRAM, "replay", "--quiet", "--reader", "native", "--config", path, "--publish", "none", *traces]

    def compare(self, what, ours, theirs, events, asked, at_least=True):
        """CPU in turns; asked is of theirs to ours, or the other way round."""
        rows = [(cpu(ours), cpu(theirs)) for _ in range(self.args.runs)]
        ratios = sorted(b / a if at_least else a / b for a, b in rows)
        a, b = (min(r[i] for r in rows) / events * 1e9 for i in (0, 1))   # what others do on the machine only adds
        ratio = b / a if at_least else a / b
        good = ratio >= asked if at_least else ratio <= asked
        print("%-62s %6.1f ns and %6.1f ns an event: %5.2f times (run by run %.2f to %.2f), %s %g asked for%s" % (
            what, a, b, ratio, ratios[0], ratios[-1], "at least" if at_least else "at most", asked, "" if good else "  <-- MISSED"), flush=True)
        if not good:
            self.missed.append(what)

    def user_space(self):
        trace = os.path.join(foretrace.ROOT, "build", "bench-trace-%d" % self.args.events)
        if not os.path.isdir(trace):
            print("recording %d events to %s" % (self.args.events, trace), flush=True)
            record(trace, self.args.events, os.environ.get("EMITTER", os.path.join(BUILD, "tests", "emitter")))
        theirs = ["babeltrace2", trace, "-o", "dummy"]
        self.compare("user space: one latency, against babeltrace2", self.replay(PAIR, trace), theirs, self.args.events, 12)
        self.compare("user space: events --count, against babeltrace2", [foretrace.PROGRAM, "events", "--count", trace], theirs, self.args.events, 25)

    def kernel(self):
        """The longest of them, 40 times in a row (repeat_packets.c)."""
        counts = {}
        for archive in sorted(glob.glob(os.path.join(foretrace.ROOT, "tests", "data", "*.tar.xz"))):
            name = os.path.basename(archive).split(".")[0]
            if name == "reference":
                continue    # no trace
            with tarfile.open(archive) as tar:
                tar.extractall(self.path(name))
            counts[name] = self.count(self.path(name))
        longest = max(counts, key=counts.get)
        trace = self.path("repeated")
        subprocess.run([os.path.join(BUILD, "tests", "repeat_packets"), os.path.join(self.path(longest), "kernel"), trace, "40"], check=True)
        self.compare("kernel (40 times %s): two latencies, against babeltrace2" % longest, self.replay(KERNEL, trace),
                     ["babeltrace2", trace, "-o", "dummy"], 40 * counts[longest], 12)

    def count(self, trace):
        return int(subprocess.check_output([foretrace.PROGRAM, "events", "--count", trace], stderr=subprocess.DEVNULL))

    def make(self, name, streams, events):
        subprocess.run([os.path.join(BUILD, "tests", "make_trace"), self.path(name), str(streams), str(events)], check=True)
        return self.path(name)

    def streams(self):
        few, many = (self.make("streams%d" % n, n, self.args.events) for n in (2, 16))
        self.compare("16 streams: one latency, against 2 streams", self.replay(PAIR, many), self.replay(PAIR, few), self.args.events, 1.3, False)

    def memory(self):
        trace = self.make("large", 4, (1 << 30) // 18)
        size = sum(os.path.getsize(os.path.join(trace, name)) for name in os.listdir(trace))
        process = subprocess.Popen(self.replay(PAIR, trace), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = []
        while process.poll() is None:
            try:
                seen.append(foretrace.memory_bytes(process.pid))
            except (StopIteration, FileNotFoundError):
                break
            time.sleep(0.01)
        if process.wait() != 0:
            raise SystemExit("the replay of %s failed" % trace)
        good = max(seen) < 32 << 20
        print("%-52s %.2f GiB: %.1f MB at a quarter, %.1f MB at most, under 32 MiB asked for%s" % (
            "memory besides mapped files", size / (1 << 30), seen[len(seen) // 4] / 1e6, max(seen) / 1e6, "" if good else "  <-- MISSED"), flush=True)
        if not good:
            self.missed.append("memory")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=8000000)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.path.join(foretrace.ROOT, "build")) as scratch:
        bench = Bench(args, scratch)
        for part in (bench.user_space, bench.kernel, bench.streams, bench.memory):
            part()
    sys.exit(1 if bench.missed else 0)


main()
