#!/usr/bin/python3
"""`foretrace run --state`: a restart does not forget. What was learned before it is used after it, what fires goes on firing; a
configuration that changed restarts the series concerned, counted; a file that is damaged is named, and the monitor starts fresh."""
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402
import relay  # noqa: E402

WINDOW, WINDOWS, CUT, FAULT = 10 ** 8, 400, 300, 310   # the fault comes within the warm-up of a monitor that began at the cut
BEGIN = 10 ** 12
CONFIG = """
window: 100ms
analyses:
  - value: { name: level, events: "app:level", field: level, labels: what }
detectors:
  - series: "level.level.last{what=a}"
    zscore: { threshold: %d }
  - series: "level.level.last{what=b}"
    zscore:
  - series: "*"
    ignore: yes
alerts: { cool_down: 0s, clean_windows: 3 }
"""


class Memory(foretrace.Case):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)
        print("%s: seed %d" % (self.id().split(".")[-1], seed), flush=True)
        self.random = random.Random(seed)
        self.state = self.path("state")
        self.runs = 0

    def session(self, fault=(FAULT, FAULT + 20)):
        """A packet a window; the first CUT of them are there."""
        trace = ctf.Trace(self.path("trace-%d" % self.random.randrange(1 << 30)), host="recorded", session="s")
        trace.event("app:level", what="string", level="f64")
        stream = trace.stream(packet_events=8)
        for w in range(WINDOWS):
            for i in range(8):
                value = self.random.gauss(100, 1) + (80 if fault[0] <= w < fault[1] else 0)
                stream.add(BEGIN + w * WINDOW + (i + 1) * WINDOW // 9, "app:level", what="ab"[i % 2], level=value)
        session = relay.Session("s", [trace.write()], whole=False)
        session.packets(upto=CUT)
        return session

    def begin(self, url, *args, threshold=6):
        config = self.path("run-%d.yaml" % self.runs)
        with open(config, "w") as f:
            f.write(CONFIG % threshold)
        self.runs += 1
        self.out = self.path("out-%d" % self.runs)
        with open(self.out, "w") as out, open(self.out + ".err", "w") as err:
            process = subprocess.Popen([foretrace.PROGRAM, "run", "--attach", url, "-c", config, "--set", "attach_history=all", "-f", "json", "--publish", "none",
                                        "--summary", self.out + ".json", "--samples", self.out + ".csv", *args], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        return self.keep(process)

    def said(self):
        with open(self.out + ".err") as f:
            return f.read()

    def alerts(self):
        with open(self.out) as f:
            return foretrace.alerts_of(f.read())

    def wait(self, what, condition, timeout=90):
        end = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), end, "%s does not come; said: %s" % (what, self.said()))
            time.sleep(0.01)

    def learn(self, server, session, how=signal.SIGINT, **kwargs):
        """A first life, which sees the beginning."""
        process = self.begin(server.url("s"), "--state", self.state, **kwargs)
        windows = lambda: [row[0] for row in foretrace.samples_of(self.out + ".csv", whole=False)]
        self.wait("the beginning", lambda: max(windows(), default=0) >= BEGIN + (CUT - 1) * WINDOW)
        time.sleep(0.5)          # judged, too: nothing tells when
        process.send_signal(how)
        process.wait(30)
        self.wait("the viewer's end", lambda: session.viewer is None)

    def go_on(self, server, session, *args, **kwargs):
        """Another life, which sees the rest. (alerts that fired, summary)"""
        process = self.begin(server.url("s"), *args, **kwargs)
        self.wait("the viewer", lambda: session.viewer)
        session.packets()
        session.close()
        self.wait("the end of the session", lambda: "has ended" in self.said() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        return foretrace.fired(self.alerts()), foretrace.load(self.out + ".json")

    def of_fault(self, alerts):
        return sorted(a["labels"]["what"] for a in alerts if a["metric"] == "level")

    def test_what_was_learned_is_used(self):
        for how in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(how=how.name):
                self.state = self.path("state-%s" % how.name)
                session = self.session()
                with relay.Relay([session]) as server:
                    self.learn(server, session, how)
                    alerts, summary = self.go_on(server, session, "--state", self.state)
                    self.assertEqual(self.of_fault(alerts), ["a", "b"], self.said())
                    self.assertIn("going on with what was learned of 2 metrics", self.said())
                    self.assertEqual(summary["restarted_states"], 0)
                    for a in alerts:
                        if a["metric"] == "level":
                            self.assertLess(a["detected_ns"], (FAULT + 8) * WINDOW + BEGIN)
                    # A kill is told of foretrace, once, not of stages that nobody could start.
                    kills = [a for a in self.alerts() if a["metric"] == "stage"]
                    self.assertEqual([(a["state"], a["labels"]["stage"]) for a in kills], [("firing", "run"), ("resolved", "run")] if how == signal.SIGKILL else [])
                    for a in kills:
                        self.assertIn("foretrace did not watch for a while: it was killed, and goes on", a["summary"])

    def test_without_memory_it_learns_again(self):
        session = self.session()
        with relay.Relay([session]) as server:
            self.learn(server, session)
            self.assertEqual(self.of_fault(self.go_on(server, session, "--set", "attach_history=none")[0]), [])

    def test_what_fires_goes_on_firing(self):
        session = self.session(fault=(CUT - 20, CUT + 10))
        with relay.Relay([session]) as server:
            self.learn(server, session)
            before = {a["id"] for a in foretrace.fired(self.alerts())}
            self.assertEqual(len(before), 2)
            self.assertEqual([a for a in self.alerts() if a["state"] == "resolved"], [])
            fired, _ = self.go_on(server, session, "--state", self.state)
            self.assertEqual(self.of_fault(fired), [])
            self.assertEqual({a["id"] for a in self.alerts() if a["state"] == "resolved" and a["metric"] == "level"}, before)

    def test_a_changed_configuration(self):
        """The series whose detector is configured otherwise learns again, and is silent meanwhile; the other one goes on."""
        session = self.session()
        with relay.Relay([session]) as server:
            self.learn(server, session)
            alerts, summary = self.go_on(server, session, "--state", self.state, threshold=7)
            self.assertEqual(self.of_fault(alerts), ["b"])
            self.assertEqual(summary["restarted_states"], 1)
            self.assertIn("1 states of detectors begin anew", self.said())

    def test_another_window(self):
        """What was learned of windows of one length says nothing of those of another: all learn again, and that is said."""
        session = self.session()
        with relay.Relay([session]) as server:
            self.learn(server, session)
            alerts, summary = self.go_on(server, session, "--state", self.state, "--window", "200ms")
            self.assertEqual(self.of_fault(alerts), [])
            self.assertEqual(summary["restarted_states"], 2)
            self.assertEqual(self.said().count("windows are 200 ms long, and were 100 ms when it was learned what is normal: it is learned anew"), 1)

    def files(self):
        return [os.path.join(d, f) for d, _, names in os.walk(self.state) for f in names]

    def damage(self, path, cut):
        """Some bytes of the first kilobytes, where something is in all of these files, or all from one of them on."""
        with open(path, "r+b") as f:
            size = min(os.path.getsize(path), 2000)
            at = self.random.randrange(size or 1)
            if cut:
                f.truncate(at)
                return
            f.seek(at)
            bad = bytes(b ^ self.random.randrange(1, 256) for b in f.read(self.random.choice((1, 1, 8, 100))))
            f.seek(at)
            f.write(bad)

    def test_a_damaged_file(self):
        session = self.session()
        with relay.Relay([session]) as server:
            self.learn(server, session)
            path = next(f for f in self.files() if f.endswith("detect/snapshot"))
            self.damage(path, False)
            alerts, _ = self.go_on(server, session, "--state", self.state)
            self.assertIn(path + " is damaged", self.said())
            self.assertTrue(os.path.exists(path + ".bad"))
            self.assertEqual(self.of_fault(alerts), [])        # it started fresh, and learns

    def test_any_file_damaged(self):
        """Whatever is damaged, and wherever: it runs, judges the rest, and nobody is told of what is not there."""
        session = self.session(fault=(WINDOWS, WINDOWS))
        with relay.Relay([session]) as server:
            self.learn(server, session)
            shutil.copytree(self.state, self.path("learned"))
            for path in self.files():
                for cut in (False, True):
                    with self.subTest(file=path, cut=cut):
                        self.damage(path, cut)
                        process = self.begin(server.url("s"), "--state", self.state)
                        self.wait("what is there", session.handed_out)
                        process.send_signal(signal.SIGINT)
                        self.assertEqual(process.wait(30), 0, self.said())
                        self.assertEqual(self.of_fault(foretrace.fired(self.alerts())), [])
                        if path.endswith("snapshot"):
                            self.assertIn(path + " is damaged", self.said())
                        self.wait("the viewer's end", lambda: session.viewer is None)
                        shutil.rmtree(self.state)
                        shutil.copytree(self.path("learned"), self.state)

    def test_names_do_not_meet(self):
        """Two runs that watch different things keep different states under one directory; two of the same do not start."""
        one, two = self.session(), self.session()
        two.name = "other"
        with relay.Relay([one, two]) as server:
            first = self.begin(server.url("s"), "--state", self.state)
            self.wait("the first", one.handed_out)
            second = self.begin(server.url("other"), "--state", self.state)
            self.wait("the second", two.handed_out)
            self.assertEqual(len(os.listdir(self.state)), 2)
            third = self.begin(server.url("s"), "--state", self.state)
            self.assertNotEqual(third.wait(30), 0)
            self.assertIn("another foretrace works with this state", self.said())
            for process in (first, second):
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.wait(30), 0)


if __name__ == "__main__":
    foretrace.main()
