#!/usr/bin/python3
"""The live reader against a relay of ours: recorded kernel traces live, sessions and silences as no test could wait for
them, a trace that makes the library abort, faults and lies."""
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import relay  # noqa: E402
import relay_trace  # noqa: E402

sys.path.insert(0, os.path.join(foretrace.ROOT, "tests", "pipeline"))
from test_bad_traces import ABORTING_METADATA  # noqa: E402


class Relayed(foretrace.Case):
    def start(self, url, *args):
        self.out, self.err = open(self.path("out"), "w+"), open(self.path("err"), "w+")
        self.addCleanup(self.out.close)
        self.addCleanup(self.err.close)
        return subprocess.Popen([foretrace.PROGRAM, "run", "--attach", url, "--set", "attach_history=all", "--format", "json", "--publish", "none", "--summary",
                                 self.path("live.json"), "--samples", self.path("live.csv"), *args], stdin=subprocess.DEVNULL,
                                stdout=self.out, stderr=self.err)

    def said(self):
        with open(self.path("err")) as f:
            return f.read()

    def stop(self, process):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()
        return foretrace.load(self.path("live.json"))

    def test_kernel_traces_live_equal_replay(self):
        for name in ("idle", "fio", "redis", "slowdisk", "cpu", "redislost"):
            with self.subTest(trace=name):
                trace = os.path.join(self.trace(name), "kernel")
                _, replayed, summary, _ = self.replay(trace)
                with relay.Relay({"kernel": [trace]}) as server:
                    process = self.start(server.url("kernel"))
                    lttng.wait_for("the end of the session", lambda: "the session has ended" in self.said())
                    live = self.stop(process)
                for key in ("events", "discarded_events", "first_event_ns", "last_event_ns"):
                    self.assertEqual(live[key], summary[key], key)
                whole = lambda rows: [r for r in rows if "partial" not in r[4]]
                self.assertEqual(whole(foretrace.samples_of(self.path("live.csv"))), whole(replayed))

    def test_a_paced_session_equals_replay(self):
        # Packets come in their time, silent streams have beacons: what is observed is the same.
        trace = os.path.join(self.trace("redislost"), "kernel")
        _, _, summary, _ = self.replay(trace)
        session = relay.Session("kernel", [trace], whole=False)
        with relay.Relay([session]) as server:
            session.pace(speed=2)
            process = self.start(server.url("kernel"))
            lttng.wait_for("the end of the session", lambda: "the session has ended" in self.said())
            live = self.stop(process)
        for key in ("events", "discarded_events", "first_event_ns", "last_event_ns"):
            self.assertEqual(live[key], summary[key], key)

    def test_sessions_of_one_name(self):
        # As of a session with two domains, and one of another host that is nobody's business.
        sessions = [relay.Session("s", [relay_trace.MadeTrace(3, 1000, event=event, domain=domain)]) for event, domain in (("a:a", "ust"), ("b:b", "kernel"))]
        with relay.Relay([*sessions, relay.Session("s", [relay_trace.MadeTrace(3, 1000, event="c:c")], host="other")]) as server:
            process = self.start(server.url("s"))
            lttng.wait_for("the end of the session", lambda: "the session has ended" in self.said())
            self.assertEqual(self.stop(process)["events"], 2 * 2 * 3 * 1000)

    def test_hours_without_events(self):
        session = relay.Session("s", [relay_trace.MadeTrace(3, 1000)], whole=False, timer_us=1000)    # time goes on when it is asked for
        with relay.Relay([session]) as server:
            process = self.start(server.url("s"))
            lttng.wait_for("the viewer", lambda: session.viewer)
            session.packets()
            lttng.wait_for("the packets to be read", session.handed_out)
            session.idle(hours=6, step_ns=10 * 10 ** 9)
            lttng.wait_for("the hours to pass", session.idled)
            self.assertEqual(self.said(), "")
            live = self.stop(process)
        self.assertEqual(live["events"], 2 * 3 * 1000)

    def test_faults(self):
        # After each the monitor begins anew, and in the end it has read the session to its end.
        trace = os.path.join(self.trace("idle"), "kernel")
        with relay.Relay({"kernel": [trace]}) as server:
            server.hang_up(relay.PACKET, after=100, times=1)
            server.answer_slowly(1, 0.0001, relay.NEXT_INDEX)
            server.answer_late(0.05, relay.METADATA)
            process = self.start(server.url("kernel"))
            try:
                lttng.wait_for("a message", lambda: "trying again" in self.said())
                server.refuse()
                server.hang_up_all()
                server.listen()
                server.freeze()
                lttng.wait_for("a connection", lambda: server.connections)
                server.thaw()
                lttng.wait_for("the end of the session", lambda: "the session has ended" in self.said())
                self.assertEqual(server.wrongs, [])
            finally:
                self.stop(process)
            self.assertEqual(process.returncode, 0, self.said())

    def test_a_trace_that_makes_the_library_abort(self):
        shutil.copytree(os.path.join(self.trace("idle"), "kernel"), self.path("bad"))
        relay.write_metadata(self.path("bad/metadata"), ABORTING_METADATA)
        with relay.Relay({"bad": [self.path("bad")]}) as server:
            process = self.start(server.url("bad"), "--set", "reader=babeltrace2")
            try:
                lttng.wait_for("the abort to be told", lambda: "the reader was killed by signal 6 (Aborted)" in self.said())
                before = server.commands
                time.sleep(4)
                self.assertLess(server.commands - before, 100)      # a back-off, and no busy loop
                self.assertIn("Assertion `tgt_fc` failed", self.said())
                self.assertEqual(self.said().count("was killed by signal 6"), 1)    # told once
                self.assertIsNone(process.poll())
            finally:
                self.stop(process)

    def test_lies(self):
        # Lengths and codes out of nowhere: an outage with a reason, never a crash of the monitor.
        trace = os.path.join(self.trace("idle"), "kernel")
        for what in ("connect major 99", "create status 99", "attach status 99", "index status 4", "index packet 4611686018427387904",
                     "offset beyond the file", "packet status 3", "packet with noise behind its header", "metadata that is none"):
            with self.subTest(lie=what), relay.Relay({"kernel": [trace]}) as server:
                server.lie = relay.LIES[what]
                process = self.start(server.url("kernel"))
                try:
                    lttng.wait_for("a message", lambda: "trying again" in self.said())
                    self.assertIsNone(process.poll())
                finally:
                    self.stop(process)
                self.assertEqual(process.returncode, 0, self.said())


if __name__ == "__main__":
    foretrace.main()
