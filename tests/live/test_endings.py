#!/usr/bin/python3
"""The watched program is the user's: whatever becomes of the watching, it runs on and its status counts.
And whatever ends first, nothing is left behind and nothing missed in silence."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Endings(foretrace.Case):
    def start(self, *args, **kwargs):
        """foretrace run in a session (of processes) of its own; self.said() is what it says."""
        self.errors, self.samples = open(self.path("stderr"), "w+"), self.path("samples-%d.csv" % len(os.listdir(self.dir)))
        self.process = subprocess.Popen([foretrace.PROGRAM, "run", "--publish", "none", "--format", "none", "--summary", self.path("summary.json"), "--samples",
                                         self.samples, *args],
                                        stdin=subprocess.DEVNULL, stderr=self.errors, start_new_session=True, **kwargs)
        self.addCleanup(self.process.wait, 60)
        self.addCleanup(lambda: self.process.poll() is None and os.killpg(self.process.pid, signal.SIGKILL))
        self.addCleanup(self.errors.close)

    def said(self):
        with open(self.path("stderr")) as file:
            return file.read()

    def watched(self):
        """Until a window with events is over: the program runs, and its events arrive."""
        lttng.wait_for("events", lambda: any(s.startswith("rate.events.count") and v for _, s, v, _, _ in foretrace.samples_of(self.samples, whole=False)))

    def end(self, timeout=120):
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("still there after %d s; said:\n%s" % (timeout, self.said()))
        return status, foretrace.load(self.path("summary.json"))

    def session(self):
        """The name of the running session."""
        lines = [line for line in lttng.lttng("list", check=False).stdout.splitlines() if "-foretrace-" in line]
        return lines[0].split()[1] if lines else None

    def daemon(self, name):
        """The pid of a daemon that foretrace has started."""
        out = subprocess.run(["pgrep", "-P", str(self.process.pid), "-x", name[:15]], stdout=subprocess.PIPE, text=True).stdout
        return int(out.split()[0]) if out.split() else None

    def test_somebody_destroys_the_session(self):
        self.start("--", foretrace.EMITTER, "10000", "1000", "exit=3")
        self.watched()
        lttng.lttng("destroy", self.session())
        lttng.wait_for("another", lambda: "making another" in self.said())
        status, summary = self.end()
        self.assertEqual(status, 3, self.said())
        self.assertIn("reading again", self.said())
        self.assertGreater(summary["events"], 4000)
        self.assertGreaterEqual(summary["outages"], 1)

    def test_our_sessiond_is_killed(self):
        self.start("--", foretrace.EMITTER, "10000", "1000", "exit=4")
        self.watched()
        os.kill(self.daemon("lttng-sessiond"), signal.SIGKILL)
        status, summary = self.end()
        self.assertEqual(status, 4, self.said())
        self.assertIn("making another", self.said())
        self.assertGreater(summary["events"], 0)
        self.assertGreaterEqual(summary["outages"], 1)

    def test_program_is_killed_while_it_writes(self):
        # LTTng 2.13 never gives the buffer that it leaves: what is missing is told, and marked.
        self.start("--set", "window=100ms", "--samples", self.path("samples.csv"), "--", foretrace.EMITTER, "30000", "8000", "batch=500", "torn")
        status, summary = self.end()
        self.assertEqual(status, 128 + signal.SIGKILL, self.said())
        self.assertEqual((summary["outages"], summary["discarded_at_least"]), (1, True), self.said())
        self.assertRegex(self.said(), "neither event nor beacon of stream|the end of stream .* does not come")
        windows = {t: quality for t, series, _, _, quality in foretrace.samples_of(self.path("samples.csv")) if series.startswith("rate.")}
        counts = [(t, value) for t, series, value, _, _ in foretrace.samples_of(self.path("samples.csv")) if series == "rate.events.count{event=emitter:op_end}" and value]
        last = max(t for t, _ in counts)
        self.assertIn("lossy", windows[last])
        self.assertEqual([t for t in windows if t > last and "lossy" not in windows[t]], [])

    def test_nothing_can_be_made_again(self):
        # Neither daemon starts any more: the program ends all the same, with its own status.
        os.mkdir(self.path("bin"))
        for name in ("lttng-relayd", "lttng-sessiond"):
            with open(self.path("bin/" + name), "w") as file:
                file.write('#!/bin/sh\n[ ! -e "%s" ] || exit 1\nexec /usr/bin/%s "$@"\n' % (self.path("deaf"), name))
            os.chmod(self.path("bin/" + name), 0o755)
        self.start("--", foretrace.EMITTER, "10000", "1000", "exit=5", env={**os.environ, "PATH": self.path("bin") + ":" + os.environ["PATH"]})
        self.watched()
        open(self.path("deaf"), "w").close()
        os.kill(self.daemon("lttng-relayd"), signal.SIGKILL)
        status, _ = self.end()
        self.assertEqual(status, 5, self.said())
        self.assertIn("is no longer watched", self.said())

    def test_interrupt_of_a_terminal(self):
        # It goes to every process of the foreground group: the program's, ours, but not our daemons'.
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                # Whoever is killed while it writes an event leaves a buffer that nobody can read: it hardly ever writes one.
                self.start("--", foretrace.EMITTER, "100000", "20000")
                self.watched()
                os.killpg(self.process.pid, number)
                status, summary = self.end()
                self.assertEqual(status, 128 + number)
                self.assertEqual((summary["outages"], summary["discarded_at_least"]), (0, False), self.said())
                self.assertNotIn("cannot", self.said())
                self.assertNotIn("missing", self.said())

    def test_interrupt_before_the_start(self):
        for delay in (0.05, 0.15, 0.3):
            with self.subTest(delay=delay):
                self.start("--", "sleep", "1000")
                time.sleep(delay)
                self.process.send_signal(signal.SIGINT)
                try:
                    status = self.process.wait(60)
                except subprocess.TimeoutExpired:
                    self.fail(self.said())
                self.assertEqual(abs(status) % 128, signal.SIGINT)     # before main() has begun, by the signal itself

    def test_hangup_under_nohup(self):
        self.start("--", foretrace.EMITTER, "2000", "1000", "exit=6", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        lttng.wait_for("the session", self.session)
        os.killpg(self.process.pid, signal.SIGHUP)
        status, summary = self.end()
        self.assertEqual((status, summary["events"]), (6, 4000), self.said())

    def test_nothing_is_left_in_a_foreign_sessiond(self):
        sessiond = lttng.Sessiond()
        try:
            self.start("--", foretrace.EMITTER, "10000", "1000", "exit=7")
            self.watched()
            first = self.session()
            os.kill(self.daemon("lttng-relayd"), signal.SIGKILL)
            lttng.wait_for("another", lambda: self.session() not in (None, first))
            self.assertNotIn(first, lttng.lttng("list").stdout)
            status, _ = self.end()
            self.assertEqual(status, 7, self.said())
            self.assertNotIn("-foretrace-", lttng.lttng("list").stdout)
            # And when lttng-relayd is frozen at the end.
            self.start("--", foretrace.EMITTER, "3000", "1000")
            self.watched()
            os.kill(self.daemon("lttng-relayd"), signal.SIGSTOP)
            self.end()
            self.assertNotIn("-foretrace-", lttng.lttng("list").stdout)
        finally:
            sessiond.stop()

    def test_killed_monitors_leave_no_traces(self):
        state = self.path("state")
        self.start("--set", "delivery.state=" + state, "--", foretrace.EMITTER, "2000", "1000")
        lttng.wait_for("the session", self.session)
        relayd = self.daemon("lttng-relayd")
        self.process.kill()
        self.process.wait(10)
        subprocess.run(["pkill", "-g", str(self.process.pid)])
        self.assertEqual(len(os.listdir(state)), 1)
        lttng.wait_for("the daemons to be gone", lambda: lttng.lttng("list", check=False).returncode != 0 and not alive(relayd))
        self.start("--set", "delivery.state=" + state, "--", foretrace.EMITTER, "100", "1000")
        status, _ = self.end()
        self.assertEqual(status, 0, self.said())
        self.assertEqual(os.listdir(state), [])
        self.assertEqual(os.stat(state).st_mode & 0o777, 0o700)

    def test_a_child_in_a_pid_namespace(self):
        if os.geteuid() != 0:
            self.skipTest("makes a pid namespace: root")
        self.start("--", "unshare", "-pf", "sh", "-c", "sleep 4; exec %s 1000 500" % foretrace.EMITTER)
        status, summary = self.end()
        self.assertEqual((status, summary["events"]), (0, 2000), self.said())


if __name__ == "__main__":
    foretrace.main()
