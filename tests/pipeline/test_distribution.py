#!/usr/bin/python3
"""The detector `distribution` from events to alerts: a second mode while the mean stands still is found and told in words, the same
in one process, in three, and in a backtest; sketches travel only where a rule wants them."""
import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402
import stages  # noqa: E402

WINDOW, WINDOWS, FAULT, LOST = 10 ** 8, 500, 440, 300
BEGIN = 10 ** 12
ANALYSES = """
window: 100ms
analyses:
  - latency: { name: request, in: "shop:begin", out: "shop:end", key: id, labels: op }
alerts: { clean_windows: 3 }
"""
RULES = """
detectors:
  - series: "request.duration.*"
    distribution:
  - series: "*"
    ignore: yes
"""


def shop_trace(path, fault=True, seed=1):
    """Two operations; of one a fifth becomes six times slower, and the rest so much faster that the mean stands still."""
    trace = ctf.Trace(path, host="shop")
    trace.event("shop:begin", id="u64", op="string")
    trace.event("shop:end", id="u64")
    stream = trace.stream(packet_events=4000)
    rng, events = random.Random(seed), []
    for w in range(WINDOWS):
        for i in range(60):
            op = "pay" if i % 2 else "search"
            took = 2e6 * math.exp(rng.gauss(0, 0.4))
            if fault and w >= FAULT and op == "pay":
                took *= (6 if rng.random() < 0.2 else 1) / 2
            start = BEGIN + w * WINDOW + int(rng.random() * (WINDOW - 5e7))
            events += [(start, "shop:begin", {"id": w * 60 + i, "op": op}), (start + int(took), "shop:end", {"id": w * 60 + i})]
    lost = False
    for time, name, fields in sorted(events, key=lambda e: e[0]):
        if not lost and time > BEGIN + LOST * WINDOW:
            lost = True
            stream.lose(7)
        stream.add(time, name, **fields)
    return trace.write()


class Distribution(stages.Case):
    def alerts(self, config, trace):
        out = foretrace.run("replay", "-c", config, "--publish", "none", "--format", "json", trace).stdout
        return out, [a for a in foretrace.alerts_of(out) if a["analysis"] == "request"]

    def test_a_second_mode(self):
        trace, config = shop_trace(self.path("trace")), self.config(ANALYSES + RULES)
        out, alerts = self.alerts(config, trace)
        fired = foretrace.fired(alerts)
        self.assertEqual(len(fired), 1)
        a = fired[0]
        self.assertEqual((a["metric"], a["labels"], a["statistic"], a["kind"], a["value"]), ("duration", {"op": "pay"}, "", "anomaly", None))
        self.assertEqual(a["detectors"], ["distribution"])
        self.assertGreaterEqual(a["began_ns"], BEGIN + (FAULT - 1) * WINDOW)
        self.assertLess(a["detected_ns"], BEGIN + (FAULT + 14) * WINDOW)
        self.assertRegex(a["detail"], r"^\d\d % of operations now at [\d.]+ us to [\d.]+ ms, were [\d.]+ %; [123]\d % now at [345][\d.]+ ms to [\d.]+ ms, were [\d.]+ %$")
        self.assertIn("request.duration{op=pay} is distributed otherwise: " + a["detail"], a["summary"])
        self.assertGreater(a["score"], 0.5)
        self.assertTrue(a["evidence"])
        self.assertEqual(self.alerts(config, trace)[0], out)
        # What watches single statistics sees none of it: the mean stands still.
        watching = RULES.replace("request.duration.*", "request.duration.mean*").replace("distribution:", "zscore:")
        self.assertEqual(self.alerts(self.config(ANALYSES + watching), trace)[1], [])

    def test_health_is_silent(self):
        for seed in range(3):
            trace = shop_trace(self.path("trace-%d" % seed), fault=False, seed=seed)
            self.assertEqual(self.alerts(self.config(ANALYSES + RULES), trace)[1], [])

    def test_three_processes_are_as_one(self):
        trace = shop_trace(self.path("trace"))
        config = self.delivery(ANALYSES + RULES)
        expected = self.alerts(config, trace)[0]
        out = self.path("alerts.json")
        started = [self.stage("detect", "-c", config, "--once").start().listening(),
                   self.stage("alert", "-c", config, "--once", "--publish", "none", "--format", "json", "--output", out).start().listening()]
        done = foretrace.run("collect", "-c", config, "--replay", trace)
        self.assertEqual([s.wait() for s in started], [0, 0], done.stderr)
        with open(out) as f:
            self.assertEqual(f.read(), expected)

    def test_a_collector_without_the_rules(self):
        """It sends no sketches, as one of an older version; detect says so once, and judges the rest."""
        trace = shop_trace(self.path("trace"))
        config = self.delivery(ANALYSES + RULES.replace("distribution:", "distribution:\n    threshold: { warning: 1us }", 1))
        plain = self.path("plain.yaml")
        with open(config) as full, open(plain, "w") as f:
            f.write(full.read().split("detectors:")[0])
        out = self.path("alerts.json")
        started = [self.stage("detect", "-c", config, "--once").start().listening(),
                   self.stage("alert", "-c", config, "--once", "--publish", "none", "--format", "json", "--output", out).start().listening()]
        foretrace.run("collect", "-c", plain, "--replay", trace)
        self.assertEqual([s.wait() for s in started], [0, 0])
        self.assertEqual(started[0].said().count("the collector needs the same rules"), 1)
        with open(out) as f:
            voters = {d for a in foretrace.alerts_of(f.read()) for d in a["detectors"]}
        self.assertTrue(voters and not any(v.startswith("distribution") for v in voters), voters)

    def test_backtest(self):
        trace, config = shop_trace(self.path("trace")), self.config(ANALYSES + RULES)
        fired = foretrace.fired(self.alerts(config, trace)[1])
        samples = self.path("samples.csv")
        foretrace.run("replay", "-q", "-c", config, "-f", "none", "--publish", "none", "--samples", samples, trace)
        done = foretrace.run("backtest", "-q", "-c", config, "-f", "json", trace)
        self.assertEqual([a["id"] for a in json.loads(done.stdout)["runs"][0]["alerts"] if a["series"].startswith("request.")], [a["id"] for a in fired])
        done = foretrace.run("backtest", "-c", config, samples)
        self.assertIn("a file of samples has none", done.stderr)


if __name__ == "__main__":
    foretrace.main()
