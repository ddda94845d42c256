#!/usr/bin/python3
"""What the kernel analyses and the default detectors make of the recorded faults: in time, about the right thread, and nothing else."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

WAKEUP = """
window: 100ms
analyses:
  - wakeup
"""
ONLY_P99 = WAKEUP + """
detectors:
  - series: "wakeup.delay.p99*"
    auto: {}
  - series: "*"
    ignore: yes
"""


class Contention(foretrace.Case):
    """The trace `cpu`: from the marker on, six busy processes on two cpus; python3 wakes up 100 times a second."""
    def alerts(self, config):
        alerts, _, _, _ = self.replay("--config", self.config(config), self.trace("cpu"))
        marker = foretrace.markers("cpu")["inject stress-ng --cpu 6"]
        self.assertEqual([a for a in alerts if a["detected_ns"] <= marker], [])
        self.assertTrue(alerts)
        self.assertLessEqual(alerts[0]["detected_ns"] - marker, 5 * 100e6)
        return alerts

    def about_the_thread(self, alert):
        self.assertEqual((alert["analysis"], alert["metric"], alert["labels"]), ("wakeup", "delay", {"procname": "python3"}))
        self.assertGreater(alert["value"], 1e6)
        self.assertLess(alert["expected"], 200e3)
        self.assertIn("procname=python3", alert["summary"])
        evidence = alert["evidence"]
        self.assertEqual(len(evidence), 3)
        self.assertEqual(sorted((e["value"] for e in evidence), reverse=True), [e["value"] for e in evidence])
        for e in evidence:
            self.assertEqual(e["value"], e["end_ns"] - e["begin_ns"])
            self.assertLessEqual(alert["window_begin_ns"], e["end_ns"])
            self.assertLess(e["end_ns"], alert["window_end_ns"])
            self.assertEqual(e["fields"]["procname"], "python3")
            self.assertLessEqual({"tid", "pid", "cpu", "prio", "waker", "waker_tid"}, set(e["fields"]))

    def test_default_detectors(self):
        alerts = self.alerts(WAKEUP)
        self.about_the_thread(alerts[0])
        self.assertEqual(len(foretrace.fired(alerts)), 1)

    def test_p99_alone(self):
        alerts = self.alerts(ONLY_P99)
        self.about_the_thread(alerts[0])
        self.assertEqual(alerts[0]["statistic"], "p99")


class Throttled(foretrace.Case):
    """The trace `slowdisk`, of whose wakeups nothing was injected; two seconds before the marker all that waits waits twice as long."""
    def test_wakeups_before_the_marker(self):
        alerts, _, _, _ = self.replay("--config", self.config(WAKEUP), self.trace("slowdisk"))
        marker = foretrace.markers("slowdisk")["inject throttle vdb iops=100"]
        self.assertEqual([a["summary"] for a in alerts if a["detected_ns"] <= marker], [])


class Blocked(foretrace.Case):
    """The trace `slowdisk`: from the marker on, who waits for the disk waits 40 ms instead of a few hundred us."""
    def alerts(self, trace):
        return self.replay("--config", self.config("window: 100ms\nanalyses:\n  - offcpu\n"), self.trace(trace))[0]

    def test_off_the_cpu_for_too_long(self):
        alerts, marker = self.alerts("slowdisk"), foretrace.markers("slowdisk")["inject throttle vdb iops=100"]
        self.assertTrue(alerts)
        self.assertGreater(alerts[0]["detected_ns"], marker)
        self.assertLessEqual(alerts[0]["detected_ns"] - marker, 5 * 100e6)
        for a in alerts:
            self.assertEqual((a["analysis"], a["metric"], a["labels"]), ("offcpu", "time", {"procname": "fio", "state": "uninterruptible"}))
        self.assertEqual(len(alerts[0]["evidence"]), 3)
        for e in alerts[0]["evidence"]:
            self.assertEqual(e["value"], e["end_ns"] - e["begin_ns"])
            self.assertGreater(e["value"], 20e6)
            self.assertLessEqual({"tid", "pid", "waker", "waker_tid", "context", "runnable_ns"}, set(e["fields"]))

    def test_nothing_where_there_is_nothing(self):
        for trace in ("fio", "redis"):
            with self.subTest(trace=trace):
                self.assertEqual(self.alerts(trace), [])


class Idle(foretrace.Case):
    def test_no_alert_with_any_preset(self):
        names = re.findall(r"^  ([a-z]+): ", foretrace.run("list", "presets").stdout, re.M)
        self.assertLessEqual({"kernel", "latency", "sched", "fast"}, set(names))
        for preset in names:
            for window in ("1s", "100ms"):
                with self.subTest(preset=preset, window=window):
                    alerts, samples, _, _ = self.replay("--preset", preset, "--window", window, self.trace("idle"))
                    self.assertEqual(alerts, [])
                    self.assertTrue(samples)


if __name__ == "__main__":
    foretrace.main()
