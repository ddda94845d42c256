#!/usr/bin/python3
"""Names and layouts of LTTng 2.4 to 2.14 and Linux 4.2 to 6.x: the same course of events, recorded by each, gives the same report of every
analysis of the kernel."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import kernel_dialects as dialects  # noqa: E402

# What a version does not record cannot be in its report.
ABSENT = {
    "without contexts": ("probe",),
}
NOT_OF_THE_COURSE = ("probe",)


class Versions(foretrace.Case):
    def report(self, dialect):
        path = dialects.course(self.path(re.sub(r"\W+", "-", dialect.title)), dialect)
        texts = {}
        for reader in ("native", "babeltrace2"):
            texts[reader] = foretrace.run("report", "--reader", reader, "--format", "json", "--log", path).stdout
        self.assertEqual(texts["native"], texts["babeltrace2"], dialect.title)
        report = json.loads(texts["native"])
        self.assertEqual((report["discarded_events"], report["lost_packets"]), (0, 0))
        return {(o["analysis"], o["observed"]): o for o in report["observables"]}, report

    def test_each_analysis_has_something(self):
        observables, _ = self.report(dialects.MODERN)
        seen = {a for (a, _), o in observables.items() if o["count"] > 0}
        self.assertEqual({a for a, _ in observables} - seen - set(NOT_OF_THE_COURSE), set())

    def test_all_say_the_same(self):
        expected, _ = self.report(dialects.MODERN)
        for dialect in dialects.DIALECTS:
            with self.subTest(dialect=dialect.title):
                ours, _ = self.report(dialect)
                self.assertEqual(set(ours), set(expected))
                for key, o in expected.items():
                    if key[0] in ABSENT.get(dialect.title, ()):
                        continue
                    self.assertEqual(ours[key], o, key)

    def test_states(self):
        """prev_state as kernels before 4.14 write it, and since."""
        for dialect in (dialects.MODERN,) + dialects.DIALECTS:
            with self.subTest(dialect=dialect.title):
                observables, _ = self.report(dialect)
                by = {t["metric"]: {tuple(r["key"].values()): r["count"] for r in t["rows"]} for t in observables["offcpu", "off"]["tables"]}
                self.assertEqual(by["state_time"], {("runnable",): 8, ("interruptible",): 27, ("uninterruptible",): 35, ("idle",): 6})

    def test_two_containers_have_a_pid_1(self):
        """Threads of one name, one vtid, one futex address: kept apart by tid."""
        for dialect in (dialects.MODERN,) + dialects.DIALECTS:
            with self.subTest(dialect=dialect.title):
                observables, _ = self.report(dialect)
                waits = observables["futex", "wait"]
                by = {t["metric"]: {tuple(r["key"].values()): r for r in t["rows"]} for t in waits["tables"]}
                self.assertEqual({k: r["count"] for k, r in by["thread_wait"].items()}, {(500,): 20, (600,): 20})
                self.assertEqual({k: r["count"] for k, r in by["address_wait"].items()},
                                 {(500, "0x7f0000001000"): 20, (600, "0x7f0000001000"): 20})
                self.assertEqual(observables["futex", "contended"]["count"], 0)
                delays = {t["metric"]: {tuple(r["key"].values()): r["count"] for r in t["rows"]} for t in observables["wakeup", "delay"]["tables"]}
                self.assertEqual((delays["thread_delay"][500,], delays["thread_delay"][600,]), (20, 20))
                self.assertEqual(delays["prio_delay"], {(20,): 80})


if __name__ == "__main__":
    foretrace.main()
