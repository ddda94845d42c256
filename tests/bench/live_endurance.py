#!/usr/bin/python3
"""Whether watching a live session for long holds anything back: many events, then many hours in which nothing happens.

    live_endurance.py [--readers native,babeltrace2] [--events 50] [--hours 24] [--json FILE]

The relay of the tests hands out a made trace of two streams: a tenth of it, so that all tables have the size they need, then the rest,
then beacons that are 10 s of event time apart and come when they are asked for. Behind each phase it prints what foretrace has
delivered, CPU, and what it and its children hold: anonymous memory and descriptors. The exit status says whether every event came and
memory and descriptors stayed as they were behind the first phase.
"""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import benches  # noqa: E402
import foretrace  # noqa: E402
import relay  # noqa: E402
import relay_trace  # noqa: E402

GROWTH_MAX, STREAMS, EVENTS = 2 << 20, 2, 10000       # bytes; of a packet
AT_ONCE, STEP_NS, PATIENCE_S = 32, 10 * 10 ** 9, 3600


class Endurance:
    def __init__(self, args, directory, reader, table):
        self.args, self.reader, self.table = args, reader, table
        self.trace = relay_trace.MadeTrace(args.events * 10 ** 6 // (EVENTS * STREAMS), EVENTS, STREAMS)
        self.session = relay.Session("endurance", [self.trace], whole=False, timer_us=1000)     # time goes on when it is asked for
        self.server = relay.Relay([self.session])
        self.directory, self.watcher, self.held, self.spent = directory, None, [], 0.0

    def phase(self, name, events, what):
        before = time.monotonic()
        what()
        lasted = time.monotonic() - before
        time.sleep(2)       # what was handed out is delivered, windows are closed
        pids = foretrace.tree(self.watcher.process.pid)
        memory, descriptors = sum(map(foretrace.memory_bytes, pids)), sum(len(os.listdir("/proc/%d/fd" % p)) for p in pids)
        cpu, self.spent = foretrace.cpu_seconds(pids) - self.spent, foretrace.cpu_seconds(pids)
        self.held.append((memory, descriptors))
        self.table.add(self.reader, name, events / 1e6 if events else None, lasted, cpu, cpu * 1e9 / events if events else None, memory / 1e6, descriptors)

    def packets(self, upto):
        """So many at a time that the relay need not know them all at once."""
        at = self.session.data()[0].received
        while at < upto:
            at = min(at + AT_ONCE, upto)
            self.session.packets(upto=at)
            self.watcher.wait("packets to be read", self.session.handed_out, PATIENCE_S)

    def idle(self):
        self.session.idle(self.args.hours, STEP_NS)
        self.watcher.wait("%g hours to pass" % self.args.hours, self.session.idled, PATIENCE_S)

    def run(self):
        with self.server:
            self.watcher = benches.Watcher(self.directory, self.reader, self.server.url("endurance"), "--set", "attach_history=all")
            try:
                self.watcher.wait("a viewer", lambda: self.session.viewer)
                first, count = len(self.trace.streams[0].index) // 10, len(self.trace.streams[0].index)
                self.phase("a tenth of them", first * EVENTS * STREAMS, lambda: self.packets(first))
                self.phase("the rest", (count - first) * EVENTS * STREAMS, lambda: self.packets(count))
                self.phase("%g h without events" % self.args.hours, None, self.idle)
                summary = self.watcher.stop()[2]
            finally:
                self.watcher.kill()
        self.judge(summary)

    def judge(self, summary):
        ask, name = self.table.ask, self.reader
        ask(summary["events"] == self.trace.events and summary["late_events"] == summary["outages"] == summary["lost_packets"] == 0,
            "%s: %d events of %d, %d late, %d outages" % (name, summary["events"], self.trace.events, summary["late_events"], summary["outages"]))
        passed_h = summary["windows"] / 3600
        ask(passed_h > self.args.hours, "%s: %.1f hours of windows" % (name, passed_h))
        memory, descriptors = ([h[i] - self.held[0][i] for h in self.held[1:]] for i in (0, 1))
        ask(max(memory) <= GROWTH_MAX, "%s: memory grew by %.1f MB, at most %.1f asked for" % (name, max(memory) / 1e6, GROWTH_MAX / 1e6))
        ask(max(descriptors) <= 0, "%s: %d more descriptors" % (name, max(descriptors)))


def main():
    parser = benches.arguments(__doc__)
    parser.set_defaults(readers=["native"])
    parser.add_argument("--events", type=int, default=50, help="millions of them (50)")
    parser.add_argument("--hours", type=float, default=24, help="of event time without any (24)")
    args = parser.parse_args()
    table = benches.Table(("reader     ", "%s"), ("phase              ", "%s"), ("M events", "%.1f"), ("seconds", "%.1f"), ("CPU s", "%.2f"), ("ns/event", "%.1f"),
                          ("memory MB", "%.1f"), ("descriptors", "%d"))
    with tempfile.TemporaryDirectory(dir=benches.scratch()) as directory:
        for reader in args.readers:
            Endurance(args, directory, reader, table).run()
    sys.exit(table.finish(args.json))


main()
