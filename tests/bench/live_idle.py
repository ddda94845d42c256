#!/usr/bin/python3
"""What watching an idle session costs: 8 streams in which nothing happens, with each reader and live timer.

    live_idle.py [--readers native,babeltrace2] [--live-timers 100ms,10ms,1ms] [--seconds 30] [--json FILE]

A program that sleeps is traced in as many channels as make 8 streams (4, with 2 CPUs). For each live timer and reader it prints the CPU,
in percent of a core, of foretrace with its children, of its children alone (with babeltrace2: the reader), of lttng-consumerd and of
lttng-relayd; the same without a viewer. First comes a foretrace that waits for a session that does not exist: that is what its stages
and the looking cost; what it takes more when attached is the reader's. /proc counts in 10 ms: 0.03 % of 30 s. The exit status says
whether all of foretrace with the native reader is within 0.5 % at 100ms and 2 % at 10ms.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import benches  # noqa: E402
import foretrace  # noqa: E402

LIMITS_PERCENT = {100000: 0.5, 10000: 2}      # of foretrace with the native reader, by live timer in us
CHANNELS, SETTLE_S = max(1, 8 // os.cpu_count()), 3
NOTHING, ABSENT = "no viewer", "no session"


def percents(seconds, *groups):
    """CPU of groups of processes over so many seconds."""
    before, begin = [foretrace.cpu_seconds(pids) for pids in groups], time.monotonic()
    time.sleep(seconds)
    after, end = [foretrace.cpu_seconds(pids) for pids in groups], time.monotonic()
    return [100 * (a - b) / (end - begin) for a, b in zip(after, before)]


class Bench:
    def __init__(self, args, directory):
        self.args, self.directory, self.table = args, directory, None
        self.waiting = {}       # reader: percents of a foretrace that waits
        self.sessiond = lttng.Sessiond()
        self.relayd = lttng.Relayd(os.path.join(directory, "relayd"))
        # Two events at its beginning, so that its streams are not empty.
        self.program = subprocess.Popen([os.environ.get("EMITTER", benches.beside("emitter")), "1000000", "1000000000"])

    def close(self):
        self.program.kill()
        self.program.wait()
        self.relayd.stop()
        self.sessiond.stop()

    def watched(self, reader, session):
        """Percents of foretrace with its children, of its children, of consumerd, of relayd."""
        watcher = benches.Watcher(self.directory, reader, self.relayd.session_url(session))
        try:
            if session == "absent":
                watcher.wait("it to wait", lambda: "; waiting" in watcher.said())
            else:
                watcher.wait_attached(self.relayd)
            time.sleep(SETTLE_S)
            tree = foretrace.tree(watcher.process.pid)
            result = percents(self.args.seconds, tree, tree[1:], *self.daemons())
            watcher.stop()
        finally:
            watcher.kill()
        return result

    def daemons(self):
        return benches.consumerds(self.sessiond), [self.relayd.pid]

    def absent(self):
        """Waiting for a session that is not there, while there is none at all."""
        for reader in self.args.readers:
            all_of_it, *rest = self.watched(reader, "absent")
            self.waiting[reader] = all_of_it
            self.table.add("", reader + ", " + ABSENT, all_of_it, None, *rest)

    def idle(self, timer, timer_us):
        name = "idle-" + timer
        lttng.live_session(self.relayd, name, timer_us=timer_us, start=False)
        for i in range(1, CHANNELS):
            lttng.lttng("enable-channel", "-u", "ch%d" % i, "-s", name)
            lttng.lttng("enable-event", "-u", "-c", "ch%d" % i, "-s", name, "emitter:*")
        lttng.lttng("start", name)
        streams = "%d streams" % (CHANNELS * os.cpu_count() + 1)        # one more of metadata
        lttng.wait_for(streams, lambda: streams in foretrace.run("sessions", self.relayd.url).stdout)
        time.sleep(SETTLE_S)
        self.table.add(timer, NOTHING, None, None, None, *percents(self.args.seconds, *self.daemons()))
        for reader in self.args.readers:
            all_of_it, *rest = self.watched(reader, name)
            self.table.add(timer, reader, all_of_it, all_of_it - self.waiting[reader], *rest)
        lttng.lttng("destroy", name, timeout=60)

    def run(self):
        self.table = benches.Table(("live timer", "%s"), ("reader                 ", "%s"), ("foretrace %", "%.2f"), ("reader %", "%.2f"),
                                   ("of children %", "%.2f"), ("consumerd %", "%.2f"), ("relayd %", "%.2f"))
        self.absent()
        for timer, timer_us in self.args.live_timers:
            self.idle(timer, timer_us)
        print()
        used = {(row["live timer"], row["reader"]): row["foretrace %"] for row in self.table.rows}
        for timer, timer_us in self.args.live_timers:
            if len(self.args.readers) == 2:
                print("live timer %s: native %.2f %%, babeltrace2 %.2f %%" % (timer, used[timer, "native"], used[timer, "babeltrace2"]))
            if "native" in self.args.readers and timer_us in LIMITS_PERCENT:
                value, limit = used[timer, "native"], LIMITS_PERCENT[timer_us]
                self.table.ask(value <= limit, "live timer %s: foretrace with native takes %.2f %% of a core, at most %g %% asked for" % (
                    timer, value, limit))
        return self.table.finish(self.args.json)


def main():
    parser = benches.arguments(__doc__)
    parser.add_argument("--live-timers", type=benches.timers, default="100ms,10ms,1ms")
    parser.add_argument("--seconds", type=float, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=benches.scratch()) as directory:
        bench = Bench(args, directory)
        try:
            status = bench.run()
        finally:
            bench.close()
    sys.exit(status)


main()
