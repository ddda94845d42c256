#!/usr/bin/python3
"""What an alert says of a change: level, spread or both, by how much, since when; as JSON and as text."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402

WINDOW, WINDOWS, AT = 10 ** 8, 400, 300
BEGIN = 10 ** 12
CONFIG = """
window: 100ms
analyses:
  - value: { name: level, events: "app:level", field: level, labels: what }
detectors:
  - series: "level.level.last*"
    change_point: { method: %s, min_spread: 0.01 }
  - series: "*"
    ignore: yes
"""


class Changes(foretrace.Case):
    def trace(self, level, sigma):
        trace = ctf.Trace(self.path("trace"), host="h")
        trace.event("app:level", what="string", level="f64")
        stream = trace.stream(packet_events=1000)
        rng = random.Random(5)
        for w in range(WINDOWS):
            for i in range(4):
                stream.add(BEGIN + w * WINDOW + (i + 1) * WINDOW // 5, "app:level", what="x",
                           level=rng.gauss(level, sigma) if w >= AT else rng.gauss(100, 3))
        return trace.write()

    def test_which_of_the_two(self):
        for method in ("cusum", "page_hinkley"):
            for level, sigma, changed in ((112, 3, "mean"), (100, 12, "spread"), (160, 15, "both"), (100, 3, None)):
                with self.subTest(method=method, changed=changed):
                    args = ("-c", self.config(CONFIG % method), self.trace(level, sigma))
                    fired = [a for a in foretrace.fired(self.replay(*args)[0]) if a["metric"] == "level"]
                    os.system("rm -r " + self.path("trace"))
                    if changed is None:
                        self.assertEqual(fired, [])
                        continue
                    self.assertEqual([a["kind"] for a in fired], ["change"] * len(fired))
                    a = fired[0]
                    self.assertEqual(a["detectors"], ["change_point(last)"])
                    self.assertLess(abs(a["began_ns"] - BEGIN - AT * WINDOW), 4 * WINDOW)
                    self.assertLess(a["detected_ns"], BEGIN + (AT + 30) * WINDOW)
                    self.assertIn(a["changed"], ("mean", "both") if changed == "both" else (changed,))
                    self.assertIn("varies" if a["changed"] == "spread" else "rose from", a["summary"])
                    self.assertEqual("varies" in a["summary"], a["changed"] != "mean")
                    if changed == "mean":
                        self.assertAlmostEqual(a["magnitude"], 12, delta=3)
                    if changed == "spread":
                        self.assertGreater(a["spread"], 1.8)


if __name__ == "__main__":
    foretrace.main()
