#!/usr/bin/python3
"""`foretrace report` of `syscall` and `io` against lttng-analyses 0.6.1 on the recorded kernel traces: every count, every byte, every time
to the ns. Where the reference is wrong, it is shown twice: a model of it with the defect gives its numbers, one without it gives ours
(tests/support/file_models.py)."""
import ast
import collections
import errno
import functools
import json
import math
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import file_models  # noqa: E402
import foretrace  # noqa: E402
import reference  # noqa: E402

LOSSLESS = tuple(t for t in reference.TRACES if t != "redislost")
_reports = {}


def report(case, trace, analysis):
    """With everything in it; made once."""
    if (trace, analysis) not in _reports:
        _reports[trace, analysis] = reference.Report(case, trace, analysis, "--log", "--freq", "--top", "100000")
    return _reports[trace, analysis]


def each_trace(test):
    """A test of one trace, run on all that lost nothing."""
    @functools.wraps(test)
    def run(self):
        for trace in LOSSLESS:
            with self.subTest(trace=trace):
                test(self, trace)
    return run


def number(name):
    """Of an errno, as we or the reference write it; "-512" and the like are what the kernel uses within."""
    return {"ERESTARTSYS": 512, "ERESTARTNOINTR": 513, "ERESTARTNOHAND": 514, "ERESTART_RESTARTBLOCK": 516}.get(name) or getattr(errno, name, None) or -int(name)


class Case(foretrace.Case):
    def numbers(self, row, stats):
        """A row of ours against count, min, mean, max and standard deviation."""
        count, low, mean, high, stdev = stats
        self.assertEqual((row["count"], row["min"], row["max"], row["avg"]), (count, low, high, mean))
        if count > 2:
            self.assertTrue(math.isclose(row["stdev"], stdev, rel_tol=1e-13, abs_tol=1e-9), (row, stats))

    def bins(self, row, rows):
        if not rows:  # one value, or equal ones: the reference has no table then
            self.assertEqual(row["min"], row["max"])
            return
        self.assertEqual([n for _, _, n in row["bins"]], [n for _, _, n in rows])
        for ours, theirs in zip(row["bins"], rows):
            self.assertAlmostEqual(ours[0], theirs[0], places=3)
            self.assertAlmostEqual(ours[1], theirs[1], places=3)


class Syscall(Case):
    """syscallstats. Defect of the reference: each kind of return value is counted once too often (cli/syscallstats.py sets it to 1 when
    it sees it first, and then adds 1)."""
    @each_trace
    def test_stats(self, trace):
        ours, errors = report(self, trace, "syscall").by("thread_latency"), report(self, trace, "syscall").by("thread_errors")
        seen = set()
        for kind, title, rows in reference.tables(trace, "syscallstats"):
            if kind != "per-tid":
                continue
            tid = int(re.search(r"TID: (\d+)", title).group(1))
            for call, *stats, returned in rows:
                key = (tid, call["name"])
                seen.add(key)
                self.numbers(ours[key], stats)
                self.returned(ours[key], {k[2]: r["count"] for k, r in errors.items() if k[:2] == key}, ast.literal_eval(returned))
        self.assertEqual(seen, set(ours))

    def returned(self, row, errors, theirs):
        right = {name: n - 1 for name, n in theirs.items()}
        self.assertEqual(row["count"], sum(right.values()))
        self.assertEqual({number(name): n for name, n in errors.items()}, {number(name): n for name, n in right.items() if name != "success"})

    @each_trace
    def test_totals(self, trace):
        by_tid = collections.Counter()
        for (tid, _), row in report(self, trace, "syscall").by("thread_latency").items():
            by_tid[tid] += row["count"]
        self.assertEqual(by_tid, {proc["tid"]: n for proc, n in reference.table(trace, "syscallstats", "total")})
        self.assertEqual(sum(by_tid.values()), report(self, trace, "syscall").observed("call")["count"])

    @each_trace
    def test_against_the_events(self, trace):
        """Every call, its times, its name and its error; and what ends without having begun is counted, but for forks' children."""
        model = file_models.models(self, trace)
        log = [(x["begin_ns"], x["end_ns"], x["tid"], x["syscall"], number(x["errno"]) if x["errno"] else None)
               for x in report(self, trace, "syscall").observed("call")["log"]]
        self.assertEqual(log, model.calls)
        counters = {(c["analysis"], c["name"]): c["count"] for c in report(self, trace, "syscall").all["counters"]}
        unknown = model.exits - len(model.calls) - counters["syscall", "unmatched_ends"]
        self.assertTrue(0 <= unknown <= model.forks, (unknown, model.forks))

    def test_loss(self):
        """The reference pairs across losses: ours are the calls of which nothing between entry and exit may be missing, and no more of a
        thread than it has."""
        ours, losses = reference.Report(self, "redislost", "syscall", "--log"), reference.losses(self.trace("redislost"))
        done = foretrace.run("events", "--format", "json", "--name", "syscall_e*", self.trace("redislost"))
        entered, calls, suspect = {}, [], 0
        for e in map(json.loads, done.stdout.splitlines()):
            _, kind, name = e["name"].split("_", 2)
            tid = e["context"]["tid"]
            if kind == "entry":
                entered[tid] = (e["t"], name)
                continue
            begin, called = entered.pop(tid, (None, None))
            if called != name:
                continue
            if any(b <= e["t"] and begin < end for b, end in losses):
                suspect += 1
            else:
                calls.append((begin, e["t"], tid, name))
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["tid"], x["syscall"]) for x in ours.observed("call")["log"]], calls)
        counters = {(c["analysis"], c["name"]): c["count"] for c in ours.all["counters"]}
        self.assertGreater(suspect, 0)
        self.assertEqual(counters["syscall", "suspect_pairs"], suspect)
        theirs = {proc["tid"]: n for proc, n in reference.table("redislost", "syscallstats", "total")}
        for tid, n in collections.Counter(x[2] for x in calls).items():
            self.assertLessEqual(n, theirs.get(tid, 0))


def operation(x):
    """A row of our log without what the reference leaves out."""
    return (x["begin_ns"], x["end_ns"], x["tid"], x["syscall"], x["fd"], x["bytes"])


def known_to_reference(x):
    return x["family"] != "copy" and not x["syscall"].startswith("accept")


class Io(Case):
    """iolog, iolatencystats, iolatencytop, iolatencyfreq, iousagetop. The defects are listed at file_models.ReferenceFiles; beside them,
    an operation that failed has no descriptor in the reference, and names of processes are those at the end of the trace."""
    def log(self, trace):
        return report(self, trace, "io").observed("operation")["log"]

    @each_trace
    def test_against_the_events(self, trace):
        model = file_models.models(self, trace).right
        log = self.log(trace)
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["tid"], x["pid"], x["syscall"], x["family"], x["bytes"], x["errno"] and number(x["errno"]))
                          for x in log], [(o.begin, o.end, o.tid, o.pid, o.syscall, o.family, o.bytes, o.errno) for o in model])
        for x, o in zip(log, model):
            self.assertEqual((x["fd"], x["path"], x["kind"]), (o.fd, o.path, o.kind), o)

    @each_trace
    def test_log(self, trace):
        rows = reference.table(trace, "iolog", "log")
        theirs = [(t["begin"]["value"], t["end"]["value"], proc["tid"], call["name"], fd and fd["fd"], size)
                  for t, _, _, call, size, proc, _, fd in rows]
        ours = sorted(operation(x) for x in self.log(trace) if known_to_reference(x))
        self.assertEqual(ours, sorted(theirs))
        for row in rows:
            self.assertEqual(row[2], row[0]["end"]["value"] - row[0]["begin"]["value"])
        model = file_models.models(self, trace).reference
        paths = {(b, e, tid): model.path(tid, fd, e) for b, e, tid, _, fd in model.log}
        self.assertEqual({(r[0]["begin"]["value"], r[0]["end"]["value"], r[5]["tid"]): r[6] and r[6]["path"] for r in rows}, paths)

    @each_trace
    def test_stats(self, trace):
        ours = report(self, trace, "io").by("latency")
        for family, *stats in reference.table(trace, "iolatencystats", "syscall-latency-stats"):
            self.numbers(self.row(trace, ours, family.lower()), stats)

    def row(self, trace, rows, family):
        """Ours; that of `open` without accepts, which the reference does not know, from the log."""
        durations = [x["value"] for x in self.log(trace) if x["family"] == family]
        known = [x["value"] for x in self.log(trace) if x["family"] == family and known_to_reference(x)]
        self.numbers(rows[family], statistics_of(durations))
        self.assertEqual([n for _, _, n in rows[family]["bins"]], histogram(durations))
        if len(known) == len(durations):
            return rows[family]
        count, low, mean, high, stdev = statistics_of(known)
        step = (high / 1000 - low / 1000) / 20
        bounds = [(i * step + low / 1000) * 1000 for i in range(21)]
        return {"count": count, "min": low, "avg": mean, "max": high, "stdev": stdev,
                "bins": [(bounds[i], bounds[i + 1], n) for i, n in enumerate(histogram(known))]}

    @each_trace
    def test_freq(self, trace):
        ours = report(self, trace, "io").by("latency")
        for _, title, rows in reference.tables(trace, "iolatencyfreq"):
            family = re.search(r"\[(.*)\]", title).group(1)
            if not family.startswith("disk"):  # those are of `block`
                self.bins(self.row(trace, ours, family), rows)

    @each_trace
    def test_top(self, trace):
        ours = report(self, trace, "io").observed("operation")["top"]
        for _, title, rows in reference.tables(trace, "iolatencytop"):
            family = re.search(r"\[(.*)\]", title).group(1)
            mine = [x for x in ours if x["family"] == family and known_to_reference(x)][:len(rows)]
            self.assertEqual([x["value"] for x in mine], [r[2] for r in rows])
            self.assertEqual(sorted(operation(x) for x in mine if x["value"] > rows[-1][2]),
                             sorted((t["begin"]["value"], t["end"]["value"], proc["tid"], call["name"], fd and fd["fd"], size)
                                    for t, _, _, call, size, proc, _, fd in rows if t["end"]["value"] - t["begin"]["value"] > rows[-1][2]))

    def usage(self, trace, kind):
        return [(file_direction(title), rows) for k, title, rows in reference.tables(trace, "iousagetop") if k == kind]

    @each_trace
    def test_bytes_by_process(self, trace):
        model = file_models.models(self, trace).reference
        right = file_models.models(self, trace).right
        ours = report(self, trace, "io").by("thread_bytes")
        for direction, rows in self.usage(trace, "per-process-top"):
            for proc, size, *split in rows:
                moved = model.stats[proc["tid"]].bytes if proc["tid"] in model.stats else collections.Counter()
                self.assertEqual(split, [moved[direction, kind] for kind in ("disk", "net", "unknown")])
                self.assertEqual(sum(r["sum"] for k, r in ours.items() if k[:2] == (proc["tid"], direction)),
                                 size + sum(o.bytes for o in right if o.tid == proc["tid"] and o.family == "copy" and o.bytes))
        self.assertEqual({k: r["sum"] for k, r in ours.items()}, self.moved(right, lambda o, direction, path, kind: (o.tid, direction, kind)))

    def moved(self, operations, key):
        total = collections.Counter()
        for o in operations:
            if o.bytes is None:
                continue
            if o.family in ("read", "copy"):
                total[key(o, "read", o.path, o.kind)] += o.bytes
            if o.family in ("write", "copy"):
                total[key(o, "write", *((o.path, o.kind) if o.family == "write" else (o.to_path, o.to_kind)))] += o.bytes
        return total

    @each_trace
    def test_bytes_by_file(self, trace):
        model = file_models.models(self, trace).reference
        right = file_models.models(self, trace).right
        ours = {k: r["sum"] for k, r in report(self, trace, "io").by("file_bytes").items()}
        self.assertEqual(ours, self.moved(right, lambda o, direction, path, kind: (path, direction)))
        self.assertEqual({k: r["sum"] for k, r in report(self, trace, "io").by("bytes").items()},
                         self.moved(right, lambda o, direction, path, kind: (direction, kind)))
        for direction, rows in self.usage(trace, "per-file-top"):
            theirs = {r[0]["path"]: r[1] for r in rows}
            self.assertEqual(theirs, model.file_bytes(direction))
            # Of nearly all files that have a name in a file system both say the same; of the rest see defects 1 and 4.
            copied = self.moved([o for o in right if o.family == "copy"], lambda o, d, path, kind: (path, d))
            named = [p for p in theirs if p.startswith("/")]
            same = [p for p in named if ours[p, direction] - copied[p, direction] == theirs[p]]
            self.assertGreaterEqual(len(same), len(named) - 2)


def file_direction(title):
    return "read" if "[read]" in title else "write"


def statistics_of(values):
    mean = sum(values) / len(values)
    n = len(values)
    square = n * sum(v * v for v in values) - sum(values) ** 2
    return n, min(values), mean, max(values), math.sqrt(square / (n * (n - 1))) if n > 1 else None


def histogram(durations):
    low = min(durations) / 1000
    step, counts = (max(durations) / 1000 - low) / 20, [0] * 20
    for d in durations:
        counts[min(int((d / 1000 - low) / step), 19) if step else 0] += 1
    return counts


if __name__ == "__main__":
    foretrace.unittest.main(verbosity=2)
