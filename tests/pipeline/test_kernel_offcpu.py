#!/usr/bin/python3
"""The analysis offcpu on the recorded kernel traces, against a model that is made of their events another way than the program does;
lttng-analyses has nothing of the kind."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import reference  # noqa: E402

LOSSLESS = tuple(t for t in reference.TRACES if t != "redislost")
# Linux 6.1, of which these traces are.
STATES = {0: "runnable", 256: "runnable", 1: "interruptible", 2: "uninterruptible", 4: "stopped", 8: "traced", 64: "parked", 128: "idle"}
INTERRUPTS = (("irq_handler", "interrupt"), ("timer_hrtimer_expire", "timer"), ("irq_softirq", "softirq"))


def events(case, trace, pattern):
    done = foretrace.run("events", "--format", "json", "--name", pattern, case.trace(trace))
    return [json.loads(line) for line in done.stdout.splitlines()]


class Switches:
    """Every switch of a trace: by tid its comings and goings, in order; and times off the cpu, those that overlap a loss apart."""
    def __init__(self, case, trace):
        self.events = events(case, trace, "sched_*")
        losses = reference.losses(case.trace(trace))
        self.by_tid, self.log = {}, []
        self.suspect = self.unmatched = self.replaced = 0
        away, born = {}, set()
        for at, e in enumerate(self.events):
            f = e["fields"]
            if e["name"] == "sched_process_fork":
                away.pop(f["child_tid"], None)
                born.add(f["child_tid"])
            elif e["name"] == "sched_process_free":
                away.pop(f["tid"], None)
            if e["name"] != "sched_switch":
                continue
            if f["prev_tid"]:
                self.by_tid.setdefault(f["prev_tid"], []).append((e["t"], "out"))
                if f["prev_state"] in STATES:
                    self.replaced += f["prev_tid"] in away
                    away[f["prev_tid"]] = (at, e)
            if f["next_tid"]:
                self.by_tid.setdefault(f["next_tid"], []).append((e["t"], "in"))
                self.back(at, e, away.pop(f["next_tid"], None), born, losses)

    def back(self, at, e, left, born, losses):
        tid = e["fields"]["next_tid"]
        if left is None:
            self.unmatched += tid not in born
            born.discard(tid)
        elif any(begin <= e["t"] and left[1]["t"] < end for begin, end in losses):
            self.suspect += 1
        else:
            f = left[1]["fields"]
            self.log.append({"begin_ns": left[1]["t"], "end_ns": e["t"], "procname": f["prev_comm"], "state": STATES[f["prev_state"]], "tid": tid, "cpu": e["cpu"],
                             "from": left[0], "to": at})


class Wakes:
    """Each waking with the wake-up that came of it, by tid: (index of the wake-up, waking, context of interrupts)."""
    def __init__(self, case, trace, sched):
        index = {id(e): i for i, e in enumerate(sched)}
        times = events(case, trace, "*irq*_e*") + events(case, trace, "timer_hrtimer_expire_*") + sched
        self.by_tid, waking, inside = {}, {}, {}
        for e in sorted(times, key=lambda e: e["t"]):
            name, _, end = e["name"].rpartition("_")
            now = inside.setdefault(e["cpu"], set())
            if name in dict(INTERRUPTS) and end in ("entry", "exit"):
                (now.add if end == "entry" else now.discard)(dict(INTERRUPTS)[name])
            elif e["name"] == "sched_switch":
                now.clear()
            elif e["name"] == "sched_waking":
                waking[e["fields"]["tid"]] = (e, next((c for _, c in INTERRUPTS if c in now), None))
            elif e["name"] == "sched_wakeup":
                self.by_tid.setdefault(e["fields"]["tid"], []).append((index[id(e)],) + waking.pop(e["fields"]["tid"]))

    def of(self, x):
        """Who woke the thread at the end of a time off the cpu: waker, its tid, context, ns runnable."""
        woken = [(e, context) for at, e, context in self.by_tid.get(x["tid"], ()) if x["from"] < at < x["to"]]
        if x["state"] == "runnable" or not woken:
            return None, None, None, None
        e, context = woken[0]
        return e["context"]["procname"], e["context"]["tid"], context, x["end_ns"] - max(x["begin_ns"], e["t"])


def counters(report):
    return {c["name"]: c["count"] for c in report.all["counters"] if c["analysis"] == "offcpu"}


class Offcpu(foretrace.Case):
    SAME = ("begin_ns", "end_ns", "procname", "state", "tid", "cpu")

    def log(self, report):
        return [{k: x[k] for k in self.SAME} for x in report.observed("off")["log"]]

    def test_every_time_off_the_cpu(self):
        for trace in reference.TRACES:
            with self.subTest(trace=trace):
                model, report = Switches(self, trace), reference.Report(self, trace, "offcpu", "--log")
                self.assertTrue(model.log)
                self.assertEqual(self.log(report), [{k: x[k] for k in self.SAME} for x in model.log])
                expected = {"suspect_pairs": model.suspect, "unmatched_ends": model.unmatched, "replaced_begins": model.replaced}
                self.assertEqual(counters(report), {k: n for k, n in expected.items() if n})
                self.assertEqual(model.suspect > 0, trace == "redislost")

    def test_sums(self):
        """Counts and ns by name and state, by state, by thread."""
        for trace in reference.TRACES:
            with self.subTest(trace=trace):
                model, report = Switches(self, trace), reference.Report(self, trace, "offcpu")
                for metric, fields in (("time", ("procname", "state")), ("state_time", ("state",)), ("thread_time", ("tid", "state"))):
                    sums = {}
                    for x in model.log:
                        key = tuple(x[f] for f in fields)
                        count, ns, low, high = sums.get(key, (0, 0, 1 << 63, 0))
                        value = x["end_ns"] - x["begin_ns"]
                        sums[key] = (count + 1, ns + value, min(low, value), max(high, value))
                    ours = {tuple(r["key"].values()): (r["count"], r["sum"], r["min"], r["max"]) for r in report.rows(metric)}
                    self.assertEqual(ours, sums, metric)

    def test_wakers(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                model, report = Switches(self, trace), reference.Report(self, trace, "offcpu", "--log")
                wakes, sums = Wakes(self, trace, model.events), {}
                for ours, x in zip(report.observed("off")["log"], model.log):
                    waker, tid, context, runnable = wakes.of(x)
                    self.assertEqual(tuple(ours[k] for k in ("waker", "waker_tid", "context", "runnable_ns")), (waker, tid, context, runnable), x)
                    key = (waker, context, x["procname"])
                    count, ns = sums.get(key, (0, 0))
                    sums[key] = (count + 1, ns + x["end_ns"] - x["begin_ns"])
                self.assertEqual({tuple(r["key"].values()): (r["count"], r["sum"]) for r in report.rows("woken_by")}, sums)
                self.assertTrue(any(context for _, context, _ in sums))

    def test_on_and_off_are_all_there_is(self):
        """From a thread's first switch to its last it is on a cpu or off it: both analyses together have every ns of it."""
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                model = Switches(self, trace)
                on, off = reference.Report(self, trace, "cpu"), reference.Report(self, trace, "offcpu")
                ran = {tid: row["sum"] for tid, row in on.by("thread_usage").items()}
                away = {}
                for (tid, _), row in off.by("thread_time").items():
                    away[tid] = away.get(tid, 0) + row["sum"]
                self.assertGreater(len(model.by_tid), 20)
                for tid, switches in model.by_tid.items():
                    (first, begins), (last, ends) = switches[0], switches[-1]
                    before = first - on.begin if begins == "out" else 0     # it ran when the trace began
                    behind = on.end - last if ends == "in" else 0           # ... and when it ended
                    self.assertEqual(ran.get(tid, 0) - before - behind + away.get(tid, 0), last - first, tid)

    def test_same_with_both_readers_and_in_any_company(self):
        alone = reference.Report(self, "cpu", "offcpu", "--log").observed("off")
        self.assertEqual(reference.Report(self, "cpu", "offcpu", "--log", "--reader", "babeltrace2").observed("off"), alone)
        self.assertEqual(reference.Report(self, "cpu", "cpu,offcpu,syscall,io,irq,wakeup", "--log").observed("off"), alone)

    def test_contention(self):
        """The trace `cpu`: from the marker on six busy processes share two cpus, so each is runnable for most of the time."""
        marker = foretrace.markers("cpu")["inject stress-ng --cpu 6"]
        rows = reference.Report(self, "cpu", "offcpu", "--log").observed("off")["log"]
        waited = [x for x in rows if x["procname"] == "stress-ng-cpu" and x["state"] == "runnable"]
        self.assertGreater(min(x["end_ns"] for x in waited), marker)
        self.assertGreater(sum(x["value"] for x in waited), 3 * 4.2e9)   # 6 that want to run, 2 that do, 4.3 s long


if __name__ == "__main__":
    foretrace.main()
