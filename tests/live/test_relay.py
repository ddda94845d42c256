#!/usr/bin/python3
"""The live reader against a relay of ours: recorded kernel traces live, and a trace that
makes the library abort."""
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

sys.path.insert(0, os.path.join(foretrace.ROOT, "tests", "pipeline"))
from test_bad_traces import ABORTING_METADATA  # noqa: E402


class Relayed(foretrace.Case):
    def start(self, url, *args):
        self.out, self.err = open(self.path("out"), "w+"), open(self.path("err"), "w+")
        self.addCleanup(self.out.close)
        self.addCleanup(self.err.close)
        return subprocess.Popen([foretrace.PROGRAM, "run", "--attach", url, "--format", "json", "--publish", "none", "--summary",
                                 self.path("live.json"), "--samples", self.path("live.csv"), *args], stdin=subprocess.DEVNULL,
                                stdout=self.out, stderr=self.err)

    def said(self):
        with open(self.path("err")) as f:
            return f.read()

    def stop(self, process):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.kill()
        return foretrace.load(self.path("live.json"))

    def test_kernel_traces_live_equal_replay(self):
        for name in ("idle", "slowdisk", "redislost"):
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

    def test_a_trace_that_makes_the_library_abort(self):
        shutil.copytree(os.path.join(self.trace("idle"), "kernel"), self.path("bad"))
        relay.write_metadata(self.path("bad/metadata"), ABORTING_METADATA)
        with relay.Relay({"bad": [self.path("bad")]}) as server:
            process = self.start(server.url("bad"))
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
        lies = {
            "hangs up in an answer": lambda command, reply: (_ for _ in ()).throw(ConnectionError) if command == relay.PACKET else reply,
            "half a packet": lambda command, reply: reply[:len(reply) // 2] if command == relay.PACKET and len(reply) > 100 else reply,
            "an index error": lambda command, reply: reply[:56] + b"\0\0\0\x04" + reply[60:] if command == relay.NEXT_INDEX else reply,
            "a status there is none of": lambda command, reply: b"\0\0\0\x63" + reply[4:] if command == relay.ATTACH else reply,
            "metadata that is none": lambda command, reply: reply[:12] + b"x" * (len(reply) - 12) if command == relay.METADATA else reply,
        }
        for what, lie in lies.items():
            with self.subTest(lie=what), relay.Relay({"kernel": [trace]}) as server:
                server.lie = lie
                process = self.start(server.url("kernel"))
                try:
                    lttng.wait_for("a message", lambda: "trying again" in self.said())
                    self.assertIsNone(process.poll())
                finally:
                    self.stop(process)
                self.assertEqual(process.returncode, 0, self.said())


if __name__ == "__main__":
    foretrace.main()
