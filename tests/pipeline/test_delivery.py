#!/usr/bin/python3
"""The stages as daemons: the same alerts as in one process, whoever is killed when."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import lttng  # noqa: E402
import stages  # noqa: E402

KILLS = int(os.environ.get("KILLS", "12" if foretrace.SANITIZED else "30"))


class Delivery(stages.Case):
    def lines(self, name):
        with open(self.path(name)) as f:
            return f.read().splitlines()

    def undisturbed(self, config, *traces):
        out = foretrace.run("replay", "-c", config, "--publish", "none", "--format", "json", *traces).stdout
        return out.splitlines()

    def start(self, config, *which, once=True):
        flags = ["--once"] if once else []
        made = {}
        for name in which:
            extra = ["--publish", "none", "--format", "json", "--output", self.path("alerts.json")] if name == "alert" else []
            made[name] = self.stage(name, "-c", config, *flags, *extra).start().listening()
        return made

    def test_three_processes_are_as_one(self):
        trace = stages.wavering_trace(self.path("trace"), 3000)
        for samples, verdicts in (("auto", "auto"), ["tcp://127.0.0.1:%d" % lttng.free_port() for _ in range(2)]):
            with self.subTest(samples=samples):
                config = self.delivery(stages.WAVERING, samples=samples, verdicts=verdicts)
                expected = self.undisturbed(config, trace)
                self.assertGreater(len(expected), 20)
                started = self.start(config, "detect", "alert")     # detect before alert, and both before collect
                done = foretrace.run("collect", "-c", config, "--replay", trace)
                self.assertEqual([s.wait() for s in started.values()], [0, 0], done.stderr)
                self.assertEqual(self.lines("alerts.json"), expected)
                os.remove(self.path("alerts.json"))
                os.system("rm -r " + self.path("state"))

    def test_once_and_once_more(self):
        """With --once a state whose senders have all ended waits for nobody, and says so."""
        trace = stages.wavering_trace(self.path("trace"), 300)
        config = self.delivery(stages.WAVERING)
        started = self.start(config, "detect", "alert")
        foretrace.run("collect", "-c", config, "--replay", trace)
        self.assertEqual([s.wait() for s in started.values()], [0, 0])
        for name, who in (("alert", "detect stages"), ("detect", "collectors")):
            again = self.stage(name, "-c", config, "--once").start()
            self.assertEqual(again.wait(), 0)
            self.assertIn("state/%s: all %s that it knows of have ended already: nothing is waited for (--once)" % (name, who), again.said())

    def test_a_collector_that_is_first_waits(self):
        trace = stages.wavering_trace(self.path("trace"), 2000)
        config = self.delivery(stages.WAVERING, silent_after="500ms", buffer="1MiB")
        expected = self.undisturbed(config, trace)
        collect = self.stage("collect", "-c", config, "--replay", trace).start()
        lttng.wait_for("what it says", lambda: "does not answer" in collect.said())
        self.assertIn("detect at ipc://", collect.said())
        started = self.start(config, "alert", "detect")
        self.assertEqual([collect.wait()] + [s.wait() for s in started.values()], [0, 0, 0])
        self.assertEqual(self.lines("alerts.json"), expected)

    def test_two_collectors(self):
        """Window by window in the order of time, whoever is faster: two runs give the same, and each
        collector's alerts are those it has alone."""
        traces = [stages.wavering_trace(self.path("t%d" % i), 2500, host="host%d" % i, seed=i) for i in (1, 2)]
        config = self.delivery(stages.WAVERING, collectors=2)
        alone = [self.undisturbed(config, t) for t in traces]
        runs = []
        for attempt in range(2):
            started = self.start(config, "alert", "detect")
            order = traces if attempt == 0 else traces[::-1]
            collectors = [self.stage("collect", "-c", config, "--set", "delivery.name=" + os.path.basename(t), "--replay", t) for t in order]
            for c in collectors:
                c.start()
                time.sleep(0.3)
            self.assertEqual([s.wait() for s in [*collectors, *started.values()]], [0] * 4)
            runs.append(self.lines("alerts.json"))
            os.remove(self.path("alerts.json"))
            os.system("rm -r " + self.path("state"))
        self.assertEqual(runs[0], runs[1])
        ids = [[(a["id"], a["state"]) for a in foretrace.alerts_of("\n".join(lines))] for lines in (*alone, runs[0])]
        self.assertEqual(sorted(ids[0] + ids[1]), sorted(ids[2]))
        ends = [max(a["window_end_ns"], a["resolved_ns"] or 0) for a in foretrace.alerts_of("\n".join(runs[0]))]
        self.assertEqual(ends, sorted(ends))

    def test_kill_9(self):
        """detect and alert are killed at random instants while a trace is replayed: what comes out is what
        comes out undisturbed, each transition once, with the same numbers and ids."""
        trace = stages.wavering_trace(self.path("trace"), 40000 if KILLS <= 30 else 40000 * KILLS // 30)
        config = self.delivery(stages.WAVERING, silent_after="1m", buffer="1MiB", journal="4MiB")
        expected = self.undisturbed(config, trace)
        started = self.start(config, "alert", "detect")
        collect = self.stage("collect", "-c", config, "--replay", trace).start()
        seed = int(os.environ.get("SEED", "0")) or int(time.time())
        rng, kills, torn = random.Random(seed), {"alert": 0, "detect": 0}, 0
        while collect.running() and min(kills.values()) < KILLS:
            name = rng.choice(list(kills))
            time.sleep(rng.random() * 0.08)
            if not collect.running():
                break
            started[name].kill()
            time.sleep(rng.choice((0, 0, 0.05)))
            started[name].start().listening()
            kills[name] += 1
        print("seed %d: killed %s" % (seed, kills), flush=True)
        self.assertEqual(collect.wait(), 0, collect.said())
        self.assertEqual([s.wait() for s in started.values()], [0, 0], started["detect"].said())
        self.assertGreater(min(kills.values()), KILLS // 4, "the trace is too short for as many kills")
        got = self.lines("alerts.json")
        self.assertEqual(got, expected)
        self.assertEqual([a["sequence"] for a in foretrace.alerts_of("\n".join(got))], list(range(1, len(got) + 1)))

    def test_what_alert_has_is_not_kept_again(self):
        """After a kill detect makes again what its journal's messages gave, and keeps of that what alert has not got."""
        config = self.delivery(stages.WAVERING, silent_after="1m")
        started = self.start(config, "alert", "detect", once=False)
        foretrace.run("collect", "-c", config, "--replay", stages.wavering_trace(self.path("trace"), 8000))
        expected = self.undisturbed(config, self.path("trace"))
        lttng.wait_for("the last alert", lambda: len(self.lines("alerts.json")) >= len(expected))
        time.sleep(3)           # the last acknowledgement
        for stage in started.values():
            stage.kill()
        state = self.path("state/detect/")
        with open(state + next(n for n in os.listdir(state) if n.startswith("journal.")), "rb") as f:
            records = len(f.read().rstrip(b"\0"))
        started["detect"].start().listening()       # with nobody to tell it again
        snapshot = os.path.getsize(state + "snapshot")
        print("%d bytes of records, then a snapshot of %d" % (records, snapshot), flush=True)
        self.assertGreater(records, 500000, "this shows nothing")
        self.assertLess(snapshot, 100000)
        self.assertEqual(len(self.lines("alerts.json")), len(expected))

    def test_a_collector_that_goes_away(self):
        trace = stages.wavering_trace(self.path("trace"), 3000)
        config = self.delivery(stages.WAVERING, silent_after="4s", buffer="1MiB", collectors=1)
        started = self.start(config, "alert", "detect", once=False)
        collect = self.stage("collect", "-c", config, "--set", "delivery.name=web1", "--replay", trace).start()
        collect.wait()
        # One that ended well is no outage; one that was killed is, and its return ends it.
        time.sleep(5)
        self.assertNotIn('"metric":"stage"', "".join(self.lines("alerts.json")))
        collect.args[-2:] = "--attach", "net://127.0.0.1:%d/host/h/s" % lttng.free_port()     # it does not end by itself
        collect.start()
        lttng.wait_for("its return", lambda: "has connected again" in started["detect"].said())
        self.assertTrue(collect.running())
        collect.kill()
        outage = self.wait_alert(lambda a: a["metric"] == "stage" and a["state"] == "firing")
        self.assertEqual((outage["kind"], outage["severity"], outage["labels"]), ("outage", "critical", {"stage": "collect", "name": "web1"}))
        collect.start()
        self.wait_alert(lambda a: a["metric"] == "stage" and a["state"] == "resolved" and a["id"] == outage["id"])
        collect.kill(signal.SIGTERM)
        # A detect stage that goes away is an alert, even if it is stopped: nothing is judged any more.
        started["detect"].kill(signal.SIGTERM)
        self.wait_alert(lambda a: a["metric"] == "stage" and a["state"] == "firing" and a["labels"]["stage"] == "detect")
        started["detect"].start().listening()
        self.wait_alert(lambda a: a["metric"] == "stage" and a["state"] == "resolved" and a["labels"]["stage"] == "detect")

    def wait_alert(self, match, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for a in foretrace.alerts_of("\n".join(self.lines("alerts.json"))):
                if match(a):
                    return a
            time.sleep(0.05)
        self.fail("no such alert within %d s; there are\n%s" % (timeout, "\n".join(self.lines("alerts.json")[-5:])))


if __name__ == "__main__":
    foretrace.main()
