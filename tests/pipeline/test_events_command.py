#!/usr/bin/python3
"""`foretrace events`: which events it prints, in which form, and what it says of mistakes. What is printed without a
condition is the reference for what a condition should leave; both readers give the same."""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402

READERS = ("native", "babeltrace2")
SECOND = 1_000_000_000


class Events(foretrace.Case):
    def events(self, *args):
        """(lines, standard error), the same by both readers."""
        runs = [foretrace.run("events", "--reader", reader, *args) for reader in READERS]
        self.assertEqual(runs[0].stdout, runs[1].stdout)
        self.assertEqual(runs[0].stderr, runs[1].stderr)
        return runs[0].stdout.splitlines(), runs[0].stderr

    def wheres(self, *conditions):
        return [word for condition in conditions for word in ("--where", condition)]

    def filtered(self, trace, *conditions):
        """The values of field i of the events that are left, for traces of make()."""
        lines, said = self.events("--format", "json", *self.wheres(*conditions), trace)
        self.assertEqual(said, "")
        return [json.loads(line)["fields"]["i"] for line in lines]

    def make(self, rows, contexts=(), **fields):
        """A trace of events e with these fields, and i that numbers them."""
        trace = ctf.Trace(self.path("t"), contexts=contexts)
        trace.event("e", i="u8", **fields)
        stream = trace.stream()
        for i, row in enumerate(rows):
            stream.add(SECOND + i, "e", i=i, **row)
        return trace.write()

    def test_forms(self):
        trace = self.make([{"s": 'a"\n', "x": -1.5, "tid": 7}], contexts=[("tid", "s32")], s="string", x="f64")
        self.assertEqual(self.events(trace), (['1000000000 e cpu=0 {"tid":7} {"i":0,"s":"a\\"\\u000a","x":-1.5}'], ""))
        lines, _ = self.events("-f", "json", trace)
        self.assertEqual(json.loads(lines[0]), {"t": SECOND, "name": "e", "cpu": 0, "context": {"tid": 7}, "fields": {"i": 0, "s": 'a"\n', "x": -1.5}})

    def test_a_recorded_trace(self):
        trace = self.trace("redis")
        lines, _ = self.events("--format", "json", trace)
        events = [json.loads(line) for line in lines]
        cases = (
            (["--name", "sched_switch"], lambda e: e["name"] == "sched_switch"),
            (["-n", "sched_*", "-n", "syscall_entry_read"], lambda e: e["name"].startswith("sched_") or e["name"] == "syscall_entry_read"),
            (self.wheres("prev_tid = 0"), lambda e: e["fields"].get("prev_tid") == 0),
            (self.wheres("prev_tid!=0"), lambda e: e["fields"].get("prev_tid", 0) != 0),
            (self.wheres("procname ~ redis*"), lambda e: e["context"]["procname"].startswith("redis")),
            (self.wheres("ctx.tid > 0", "ctx.cpu_id=1"), lambda e: e["context"]["tid"] > 0 and e["cpu"] == 1),
            (self.wheres("page >= 0xffff000000000000"), lambda e: e["fields"].get("page", 0) >= 0xffff000000000000),
            (["-n", "syscall_*"] + self.wheres("ret < 0"), lambda e: e["name"].startswith("syscall_") and e["fields"].get("ret", 0) < 0),
        )
        for args, wanted in cases:
            with self.subTest(args=args):
                expected = [line for line, event in zip(lines, events) if wanted(event)]
                self.assertTrue(0 < len(expected) < len(lines), len(expected))
                self.assertEqual(self.events("--format", "json", *args, trace), (expected, ""))
                self.assertEqual(self.events("--count", *args, trace), (["%d" % len(expected)], ""))
        self.assertEqual(self.events("--count", trace), (["%d" % len(lines)], ""))

    def test_numbers_are_exact(self):
        large, small = 2 ** 64 - 1, -2 ** 63
        trace = self.make([{"u": 0, "s": small, "f": 0.5}, {"u": 2 ** 63, "s": -1, "f": 2.0 ** 53}, {"u": large, "s": 2 ** 63 - 1, "f": float("nan")}],
                          u="u64", s="s64", f="f64")
        for condition, left in (("u >= 9223372036854775808", [1, 2]), ("u=18446744073709551615", [2]), ("u = -1", []), ("u>-1", [0, 1, 2]),
                                ("u<18446744073709551616", [0, 1, 2]), ("s=-9223372036854775808", [0]), ("s<-0x1", [0]), ("s<18446744073709551615", [0, 1, 2]),
                                ("s>0.5", [2]), ("f=.5", [0]), ("f < 9007199254740993", [0, 1]), ("f!=0.5", [1, 2]), ("u>1e18", [1, 2])):
            with self.subTest(condition=condition):
                self.assertEqual(self.filtered(trace, condition), left)

    def test_texts(self):
        array = ("integer { size = 8; align = 8; signed = 0; encoding = UTF8; } _%s[4];", lambda text: text.encode().ljust(4, b"\0"))
        trace = self.make([{"s": "", "a": "abcd"}, {"s": "a b", "a": "ab"}, {"s": "7", "a": ""}, {"s": "é" * 3000, "a": "é"}], s="string", a=array)
        for condition, left in (('s=""', [0]), ("s = a b", [1]), ("s ~ ?", [2]), ("s = 7", [2]), ("s >= a", [1, 3]), ("a = ab", [1]),
                                ("a ~ a*", [0, 1]), ("a=é", [3]), ('a != ""', [0, 1, 3]), ("s ~ é*", [3])):
            with self.subTest(condition=condition):
                self.assertEqual(self.filtered(trace, condition), left)

    def test_fields_within_fields(self):
        byte = "integer { size = 8; align = 8; }"
        structure = ("struct { %s x; struct { %s x; } in; } _%%s;" % (byte, byte), bytes)
        tag = ("enum : %s { number = 0, text = 1 } _%%s;" % byte, lambda which: bytes([which]))
        variant = ("variant <_tag> { %s number; struct { string inner; } text; } _%%s;" % byte,
                   lambda value: bytes([value]) if isinstance(value, int) else value.encode() + b"\0")
        trace = self.make([{"p": (1, 2), "tag": 0, "v": 5}, {"p": (2, 1), "tag": 1, "v": "five"}], p=structure, tag=tag, v=variant)
        for condition, left in (("p.x=1", [0]), ("p.in.x = 1", [1]), ("tag = 1", [1]), ("v.number = 5", [0]), ("v.number != 4", [0]),
                                ("v.text.inner ~ f*", [1])):
            with self.subTest(condition=condition):
                self.assertEqual(self.filtered(trace, condition), left)

    def test_payload_before_context(self):
        trace = self.make([{"tid": 1}, {"tid": 2}], contexts=[("tid", "u8")])
        self.assertEqual(self.filtered(trace, "tid = 1"), [0])
        trace = ctf.Trace(self.path("both"), contexts=[("i", "u8")])
        trace.event("e", i="u8")     # payload and context of one name: they get one value in this writer
        trace.stream().add(SECOND, "e", i=1)
        trace.write()
        self.assertEqual(self.events("-c", *self.wheres("payload.i=1", "ctx.i=1", "i=1"), trace.path), (["1"], ""))

    def test_events_without_a_clock(self):
        trace = ctf.Trace(self.path("t"), clock=False)
        trace.event("e", i="u8")
        stream = trace.stream()
        for i in range(4):
            stream.add(0, "e", i=i)
        trace.write()
        self.assertEqual(self.filtered(trace.path, "i>1"), [2, 3])
        self.assertEqual(self.events("-c", *self.wheres("i>1"), trace.path), (["2"], ""))
        self.assertEqual(self.events("-c", trace.path), (["4"], ""))

    def test_a_clock_in_the_payload_is_moved_once(self):
        """What a filter has read is read again to be printed. (babeltrace2 does not show such fields.)"""
        class Short(ctf.Trace):
            def encode_event(self, time, name, values):
                whole = super().encode_event(time, name, values)
                return whole[:2] + struct.pack("<H", time & 0xffff) + whole[10:]

            def metadata(self):
                return super().metadata().replace("size = 64; align = 8; map = clock.c.value; } timestamp;",
                                                  "size = 16; align = 8; map = clock.c.value; } timestamp;")
        stamp = ("integer { size = 16; align = 8; map = clock.c.value; } _%s;", lambda value: struct.pack("<H", value))
        trace = Short(self.path("t"))
        trace.event("e", x=stamp, y=stamp)
        stream = trace.stream()
        for i in range(3):
            stream.add(SECOND + i, "e", x=1, y=200)
        trace.write()
        everything = foretrace.run("events", trace.path).stdout
        self.assertEqual(len(set(line.split()[0] for line in everything.splitlines())), 3, everything)
        self.assertEqual(foretrace.run("events", "-w", "y=200", trace.path).stdout, everything)

    def test_damage_is_told_whatever_is_filtered(self):
        trace = self.make([{"s": "x"}] * 3, s="string")
        stream = os.path.join(trace, "stream_0")
        with open(stream, "r+b") as f:
            f.seek(-1, os.SEEK_END)
            f.write(b"x")
        for args in ([], ["--count"], self.wheres("i=7"), self.wheres("nothing=7"), ["--name", "nothing"]):
            done = foretrace.run("events", *args, trace, check=False)
            self.assertEqual(done.returncode, 1, args)
            self.assertIn("the packet ends in the middle of it", done.stderr)

    def test_what_cannot_hold_is_told(self):
        trace = self.trace("redis")
        for condition, why in (("prev_tdi = 3", "no event has a field 'prev_tdi' (did you mean 'prev_tid'?)"),
                               ("ctx.prev_tid = 3", "no event has a field 'ctx.prev_tid'"),
                               ("prev_tid = sh", "'prev_tid = sh': the field is a number, and 'sh' is none"),
                               ("prev_tid ~ 3*", "'prev_tid ~ 3*': the field is a number, and ~ compares texts")):
            self.assertEqual(self.events("-w", condition, trace), ([], "foretrace: warning: %s\n" % why))
        lines, said = self.events("-n", "sched_wak*", "-w", "prev_tid=0", "-c", trace)
        self.assertEqual(lines, ["0"])
        self.assertIn("no event of that name has a field 'prev_tid'", said)
        numbers = ("integer { size = 8; align = 8; } _%s[2];", bytes)
        self.assertIn("no event has a field 'a'", self.events("-w", "a=1", self.make([{"a": (1, 1)}], a=numbers))[1])

    def test_mistakes_in_arguments(self):
        for args, why in ((["--where", "prev_tid == 3"], "--where: 'prev_tid == 3': at character 10: expected one of = != < <= > >= ~"),
                          (["--where", "a=1", "--where", "a"], "--where: 'a': at character 2: expected one of"),
                          (["--where"], "--where needs a value (CONDITION)"),
                          (["--format", "xml"], "--format xml: expected text or json"),
                          (["--reader", "other"], "--reader other: expected auto, native or babeltrace2")):
            done = foretrace.run("events", self.path(""), *args, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(why, done.stderr)
        self.assertIn("An event without the field is not printed", foretrace.run("events", "--help").stdout)


if __name__ == "__main__":
    foretrace.main()
