#!/usr/bin/python3
"""collect, detect and alert as daemons on live sessions, and what becomes of them when they are killed.

KILLS=100 kills as often (SEED: at the same instants again)."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import links  # noqa: E402
import stages  # noqa: E402

KILLS = int(os.environ.get("KILLS", "10"))
PARTIAL = 2

CONFIG = """
window: 100ms
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, threshold: 15ms }
  - rate: { name: all, events: "emitter:*" }
detectors:
  - series: "op.duration.p99"
    threshold: { warning: 10ms }
  - series: "*"
    ignore: yes
alerts: { cool_down: 0s }
"""


class Live(stages.Case):
    def foreign_session(self, name="work", timer_us=100000):
        """One that somebody else made, with a program in it; its URL."""
        self.keep(lttng.Sessiond())
        self.relayd = self.keep(lttng.Relayd(self.path("relayd")))
        lttng.live_session(self.relayd, name, timer_us)
        self.keep(lttng.Daemon(foretrace.EMITTER, "1000000", "1000", "work=1000"))
        return self.relayd.session_url(name)

    def viewers(self, count):
        lttng.wait_for("%d viewers" % count, lambda: "%d viewer" % count in foretrace.run("sessions", self.relayd.url).stdout)

    def serve(self, config, *names):
        out = ["--publish", "none", "--format", "json", "--output", self.path("alerts.json")]
        return [self.stage(n, "-c", config, *(out if n == "alert" else [])).start().listening() for n in names]

    def alerts(self):
        with open(self.path("alerts.json")) as f:
            return foretrace.alerts_of(f.read())

    def wait_stage_alert(self, state, count=1, timeout=60):
        """The outage of a stage; so many of them are in that state, or were."""
        def look():
            found = [a for a in self.alerts() if a["metric"] == "stage" and a["state"] == state]
            return found[-1] if len(found) >= count else None
        return lttng.wait_for("%d alerts of a stage that are %s" % (count, state), look, timeout)


class Kills(Live):
    """Nobody notices that a stage was killed and started again."""
    def kill_at_random(self, victims):
        seed = int(os.environ.get("SEED", "0")) or int(time.time())
        print("seed %d" % seed, flush=True)
        rng = random.Random(seed)
        rounds = [v for v in victims for _ in range(KILLS)]
        rng.shuffle(rounds)
        for victim in rounds:
            time.sleep(rng.random() * 0.3)
            victim.kill()
            time.sleep(rng.choice((0, 0, 0.1)))
            victim.start().listening()

    def collect(self, config, *args):
        """A program that is slow every second or so."""
        collect = self.stage("collect", "-c", config, *args, "--", foretrace.EMITTER, "1000000", "1000", "work=1000", "slow=300/30000").start()
        lttng.wait_for("the program to be watched", lambda: "watching" in collect.said())
        return collect

    def test_alerts_as_of_an_undisturbed_run(self):
        keep = self.path("kept")
        config = self.delivery(CONFIG, silent_after="1m", journal="4MiB")
        alert, detect = self.serve(config, "alert", "detect")
        collect = self.collect(config, "--keep", keep)
        for stage in (alert, detect):
            stage.args.append("--once")
        self.kill_at_random([alert, detect])
        collect.kill(signal.SIGINT)
        self.assertEqual([s.wait(30) for s in (detect, alert)], [0, 0])
        expected, _, _, _ = self.replay("-c", config, keep)
        told = lambda alerts: [(a["sequence"], a["id"], a["state"], a["summary"]) for a in alerts]
        self.assertGreater(len(expected), KILLS // 3)
        live = self.alerts()
        self.assertEqual([a["sequence"] for a in live], list(range(1, len(live) + 1)))
        # A trace ends with its last event, and its last window is cut short. Live, beacons go on: an alert may be over by then.
        self.assertEqual(told(live[:len(expected)]), told(expected))
        self.assertEqual([a["state"] for a in live[len(expected):] if a["state"] != "resolved"], [])

    def test_each_window_once(self):
        samples, endpoint = self.path("samples.csv"), "ipc://" + self.path("verdicts")
        verdicts = links.Verdicts(endpoint)
        self.addCleanup(verdicts.stop)
        config = self.delivery(CONFIG, silent_after="1m", journal="4MiB", verdicts=endpoint)
        [detect] = self.serve(config, "detect")
        collect = self.collect(config, "--samples", samples)
        self.kill_at_random([detect])
        collect.kill(signal.SIGINT)
        made = sorted({row[0] for row in foretrace.samples_of(samples)})
        self.assertGreater(len(made), KILLS)
        lttng.wait_for("the last window", lambda: len(verdicts.windows) >= len(made))
        self.assertEqual([end_ns for end_ns, _, _ in verdicts.windows], made)


    def test_the_windows_that_are_dropped_are_counted(self):
        """While detect is away for longer than the buffer lasts, and killed again while it is told so."""
        samples, endpoint = self.path("samples.csv"), "ipc://" + self.path("verdicts")
        verdicts = links.Verdicts(endpoint)
        self.addCleanup(verdicts.stop)
        # 200 series of operations in windows of 20 ms: about 1 MB/s.
        config = self.delivery(CONFIG.replace("100ms", "20ms").replace("key: id,", "key: id, labels: id, evidence: '',"),
                               silent_after="1m", journal="4MiB", buffer="1MiB", verdicts=endpoint)
        [detect] = self.serve(config, "detect")
        collect = self.stage("collect", "-c", config, "--samples", samples, "--", foretrace.EMITTER, "100000000", "3000", "ids=200", "batch=40").start()
        lttng.wait_for("windows", lambda: len(verdicts.windows) > 20)
        rng = random.Random(int(os.environ.get("SEED", "0")) or 1)
        for _ in range(max(3, KILLS // 2)):
            detect.kill()
            time.sleep(rng.choice((0, 1.5, 2.5)))
            detect.start().listening()
            time.sleep(rng.random() * 0.2)
        now = time.time_ns()
        lttng.wait_for("windows that ended since", lambda: verdicts.windows[-1][0] > now)
        collect.kill(signal.SIGINT)
        made = sorted({row[0] for row in foretrace.samples_of(samples)})
        lttng.wait_for("the last window", lambda: verdicts.windows[-1][0] >= made[-1])
        judged = [end_ns for end_ns, _, _ in verdicts.windows]
        told = sum(body[15] for kind, body in verdicts.taken if kind == links.VERDICT and body[7] == "dropped_windows")
        self.assertEqual(judged, sorted(set(judged)))
        print("%d windows made, %d judged, %d told to be missing" % (len(made), len(judged), told), flush=True)
        self.assertGreater(told, 10)
        self.assertEqual(told, len(set(made) - set(judged)))


class CollectorKilled(Live):
    def wait_window(self, verdicts, after, complete=True, timeout=60):
        """The first window that was judged after so many were."""
        def look():
            return [w for w in verdicts.windows[after:] if not complete or not w[1] & PARTIAL]
        return lttng.wait_for("a window", look, timeout)[0]

    def test_it_carries_on(self):
        """Within two live timers of having attached again, and with what it had missed (test_restart.py)."""
        self.carries_on(100000)

    def test_it_carries_on_slowly(self):
        self.carries_on(1000000)

    def carries_on(self, timer_us):
        endpoint = "ipc://" + self.path("verdicts")
        verdicts = links.Verdicts(endpoint)
        self.addCleanup(verdicts.stop)
        config = self.delivery(CONFIG.replace("10ms", "1ns"), verdicts=endpoint)     # each window is a bad one
        self.serve(config, "detect")
        collect = self.stage("collect", "-c", config, "--live-timer", "%dus" % timer_us, "--attach", self.foreign_session(timer_us=timer_us)).start()
        self.wait_window(verdicts, 0)
        for _ in range(2):      # where anybody of them does not run for a moment it is late, and has one more try
            collect.kill()
            self.viewers(0)
            time.sleep(0.5)
            before = len(verdicts.windows)
            collect.start()
            started = time.time_ns()
            self.viewers(1)
            ready = time.time_ns()
            first = self.wait_window(verdicts, before)
            print("live timer %d ms: a window was judged %.0f ms after the start, %.0f ms after attaching again" % (
                timer_us / 1000, (first[2] - started) / 1e6, (first[2] - ready) / 1e6), flush=True)
            self.assertIn(first[0], verdicts.judged)
            if first[2] - ready < 2 * timer_us * 1000 + 150e6:      # and a window of 100 ms, which must end
                break
        else:
            self.fail("twice not within two live timers")
        ends = [end_ns for end_ns, _, _ in verdicts.windows]
        self.assertEqual(ends, list(range(ends[0], ends[-1] + 1, 100_000_000)))
        self.assertEqual([w for w in verdicts.windows[1:] if w[1]], [])

    def test_its_outage_is_an_alert(self):
        config = self.delivery(CONFIG, silent_after="4s", name="web1")
        self.serve(config, "alert", "detect")
        collect = self.stage("collect", "-c", config, "--attach", self.foreign_session()).start()
        self.viewers(1)
        time.sleep(5)
        self.assertEqual([a for a in self.alerts() if a["metric"] == "stage"], [])
        collect.kill()
        fired = self.wait_stage_alert("firing")
        self.assertEqual((fired["kind"], fired["severity"], fired["labels"]), ("outage", "critical", {"stage": "collect", "name": "web1"}))
        collect.start()
        self.assertEqual(self.wait_stage_alert("resolved")["id"], fired["id"])
        # And one that is back before it was missed: what happened meanwhile was not seen by anybody.
        time.sleep(2)
        collect.kill()
        collect.start()
        self.wait_stage_alert("firing", 2)
        self.wait_stage_alert("resolved", 2)


if __name__ == "__main__":
    foretrace.main()
