#!/usr/bin/python3
"""irq, block, memory, net and the tables of a pair of the user's against lttng-analyses 0.6.1 on the recorded kernel traces, and against
models of their own where lttng-analyses has no such number, or a wrong one: the test then has a model of its error as well."""
import ast
import json
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import reference  # noqa: E402

LOSSLESS = tuple(t for t in reference.TRACES if t != "redislost")


def events(case, trace, pattern):
    done = foretrace.run("events", "--format", "json", "--name", pattern, case.trace(trace))
    return [json.loads(line) for line in done.stdout.splitlines()]


class Case(foretrace.Case):
    def each(self, test):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                test(trace)

    def numbers(self, row, count, low, mean, high, stdev):
        self.assertEqual((row["count"], row["min"], row["max"], row["avg"]), (count, low, high, mean))
        if stdev is None:
            self.assertTrue(row["stdev"] is None or count < 3)
        else:
            self.assertAlmostEqual(row["stdev"] / stdev if stdev else 1 + row["stdev"], 1, places=13)

    def values(self, row, values):
        """A row against all values of it."""
        self.numbers(row, len(values), min(values), sum(values) / len(values), max(values), statistics.stdev(values) if len(values) > 2 else None)
        self.assertEqual(row["sum"], sum(values))

    def bins(self, row, rows):
        """A frequency table; the reference has none of equal values."""
        if not rows:
            self.assertEqual(row["min"], row["max"])
            return
        self.assertEqual([n for _, _, n in row["bins"]], [n for _, _, n in rows])
        for (lower, upper, _), (their_lower, their_upper, _) in zip(row["bins"], rows):
            self.assertAlmostEqual(lower, their_lower, places=4)
            self.assertAlmostEqual(upper, their_upper, places=4)

    def binned(self, row, values):
        """20 equal ranges from the least to the greatest, by whole numbers of ns: whatever falls on a bound by rounding may differ."""
        low, high = min(values), max(values)
        if low < high:
            exact = [0] * 20
            for v in values:
                exact[min((v - low) * 20 // (high - low), 19)] += 1
            on_bound = sum(1 for v in values if (v - low) * 20 % (high - low) == 0)
            self.assertLessEqual(sum(abs(a - n) for a, (_, _, n) in zip(exact, row["bins"])), 2 * on_bound)
        self.assertEqual(sum(n for _, _, n in row["bins"]), len(values))


def by_key(pairs):
    out = {}
    for key, value in pairs:
        out.setdefault(key, []).append(value)
    return out


VECTORS = ("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU")


class Irq(Case):
    """irqlog, irqstats, irqfreq. The reference knows softirqs by the kernel's names only (softirq_entry), LTTng calls them
    irq_softirq_entry: it has none of them. Of these a model, by vector and cpu."""
    def test_log(self):
        self.each(self.log)

    def log(self, trace):
        ours = reference.Report(self, trace, "irq", "--log").observed("handler")["log"]
        rows = reference.table(trace, "irqlog", "log")
        self.assertTrue(all(irq["hard"] for _, _, _, irq in rows))
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["cpu"], x["irq"], x["name"]) for x in ours],
                         [(t["begin"]["value"], t["end"]["value"], cpu, irq["nr"], irq["name"]) for t, _, cpu, irq in rows])

    def test_stats_and_freq(self):
        self.each(self.stats)

    def stats(self, trace):
        handlers = reference.Report(self, trace, "irq", "--freq").by("handler")
        rows = reference.table(trace, "irqstats", "hard-stats")
        self.assertEqual(set(handlers), {(irq["name"], irq["nr"]) for irq, *_ in rows})
        for irq, *stats in rows:
            self.numbers(handlers[irq["name"], irq["nr"]], *stats)
        seen = set()
        for _, title, bins in reference.tables(trace, "irqfreq"):
            name, nr = re.search(r"\[(.*) \((\d+)\)\]", title).groups()
            seen.add((name, int(nr)))
            self.bins(handlers[name, int(nr)], bins)
        self.assertEqual(seen, {k for k, row in handlers.items() if k in seen or row["count"] == 1})

    def softirqs(self, trace):
        """[(begin, end, vector, cpu, raised or None)], [(raised, begin, vector, cpu)] in order of their ends."""
        raised, running, ran, waited = {}, {}, [], []
        for e in events(self, trace, "irq_softirq_*"):
            key = e["fields"]["vec"], e["cpu"]
            if e["name"] == "irq_softirq_raise":
                raised.setdefault(key, e["t"])
            elif e["name"] == "irq_softirq_entry":
                since = raised.pop(key, None)
                if since is not None:
                    waited.append((since, e["t"], *key))
                running[key] = (e["t"], since)
            elif key in running:
                begin, since = running.pop(key)
                ran.append((begin, e["t"], *key, since))
        return ran, waited

    def test_softirqs(self):
        self.each(self.softirq)

    def softirq(self, trace):
        self.assertEqual(reference.table(trace, "irqstats", "soft-stats"), [])
        ran, waited = self.softirqs(trace)
        report = reference.Report(self, trace, "irq", "--log", "--freq")
        self.assertEqual([(x["begin_ns"], x["end_ns"], VECTORS.index(x["vector"]), x["cpu"], x["raised_ns"]) for x in report.observed("softirq")["log"]], ran)
        self.assertEqual([(x["begin_ns"], x["end_ns"], VECTORS.index(x["vector"]), x["cpu"]) for x in report.observed("raise")["log"]], waited)
        for metric, rows, what in (("softirq", ran, 2), ("cpu_softirqs", ran, 3), ("raise_latency", waited, 2), ("cpu_raise_latency", waited, 3)):
            ours = report.by(metric)
            model = by_key((VECTORS[r[what]] if what == 2 else r[what], r[1] - r[0]) for r in rows)
            self.assertEqual(set(ours), set(model))
            for key, values in model.items():
                self.values(ours[key], values)
                self.binned(ours[key], values)

    def test_cpus(self):
        self.each(self.cpu)

    def cpu(self, trace):
        report = reference.Report(self, trace, "irq", "--log")
        model = by_key((x["cpu"], x["value"]) for x in report.observed("handler")["log"])
        ours = report.by("cpu_handlers")
        self.assertEqual(set(ours), set(model))
        for cpu, values in model.items():
            self.values(ours[cpu], values)


class Memory(Case):
    """memtop. Defects of the reference, all modelled here: it counts events, not pages; it does not know who runs on a cpu before that
    cpu's first switch, and leaves the events out; it leaves out frees while it has counted no more allocations than frees."""
    def model(self, trace):
        """Theirs: events by tid. Ours: pages of each event by tid, and by order."""
        theirs, ours, orders = ({}, {}), ({}, {}), ({}, {})
        current, held = {}, 0
        merged = events(self, trace, "kmem_mm_page_*") + events(self, trace, "sched_switch")
        for e in sorted(merged, key=lambda e: e["t"]):
            if e["name"] == "sched_switch":
                current[e["cpu"]] = e["fields"]["next_tid"]
                continue
            free = e["name"] == "kmem_mm_page_free"
            pages = 1 << e["fields"]["order"]
            ours[free].setdefault(e["context"]["tid"], []).append(pages)
            orders[free].setdefault(e["fields"]["order"], []).append(pages)
            if free and held == 0:
                continue
            held += -1 if free else 1
            if e["cpu"] in current:
                theirs[free][current[e["cpu"]]] = theirs[free].get(current[e["cpu"]], 0) + 1
        return theirs, ours, orders

    def test_pages(self):
        self.each(self.pages)

    def pages(self, trace):
        theirs, ours, orders = self.model(trace)
        report = reference.Report(self, trace, "memory")
        for free, kind, metric in ((0, "allocd", "allocated"), (1, "freed", "freed")):
            rows = {proc["tid"]: n for proc, n in reference.table(trace, "memtop", kind)}
            self.assertEqual({t: n for t, n in rows.items() if n}, {t: n for t, n in theirs[free].items() if t})
            threads = report.by("thread_" + metric)
            self.assertEqual(set(threads), set(ours[free]))
            for tid, pages in ours[free].items():
                self.values(threads[tid], pages)
                self.assertGreaterEqual(threads[tid]["count"], rows.get(tid, 0))
            for order, pages in orders[free].items():
                self.values(report.by("order_" + metric)[order], pages)
            everything = [p for pages in ours[free].values() for p in pages]
            self.values(report.rows(metric)[0], everything)
            self.assertGreaterEqual(len(everything), reference.table(trace, "memtop", "total")[0][free])
        balance = {t: sum(ours[0].get(t, [])) - sum(ours[1].get(t, [])) for t in set(ours[0]) | set(ours[1])}
        self.assertEqual({t: r["sum"] for t, r in report.by("thread_balance").items()}, balance)
        self.assertEqual(report.rows("system_balance")[0]["sum"], sum(balance.values()))


class Block(Case):
    """The disk tables of iousagetop, iolatencystats, iolatencyfreq."""
    def test_disks(self):
        self.each(self.disks)

    def disks(self, trace):
        report = reference.Report(self, trace, "block", "--freq")
        disks = {r["show"]["disk"]: r for r in report.rows("disk_requests")}
        sectors = {r["show"]["disk"]: r for r in report.rows("disk_sectors")}
        rows = reference.table(trace, "iolatencystats", "disk-latency-stats")
        self.assertEqual(set(disks), {disk["name"] for disk, *_ in rows})
        for disk, *stats in rows:
            self.numbers(disks[disk["name"]], *stats)
        for kind, number in (("per-disk-top-request", lambda d: disks[d]["count"]), ("per-disk-top-sector", lambda d: sectors[d]["sum"]),
                             ("per-disk-top-rps", lambda d: disks[d]["avg"])):
            rows = reference.table(trace, "iousagetop", kind)
            self.assertEqual({disk["name"]: n for disk, n in rows}, {d: number(d) for d in disks})
        tables = {title: rows for _, title, rows in reference.tables(trace, "iolatencyfreq") if "[disk: " in title}
        self.assertEqual({re.search(r"\[disk: (.*)\]", t).group(1) for t in tables}, set(disks))
        for title, rows in tables.items():
            self.bins(disks[re.search(r"\[disk: (.*)\]", title).group(1)], rows)

    def test_threads(self):
        self.each(self.threads)

    def threads(self, trace):
        ours = {k: r["sum"] for k, r in reference.Report(self, trace, "block").by("thread_bytes").items()}
        theirs = {}
        for kind, title, rows in reference.tables(trace, "iousagetop"):
            if kind == "per-process-top-block":
                direction = "read" if "[read]" in title else "write"
                theirs.update({(proc["tid"], direction): n for proc, n in rows})
        self.assertEqual(ours, {k: n for k, n in theirs.items() if n})

    def flights(self, trace):
        """Every request, flushes included: (dev, issued, completed, is a flush)."""
        flying, out = {}, []
        for e in events(self, trace, "block_rq_*"):
            f = e["fields"]
            flush = f["nr_sector"] == 0 and f["rwbs"] & (1 << 8 | 1 << 10) != 0     # REQ_OP_FLUSH, REQ_PREFLUSH
            key = (f["dev"], "flush" if flush else f["sector"])
            if e["name"] == "block_rq_issue":
                self.assertNotIn(key, flying)
                flying[key] = e["t"]
            elif key in flying and (flush or f["nr_sector"]):
                out.append((f["dev"], flying.pop(key), e["t"], flush))
        return out, flying

    def test_flushes_merges_and_flights(self):
        self.each(self.others)

    def others(self, trace):
        flights, left = self.flights(trace)
        report = reference.Report(self, trace, "block")
        self.assertEqual(left, {})
        def dev(number):
            return "%d:%d" % (number >> 20, number & 0xfffff)
        flushes = by_key((dev(d), end - begin) for d, begin, end, flush in flights if flush)
        ours = report.by("flushes")
        self.assertEqual(set(ours), set(flushes))
        for d, values in flushes.items():
            self.values(ours[d], values)
        mean, depths = report.by("mean_in_flight"), report.by("depths")
        for d, spans in by_key((dev(d), (begin, end)) for d, begin, end, _ in flights).items():
            self.assertEqual(mean[d]["sum"], sum(end - begin for begin, end in spans))
            steps = sorted([(b, 1) for b, _ in spans] + [(e, -1) for _, e in spans])
            depth, depth_max = 0, 0
            for _, step in steps:
                depth += step
                depth_max = max(depth, depth_max)
            self.assertEqual((depths[d]["min"], depths[d]["max"], depths[d]["count"]), (0, depth_max, len(steps)))
        merges = by_key(((dev(e["fields"]["dev"]), e["fields"]["rwbs"] & 1), 1) for e in events(self, trace, "block_bio_backmerge"))
        self.assertEqual({(d, "write" if w else "read", "back"): len(v) for (d, w), v in merges.items()},
                         {k: r["count"] for k, r in report.by("merge_kinds").items()})
        self.assertEqual(report.rows("error_codes"), [])
        self.assertEqual(sum(1 for e in events(self, trace, "block_rq_complete") if e["fields"]["error"]), 0)

    def test_loss(self):
        # redislost has no block events at all; requests before and behind a loss are in test_made_devices.py.
        self.assertEqual(reference.Report(self, "redislost", "block").rows("requests"), [])


class Net(Case):
    """The interface tables of iousagetop. The reference knows received packets as netif_receive_skb only; LTTng calls them
    net_if_receive_skb: it has none. Of these, and of first bytes, a model."""
    def test_interfaces(self):
        self.each(self.interfaces)

    def interfaces(self, trace):
        report = reference.Report(self, trace, "net")
        ours, packets = report.by("bytes"), report.by("packets")
        theirs = {}
        for kind, title, rows in reference.tables(trace, "iousagetop"):
            if kind == "per-netif-top":
                theirs.update({(netif["name"], "sent" if "[sent]" in title else "received"): n for netif, n in rows})
        model = by_key(((e["fields"]["name"], "sent" if e["name"] == "net_dev_xmit" else "received"), e["fields"]["len"])
                       for e in events(self, trace, "net_dev_xmit") + events(self, trace, "net_if_receive_skb"))
        self.assertEqual(set(ours), set(model))
        for key, values in model.items():
            self.values(ours[key], values)
            self.assertEqual(packets[key]["count"], len(values))
            self.assertEqual(theirs[key], sum(values) if key[1] == "sent" else 0)
        self.assertEqual(set(theirs), set(model))
        self.assertTrue(all(e["fields"]["rc"] == 0 for e in events(self, trace, "net_dev_xmit")))

    def test_first_bytes(self):
        accepted, waits = {}, []
        merged = []
        for pattern in ("syscall_exit_accept*", "syscall_entry_write*", "syscall_entry_send*", "syscall_entry_close"):
            merged += events(self, "redis", pattern)
        for e in sorted(merged, key=lambda e: e["t"]):
            name, fields, pid = e["name"], e["fields"], e["context"]["pid"]
            if "accept" in name:
                if fields["ret"] >= 0:
                    accepted[pid, fields["ret"]] = e["t"]
                continue
            begin = accepted.pop((pid, fields["fd"]), None)
            if begin is not None and "close" not in name:
                waits.append((begin, e["t"], pid, fields["fd"]))
        self.assertGreater(len(waits), 50)
        report = reference.Report(self, "redis", "net", "--log")
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["pid"], x["fd"]) for x in report.observed("first_byte")["log"]], waits)
        self.values(report.by("first_byte")["redis-server"], [e - b for b, e, pid, _ in waits])


class Periods(Case):
    """periodlog, periodtop, periodstats, made of block_rq_issue -> block_rq_complete by dev and sector: the analysis `latency`."""
    CONFIG = "analyses:\n  - latency: {name: rq, in: block_rq_issue, out: block_rq_complete, key: [dev, sector], evidence: [comm]%s}\n"

    def report(self, trace, *options, more=""):
        done = foretrace.run("report", "--format", "json", "--config", self.config(self.CONFIG % more), *options, self.trace(trace))
        return json.loads(done.stdout)["observables"][0]

    def row(self, x):
        return (x["begin_ns"], x["end_ns"], x["value"], "rq", {"dev": x["dev"], "sector": x["sector"], "comm": x["comm"]}, {})

    def theirs(self, row):
        return (*row[:4], ast.literal_eval(row[4]), ast.literal_eval(row[5]))

    def test_log(self):
        # Theirs is in the order of begins, ours of ends.
        self.each(lambda trace: self.assertEqual(sorted((self.row(x) for x in self.report(trace, "--log")["log"]), key=lambda r: r[:2]),
                                                 [self.theirs(r) for r in reference.table(trace, "periodlog", "log")]))

    def test_top(self):
        self.each(lambda trace: self.assertEqual([self.row(x) for x in self.report(trace)["top"]],
                                                 [self.theirs(r) for r in reference.table(trace, "periodtop", "top")]))

    def test_stats_and_freq(self):
        self.each(self.stats)

    def stats(self, trace):
        (name, *stats, total), = reference.table(trace, "periodstats", "per_period_stats")
        rows = self.report(trace, "--freq")["tables"][0]["rows"]
        self.assertEqual((name, len(rows), rows[0]["sum"]), ("rq", 1, total))
        self.numbers(rows[0], *stats)
        self.binned(rows[0], [r[2] for r in reference.table(trace, "periodlog", "log")])

    def test_labels(self):
        # Grouped by a field: the same values, kept apart.
        log = by_key((r[4]["comm"], r[2]) for r in map(self.theirs, reference.table("fio", "periodlog", "log")))
        done = self.report("fio", more=", labels: [comm]")
        ours = {r["key"]["comm"]: r for t in done["tables"] if t["metric"] == "duration" for r in t["rows"]}
        self.assertEqual(set(ours), set(log))
        for comm, values in log.items():
            self.values(ours[comm], values)
        self.values(next(t for t in done["tables"] if t["metric"] == "all_durations")["rows"][0], [v for values in log.values() for v in values])


class SlowDisk(Case):
    BLOCK = "window: 100ms\nanalyses:\n  - block\n"
    ONLY_P99 = BLOCK + "detectors:\n  - series: 'block.latency.p99*'\n    auto: {}\n  - series: '*'\n    ignore: yes\n"

    def slow_disk(self, config, statistics, others=()):
        """others: what else of the disk fires, of other metrics."""
        alerts, samples, _, _ = self.replay("--config", self.config(config), self.trace("slowdisk"))
        begin = foretrace.markers("slowdisk")["inject throttle vdb iops=100"]
        self.assertEqual([a["summary"] for a in alerts if a["window_end_ns"] <= begin], [])
        fired = foretrace.fired(alerts)
        self.assertEqual(sorted((a["analysis"], a["metric"], a["labels"]["disk"]) for a in fired), sorted(("block", m, "vdb") for m in ("latency", *others)))
        alert, = [a for a in fired if a["metric"] == "latency"]
        self.assertEqual(alert["labels"], {"disk": "vdb", "direction": "read"})
        self.assertIn(alert["statistic"], statistics)
        self.assertLessEqual(alert["detected_ns"] - begin, 5 * 100_000_000)
        self.assertEqual(len(alert["evidence"]), 3)
        for operation in alert["evidence"]:
            self.assertEqual((operation["fields"]["disk"], operation["fields"]["procname"]), ("vdb", "fio"))
            self.assertGreater(operation["value"], 30e6)
        self.assertIn("disk=vdb", alert["summary"])
        self.assertIn("procname=fio", alert["summary"])

    def test_default_detectors(self):
        self.slow_disk(self.BLOCK, ("p50", "p99"), others=("in_flight",))

    def test_p99_alone(self):
        self.slow_disk(self.ONLY_P99, ("p99",))

    def test_healthy(self):
        for trace in ("idle", "fio", "redis"):
            for window in ("100ms", "1s"):
                with self.subTest(trace=trace, window=window):
                    config = self.config("window: %s\nanalyses: [block, irq, memory, net]\n" % window)
                    self.assertEqual(self.replay("--config", config, self.trace(trace))[0], [])


if __name__ == "__main__":
    foretrace.unittest.main(verbosity=2)
