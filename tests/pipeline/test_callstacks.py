#!/usr/bin/python3
"""`foretrace report` shows the call stacks of operations: made traces with LTTng's contexts callstack-kernel and callstack-user."""
import bisect
import json
import os
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402

T0 = 1_700_000_000_000_000_000
KALLSYMS = """\
ffffffff81000000 T _text
ffffffff81001000 T __x64_sys_read
ffffffff81002000 t vfs_read
ffffffff81002000 T vfs_read_alias
ffffffff81003000 D some_data
ffffffffc0001000 t ext4_read\t[ext4]
"""
READ = (0xffffffff81002010, 0xffffffff8100102e, 0xffffffffc0001004, 0xffffffff81003008)
READ_NAMES = ["vfs_read+0x10", "__x64_sys_read+0x2e", "ext4_read+0x4 [ext4]", "0xffffffff81003008"]
BEGIN = (0xffffffff81000004,)
MAX = 0xffffffffffffffff


def words(prefix):
    """As lttng-modules declare it: a number of elements, then they."""
    return ("integer { size = 32; align = 8; signed = 0; } _%s_length; "
            "integer { size = 64; align = 8; signed = 0; base = 16; } %%s[ _%s_length ];" % (prefix, prefix),
            lambda frames: struct.pack("<I", len(frames)) + struct.pack("<%dQ" % len(frames), *frames))


def byte_words(prefix):
    return ("integer { size = 16; align = 8; signed = 0; } _%s_length; "
            "integer { size = 8; align = 8; signed = 0; base = 16; } _%%s[ _%s_length ];" % (prefix, prefix),
            lambda data: struct.pack("<H", len(data)) + data)


class Stacks(foretrace.Case):
    def kernel(self, user=False):
        contexts = [("pid", "s32"), ("tid", "s32"), ("procname", "string"), ("_callstack_kernel", words("_callstack_kernel"))]
        contexts += [("_callstack_user", words("_callstack_user"))] if user else []
        trace = ctf.Trace(self.path("trace/kernel"), contexts=contexts)
        trace.event("syscall_entry_read", fd="s32", count="u64")
        trace.event("syscall_exit_read", ret="s64", fd="s32", buf="u64")
        return trace

    def read(self, stream, at, duration, begin, end, tid=100, user=()):
        context = {"pid": tid, "tid": tid, "procname": "cat", "_callstack_user": user}
        stream.add(at, "syscall_entry_read", fd=3, count=10, _callstack_kernel=begin, **context)
        stream.add(at + duration, "syscall_exit_read", ret=10, fd=3, buf=0, _callstack_kernel=end, **context)

    def kallsyms(self, text=KALLSYMS, name="symbols"):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def report(self, *args, check=True):
        return foretrace.run("report", "--analysis", "syscall", *args, self.path("trace"), check=check)

    def latencies(self, *args):
        report = json.loads(self.report("--format", "json", "--log", *args).stdout)
        found = [o for o in report["observables"] if any("duration_ns" in e or e["end_ns"] > e["begin_ns"] for e in o["log"])]
        self.assertEqual(len(found), 1)
        return found[0]

    def simple(self):
        trace = self.kernel()
        stream = trace.stream()
        self.read(stream, T0, 500, BEGIN, READ + (MAX,))
        self.read(stream, T0 + 10_000, 200, (), tuple(range(1, 41)))
        trace.write()

    def test_names_by_kallsyms(self):
        self.simple()
        for args in (("--kallsyms", self.kallsyms()), ()):
            if not args:
                self.kallsyms(name="trace/kallsyms")        # found beside the trace
            found = self.latencies(*args)
            for entries in (found["log"], sorted(found["top"], key=lambda e: e["begin_ns"])):
                self.assertEqual(entries[0]["begin_stack"], {"kernel": ["_text+0x4"], "user": []})
                self.assertEqual(entries[0]["end_stack"], {"kernel": READ_NAMES, "user": []})
                self.assertNotIn("begin_stack", entries[1])
                self.assertEqual(entries[1]["end_stack"], {"kernel": [hex(i) for i in range(1, 33)], "user": [], "cut": True})

    def test_text(self):
        self.simple()
        lines = self.report("--kallsyms", self.kallsyms(), "--log").stdout.splitlines()
        want = ["      begin kernel _text+0x4", "      end   kernel vfs_read+0x10", "            kernel __x64_sys_read+0x2e",
                "            kernel ext4_read+0x4 [ext4]", "            kernel 0xffffffff81003008"]
        at = [i for i, line in enumerate(lines) if line == want[0]]
        self.assertEqual(len(at), 2, "once in the greatest, once in the log")
        for i in at:
            self.assertEqual(lines[i:i + len(want)], want)
        self.assertEqual(lines.count("            kernel ..."), 2)

    def test_without_symbols(self):
        self.simple()
        entry = self.latencies()["log"][0]
        self.assertEqual(entry["end_stack"]["kernel"], [hex(f) for f in READ])

    def test_two_stacks_at_one_time_are_nobodys(self):
        trace = self.kernel()
        self.read(trace.stream(cpu=0), T0, 500, BEGIN, READ)
        self.read(trace.stream(cpu=1), T0, 700, READ, BEGIN, tid=101)
        trace.write()
        for entry in self.latencies()["log"]:
            self.assertNotIn("begin_stack", entry)
            self.assertIn("end_stack", entry)

    def test_stack_of_each_operation(self):
        """Many operations, each with frames of its own: none gets another's."""
        trace = self.kernel()
        stream = trace.stream(packet_events=50)
        for i in range(2000):
            self.read(stream, T0 + 10_000 * i, 100 + i, (4096 + i,), (8192 + i, 5))
        trace.write()
        log = self.latencies()["log"]
        self.assertEqual(len(log), 2000)
        for entry in log:
            i = (entry["begin_ns"] - T0) // 10_000
            self.assertEqual(entry["begin_stack"]["kernel"], [hex(4096 + i)])
            self.assertEqual(entry["end_stack"]["kernel"], [hex(8192 + i), "0x5"])

    def test_numbers_are_the_same(self):
        """Contexts of stacks change nothing else."""
        self.simple()
        with_stacks = json.loads(self.report("--format", "json").stdout)
        trace = ctf.Trace(self.path("trace/kernel"), contexts=[("pid", "s32"), ("tid", "s32"), ("procname", "string")])
        trace.event("syscall_entry_read", fd="s32", count="u64")
        trace.event("syscall_exit_read", ret="s64", fd="s32", buf="u64")
        stream = trace.stream()
        self.read(stream, T0, 500, (), ())
        self.read(stream, T0 + 10_000, 200, (), ())
        trace.write()
        without = json.loads(self.report("--format", "json").stdout)
        for o in with_stacks["observables"]:
            for entry in o["top"]:
                entry.pop("begin_stack", None), entry.pop("end_stack", None)
        self.assertEqual(with_stacks, without)

    def test_user_frames(self):
        """A library that is here, by its symbols; one that is not, by its build id; an address of none."""
        source, library = self.path("f.c"), self.path("libf.so")
        with open(source, "w") as f:
            f.write("int inner(int x) { return x * 3; }\nint outer(int x) { return inner(x) + 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-O0", "-Wl,--build-id=sha1", "-o", library, source], check=True)
        notes = subprocess.run(["readelf", "-n", library], check=True, stdout=subprocess.PIPE, text=True).stdout
        build_id = bytes.fromhex(notes.split("Build ID: ")[1].split()[0])
        names = subprocess.run(["nm", library], check=True, stdout=subprocess.PIPE, text=True).stdout
        outer = next(int(line.split()[0], 16) for line in names.splitlines() if line.endswith(" outer"))
        trace = self.kernel(user=True)
        self.read(trace.stream(), T0 + 5000, 500, BEGIN, READ, user=(0x7f0000000000 + outer + 6, 0x7f1000000123, 0x7f2000000010, 0x1234, MAX))
        trace.write()
        ust = ctf.Trace(self.path("trace/ust"), contexts=[("vpid", "s32")])
        ust.event("lttng_ust_statedump:bin_info", baddr="u64", memsz="u64", path="string", is_pic="u8", has_build_id="u8", has_debug_link="u8")
        ust.event("lttng_ust_statedump:build_id", baddr="u64", build_id=byte_words("_build_id"))
        stream = ust.stream()
        for i, (base, path, identity) in enumerate(((0x7f0000000000, library, build_id), (0x7f1000000000, "/nowhere/libgone.so.1", bytes(range(20))),
                                                    (0x7f2000000000, library, bytes(range(1, 21))))):
            stream.add(T0 + i * 10, "lttng_ust_statedump:bin_info", vpid=100, baddr=base, memsz=0x10000, path=path, is_pic=1, has_build_id=1, has_debug_link=0)
            stream.add(T0 + i * 10 + 1, "lttng_ust_statedump:build_id", vpid=100, baddr=base, build_id=identity)
            stream.add(T0 + i * 10 + 2, "lttng_ust_statedump:bin_info", vpid=101, baddr=base, memsz=0x10000, path="/of/another", is_pic=1, has_build_id=0, has_debug_link=0)
        ust.write()
        frames = self.latencies()["log"][0]["end_stack"]["user"]
        self.assertEqual(frames, ["outer+0x6 [libf.so]", "libgone.so.1+0x123 (%s)" % bytes(range(20)).hex(),
                                  "libf.so+0x10 (%s)" % bytes(range(1, 21)).hex(), "0x1234"])

    def test_recorded(self):
        """Of a real kernel: the stacks are those that the walk of its events says, with names looked up here."""
        trace = self.trace("callstack")
        with open(os.path.join(trace, "kallsyms")) as f:
            lines = [line.split() for line in f]
        symbols = sorted((int(address, 16), -n, word, rest) for n, (address, _, word, *rest) in enumerate(lines))
        starts = [s[0] for s in symbols]

        def name(address):
            start, _, word, rest = symbols[bisect.bisect_right(starts, address) - 1]    # of one address the first in the file
            return " ".join(["%s+0x%x" % (word, address - start), *rest])

        events = {}
        for line in foretrace.run("events", "--format", "json", trace).stdout.splitlines():
            event = json.loads(line)
            if event["name"].startswith(("block_rq_issue", "block_rq_complete", "sched_", "syscall_")):
                frames = [[f % 2**64 for f in event["context"]["callstack_" + kind] if f % 2**64 != MAX] for kind in ("kernel", "user")]
                events.setdefault(event["t"], []).append(frames)
        report = json.loads(foretrace.run("report", "--analysis", "block,syscall,wakeup", "--format", "json", "--log", trace).stdout)
        compared, wrong = 0, []
        for o in report["observables"]:
            for entry in o["log"]:
                for end in ("begin", "end"):
                    stack, at = entry.get(end + "_stack"), events.get(entry[end + "_ns"], [])
                    if not stack:
                        continue
                    self.assertEqual(len(at), 1)
                    kernel, user = at[0]
                    compared += 1
                    if stack["kernel"] != [name(f) for f in kernel[:32]] or stack["user"] != [hex(f) for f in user[:32]]:
                        wrong.append((stack, at))
        self.assertEqual(wrong, [])
        self.assertGreater(compared, 300)
        requests = next(o for o in report["observables"] if o["analysis"] == "block" and o["observed"] == "request")
        self.assertEqual(len(requests["log"]), 21)
        for entry in requests["log"]:
            self.assertTrue(any("blk_mq" in f for f in entry["begin_stack"]["kernel"]), entry)

    def test_bad_kallsyms(self):
        self.simple()
        for text, said in (("zz T a\n", ":1: an address"), ("10 T a\n20 TT b\n", ":2: a type"), ("10 T\n", ":1: a name"), ("", "no symbols"),
                           ("10 T a b\n", ":1: a [module]"), ("0 T a\n0 t b\n", "kptr_restrict"), ("10 T a [m] x\n", ":1: nothing")):
            done = self.report("--kallsyms", self.kallsyms(text), check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)
        self.assertNotEqual(self.report("--kallsyms", self.path("missing"), check=False).returncode, 0)

    def test_babeltrace2_leaves_them_out(self):
        """Where libbabeltrace2 does not abort on them, stacks are left out, which is said, and the rest is the same."""
        self.simple()
        config = self.config("reader: babeltrace2\n")
        done = self.report("--config", config, "--format", "json", "--log")
        self.assertIn("call stacks are left out", done.stderr)
        theirs, ours = json.loads(done.stdout), json.loads(self.report("--format", "json", "--log").stdout)
        for o in ours["observables"]:
            for entry in o["top"] + o["log"]:
                entry.pop("begin_stack", None), entry.pop("end_stack", None)
        self.assertEqual(theirs, ours)


if __name__ == "__main__":
    foretrace.main()
