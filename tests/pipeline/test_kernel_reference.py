#!/usr/bin/python3
"""`foretrace report` against lttng-analyses 0.6.1 on the recorded kernel traces: every count, every time to the ns. Where the reference
is wrong the test says how, and proves it from the events."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import reference  # noqa: E402

LOSSLESS = tuple(t for t in reference.TRACES if t != "redislost")


class Usage:
    """Who ran when, reckoned from the switches alone, another way than the program does: by cpu and by tid, ns; and what ran on each
    cpu before its first switch, and how long."""
    def __init__(self, case, trace, begin, end):
        done = foretrace.run("events", "--format", "json", "--name", "sched_switch", case.trace(trace))
        self.cpus, self.tids, self.first = {}, {}, {}
        running = {}
        for line in done.stdout.splitlines():
            e = json.loads(line)
            cpu, since, tid = e["cpu"], *running.get(e["cpu"], (begin, e["fields"]["prev_tid"]))
            assert tid == e["fields"]["prev_tid"], e
            self.first.setdefault(cpu, (tid, e["t"] - begin))
            self.add(cpu, tid, e["t"] - since)
            running[cpu] = (e["t"], e["fields"]["next_tid"])
        for cpu, (since, tid) in running.items():
            self.add(cpu, tid, end - since)

    def add(self, cpu, tid, ns):
        for table, key in ((self.cpus, cpu), (self.tids, tid)):
            table[key] = table.get(key, 0) + (ns if tid else 0)


class Cpu(foretrace.Case):
    """cputop. Defects of the reference:
    1. What ran on a cpu before its first switch is not known to it: it guesses. So a cpu's usage, that of the thread that ran there
       first, and that of tid 0, which is idle, are off by no more than that time.
    2. A priority that is told before a thread's first switch or migration (by its wake-up) is not in its list."""
    def test_usage(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                self.usage(trace)

    def usage(self, trace):
        report = reference.Report(self, trace, "cpu")
        begin, end = report.begin, report.end
        self.assertEqual((begin, end), reference.time_range(trace, "cputop"))
        model = Usage(self, trace, begin, end)
        threads, cpus = report.by("thread_usage"), report.by("cpu_usage")
        self.assertEqual({t: r["sum"] for t, r in threads.items()}, {t: ns for t, ns in model.tids.items() if ns})
        self.assertEqual({c: r["sum"] for c, r in cpus.items()}, model.cpus)
        rows = reference.table(trace, "cputop", "per-process")
        self.assertLessEqual(set(threads), {proc["tid"] for proc, *_ in rows})
        guessed = dict(model.first.values())    # tid -> how long it ran unseen
        for proc, _, _, usage in rows:
            ours = threads[proc["tid"]]["sum"] if proc["tid"] in threads else 0
            self.assertLessEqual(abs(usage * (end - begin) - ours), 1 + (guessed.get(proc["tid"], 0) if proc["tid"] else
                                                                         max(ns for _, ns in model.first.values())), proc)
        for cpu, usage in reference.table(trace, "cputop", "per-cpu"):
            self.assertLessEqual(abs(usage * (end - begin) - cpus[cpu]["sum"]), 1 + model.first[cpu][1])
        self.assertAlmostEqual(report.rows("usage")[0]["share"], sum(r["share"] for r in cpus.values()) / len(cpus), places=12)

    def test_migrations_and_priorities(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                report = reference.Report(self, trace, "cpu")
                moves, prios = report.by("thread_migrations"), report.by("priority")
                rows = reference.table(trace, "cputop", "per-process")
                for proc, migrations, prio_list, _ in rows:
                    tid, theirs = proc["tid"], [int(p) for p in re.findall(r"-?\d+", prio_list)]
                    self.assertEqual(moves[tid]["count"] if tid in moves else 0, migrations, proc)
                    ours = prios[tid]["values"] if tid in prios else []
                    self.assertIn(theirs, (ours, ours[1:]), proc)
                self.assertLessEqual(set(moves), {proc["tid"] for proc, *_ in rows})


def delay_row(x):
    return (x["begin_ns"], x["end_ns"], x["value"], x["prio"], x["cpu"], x["tid"])


def reference_row(row):
    woken, switched, delay, prio, cpu, wakee, _ = row
    return (woken, switched, delay, prio, cpu, wakee["tid"])


class Wakeup(foretrace.Case):
    """schedlog, schedtop, schedstats, schedfreq. Defects of the reference: the waker is empty where a cpu has not switched yet (the
    context says who it was), and where it is idle; names are those at the end of the trace."""
    def report(self, trace, *options):
        return reference.Report(self, trace, "wakeup", *options)

    def test_log(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                ours = self.report(trace, "--log").observed("delay")["log"]
                rows = reference.table(trace, "schedlog", "log")
                self.assertEqual([delay_row(x) for x in ours], [reference_row(r) for r in rows])
                self.wakers(trace, ours, rows)

    def wakers(self, trace, ours, rows):
        done = foretrace.run("events", "--format", "json", "--name", "sched_*", self.trace(trace))
        first, wakes = {}, {}
        for e in map(json.loads, done.stdout.splitlines()):
            if e["name"] == "sched_switch":
                first.setdefault(e["cpu"], e["t"])
            else:
                wakes[e["t"], e["name"]] = (e["cpu"], e["context"]["tid"])
        for x, row in zip(ours, rows):
            if row[-1]:
                self.assertEqual((x["waker_tid"], x["waker_pid"]), (row[-1]["tid"], row[-1]["pid"]))
            elif x["waker_tid"] != 0:
                cpu, tid = next(wakes[x["begin_ns"], n] for n in ("sched_waking", "sched_wakeup", "sched_wakeup_new") if (x["begin_ns"], n) in wakes)
                self.assertEqual(x["waker_tid"], tid)
                self.assertLess(x["begin_ns"], first[cpu])

    def test_top(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                rows = reference.table(trace, "schedtop", "top")
                ours = self.report(trace, "--top", str(len(rows))).observed("delay")["top"]
                self.assertEqual([delay_row(x) for x in ours], [reference_row(r) for r in rows])

    def numbers(self, row, stats):
        count, low, mean, high, stdev = stats
        self.assertEqual((row["count"], row["min"], row["max"]), (count, low, high))
        self.assertEqual(row["avg"], mean)
        if stdev is None:
            self.assertIsNone(row["stdev"])
        else:
            self.assertAlmostEqual(row["stdev"] / stdev if stdev else 1 + row["stdev"], 1, places=13)

    def test_stats(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                report = self.report(trace)
                threads, prios = report.by("thread_delay"), report.by("prio_delay")
                rows = reference.table(trace, "schedstats", "per_tid_stats")
                self.assertEqual(set(threads), {proc["tid"] for proc, *_ in rows})
                for proc, *stats, _ in rows:
                    self.numbers(threads[proc["tid"]], stats)
                for prio, *stats in reference.table(trace, "schedstats", "per_prio_stats"):
                    self.numbers(prios[prio], stats)
                for stats in reference.table(trace, "schedstats", "total_stats"):
                    self.numbers(report.rows("all_delays")[0], stats)

    def test_freq(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                threads = self.report(trace, "--freq").by("thread_delay")
                seen = set()
                for _, title, rows in reference.tables(trace, "schedfreq"):
                    tid = int(re.search(r"TID: (\d+)", title).group(1))
                    seen.add(tid)
                    if not rows:    # one value, or equal ones: the reference has no table then
                        self.assertEqual(threads[tid]["min"], threads[tid]["max"])
                        continue
                    bins = threads[tid]["bins"]
                    self.assertEqual([n for _, _, n in bins], [n for _, _, n in rows], title)
                    for (lower, upper, _), (their_lower, their_upper, _) in zip(bins, rows):
                        self.assertAlmostEqual(lower, their_lower, places=4)
                        self.assertAlmostEqual(upper, their_upper, places=4)
                self.assertEqual(seen, {t for t in threads if t in seen or threads[t]["min"] != threads[t]["max"]})

    def test_loss(self):
        """The reference pairs across losses; what is left of its log without those that overlap one is ours."""
        report, losses = self.report("redislost", "--log"), reference.losses(self.trace("redislost"))
        theirs = [reference_row(r) for r in reference.table("redislost", "schedlog", "log")]
        certain = [r for r in theirs if not any(begin <= r[1] and r[0] < end for begin, end in losses)]
        self.assertEqual([delay_row(x) for x in report.observed("delay")["log"]], certain)
        self.assertTrue(0 < len(certain) < len(theirs))
        counters = {(c["analysis"], c["name"]): c["count"] for c in report.all["counters"]}
        self.assertEqual(counters["wakeup", "suspect_pairs"], self.suspects(losses))
        self.assertEqual(counters["", "discarded_events"], 52660)

    READ = ("sched_switch", "sched_waking", "sched_wakeup", "sched_wakeup_new", "sched_process_fork", "sched_process_exec", "sched_process_free", "sched_process_rename",
            "lttng_statedump_process_state", "lttng_statedump_process_pid_ns")

    def suspects(self, losses):
        """Switches to threads of which there was a wake-up while they did not run, as far as was known: those that overlap a loss."""
        woken, running, where, lost, suspect = {}, {}, {}, list(losses), 0

        def run(cpu, tid):
            if where.get(running.get(cpu)) == cpu:
                del where[running[cpu]]
            running[cpu], where[tid] = tid, cpu
        for e in map(json.loads, foretrace.run("events", "--format", "json", self.trace("redislost")).stdout.splitlines()):
            if e["name"] not in self.READ:
                continue
            while lost and lost[0][0] < e["t"]: # the last event of a packet may be at its end
                lost.pop(0)
                running.clear()
                where.clear()
            run(e["cpu"], e["context"]["tid"])
            if e["name"] in ("sched_waking", "sched_wakeup", "sched_wakeup_new") and e["fields"]["tid"] not in where:
                woken.setdefault(e["fields"]["tid"], e["t"])
            elif e["name"] == "sched_switch":
                run(e["cpu"], e["fields"]["next_tid"])
                begin = woken.pop(e["fields"]["next_tid"], None)
                suspect += begin is not None and any(b <= e["t"] and begin < end for b, end in losses)
        return suspect


class Waits:
    """What futex calls did, reckoned from their events another way than the program does: entries and exits by tid, wakes by (pid, address)."""
    WAITS = {0: "wait", 6: "lock_pi", 9: "wait_bitset", 11: "wait_requeue_pi", 13: "lock_pi2"}
    ENDS = {-110: "timeout", -4: "interrupted", -512: "interrupted", -516: "interrupted"}

    def __init__(self, case, trace):
        done = foretrace.run("events", "--format", "json", "--name", "*syscall_*_futex", case.trace(trace))
        events = [json.loads(line) for line in done.stdout.splitlines()]
        calls, entered = [], {}
        for e in events:
            tid = e["context"]["tid"]
            if "_entry_" in e["name"]:
                entered[tid] = e
            elif tid in entered:
                calls.append((entered.pop(tid), e))
        self.log, self.missed, self.woken, self.contended = [], 0, {}, 0
        waits = [(b, e) for b, e in calls if b["fields"]["op"] & 127 in self.WAITS]
        pending = [(b, None) for b in entered.values() if b["fields"]["op"] & 127 in self.WAITS]

        def place(e):
            return e["context"]["pid"], e["fields"]["uaddr"]
        for b, e in calls:
            if b["fields"]["op"] & 127 in (1, 5, 10) and e["fields"]["ret"] > 0:
                name = e["context"]["procname"]
                self.woken[name] = self.woken.get(name, 0) + e["fields"]["ret"]
        for b, _ in waits + pending:
            self.contended += any(place(o) == place(b) and o["t"] < b["t"] and (end is None or end["t"] > b["t"]) for o, end in waits + pending)
        for b, e in waits:
            ret = e["fields"]["ret"]
            if ret == -11:
                self.missed += 1
                continue
            wakers = [w for w in events if "_entry_" in w["name"] and w["fields"]["op"] & 127 not in self.WAITS and place(w) == place(b) and b["t"] <= w["t"] <= e["t"]]
            outcome = "woken" if ret >= 0 else self.ENDS.get(ret, "error")
            waker = wakers[-1]["context"]["tid"] if wakers and outcome == "woken" else None
            self.log.append((b["t"], e["t"], b["context"]["tid"], b["context"]["pid"], hex(b["fields"]["uaddr"]), self.WAITS[b["fields"]["op"] & 127], outcome, waker))
        self.log.sort(key=lambda x: x[1])


class Futex(foretrace.Case):
    """Against Waits; lttng-analyses has nothing of the kind."""
    def test_against_model(self):
        for trace in LOSSLESS + ("locks",):
            with self.subTest(trace=trace):
                model, report = Waits(self, trace), reference.Report(self, trace, "futex", "--log")
                ours = report.observed("wait")["log"]
                self.assertEqual([(x["begin_ns"], x["end_ns"], x["tid"], x["pid"], x["address"], x["operation"], x["outcome"], x.get("waker_tid")) for x in ours],
                                 model.log)
                self.assertEqual(sum(r["count"] for r in report.rows("missed")), model.missed)
                self.assertEqual(sum(r["count"] for r in report.rows("contended")), model.contended)
                self.assertEqual({k: r["sum"] for k, r in report.by("woken").items()}, model.woken)
                for (pid, address), row in report.by("address_wait").items():
                    mine = [e - b for b, e, _, p, a, *_ in model.log if (p, a) == (pid, address)]
                    self.assertEqual((row["count"], row["sum"], row["min"], row["max"]), (len(mine), sum(mine), min(mine), max(mine)))

    def test_known_program(self):
        """tests/live/locks.c: 3 threads, 20 rounds of 2 ms under one lock, then three times 20 ms in vain."""
        ours = reference.Report(self, "locks", "futex", "--log", "--procname", "locks").observed("wait")["log"]
        timeouts = [x["value"] for x in ours if x["outcome"] == "timeout"]
        self.assertEqual(len(timeouts), 3)
        self.assertGreater(min(timeouts), 19_000_000)
        self.assertGreater(len({x["waker_tid"] for x in ours if x["outcome"] == "woken"}), 1)


class Probe(foretrace.Case):
    """locks.tar.xz has an instruction of a program (held), one of the kernel (opened) and a function of the kernel (written)."""
    def events(self, name):
        done = foretrace.run("events", "--format", "json", "--name", name, self.trace("locks"))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_unconfigured(self):
        report = reference.Report(self, "locks", "probe", "--log")
        hits = {k: r["count"] for k, r in report.by("hits").items()}
        self.assertEqual(hits, {"held": 60, "opened": len(self.events("opened")), "written": len(self.events("written_entry"))})
        model, entered = [], {}
        for e in self.events("written_*"):
            stack = entered.setdefault(e["context"]["tid"], [])
            if e["name"] == "written_entry":
                stack.append(e["t"])
            elif stack:
                model.append((stack.pop(), e["t"], e["context"]["tid"], e["context"]["pid"], e["context"]["procname"]))
        log = report.observed("duration")["log"]
        self.assertGreater(len(log), 10)
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["tid"], x["pid"], x["procname"]) for x in log], model)
        self.assertEqual({x["pair"] for x in log}, {"written"})

    def test_pair_of_a_probe_and_a_call(self):
        config = self.config('analyses:\n  - probe: { probes: ["held=elf:/x:work"], pairs: ["hold=held..syscall_entry:futex"] }\n')
        done = foretrace.run("report", "--format", "json", "--log", "--config", config, self.trace("locks"))
        observables = {o["observed"]: o for o in json.loads(done.stdout)["observables"]}
        self.assertEqual([r["key"]["probe"] for t in observables["hit"]["tables"] if t["metric"] == "hits" for r in t["rows"]], ["held"])
        model, begun = [], {}
        for e in map(json.loads, foretrace.run("events", "--format", "json", self.trace("locks")).stdout.splitlines()):
            stack = begun.setdefault(e["context"]["tid"], [])
            if e["name"] == "held":
                stack.append(e["t"])
            elif e["name"] == "syscall_entry_futex" and stack:
                model.append((stack.pop(), e["t"], e["context"]["tid"]))
        self.assertGreater(len(model), 10)
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["tid"]) for x in observables["duration"]["log"]], model)


if __name__ == "__main__":
    foretrace.unittest.main(verbosity=2)
