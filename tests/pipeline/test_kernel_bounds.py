#!/usr/bin/python3
"""The kernel's state is bounded: 100,000 threads, 100,000 file names, a thousand cpus, watched as `foretrace run --preset kernel` would.
Memory stays within what is configured, what is put out is counted, and what is known is right all the same."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import kernel_dialects as dialects  # noqa: E402
from kernel_dialects import US  # noqa: E402

MANY = 20_000 if foretrace.SANITIZED else 100_000
BOUND = 8192
CONFIG = "window: 1s\nmax_tasks: %d\nmax_series: 2000\n" % BOUND


class Course(dialects.Course):
    """Any number of cpus; large packets."""
    def __init__(self, path, cpus=2):
        super().__init__(path, dialects.MODERN)
        self.running = {cpu: (0, 0, "swapper/%d" % cpu) for cpu in range(cpus)}

    def write(self):
        for name, kinds in self.classes.items():
            self.trace.event(name, **kinds)
        streams = {cpu: self.trace.stream(cpu=cpu, packet_events=20000) for cpu in self.running}
        for time, cpu, name, values in self.events:
            streams[cpu].add(time, name, **values)
        self.trace.streams = [s for s in streams.values() if s.events]
        return self.trace.write()


def threads(path, count):
    """Each runs once for 20 us, one after the other."""
    c = Course(path)
    for i in range(count):
        c.tasks[1000 + i] = (1000 + i, "t%d" % (i % 5000), 20)
        c.switch(0, 1000 + i)
        c.now += 10 * US
    c.switch(0, 0)
    return c.write()


def names(path, count):
    """One thread opens and closes as many files of different names."""
    c = Course(path)
    c.tasks[700] = (700, "opener", 20)
    c.switch(0, 700)
    c.descriptor(700, 0, "/dev/null")
    for i in range(count):
        c.call(0, "openat", 5, 5, dfd=("s32", -100), filename=("string", "/data/a-directory-of-many-files/%d" % i), flags=("s32", 0), mode=("u32", 0))
        c.call(0, "close", 0, 5, fd=("u32", 5))
    return c.write()


def cpus(path, count):
    """Each runs a thread of its own for a millisecond times (1 + its number % 7)."""
    c = Course(path, count)
    begin = c.now
    for cpu in range(count):
        c.tasks[5000 + cpu] = (5000 + cpu, "w%d" % cpu, 20)
        c.now = begin + cpu * US
        c.switch(cpu, 5000 + cpu)
    for k in range(1, 8):
        for cpu in range(count):
            if 1 + cpu % 7 == k:
                c.now = begin + cpu * US + k * 1_000_000
                c.switch(cpu, 0)
    c.events.sort(key=lambda e: e[0])
    return c.write()


class Bounds(foretrace.Case):
    def watch(self, trace):
        """Samples, and the most memory in MiB."""
        samples = self.path("samples.csv")
        _, most = foretrace.peak("replay", "-p", "kernel", "-c", self.config(CONFIG), "--publish", "none", "--samples", samples, "--output", self.path("alerts"), trace)
        return foretrace.samples_of(samples), most

    def below(self, mebibytes, bound):
        if not foretrace.SANITIZED:       # which holds back what is freed
            self.assertLess(mebibytes, bound)

    def total(self, samples, name):
        return sum(row[2] for row in samples if row[1].startswith(name + ".count"))

    def memory(self, make):
        """Of a trace with a tenth, and with all."""
        few = self.watch(make(self.path("few"), MANY // 10))
        many = self.watch(make(self.path("many"), MANY))
        print("%s: %.0f MiB with %d, %.0f MiB with %d" % (make.__name__, few[1], MANY // 10, many[1], MANY), flush=True)
        return few[1], many[1], many[0]

    def test_threads(self):
        few, many, samples = self.memory(threads)
        self.below(many, few + 28)             # offcpu keeps 131,072 threads, 128 bytes each
        self.assertGreaterEqual(self.total(samples, "foretrace.evicted_tasks"), MANY - BOUND)
        switches = sum(row[2] for row in samples if row[1].startswith("cpu.switches.count"))
        self.assertGreaterEqual(switches, MANY)
        # 5,000 names have no room as series of their own: they are in (other), and counted.
        self.assertGreater(self.total(samples, "foretrace.refused_observations"), 0)
        self.assertTrue(any("procname=(other)" in row[1] for row in samples))

    def test_names_of_files(self):
        few, many, samples = self.memory(names)
        self.below(many, few + 48)             # 131,072 paths are kept
        self.assertEqual(self.total(samples, "foretrace.refused_paths"), 0)
        self.assertEqual(sum(row[2] for row in samples if row[1].startswith("io.latency.count{family=open") and "procname" not in row[1]), MANY)

    def test_a_thousand_cpus(self):
        path = cpus(self.path("cpus"), 1000)
        report = json.loads(foretrace.run("report", "--format", "json", "--analysis", "cpu", "--top", "2000", path).stdout)
        run = next(o for o in report["observables"] if o["observed"] == "run")
        rows = {t["metric"]: t["rows"] for t in run["tables"]}
        self.assertEqual({r["key"]["cpu"]: (r["count"], r["sum"]) for r in rows["cpu_usage"]}, {c: (1, (1 + c % 7) * 1_000_000) for c in range(1000)})
        self.assertEqual(len(rows["thread_usage"]), 1000)
        samples, most = self.watch(path)
        self.below(most, 64)
        switches = {row[1]: row[2] for row in samples if row[1].startswith("cpu.switches.count{cpu=")}
        others = switches.pop("cpu.switches.count{cpu=(other)}", 0)     # 1000 cpus of two series are more than max_series
        self.assertTrue(len(switches) > 300 and set(switches.values()) == {1.0} and sum(switches.values()) + others == 1000, (len(switches), others))


if __name__ == "__main__":
    foretrace.main()
