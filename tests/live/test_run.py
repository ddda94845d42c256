#!/usr/bin/python3
"""foretrace run: a program under real LTTng daemons, from start to exit status."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402


def processes(name):
    found = []
    with open("/proc/self/mountinfo") as f:
        own = f.read()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid) as f:
                comm = f.read().strip()
            with open("/proc/%s/mountinfo" % pid) as f:
                mounts = f.read()
        except OSError:
            continue
        if comm == name[:15] and mounts == own:
            found.append(int(pid))
    return found


class Run(foretrace.Case):
    def run_program(self, *args, options=(), check=True, timeout=240):
        """Returns (done, alerts, summary, samples)."""
        summary, samples = self.path("summary.json"), self.path("samples.csv")
        for path in (summary, samples):
            if os.path.exists(path):
                os.remove(path)
        done = foretrace.run("run", "--format", "json", "--summary", summary, "--samples", samples, *options, "--", *args,
                             check=check, timeout=timeout)
        return (done, foretrace.alerts_of(done.stdout), foretrace.load(summary) if os.path.exists(summary) else None,
                foretrace.samples_of(samples) if os.path.exists(samples) else None)

    def test_nothing_is_missed_and_nothing_is_left(self):
        done, alerts, summary, samples = self.run_program(foretrace.EMITTER, "3000", "500", "exit=3", check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(summary["events"], 6000)
        self.assertEqual(summary["discarded_events"], 0)
        self.assertFalse(summary["discarded_at_least"])
        self.assertEqual(sum(v for _, s, v, _, _ in samples if s == "latency.duration.count{pair=emitter:op}"), 3000)
        for daemon in ("lttng-sessiond", "lttng-relayd", "lttng-consumerd"):
            lttng.wait_for("%s to be gone" % daemon, lambda: not processes(daemon))
        # What is left in the runtime directory is the lock of the published endpoint.
        self.assertEqual([n for n in os.listdir(self.path("foretrace")) if n.startswith("relayd")], [])

    def test_state_outlives_the_program(self):
        """The next run of the same program knows its series: sessions of two runs have one label."""
        state = ("--state", self.path("state"))
        first = self.run_program(foretrace.EMITTER, "3000", "500", options=state)
        second = self.run_program(foretrace.EMITTER, "3000", "500", options=state)
        self.assertNotIn("going on", first[0].stderr)
        self.assertIn("going on with what was learned of", second[0].stderr)
        for _, _, summary, _ in (first, second):
            self.assertEqual((summary["events"], summary["restarted_states"]), (6000, 0))
            self.assertLessEqual(summary["told_again"], 1)    # the second in which one ended and the next began: partial in both

    def test_exit_statuses(self):
        self.assertEqual(self.run_program(foretrace.EMITTER, "10", "100", "crash", check=False)[0].returncode, 128 + signal.SIGABRT)
        done = self.run_program(self.path("missing"), check=False)[0]
        self.assertEqual(done.returncode, 127)
        self.assertIn("cannot run %s: No such file or directory" % self.path("missing"), done.stderr)
        with open(self.path("not-executable"), "w"):
            pass
        done = self.run_program(self.path("not-executable"), check=False)[0]
        self.assertEqual(done.returncode, 126)
        self.assertIn("Permission denied", done.stderr)
        for misleading in "is the program instrumented", "watching ":
            self.assertNotIn(misleading, done.stderr)
        self.assertEqual(self.run_program("sh", "-c", "exit 41", check=False)[0].returncode, 41)

    def test_a_program_that_is_not_traced(self):
        done, alerts, summary, _ = self.run_program("sleep", "12")
        self.assertEqual(summary["events"], 0)
        self.assertIn("is the program instrumented", done.stderr)
        self.assertEqual(alerts, [])

    def test_kept_trace_replays_equal(self):
        # Samples and alert ids of the live run and of two replays of what it stored are the same.
        keep = self.path("kept")
        config = self.config("window: 200ms\nanalyses:\n  - latency: {name: op, in: emitter:op_begin, out: emitter:op_end, "
                             "key: id, threshold: 15ms}\n  - rate: {events: 'emitter:*'}\n")
        # Six slow ones in the middle make alerts.
        done, live_alerts, _, live = self.run_program(foretrace.EMITTER, "2500", "1000", "work=1000", "slow=400/30000",
                                                      options=("--config", config, "--keep", keep))
        self.assertIn("the trace is in %s" % keep, done.stderr)
        runs = [self.replay("--config", config, keep) for _ in range(2)]
        self.assertEqual(runs[0][1], runs[1][1])
        # Windows wholly inside the observed interval: live may have seen a beacon after the last packet.
        last = max(r[0] for r in runs[0][1] if "partial" not in r[4])
        inside = lambda rows: [r for r in rows if "partial" not in r[4] and r[0] <= last]
        self.assertGreater(len(inside(live)), 200)
        self.assertEqual(inside(live), inside(runs[0][1]))
        ids = lambda alerts: [(a["id"], a["state"], a["summary"]) for a in alerts]
        self.assertGreaterEqual(len(live_alerts), 2)
        self.assertEqual(ids(live_alerts), ids(runs[0][0]))
        self.assertEqual(ids(runs[0][0]), ids(runs[1][0]))

    def start(self, *args, options=()):
        return subprocess.Popen([foretrace.PROGRAM, "run", "--format", "json", "--summary", self.path("summary.json"), "--samples",
                                 self.path("samples.csv"), *options, "--", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def watched(self, path=None):
        """Until windows with some hundred events are over: the program is past its beginning, and its events arrive."""
        rows = lambda: foretrace.samples_of(path or self.path("samples.csv"), whole=False)
        lttng.wait_for("events", lambda: sum(v for _, s, v, _, _ in rows() if s.startswith("rate.events.count")) > 200)

    def program_of(self, process):
        """The pid of the emitter that foretrace started."""
        def look():
            try:
                with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as f:
                    for pid in f.read().split():
                        with open("/proc/%s/comm" % pid) as comm:
                            if comm.read().strip() == "emitter":
                                return int(pid)
            except OSError:
                pass
            return None
        return lttng.wait_for("the program to start", look)

    def pending(self, process, number):
        with open("/proc/%d/status" % process.pid) as f:
            return any(int(line.split()[1], 16) >> (number - 1) & 1 for line in f if line.startswith("ShdPnd:"))

    def test_signals_are_forwarded(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start(foretrace.EMITTER, "100000", "1000")
            self.watched()
            process.send_signal(number)
            out, err = process.communicate(timeout=90)
            self.assertEqual(process.returncode, 128 + number, err)
            self.assertGreater(foretrace.load(self.path("summary.json"))["events"], 200)
            os.remove(self.path("samples.csv"))

    def test_a_second_signal_kills(self):
        process = self.start(foretrace.EMITTER, "100000", "1000", "stubborn")
        program = self.program_of(process)
        self.watched()
        process.send_signal(signal.SIGINT)
        lttng.wait_for("the first to be taken", lambda: not self.pending(process, signal.SIGINT))
        time.sleep(0.5)
        os.kill(program, 0)                         # still there
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=90)
        self.assertEqual(process.returncode, 128 + signal.SIGKILL, err)

    def test_descendants_are_traced(self):
        # Each child traces some seconds' worth: what it traced before it was noticed may be missing, no more.
        done, _, summary, _ = self.run_program(foretrace.EMITTER, "100", "50000", "children=3")
        self.assertGreater(summary["events"], 3 * 200 * 0.8, done.stderr)
        self.assertLessEqual(summary["events"], 600)

    def test_all_traces_everybody(self):
        config = self.config("analyses:\n  - rate: {events: 'emitter:*'}\n")
        done, _, summary, _ = self.run_program("sh", "-c", "%s 100 1000 & %s 100 1000; wait" % (foretrace.EMITTER, foretrace.EMITTER),
                                               options=("--all", "--config", config))
        self.assertEqual(summary["events"], 400, done.stderr)

    def test_only_this_program_is_traced(self):
        other = subprocess.Popen([foretrace.EMITTER, "100000", "1000"])
        try:
            _, _, summary, _ = self.run_program(foretrace.EMITTER, "1000", "1000")
            self.assertEqual(summary["events"], 2000)
        finally:
            other.kill()
            other.wait()

    def test_a_thousand_children(self):
        done, _, summary, _ = self.run_program("sh", "-c", "i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done; exit 5",
                                               check=False, timeout=60)
        self.assertEqual(done.returncode, 5, done.stderr)

    def test_preload(self):
        # An unmodified program: its allocations become events.
        config = self.config("analyses:\n  - rate: {events: 'lttng_ust_libc:*'}\n")
        done, _, summary, _ = self.run_program("/usr/bin/python3", "-c", "import time\nfor i in range(20): x=[str(k) for k in range(1000)]; "
                                               "time.sleep(.02)", options=("--preload", "libc", "--config", config))
        self.assertGreater(summary["events"], 1000, done.stderr)
        done = self.run_program("true", options=("--preload", "lbc"), check=False)[0]
        self.assertIn("--preload: 'lbc' is not one of libc, pthread, fork, fd, dl, function", done.stderr)

    def test_running_programs(self):
        for how in ("--pid", "--name", "--user"):
            other = subprocess.Popen([foretrace.EMITTER, "60000", "1000"])
            samples = self.path(how + ".csv")
            try:
                what = {"--pid": str(other.pid), "--name": "emitter", "--user": "root" if os.geteuid() == 0 else os.environ["USER"]}[how]
                process = subprocess.Popen([foretrace.PROGRAM, "run", how, what, "--format", "json", "--summary",
                                            self.path("summary.json"), "--samples", samples], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                # It is traced as soon as it has registered: after 5 s where an lttng-sessiond was killed before.
                self.watched(samples)
                other.terminate()
                if how == "--pid":
                    out, err = process.communicate(timeout=90)      # ends with the process
                else:
                    other.wait(timeout=30)
                    process.send_signal(signal.SIGINT)
                    out, err = process.communicate(timeout=90)
                self.assertEqual(process.returncode, 0, err)
                self.assertGreater(foretrace.load(self.path("summary.json"))["events"], 200, "%s: %s" % (how, err))
            finally:
                other.kill()
                other.wait()
        done = foretrace.run("run", "--pid", "999999999", check=False)
        self.assertIn("there is no such process", done.stderr)
        done = foretrace.run("run", "--name", "no-such-name", check=False)
        self.assertIn("no process of that name runs", done.stderr)

    def test_losses_are_reconciled(self):
        # Buffers far too small for the burst: received and discarded together are all there were.
        config = self.config("session: {subbuffer_size: 4KiB, subbuffer_count: 2}\nanalyses:\n  - rate: {events: 'emitter:*'}\n")
        done, alerts, summary, samples = self.run_program(foretrace.EMITTER, "200000", "0", options=("--config", config))
        self.assertGreater(summary["discarded_events"], 1000)
        self.assertEqual(summary["events"] + summary["discarded_events"], 400000, done.stderr)
        self.assertFalse(summary["discarded_at_least"])
        self.assertIn("loss", [a["kind"] for a in alerts])
        self.assertTrue([1 for r in samples if "lossy" in r[4]])

    def test_existing_daemons_are_used_and_left(self):
        sessiond = lttng.Sessiond()
        try:
            _, _, summary, _ = self.run_program(foretrace.EMITTER, "1000", "500")
            self.assertEqual(summary["events"], 2000)
            self.assertIn("Currently no available recording session", lttng.lttng("list", check=False).stdout)
            os.kill(sessiond.pid, 0)
            # A monitor that is killed leaves no session behind.
            process = self.start(foretrace.EMITTER, "100000", "1000")
            program = self.program_of(process)
            lttng.wait_for("the session", lambda: "emitter-foretrace-" in lttng.lttng("list", check=False).stdout)
            process.kill()
            process.wait()
            lttng.wait_for("the session to be gone", lambda: "emitter-foretrace-" not in lttng.lttng("list", check=False).stdout)
            os.kill(program, signal.SIGKILL)    # it was not killed with its monitor
            process.communicate()
        finally:
            sessiond.stop()

    def test_two_at_a_time(self):
        # On one lttng-sessiond; 2.13.9 does not end the first session while the second lives, and we end all the same.
        sessiond = lttng.Sessiond()
        try:
            first = self.start(foretrace.EMITTER, "2000", "1000")
            self.program_of(first)
            second = subprocess.Popen([foretrace.PROGRAM, "run", "--summary", self.path("second.json"), "--", foretrace.EMITTER, "15000", "1000"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            out, err = first.communicate(timeout=90)
            self.assertIsNone(second.poll())
            self.assertEqual((first.returncode, foretrace.load(self.path("summary.json"))["events"]), (0, 4000), err)
            out, err = second.communicate(timeout=90)
            self.assertEqual((second.returncode, foretrace.load(self.path("second.json"))["events"]), (0, 30000), err)
            self.assertIn("another foretrace publishes at the usual place", err)
        finally:
            sessiond.stop()

    def test_usage(self):
        for args, message in ((("run",), "what is to be watched?"), (("run", "--attach", "net://h", "--all"), "--attach changes nothing"),
                              (("run", "--attach", "nonsense"), "is no relay URL"), (("run", "--attach", "net://localhost"), "names no session"),
                              (("run", "--window", "1", "true"), "is not a duration with a unit"),
                              (("run", "--pid", "1", "true"), "exclude each other")):
            done = foretrace.run(*args, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    foretrace.main()
