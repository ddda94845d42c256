#!/usr/bin/python3
"""Recorded kernel traces through all stages: counts, losses, golden alerts, equal replays."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

SLOW_DISK = """
window: 100ms
analyses:
  - latency:
      name: block
      in: block_rq_issue
      out: block_rq_complete
      key: [dev, sector]
      labels: dev
"""


class Recorded(foretrace.Case):
    def test_events_are_counted(self):
        # What babeltrace2 counts.
        for name, events, discarded in (("idle", 22513, 0), ("fio", 104791, 0), ("redis", 103286, 0), ("slowdisk", 121396, 0),
                                        ("cpu", 50300, 0), ("redislost", 15730, 52660)):
            with self.subTest(trace=name):
                _, samples, summary, _ = self.replay(self.trace(name))
                self.assertEqual(summary["events"], events)
                self.assertEqual(summary["discarded_events"], discarded)
                self.assertEqual(summary["lost_packets"], 0)
                self.assertFalse(summary["discarded_at_least"])
                self.assertEqual(summary["samples"], sum(1 for s in samples) + self.absent(samples, summary))

    def absent(self, samples, summary):
        # Samples without a value (the mean of nothing) are counted but have no line.
        return summary["samples"] - len(samples)

    def test_rates_add_up(self):
        # The events of complete and partial windows together are all events when none is excluded.
        config = self.config("analyses:\n  - rate: {events: '*'}\n")
        _, samples, summary, _ = self.replay("--config", config, self.trace("fio"))
        total = sum(v for _, s, v, _, _ in samples if s.startswith("rate.events.count{"))
        self.assertEqual(total, summary["events"])

    def test_healthy_traces_raise_no_alert(self):
        for name in ("idle", "fio", "redis"):
            for preset in ([], ["--preset", "fast"]):
                with self.subTest(trace=name, preset=preset):
                    alerts, _, _, _ = self.replay(*preset, self.trace(name))
                    self.assertEqual(alerts, [])

    def test_slow_disk(self):
        config = self.config(SLOW_DISK)
        alerts, samples, _, _ = self.replay("--config", config, self.trace("slowdisk"))
        marker = foretrace.markers("slowdisk")["inject throttle vdb iops=100"]
        self.assertTrue(alerts)
        self.assertEqual([a for a in alerts if a["detected_ns"] <= marker], [])
        first = alerts[0]
        self.assertLessEqual(first["detected_ns"] - marker, 5 * 100e6)
        self.assertEqual(first["analysis"], "block")
        self.assertEqual(len(foretrace.fired(alerts)), 1)
        self.assertGreater(first["value"], 30e6)
        self.assertLess(first["expected"], 1e6)
        self.assertEqual(len(first["evidence"]), 3)
        self.assertIn("sector", first["evidence"][0]["fields"])

    def test_lost_events_are_told(self):
        alerts, samples, _, _ = self.replay(self.trace("redislost"))
        self.assertEqual([a["kind"] for a in foretrace.fired(alerts)], ["loss"])
        self.assertIn("lost 13326 events", alerts[0]["summary"])
        lossy = {t for t, _, _, _, q in samples if "lossy" in q}
        self.assertTrue(lossy)
        told = sum(v for _, s, v, _, _ in samples if s == "foretrace.discarded_events.count")
        self.assertEqual(told, 52660)

    def test_two_replays_are_equal(self):
        config = self.config(SLOW_DISK)
        runs = []
        for _ in range(2):
            alerts, samples, summary, _ = self.replay("--config", config, self.trace("slowdisk"))
            for key in ("wall_ns", "cpu_ns"):
                del summary[key]
            runs.append((alerts, samples, summary))
        self.assertEqual(runs[0], runs[1])

    def test_a_directory_above_and_several(self):
        # A session directory, and several arguments, are as good as the trace itself.
        one = self.replay(self.trace("idle"))[2]["events"]
        self.assertEqual(self.replay(os.path.join(self.trace("idle"), "kernel"))[2]["events"], one)
        two = self.replay(self.trace("idle"), self.trace("cpu"))[2]["events"]
        self.assertEqual(two, one + 50300)


if __name__ == "__main__":
    foretrace.main()
