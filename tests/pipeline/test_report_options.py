#!/usr/bin/python3
"""Options of `foretrace report`: what is let through by --begin, --end, --min, --max, --tid, --procname; how much is shown; what is said
of what is not there. Numbers are reckoned from the tables of lttng-analyses and from `foretrace events`, bounds are met exactly."""
import collections
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402
import reference  # noqa: E402

TRACE = "cpu"


def stats(values):
    n = len(values)
    mean = sum(values) / n
    return {"count": n, "sum": sum(values), "min": min(values), "max": max(values), "avg": mean,
            "stdev": (sum((v - mean) ** 2 for v in values) / (n - 1)) ** 0.5 if n > 1 else None}


def clock(ns, form="%H:%M:%S"):
    return time.strftime(form, time.gmtime(ns // 10 ** 9)) + ".%09d" % (ns % 10 ** 9)


class Options(foretrace.Case):
    def report(self, *options, trace=TRACE):
        done = foretrace.run("report", "--format", "json", *options, self.trace(trace))
        self.notes = done.stderr
        return json.loads(done.stdout)

    def events(self, *options, trace=TRACE):
        return [json.loads(line) for line in foretrace.run("events", "--format", "json", *options, self.trace(trace)).stdout.splitlines()]

    def observed(self, all_, analysis, what):
        return next(o for o in all_["observables"] if (o["analysis"], o["observed"]) == (analysis, what))

    def rows(self, all_, analysis, metric):
        return next(t["rows"] for o in all_["observables"] if o["analysis"] == analysis for t in o["tables"] if t["metric"] == metric)

    def check(self, row, values):
        for name, value in stats(values).items():
            if value is None:
                self.assertIsNone(row[name])
            else:
                self.assertAlmostEqual(row[name], value, delta=abs(value) * 1e-9, msg=name)

    def delays(self):
        """(begin, end, delay, tid) of every wake-up, by the reference."""
        return [(r[0], r[1], r[2], r[5]["tid"]) for r in reference.table(TRACE, "schedlog", "log")]


class Filters(Options):
    def wakeups(self, *options):
        """All delays that are let through: as the log has them, as the table of all adds them up, and the top."""
        all_ = self.report("-a", "wakeup", "--log", "--top", "7", *options)
        o = self.observed(all_, "wakeup", "delay")
        log = [(x["begin_ns"], x["end_ns"], x["value"]) for x in o["log"]]
        if log:
            self.check(self.rows(all_, "wakeup", "all_delays")[0], [x[2] for x in log])
        self.assertEqual(o["count"], len(log))
        self.assertEqual([x["value"] for x in o["top"]], sorted((x[2] for x in log), reverse=True)[:7])
        return log

    def test_durations(self):
        """Both bounds are included."""
        delays = self.delays()
        values = sorted(d[2] for d in delays)
        low, high = values[len(values) // 4], values[3 * len(values) // 4]
        self.assertLess(low, high)
        broken = next(v for v in values if int(v / 1000 * 1000) < v)     # in us it is no binary number, and just below
        for options, let in ((("--min", "%rus" % (broken / 1000), "--max", "%rus" % (broken / 1000)), lambda v: v == broken), (("--min", "%dns" % low), lambda v: v >= low), (("--max", "%dns" % high), lambda v: v <= high),
                             (("--min", "%dns" % low, "--max", "%dns" % high), lambda v: low <= v <= high),
                             (("--min", "%dns" % low, "--max", "%dns" % low), lambda v: v == low),
                             (("--min", "%dns" % (values[-1] + 1)), lambda v: False), (("--min", "1us"), lambda v: v >= 1000)):
            self.assertEqual(self.wakeups(*options), [d[:3] for d in delays if let(d[2])], options)

    def test_times(self):
        """What ends from begin to end, both included; but what lasts and ends where the report begins is before it."""
        delays = self.delays()
        begin, end = delays[100][1], delays[-100][1]
        for options, let in ((("--begin", str(begin)), lambda e: e > begin), (("--end", str(end)), lambda e: e <= end),
                             (("--begin", str(begin), "--end", str(end)), lambda e: begin < e <= end),
                             (("--begin", str(begin - 1), "--end", str(end - 1)), lambda e: begin <= e < end)):
            self.assertEqual(self.wakeups(*options), [d[:3] for d in delays if let(d[1])], options)

    def test_instants_and_shares(self):
        """Events that are instants at both bounds; slices of cpu time, of which the part within counts; and how many events there are."""
        switches = self.events("--name", "sched_switch")
        counted = [e["t"] for e in switches if e["fields"]["next_tid"]]
        begin, end = counted[500], counted[-500]
        all_ = self.report("-a", "cpu", "--begin", str(begin), "--end", str(end))
        within = [e for e in switches if begin <= e["t"] <= end]
        counts = collections.Counter(e["cpu"] for e in within if e["fields"]["next_tid"])
        self.assertEqual({r["key"]["cpu"]: r["count"] for r in self.rows(all_, "cpu", "switches")}, dict(counts))
        everything = self.events()
        self.assertEqual((all_["begin_ns"], all_["end_ns"]), (begin, end))
        self.assertEqual((all_["events"], all_["events_read"]), (sum(begin <= e["t"] <= end for e in everything), len(everything)))
        text = foretrace.run("report", "-a", "cpu", "--begin", str(begin), "--end", str(end), self.trace(TRACE)).stdout
        self.assertIn(" %d events of %d\n" % (all_["events"], len(everything)), text)
        running, ran = {}, collections.Counter()
        for e in switches:
            tid, since = running.get(e["cpu"], (e["fields"]["prev_tid"], 0))
            if tid:
                ran[tid] += max(0, min(e["t"], end) - max(since, begin))
            running[e["cpu"]] = (e["fields"]["next_tid"], e["t"])
        for tid, since in running.values():
            if tid:
                ran[tid] += max(0, end - max(since, begin))
        rows = self.rows(all_, "cpu", "thread_usage")
        sums = collections.Counter()
        for r in rows:
            sums[r["key"]["tid"]] += r["sum"]
            self.assertAlmostEqual(r["share"], r["sum"] / (end - begin), places=12)
        self.assertEqual(dict(sums), {t: ns for t, ns in ran.items() if ns})

    def test_thread(self):
        delays = self.delays()
        tid = collections.Counter(d[3] for d in delays).most_common(1)[0][0]
        names = {(e["t"], e["fields"]["next_tid"]): e["fields"]["next_comm"] for e in self.events("--name", "sched_switch")}
        name = collections.Counter(names[d[1], d[3]] for d in delays).most_common(1)[0][0]
        self.assertEqual(self.wakeups("--tid", str(tid)), [d[:3] for d in delays if d[3] == tid])
        self.assertEqual(self.wakeups("--procname", name), [d[:3] for d in delays if names[d[1], d[3]] == name])
        for other in name[:-1], name + "x":
            self.assertEqual(self.wakeups("--procname", other), [])
        self.assertEqual(self.wakeups("--tid", "999999"), [])
        values = [d[2] for d in delays if d[3] == tid]
        middle = sorted(values)[len(values) // 2]
        self.assertEqual(self.wakeups("--tid", str(tid), "--min", "%dns" % middle), [d[:3] for d in delays if d[3] == tid and d[2] >= middle])

    def test_other_threads_calls(self):
        """System calls by thread against the reference's counts."""
        titles = {title: rows for _, title, rows in reference.tables(TRACE, "syscallstats")}
        tid, theirs = next((int(title.rsplit("TID: ", 1)[1].rstrip(")]")), rows) for title, rows in titles.items() if "TID: " in title)
        all_ = self.report("-a", "syscall", "--tid", str(tid))
        self.assertEqual({r["key"]["tid"] for r in self.rows(all_, "syscall", "thread_latency")}, {tid})
        ours = {r["key"]["syscall"]: r["count"] for r in self.rows(all_, "syscall", "latency")}
        self.assertEqual(ours, {r[0]["name"]: r[1] for r in theirs})
        self.assertGreater(len(ours), 3)

    def test_left_out(self):
        """Tables that the filter does not apply to are not shown unfiltered."""
        all_ = self.report("--tid", "1", "--procname", "x")
        shown = {(o["analysis"], o["observed"]) for o in all_["observables"]}
        left = {(o["analysis"], o["observed"]): o["because"] for o in all_["left_out"]}
        notes = self.notes
        everything = {(o["analysis"], o["observed"]) for o in self.report()["observables"]}
        self.assertEqual(shown | set(left), everything)
        self.assertFalse(shown & set(left))
        self.assertEqual({k for k in left if k[0] == "irq"}, {k for k in everything if k[0] == "irq"})
        self.assertIn(("block", "queue"), left)
        self.assertEqual(left["irq", "handler"], "--tid")
        self.assertEqual(notes.count("left out, since they cannot be filtered so: "), 1)
        self.assertIn("irq.handler (--tid)", notes)
        left = {(o["analysis"], o["observed"]): o["because"] for o in self.report("--min", "1us")["left_out"]}
        self.assertEqual((left["cpu", "run"], left["memory", "allocated"]), ("--min", "--min"))
        self.assertNotIn(("irq", "handler"), left)
        self.assertEqual(self.report()["left_out"], [])
        text = foretrace.run("report", "--all", "--procname", "x", self.trace(TRACE)).stdout
        self.assertNotIn("irq.", text)
        text = foretrace.run("report", "--all", "--min", "1us", self.trace(TRACE)).stdout
        self.assertNotIn("cpu.usage", text)
        self.assertIn("irq.handler: ", text)

    def test_top_and_limit(self):
        values = sorted((d[2] for d in self.delays()), reverse=True)
        for top in 0, 1, 25:
            o = self.observed(self.report("-a", "wakeup", "--top", str(top)), "wakeup", "delay")
            self.assertEqual([x["value"] for x in o["top"]], values[:top])
        all_ = self.report("-a", "wakeup", "--limit", "3")
        t = next(t for t in self.observed(all_, "wakeup", "delay")["tables"] if t["metric"] == "thread_delay")
        self.assertEqual((len(t["rows"]), t["rows_all"]), (3, len({d[3] for d in self.delays()})))
        text = foretrace.run("report", "-a", "wakeup", "--limit", "3", self.trace(TRACE)).stdout
        self.assertIn("  ... %d more\n" % (t["rows_all"] - 3), text)

    def test_too_many(self):
        for option in ("--top", "1000001"), ("--rows", "0"), ("--limit", "4294967296"):
            done = foretrace.run("report", *option, self.trace("idle"), check=False)
            self.assertEqual((done.returncode, option[0] + " at most" in done.stderr or "--rows 1 to" in done.stderr), (2, True), done.stderr)

    def test_rows(self):
        """The rest of the rows is one, with all that there is to know of it."""
        by_tid = collections.defaultdict(list)
        for d in self.delays():
            by_tid[d[3]].append(d[2])
        heaviest = sorted(by_tid.values(), key=sum, reverse=True)
        t = next(t for t in self.observed(self.report("-a", "wakeup", "--rows", "4", "--freq"), "wakeup", "delay")["tables"] if t["metric"] == "thread_delay")
        self.assertEqual(len(t["rows"]), 4)
        for row, values in zip(t["rows"], heaviest):
            self.check(row, values)
        self.assertEqual((t["rows_all"], t["other"]["rows"]), (len(by_tid), len(by_tid) - 4))
        self.check(t["other"], [v for values in heaviest[4:] for v in values])
        self.assertEqual(sum(b[2] for b in t["other"]["bins"]), t["other"]["count"])


class Times(Options):
    def test_forms(self):
        """All of them name the same instant."""
        delays = self.delays()
        begin = delays[100][1]
        want = len([d for d in delays if d[1] > begin])
        for form in (str(begin), "%d.%09d" % divmod(begin, 10 ** 9), clock(begin), clock(begin) + "Z", clock(begin, "%Y-%m-%d %H:%M:%S"),
                     clock(begin, "%Y-%m-%dT%H:%M:%S") + "Z"):
            self.assertEqual(self.observed(self.report("-a", "wakeup", "--begin", form), "wakeup", "delay")["count"], want, form)
        second = begin // 10 ** 9 + 1
        want = len([d for d in delays if d[1] <= second * 10 ** 9])
        for form in str(second), time.strftime("%H:%M:%S", time.gmtime(second)), time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second)):
            self.assertEqual(self.observed(self.report("-a", "wakeup", "--end", form), "wakeup", "delay")["count"], want, form)
        minute = (begin // 10 ** 9) // 60 * 60
        for form in time.strftime("%H:%M", time.gmtime(minute)), time.strftime("%Y-%m-%d %H:%M", time.gmtime(minute)), time.strftime("%Y-%m-%d", time.gmtime(minute)):
            self.assertEqual(self.observed(self.report("-a", "wakeup", "--begin", form), "wakeup", "delay")["count"], len(delays), form)

    def test_midnight(self):
        """Without a date it is the day of the first event, and an end before the beginning is on the next."""
        trace = ctf.Trace(self.path("night"), session="kernel", contexts=[("pid", "s32"), ("tid", "s32"), ("procname", "string")])
        trace.event("irq_handler_entry", irq="s32", name="string")
        trace.event("irq_handler_exit", irq="s32", ret="s32")
        s, start = trace.stream(), (1_700_000_000 // 86400 * 86400 + 86400 - 600) * 10 ** 9  # 23:50
        for minute in range(20):
            at = start + minute * 60 * 10 ** 9
            s.add(at, "irq_handler_entry", pid=1, tid=1, procname="a", irq=5, **{"name": "eth"})
            s.add(at + 1000, "irq_handler_exit", pid=1, tid=1, procname="a", irq=5, ret=1)
        trace.write()
        done = json.loads(foretrace.run("report", "-a", "irq", "-f", "json", "--top", "3", self.path("night")).stdout)
        self.assertEqual([x["begin_ns"] for x in self.observed(done, "irq", "handler")["top"]], [start + n * 60 * 10 ** 9 for n in range(3)], "of equal ones the first")
        for options, want in ((("--begin", "23:55"), 15), (("--end", "23:55"), 5), (("--begin", "23:55", "--end", "00:05"), 10)):
            done = json.loads(foretrace.run("report", "-a", "irq", "-f", "json", *options, self.path("night")).stdout)
            self.assertEqual(self.observed(done, "irq", "handler")["count"], want, options)

    def test_same(self):
        """A beginning that is the end is one instant, not a day."""
        at = self.events("--name", "sched_switch", trace="idle")[5]["t"]
        self.assertEqual(self.report("-a", "cpu", "--begin", clock(at), "--end", clock(at), trace="idle")["events"], 1)

    def test_refused(self):
        for option, text in (("begin", "yesterday"), ("begin", "25:00:00"), ("end", "12:00:00.1234567890"), ("begin", "12:00:00."), ("end", "2026-13-01"), ("begin", "1.5x"), ("begin", "2026-02-30"), ("end", "2026-04-31 12:00"),
                             ("begin", ""), ("end", "12:00:00 CET"), ("begin", "-5"), ("end", "99999999999999999999")):
            done = foretrace.run("report", "--" + option, text, self.trace("idle"), check=False)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn("--%s %s: expected [YYYY-MM-DD] HH:MM[:SS[.FRACTION]] (UTC), or seconds or ns since the epoch" % (option, text), done.stderr)
        for options, why in ((("--begin", "2000", "--end", "1000"), "--begin 2000 is after --end 1000"), (("--min", "2ms", "--max", "1ms"), "--min 2ms is more than --max 1ms"),
                             (("--min", "5"), "--min 5: a time with its unit was expected"), (("--max", "nanms"), "--max nanms: a time with its unit was expected"),
                             (("--tid", "x"), "--tid x: a number was expected"),
                             (("--tid", str(2 ** 63)), "--tid %d: a number was expected" % 2 ** 63), (("--rows", "0"), "--rows 1 to 10000000")):
            done = foretrace.run("report", *options, self.trace("idle"), check=False)
            self.assertEqual((done.returncode, why in done.stderr), (2, True), done.stderr)

    def test_nothing_within(self):
        done = foretrace.run("report", "--begin", "1000", "--end", "2000", self.trace("idle"))
        self.assertIn("the trace has nothing from --begin to --end", done.stderr)
        self.assertIn(" 0 events of 22513", done.stdout)
        all_ = self.report("--begin", "1000", "--end", "2000", trace="idle")
        for span in all_, *all_["sources"]:
            self.assertEqual((span["events"], span["begin_ns"]), (0, span["end_ns"]))


class What(Options):
    """Which analyses, and what is said of those that have nothing."""
    def test_list(self):
        for text, why in (("cpu,cpu", "--analysis 'cpu,cpu': cpu is there twice"), ("cpu,,irq", "--analysis 'cpu,,irq': a name is empty"), ("cpu,", "a name is empty"),
                          ("", "a name is empty"), ("cpy", "--analysis cpy: there is no such analysis with tables"), ("latency", "there is no such analysis with tables")):
            done = foretrace.run("report", "-a", text, self.trace("idle"), check=False)
            self.assertEqual((done.returncode, why in done.stderr), (2, True), (text, done.stderr))
        self.assertEqual({o["analysis"] for o in self.report("-a", "irq,cpu", trace="idle")["observables"]}, {"irq", "cpu"})

    def test_overview(self):
        for trace in reference.TRACES:
            text = foretrace.run("report", self.trace(trace)).stdout
            lines = text.splitlines()
            self.assertLessEqual(len(lines), 100, trace)
            self.assertGreater(len(lines), 50, trace)
            self.assertIn("--all prints all tables", lines[-1])
            for analysis in "cpu", "irq", "syscall", "wakeup", "memory", "io":
                self.assertIn("\n%s." % analysis, text)
            everything = foretrace.run("report", "--all", self.trace(trace)).stdout
            self.assertEqual(foretrace.run("report", "-a", "all", self.trace(trace)).stdout, everything)
            self.assertGreater(len(everything.splitlines()), 3 * len(lines))
            self.assertEqual(everything.splitlines()[0], lines[0])
            rows = {line for line in everything.splitlines() if line.startswith("  ")}
            for line in lines: # nothing is made up for it
                self.assertTrue(not line.startswith("  ") or line in rows or line.startswith("  longest of"), line)
        self.assertEqual(self.report(), self.report("--all"))

    def test_readme(self):
        """What the README shows is what it prints."""
        with open(os.path.join(foretrace.ROOT, "README.md")) as f:
            shown = f.read().split("<!-- output: foretrace report -->\n```\n")[1].split("```")[0].splitlines()
        done = foretrace.run("report", self.trace("slowdisk"))
        printed = set((done.stderr + done.stdout).splitlines())
        self.assertGreater(len(shown), 15)
        for line in shown[1:-1]:
            self.assertIn(line, printed)

    def test_no_kernel(self):
        """A trace of programs: one line says what is missing and who has nothing."""
        trace = ctf.Trace(self.path("program"))
        trace.event("shop:begin", id="u64")
        trace.stream().add(10 ** 18, "shop:begin", id=1)
        done = foretrace.run("report", trace.write())
        warnings = [line for line in done.stderr.splitlines() if "warning" in line]
        self.assertEqual(len(warnings), 1, done.stderr)
        for word in "cpu", "wakeup", "irq", "io", "the trace has no ", "sched_switch", "...":
            self.assertIn(word, warnings[0])
        all_ = json.loads(foretrace.run("report", "--format", "json", trace.path).stdout)
        missing = {m["analysis"]: m["events"] for m in all_["missing"]}
        self.assertLessEqual({"cpu", "wakeup", "irq", "syscall", "io", "block", "net", "memory", "futex"}, set(missing))
        self.assertIn("irq_handler_entry", missing["irq"])
        self.assertIn("system calls", missing["syscall"])

    def test_replay_of_programs(self):
        """replay says it as shortly, although none of the events is for anybody; of a trace with a kernel's session beside it, only what that lacks."""
        def notes(*options):
            return [line for line in foretrace.run("replay", *options, trace.path).stderr.splitlines() if " the trace" in line]
        trace = ctf.Trace(self.path("both/program"))
        trace.event("shop:begin", id="u64")
        trace.stream().add(10 ** 18, "shop:begin", id=1)
        trace.write()
        said = notes("-p", "kernel")
        self.assertEqual(len(said), 1, said)
        for word in "nothing of cpu, ", "offcpu", "the trace has no ", "sched_switch", ", ...":
            self.assertIn(word, said[0])
        self.assertEqual(notes(), [])
        config = self.config("analyses: [{rate: {events: [shop:begni]}}, {rate: {events: [shop:begin], name: good}}]\n")
        self.assertEqual(notes("-c", config), ["foretrace: rate: there is no event 'shop:begni' in the trace (did you mean 'shop:begin'?)"])
        config = self.config("analyses: [{rate: {events: [shop:begni]}}]\n")
        self.assertEqual(notes("-c", config), ["foretrace: rate: there is no event 'shop:begni' in the trace (did you mean 'shop:begin'?)"])
        kernel = ctf.Trace(self.path("both/kernel"), session="kernel", domain="kernel")
        kernel.event("irq_handler_entry", irq="s32", name="string")
        kernel.event("irq_handler_exit", irq="s32", ret="s32")
        kernel.stream().add(10 ** 18, "irq_handler_entry", irq=1, name="x")
        kernel.write()
        trace.path = self.path("both")
        self.assertEqual(notes("-s", "window=1s", "-c", self.config("analyses: [{irq: {}}, {memory: {}}]\n")),
                         ["foretrace: nothing of memory: the trace has no kmem_mm_page_alloc, kmem_mm_page_free",
                          "foretrace: not everything of irq: the trace has no irq_softirq_raise, irq_softirq_entry, irq_softirq_exit"])

    def test_drawn(self):
        """Edges of a drawn histogram, and what is so much a second, as text."""
        trace = ctf.Trace(self.path("drawn"), session="kernel", contexts=[("tid", "s32")])
        trace.event("irq_handler_entry", irq="s32", name="string")
        trace.event("irq_handler_exit", irq="s32", ret="s32")
        s = trace.stream()
        for i, ns in enumerate((1000, 1000, 1500, 5000)):
            at = 10 ** 18 + i * 10 ** 6
            s.add(at, "irq_handler_entry", tid=1, irq=5, **{"name": "eth"})
            s.add(at + ns, "irq_handler_exit", tid=1, irq=5, ret=1)
        lines = foretrace.run("report", "-a", "irq", "--freq", trace.write()).stdout.splitlines()
        at = lines.index("    by powers of two")
        self.assertEqual([" ".join(line.split()) for line in lines[at + 1:at + 5]],
                         ["512 ns to 1.02 us 2 " + "#" * 40, "1.02 us to 2.05 us 1 " + "#" * 20, "2.05 us to 4.10 us 0", "4.10 us to 8.19 us 1 " + "#" * 20])
        self.assertTrue(any(" ".join(line.split()) == "1 us to 1.20 us 2 " + "#" * 40 for line in lines), lines)
        rate = self.rows(self.report("-a", "memory", trace="idle"), "memory", "allocated")[0]["rate"]
        lines = foretrace.run("report", "-a", "memory", self.trace("idle")).stdout.splitlines()
        row = lines[lines.index("memory.allocated: pages allocated") + 2].split()
        self.assertAlmostEqual(float(row[2]), rate, delta=rate / 100)

    def test_statedump_alone(self):
        """What is known of the machine is nothing of wake-ups."""
        trace = ctf.Trace(self.path("dump"), session="kernel", domain="kernel")
        trace.event("lttng_statedump_process_state", tid="s32", pid="s32", name="string")
        trace.stream().add(10 ** 18, "lttng_statedump_process_state", tid=1, pid=1, **{"name": "init"})
        done = foretrace.run("replay", "-c", self.config("analyses: [{wakeup: {}}]\n"), trace.write())
        self.assertIn("nothing of wakeup: the trace has no ", done.stderr)

    def test_reader_leaves(self):
        """`report | head` ends without a word; a full disk is an error."""
        with subprocess.Popen([foretrace.PROGRAM, "report", "-a", "cpu", "--log", "--quiet", self.trace("idle")], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
            done.stdout.readline()
            done.stdout.close()
            self.assertEqual((done.stderr.read(), done.wait()), (b"", -signal.SIGPIPE))
        with open("/dev/full", "w") as full:
            done = subprocess.run([foretrace.PROGRAM, "report", "--quiet", self.trace("idle")], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, "standard output: " in done.stderr), (1, True), done.stderr)

    def test_let_through(self):
        """Tables that are empty for the filters: that is said."""
        for options, why in ((("--tid", "999999"), "--tid"), (("--procname", "nobody", "--min", "1h"), "--procname, --min")):
            done = foretrace.run("report", *options, self.trace("idle"))
            self.assertIn("nothing of the trace is let through by " + why, done.stderr)
        self.assertNotIn("let through", foretrace.run("report", "--procname", "bash", self.trace("idle")).stderr)

    def test_part_is_missing(self):
        done = foretrace.run("report", "-a", "cpu,wakeup", self.trace("idle"))
        self.assertEqual([line for line in done.stderr.splitlines() if "warning" in line], [])

    def test_presets(self):
        """Of several the analyses are joined, each once."""
        def analyses(*options):
            return {o["analysis"] for o in self.report(*options, trace="idle")["observables"]}
        sched, net, io = analyses("--preset", "sched"), analyses("--preset", "net"), analyses("--preset", "io")
        self.assertEqual(analyses("--preset", "sched", "--preset", "net"), sched | net)
        self.assertEqual(analyses("--preset", "net", "--preset", "io", "--preset", "fast"), io | net)
        self.assertEqual(analyses("--preset", "net", "--preset", "net"), net)
        self.assertNotEqual(sched, sched | net)
        done = foretrace.run("report", "--preset", "sched", "--preset", "nett", self.trace("idle"), check=False)
        self.assertIn("there is no preset 'nett'", done.stderr)
        # A file's list stands for itself.
        config = self.config("analyses: [irq]\n")
        self.assertEqual(analyses("--preset", "sched", "--preset", "net", "--config", config), {"irq"})

    def test_list_is_no_setting(self):
        for key in "analyses", "detectors", "groups", "sinks":
            done = foretrace.run("report", "-s", key + "=[]", self.trace("idle"), check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--set %s=[]: %s is a list, and --set is for single settings: use a file (--config)" % (key, key), done.stderr)


if __name__ == "__main__":
    foretrace.main()
