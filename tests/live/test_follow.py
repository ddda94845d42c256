#!/usr/bin/python3
"""foretrace events net://...: the events of a live session as they come, also of one that foretrace watches already."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import live  # noqa: E402
import relay  # noqa: E402

TRACES = ("idle", "slowdisk", "redislost", "cpu", "fio", "redis")


class Recorded(foretrace.Case):
    def events(self, *args):
        done = foretrace.run("events", "--format", "json", *args)
        return done.stdout.splitlines(), done.stderr

    def test_kernel_traces_live_equal_replay_field_by_field(self):
        for name in TRACES:
            with self.subTest(trace=name):
                trace = os.path.join(self.trace(name), "kernel")
                replayed, lost = self.events(trace)
                with relay.Relay({"kernel": [trace]}) as server:
                    live, lost_live = self.events("--history", server.url("kernel"))
                    self.assertEqual(server.wrongs, [])
                self.assertGreater(len(live), 1000)
                # Not assertEqual: a difference of two such lists would take minutes to print.
                self.assertEqual(len(live), len(replayed))
                different = [(a, b) for a, b in zip(live, replayed) if a != b]
                self.assertEqual(different[:3], [])
                self.assertEqual(lost_live.splitlines()[-1:], lost.splitlines()[-1:])

    def test_filters(self):
        trace = os.path.join(self.trace("idle"), "kernel")
        args = ["--name", "sched_switch", "--where", "prev_tid = 0"]
        with relay.Relay({"kernel": [trace]}) as server:
            live, _ = self.events("--history", *args, server.url("kernel"))
            counted = foretrace.run("events", "--history", "--count", *args, server.url("kernel")).stdout
        replayed, _ = self.events(*args, trace)
        self.assertGreater(len(replayed), 100)
        self.assertTrue(live == replayed)
        self.assertEqual(int(counted), len(replayed))

    def test_mistakes(self):
        for args, words in ((["net://localhost"], "is not one session"), (["net://localhost/host/*/x"], "is not one session"),
                            (["--history", "/tmp"], "--history is for live sessions"), (["net://localhost/host/h/s", "/tmp"], "one live session, or directories"),
                            (["--reader", "babeltrace2", "net://localhost/host/h/s"], "reads recorded traces only")):
            done = foretrace.run("events", *args, check=False)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(words, done.stderr)

    def test_a_session_that_is_not_live(self):
        trace = os.path.join(self.trace("idle"), "kernel")
        with relay.Relay([relay.Session("kernel", [trace], timer_us=0)]) as server:
            process = self.keep(subprocess.Popen([foretrace.PROGRAM, "events", server.url("kernel")], stdin=subprocess.DEVNULL,
                                                 stderr=subprocess.PIPE, text=True))
            with process.stderr as said:
                self.assertIn("is not a live one (lttng create --live)", said.readline())


class Follow(live.Case):
    def setUp(self):
        super().setUp()
        self.live_session("work")

    def start(self, name, *args):
        with open(self.path(name + ".out"), "w") as out, open(self.path(name + ".err"), "w") as err:
            return self.keep(subprocess.Popen([foretrace.PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=err))

    def said(self, name):
        with open(self.path(name + ".err")) as f:
            return f.read()

    def ids(self, name):
        """Of operations that have ended: nothing of them is still to come."""
        with open(self.path(name + ".out")) as f:
            return [json.loads(line)["fields"]["id"] for line in f if line.endswith("\n") and "op_end" in line]

    def follow(self, name="events", *args):
        return self.start(name, "events", "--format", "json", *args, self.relayd.session_url("work"))

    def emit(self, count, *words):
        """Of what a program emits: one process after the other, each with ids of its own."""
        return subprocess.Popen([foretrace.EMITTER, str(count), "1000", *words])

    def end(self, process, name):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0, self.said(name))

    def consecutive(self, ids, count=None):
        self.assertTrue(ids)
        self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))))
        if count:
            self.assertEqual(len(ids), count)

    def test_as_tail_does(self):
        self.emit(100).wait()
        self.wait_stored(2 * 100)
        follower = self.follow()
        self.wait_viewer()
        time.sleep(0.3)
        self.emit(500).wait()
        lttng.wait_for("the events", lambda: len(self.ids("events")) >= 500)
        self.end(follower, "events")
        self.consecutive(self.ids("events"), 500)       # and none of those before
        whole = self.follow("whole", "--history")
        lttng.wait_for("all events", lambda: len(self.ids("whole")) >= 600)
        lttng.lttng("destroy", "work")
        self.assertEqual(whole.wait(60), 0)             # it ends with the session
        self.assertEqual(len(self.ids("whole")), 600)

    def test_reading_along(self):
        m = live.Monitor(self, "--attach", self.relayd.session_url("work"))
        watcher = self.keep(m.process)
        self.wait_viewer()
        self.emit(50).wait()
        m.wait_events(2 * 50)
        followers = [self.follow("along%d" % i) for i in range(2)]
        names = ["along%d" % i for i in range(2)]
        for name in names:
            lttng.wait_for("reading along", lambda: "foretrace watches that session (process %d)" % watcher.pid in self.said(name))
            self.assertNotIn("another viewer", self.said(name))     # it is no trouble
        time.sleep(0.3)
        self.emit(1000).wait()
        for name in names:
            lttng.wait_for("the events", lambda: len(self.ids(name)) >= 1000)
            self.consecutive(self.ids(name), 1000)
        # Another program, with metadata and streams of its own, while they read.
        self.emit(300).wait()
        lttng.wait_for("more events", lambda: all(len(self.ids(name)) >= 1300 for name in names))
        followers[0].kill()
        self.emit(200).wait()
        lttng.wait_for("still more", lambda: len(self.ids("along1")) >= 1500)
        # The collector goes: the session is read by itself then.
        self.assertEqual(m.stop()[0]["events"], 2 * (50 + 1000 + 300 + 200))
        self.emit(100).wait()                           # whether or not it is attached already
        lttng.wait_for("the last ones", lambda: len(self.ids("along1")) >= 1600)
        self.wait_viewer()
        self.emit(50).wait()
        lttng.wait_for("the very last ones", lambda: len(self.ids("along1")) >= 1650)
        self.end(followers[1], "along1")
        self.assertEqual(len(self.ids("along1")), 1650)

    def test_the_same_session_of_another_relayd(self):
        """Only what watches that session of that lttng-relayd is read along with, by whichever name of this machine it goes."""
        other = self.keep(lttng.Relayd(self.path("other")))
        self.start("watcher", "run", "--publish", "none", "--attach", self.relayd.session_url("work"))
        self.wait_viewer()
        self.start("elsewhere", "events", "--format", "json", other.session_url("work"))
        self.start("here", "events", "--format", "json", self.relayd.session_url("work").replace("127.0.0.1", "localhost"))
        lttng.wait_for("reading along", lambda: "foretrace watches that session" in self.said("here"))
        self.emit(100).wait()
        lttng.wait_for("the events", lambda: len(self.ids("here")) >= 100)
        self.assertNotIn("foretrace watches", self.said("elsewhere"))
        self.assertEqual(self.ids("elsewhere"), [])

    def test_who_reads_along_and_does_not_read(self):
        # Events faster than a terminal takes them: the collector is not held up, and the reader is told.
        m = live.Monitor(self, "--attach", self.relayd.session_url("work"))
        self.keep(m.process)
        self.wait_viewer()
        follower = self.follow("along")
        lttng.wait_for("reading along", lambda: "foretrace watches that session" in self.said("along"))
        follower.send_signal(signal.SIGSTOP)
        self.emit(2000000, "batch=1000").wait()
        time.sleep(1)
        stored = self.stored()[0]
        self.assertGreater(stored, 200000)
        follower.send_signal(signal.SIGCONT)
        time.sleep(1)
        follower.kill()
        m.wait_events(stored)
        m.stop()


if __name__ == "__main__":
    foretrace.main()
