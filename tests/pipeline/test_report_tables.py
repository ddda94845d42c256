#!/usr/bin/python3
"""Tables of `foretrace report` with more keys than there is room for, threads that had the same number, several sources, cpus without
an event. The traces are made; what must come out is reckoned while they are made."""
import json
import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402

T0 = 1_700_000_000_000_000_000
MS, US = 1_000_000, 1000
CONTEXTS = [("pid", "s32"), ("tid", "s32"), ("procname", "string")]
SWITCH = {"prev_comm": "string", "prev_tid": "s32", "prev_prio": "s32", "next_comm": "string", "next_tid": "s32", "next_prio": "s32"}
FORK = {"parent_comm": "string", "parent_tid": "s32", "parent_pid": "s32", "child_comm": "string", "child_tid": "s32", "child_pid": "s32"}


def made(path, **kwargs):
    trace = ctf.Trace(path, **{"session": "kernel", "contexts": CONTEXTS, **kwargs})
    trace.event("sched_switch", **SWITCH)
    trace.event("sched_process_fork", **FORK)
    trace.event("syscall_entry_openat", dfd="s32", filename="string", flags="s32")
    trace.event("syscall_exit_openat", ret="s64")
    trace.event("syscall_entry_read", fd="u32", count="u64")
    trace.event("syscall_exit_read", ret="s64", buf="u64")
    trace.event("block_rq_issue", dev="u32", sector="u64", nr_sector="u32", bytes="u32", tid="s32", rwbs="u32", comm="string")
    trace.event("block_rq_complete", dev="u32", sector="u64", nr_sector="u32", error="s32", rwbs="u32")
    trace.event("irq_handler_entry", irq="s32", name="string")
    trace.event("irq_handler_exit", irq="s32", ret="s32")
    return trace


class Cpu:
    """What runs on a cpu, as its tracer writes it."""
    def __init__(self, trace, number=0):
        self.pid = None     # of all threads; None: each is its own process
        self.stream, self.at, self.running = trace.stream(cpu=number, packet_events=5000), T0, (0, "swapper/%d" % number)

    def say(self, name, after=US, /, **fields):
        self.at += after
        self.stream.add(self.at, name, **{"ctx.pid": self.pid if self.pid and self.running[0] else self.running[0], "ctx.tid": self.running[0],
                                          "ctx.procname": self.running[1], **fields})

    def switch(self, tid, comm, after=US):
        self.say("sched_switch", after, prev_comm=self.running[1], prev_tid=self.running[0], prev_prio=20, next_comm=comm, next_tid=tid, next_prio=20)
        self.running = (tid, comm)

    def read(self, path, size, takes):
        """A file is opened and read from."""
        self.say("syscall_entry_openat", dfd=-100, filename=path, flags=0)
        self.say("syscall_exit_openat", ret=3)
        self.say("syscall_entry_read", fd=3, count=size)
        self.say("syscall_exit_read", takes, ret=size, buf=0)


def report(*args, most_mib=None):
    """The report; it must get on with most_mib besides what it maps of files."""
    def limit():
        if most_mib and not foretrace.SANITIZED:
            resource.setrlimit(resource.RLIMIT_DATA, (most_mib << 20, most_mib << 20))
    return json.loads(foretrace.run("report", "--quiet", "--format", "json", *args, preexec_fn=limit).stdout)


def table(all_, metric, **of):
    """The table of a metric, of a source."""
    return next(t for o in all_["observables"] if all(o[k] == v for k, v in of.items()) for t in o["tables"] if t["metric"] == metric)


def stats(values):
    n, mean = len(values), sum(values) / len(values)
    return {"count": n, "sum": sum(values), "min": min(values), "max": max(values), "avg": mean, "stdev": (sum((v - mean) ** 2 for v in values) / (n - 1)) ** 0.5}


class Many(foretrace.Case):
    """100,000 threads, each with a file of its own; then a heavy one of both."""
    COUNT, ROWS, MOST_MIB = 20_000 if foretrace.SANITIZED else 100_000, 500, 150

    def setUp(self):
        super().setUp()
        trace = made(self.path("many"))
        cpu = Cpu(trace)
        cpu.pid = 99
        self.run, self.reads = {}, {}
        for i in range(self.COUNT + 1):
            heavy = i == self.COUNT
            tid, takes = 100 + i, (300 * MS if heavy else (5 + i * 7919 % 1000) * US)
            cpu.switch(tid, "t%d" % i)
            since = cpu.at
            cpu.read("/data/%d" % i, 1 << 20 if heavy else 10 + i % 100, takes)
            cpu.switch(0, "swapper/0")
            self.run[tid] = cpu.at - since
            self.reads["/data/%d" % i] = 1 << 20 if heavy else 10 + i % 100
        self.trace_ = trace.write()

    def check(self, t, truth, key, rows):
        """The rows are the heaviest, the rest adds up to other."""
        self.assertEqual(t["rows_all"], len(truth))
        heaviest = sorted(truth.values(), reverse=True)
        self.assertEqual([r["sum"] for r in t["rows"]], heaviest[:rows])
        for r in t["rows"]:
            self.assertEqual(r["sum"], truth[r["key"][key]])
        self.assertEqual(t["other"]["rows"], len(truth) - rows)
        if rows < len(truth):
            for name, value in stats(heaviest[rows:]).items():
                self.assertAlmostEqual(t["other"][name], value, delta=abs(value) * 1e-9, msg=name)

    def test_bounded_and_right(self):
        few = report("-a", "cpu,io", "--rows", str(self.ROWS), "--freq", self.trace_, most_mib=self.MOST_MIB)
        usage, files = table(few, "thread_usage"), table(few, "file_bytes")
        self.check(usage, self.run, "tid", self.ROWS)
        self.check(files, self.reads, "path", self.ROWS)
        self.assertEqual((usage["rows"][0]["key"]["tid"], usage["rows"][0]["show"]["procname"]), (100 + self.COUNT, "t%d" % self.COUNT))
        self.assertEqual(files["rows"][0]["key"]["path"], "/data/%d" % self.COUNT)
        for t in usage, files:
            self.assertGreater(t["evicted"], self.COUNT - 2000)
        late = table(few, "file_latency")
        self.assertEqual(late["rows"][0]["key"]["path"], "/data/%d" % self.COUNT)
        self.assertEqual(sum(b[2] for b in late["other"]["bins"]), late["other"]["count"])
        self.assertEqual(sum(late["other"]["log2"]), late["other"]["count"])
        # All of them: then nothing is evicted, and the numbers are the same.
        all_ = report("-a", "cpu,io", "--rows", "200000", self.trace_)
        self.check(table(all_, "thread_usage"), self.run, "tid", self.COUNT + 1)
        self.check(table(all_, "file_bytes"), self.reads, "path", self.COUNT + 1)
        self.assertEqual(table(all_, "thread_usage")["evicted"], 0)
        # One row a table has no more memory than that: the rest is what is known of the machine, which has bounds of its own.
        least = report("-a", "cpu,io", "--rows", "1", self.trace_, most_mib=self.MOST_MIB)
        self.check(table(least, "thread_usage"), self.run, "tid", 1)
        if not foretrace.SANITIZED:
            with self.assertRaises(AssertionError):     # the bound is one: all rows do not fit
                report("-a", "cpu,io", "--rows", "200000", self.trace_, most_mib=self.MOST_MIB)

    def test_text(self):
        done = foretrace.run("report", "--quiet", "-a", "cpu", "--rows", "3", self.trace_)
        lines = done.stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("cpu.thread_usage"))
        self.assertEqual(lines[at + 2].split()[:2], [str(100 + self.COUNT), "t%d" % self.COUNT])
        self.assertTrue(lines[at + 5].startswith("  (%d others)" % (self.COUNT - 2)), lines[at + 5])
        self.assertEqual(int(lines[at + 5].split()[2]), self.COUNT - 2)


class Identity(foretrace.Case):
    def test_reused_tid(self):
        """A tid is given again: two threads, two rows, each with its own name."""
        trace = made(self.path("reused"))
        cpu = Cpu(trace)
        cpu.switch(50, "heavy")
        cpu.read("/one", 1000, 5 * MS)
        cpu.switch(1, "init", 900 * MS)
        cpu.say("block_rq_issue", 0, dev=8 << 20, sector=8, nr_sector=8, bytes=4096, tid=50, rwbs=0, comm="heavy")
        issued = cpu.at
        cpu.say("sched_process_fork", parent_comm="init", parent_tid=1, parent_pid=1, child_comm="light", child_tid=50, child_pid=50)
        second = cpu.at
        cpu.switch(50, "light", MS)
        cpu.say("block_rq_complete", 0, dev=8 << 20, sector=8, nr_sector=8, error=0, rwbs=0)
        completed = cpu.at
        cpu.read("/two", 10, 2 * MS)
        cpu.switch(1, "init", MS)
        cpu.say("block_rq_issue", 0, dev=8 << 20, sector=8, nr_sector=8, bytes=4096, tid=50, rwbs=0, comm="light")
        again = cpu.at
        cpu.say("sched_process_fork", parent_comm="init", parent_tid=1, parent_pid=1, child_comm="third", child_tid=50, child_pid=50)
        third = cpu.at
        cpu.switch(50, "third", MS)
        cpu.say("block_rq_complete", 0, dev=8 << 20, sector=8, nr_sector=8, error=0, rwbs=0)
        answered = cpu.at
        cpu.switch(0, "swapper/0", 7 * MS)
        all_ = report("-a", "cpu,io,block", "--freq", "--log", trace.write())
        rows = [(r["key"]["tid"], r["show"]["procname"], r.get("born_ns"), r["sum"]) for r in table(all_, "thread_usage")["rows"] if r["key"]["tid"] == 50]
        self.assertEqual(rows, [(50, "heavy", None, 905 * MS + 3 * US), (50, "third", third, 7 * MS), (50, "light", second, 3 * MS + 3 * US)])
        # Reads and opens by thread: those of each are its own, in the frequency tables too.
        rows = {(r.get("born_ns"), r["key"]["family"]): r for r in table(all_, "thread_latency", analysis="io")["rows"]}
        self.assertEqual({k: (r["show"]["procname"], r["sum"]) for k, r in rows.items()},
                         {(None, "open"): ("heavy", US), (None, "read"): ("heavy", 5 * MS), (second, "open"): ("light", US), (second, "read"): ("light", 2 * MS)})
        for r in rows.values():
            self.assertEqual(sum(b[2] for b in r["bins"]), r["count"])
        # What was asked for by the first and answered when there was the second is the first one's.
        self.assertEqual([(r["key"]["tid"], r.get("born_ns"), r["sum"]) for r in table(all_, "thread_requests")["rows"]], 
                         [(50, None, completed - issued), (50, second, answered - again)])
        text = foretrace.run("report", "--quiet", "-a", "cpu", self.path("reused")).stdout
        for cell in ("50@before", "50@22:13:20.905 ", "50@22:13:20.909 "):
            self.assertIn(cell, text)

    def sources(self):
        """Two hosts and, of the second, two sessions; the same tids and cpus everywhere. {(host, session): (begin, end, ns that tid 7 ran)}"""
        truth = {}
        for n, (host, session) in enumerate((("web1", "day"), ("web2", "day"), ("web2", "night"))):
            trace = made(self.path("%s/%s" % (host, session)), host=host, session=session)
            for number in (0, 1):
                cpu = Cpu(trace, number)
                cpu.at += n * 500 * MS
                cpu.switch(7, "app-%s-%s" % (host, session))
                cpu.switch(0, "swapper/%d" % number, (10 + 5 * n) * MS)
                cpu.say("irq_handler_entry", irq=5, name="eth")
                cpu.say("irq_handler_exit", 3 * US, irq=5, ret=1)
            trace.write()
            truth[host, session] = (T0 + n * 500 * MS + US, cpu.at, 2 * (10 + 5 * n) * MS)
        return truth

    def test_several_sources(self):
        truth = self.sources()
        all_ = report("-a", "cpu", self.path("web1"), self.path("web2"))
        self.assertEqual({(s["host"], s["session"]): (s["begin_ns"], s["end_ns"], s["events"]) for s in all_["sources"]},
                         {k: (begin, end, 8) for k, (begin, end, _) in truth.items()})
        self.assertEqual((all_["begin_ns"], all_["end_ns"], all_["events"]), (min(t[0] for t in truth.values()), max(t[1] for t in truth.values()), 24))
        for (host, session), (begin, end, ran) in truth.items():
            row, = table(all_, "thread_usage", host=host, session=session)["rows"]
            self.assertEqual((row["key"]["tid"], row["show"]["procname"], row["sum"]), (7, "app-%s-%s" % (host, session), ran))
            self.assertAlmostEqual(row["share"], ran / (end - begin), places=12)
            usage = table(all_, "usage", host=host, session=session)
            self.assertAlmostEqual(usage["rows"][0]["share"], ran / (end - begin) / 2, places=12)
        text = foretrace.run("report", "--quiet", "--all", self.path("web1"), self.path("web2")).stdout
        for host, session in truth:
            self.assertEqual(text.count("==== host %s, session %s: " % (host, session)), 1)
            self.assertIn("app-%s-%s" % (host, session), text)

    def test_recorded_twice(self):
        """Two recordings that say to be of the same session cannot be told apart by events: it is said."""
        for name in "before", "after":
            trace = made(self.path(name), domain="kernel")
            Cpu(trace).switch(7, name)
            trace.write()
        said = "host testhost, session kernel: there is more than one recording of its kernel, and they are read as one"
        self.assertIn(said, foretrace.run("report", self.path("before"), self.path("after")).stderr)
        self.assertNotIn(said, foretrace.run("report", self.path("before")).stderr)
        self.sources()
        self.assertNotIn("more than one recording", foretrace.run("report", self.path("web1"), self.path("web2")).stderr)

    def test_one_source_is_as_before(self):
        text = foretrace.run("report", "--quiet", "--all", self.path("web1") if self.sources() else None).stdout
        self.assertNotIn("====", text)

    def test_counters_by_source(self):
        """What is not in the numbers is told of the source that it is of."""
        self.sources()
        trace = made(self.path("web3"), host="web3")
        cpu = Cpu(trace)
        cpu.say("irq_handler_exit", irq=5, ret=1)
        cpu.say("irq_handler_exit", irq=5, ret=1)
        trace.write()
        all_ = report("-a", "irq", self.path("web1"), self.path("web3"))
        self.assertEqual([(c["host"], c["count"]) for c in all_["counters"] if c["name"] == "unmatched_ends"], [("web3", 2)])


class Cpus(foretrace.Case):
    def test_cpus_without_an_event(self):
        """100 % of the machine is all cpus that the statedump tells of, also those that had nothing to say."""
        trace = made(self.path("cpus"))
        trace.event("lttng_statedump_cpu_topology", architecture="string", cpu_id="u16", vendor="string")
        cpu = Cpu(trace, 1)
        cpu.switch(7, "app")
        for number in range(8):     # a field that is called as the packet's, which says where it happened
            cpu.say("lttng_statedump_cpu_topology", architecture="x86", cpu_id=number, vendor="any")
        cpu.switch(0, "swapper/1", 80 * MS - 8 * US)
        trace.write()
        all_ = report("-a", "cpu", self.path("cpus"))
        usage = table(all_, "usage")
        self.assertEqual((usage["parts"], usage["all_parts"]), (8, True))
        self.assertAlmostEqual(usage["rows"][0]["share"], 80 * MS / (all_["end_ns"] - all_["begin_ns"]) / 8, places=12)
        self.assertEqual([(r["key"]["cpu"], r["count"], r["sum"]) for r in table(all_, "cpu_usage")["rows"]], [(1, 1, 80 * MS)])
        self.assertFalse([c for c in all_["counters"] if c["name"] == "repaired_currents"])
        self.assertIn("100 % is all 8 cpus", foretrace.run("report", "--quiet", "-a", "cpu", self.path("cpus")).stdout)

    def test_not_told(self):
        """Without that it is the cpus of which there was an event, and says so."""
        trace = made(self.path("cpus"))
        for number in (1, 3):
            cpu = Cpu(trace, number)
            cpu.switch(7 + number, "app")
            cpu.switch(0, "swapper/1", 80 * MS)
        usage = table(report("-a", "cpu", trace.write()), "usage")
        self.assertEqual((usage["parts"], usage["all_parts"]), (2, False))
        self.assertIn("100 % is the 2 cpus that had events", foretrace.run("report", "--quiet", "-a", "cpu", self.path("cpus")).stdout)



if __name__ == "__main__":
    foretrace.main()
