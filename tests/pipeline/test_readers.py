#!/usr/bin/python3
"""Our own reader and libbabeltrace2 read the same: every event with every field, in the same order, the same
losses, and so the same samples and alerts. Where babeltrace2 2.0.4 is wrong, what is right is written here."""
import glob
import json
import os
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402

CORPUS = os.path.join(foretrace.SHARED, "traces", "ctf-corpus")
READERS = ("native", "babeltrace2")


class Readers(foretrace.Case):
    def events(self, reader, *traces):
        """(status, lines, standard error)"""
        done = foretrace.run("events", "--format", "json", "--reader", reader, *traces, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr

    def compare(self, *traces):
        native, theirs = (self.events(reader, *traces) for reader in READERS)
        self.assertEqual(native[0], theirs[0], (native[2], theirs[2]))
        for ours, other in zip(native[1], theirs[1]):
            self.assertEqual(ours, other)
        self.assertEqual(len(native[1]), len(theirs[1]))
        warnings = [[line for line in said.splitlines() if "discarded" in line] for _, _, said in (native, theirs)]
        self.assertEqual(*warnings)
        return native[1]

    def compare_together(self, directory):
        """Several traces of one clock: the same events, but see test_one_clock_has_one_offset."""
        untimed = []
        for reader in READERS:
            status, lines, said = self.events(reader, directory)
            self.assertEqual(status, 0, said)
            untimed.append(sorted(line.split(",", 1)[1] for line in lines))
        self.assertEqual(*untimed)

    def test_kernel_traces(self):
        for name in ("idle", "fio", "redis", "slowdisk", "cpu", "redislost"):
            with self.subTest(trace=name):
                trace = self.trace(name)
                lines = self.compare(trace)
                self.assertEqual(len(lines), int(foretrace.run("events", "--count", trace).stdout))
                event = json.loads(lines[-1])
                self.assertEqual(sorted(event["context"]), ["pid", "procname", "tid"])

    def test_elements_of_short_arrays(self):
        """They are fields of their own: by the plan, and by the library."""
        pipes = [e for e in map(json.loads, self.compare(self.trace("redis"))) if e["name"] == "syscall_exit_pipe2"]
        self.assertGreater(len(pipes), 0)
        for place in (0, 1):
            for value in {e["fields"]["fildes"][place] for e in pipes} | {-7}:
                for reader in READERS:
                    done = foretrace.run("events", "--format", "json", "--reader", reader, "--where", "fildes.%d = %d" % (place, value), self.trace("redis"))
                    self.assertEqual([json.loads(line)["t"] for line in done.stdout.splitlines()], [e["t"] for e in pipes if e["fields"]["fildes"][place] == value])

    def test_samples_and_alerts(self):
        for name in ("slowdisk", "redislost"):
            with self.subTest(trace=name):
                runs = [self.replay("--reader", reader, "--window", "100ms", self.trace(name)) for reader in READERS]
                self.assertEqual(runs[0][:2], runs[1][:2])

    @foretrace.unittest.skipUnless(os.path.isdir(CORPUS), "the CTF corpus is not beside the repository")
    def test_corpus(self):
        traces = sorted(t for t in glob.glob(os.path.join(CORPUS, "*", "*")) if os.path.isdir(t) and not t.endswith("meta-ctx-sequence"))
        self.assertGreater(len(traces), 40)
        for trace in traces:
            with self.subTest(trace=os.path.relpath(trace, CORPUS)):
                metadata = glob.glob(os.path.join(glob.escape(trace), "**", "metadata"), recursive=True)
                if len(metadata) > 1:
                    self.compare_together(trace)
                for path in metadata:
                    self.compare(os.path.dirname(path))

    @foretrace.unittest.skipUnless(os.path.isdir(CORPUS), "the CTF corpus is not beside the repository")
    def test_what_babeltrace2_dies_of(self):
        status, lines, said = self.events("native", os.path.join(CORPUS, "succeed", "meta-ctx-sequence"))
        self.assertEqual((status, lines, said), (0, [], ""))

    def test_an_empty_text_behind_a_full_one(self):
        trace = ctf.Trace(self.path("t"))
        trace.event("e", s="string")
        stream = trace.stream()
        for i, text in enumerate(("abc", "", "d")):
            stream.add(1_000_000_000 + i, "e", s=text)
        trace.write()
        for reader in READERS:
            self.assertEqual([json.loads(line)["fields"]["s"] for line in self.events(reader, self.path("t"))[1]], ["abc", "", "d"])

    def test_options_of_variants_are_fields(self):
        """As any member of a structure; an event whose variant has another option does not have the field."""
        trace = ctf.Trace(self.path("t"))
        tag = ("enum : integer { size = 8; align = 8; } { number = 0, text = 1 } _%s;", lambda which: bytes([which]))
        variant = ("variant <_tag> { integer { size = 8; align = 8; } number; string text; } _%s;",
                   lambda value: bytes([value]) if isinstance(value, int) else value.encode() + b"\0")
        trace.event("e", tag=tag, v=variant)
        stream = trace.stream()
        for i in range(40):
            value = i % 5 if i % 2 else "abc"[i % 3]
            stream.add(1_000_000_000 + i * 1_000_000, "e", tag=int(isinstance(value, str)), v=value)
        trace.write()
        self.compare(trace.path)
        config = self.config("window: 10ms\nanalyses: [value: { name: n, events: e, field: v.number }, rate: { events: e, labels: v.text }]\n")
        runs = [self.replay("--reader", reader, "--config", config, trace.path)[1] for reader in READERS]
        self.assertEqual(*runs)
        for series, count in (("n.v.number.count", 20), ("rate.events.count{event=e,v.text=a}", 7)):
            self.assertEqual(sum(value for _, name, value, _, _ in runs[0] if name == series), count, sorted({r[1] for r in runs[0]}))

    def test_one_clock_has_one_offset(self):
        """LTTng measures a clock's offset for each trace anew. babeltrace2 orders what two traces of one clock have by
        these guesses; ours by the clock, with the first trace's offset."""
        for name, offset, cycles in (("a", 1_000_000, (1000, 3000)), ("b", 1_005_000, (2000, 4000))):
            trace = ctf.Trace(self.path("s/" + name), offset=offset)
            trace.event("e", x="u32")
            stream = trace.stream()
            for at in cycles:
                stream.add(at, "e", x=at)
            trace.write()
        lines = {reader: [json.loads(line) for line in self.events(reader, self.path("s"))[1]] for reader in READERS}
        self.assertEqual([(e["t"], e["fields"]["x"]) for e in lines["native"]], [(1_000_000 + x, x) for x in (1000, 2000, 3000, 4000)])
        self.assertEqual([(e["t"] - 1_000_000, e["fields"]["x"]) for e in lines["babeltrace2"]], [(1000, 1000), (3000, 3000), (7000, 2000), (9000, 4000)])

    def count_that_goes_back(self):
        """Some packet has the tracer's count of discarded events from before, as lttng-ust 2.13 writes it now and then."""
        trace = ctf.Trace(self.path("back"))
        trace.event("e", n="u32")
        stream = trace.stream()
        for i, more in enumerate((0, 20, -20, 50, 5)):
            stream.lose(more)
            stream.add(1_000_000_000 * (i + 1), "e", n=i)
        return trace.write()

    def discarded(self, reader):
        said = self.events(reader, self.count_that_goes_back())[2]
        _, samples, summary, _ = self.replay("--reader", reader, self.path("back"))
        self.assertEqual([v for _, series, v, _, _ in samples if series.startswith("foretrace.discarded_events.count") and v > 0], [20, 30, 5])
        self.assertIn("discarded 55 events", said)
        self.assertEqual(summary["discarded_events"], 55)

    def test_count_that_goes_back_with_babeltrace2(self):
        self.discarded("babeltrace2")

    def test_count_that_goes_back(self):
        self.discarded("native")

    def test_events_of_one_nanosecond(self):
        """Of several streams: in the order of the traces' uuids, then classes and instances, as with babeltrace2."""
        for name, last in (("a", "f"), ("b", "0")):
            trace = ctf.Trace(self.path("ties/" + name))
            trace.uuid = ctf.uuid.UUID(last * 32)
            trace.event(name, n="u32")
            trace.stream().add(1_000_000_000, name, n=1)
            trace.write()
        self.compare(self.path("ties"))

    def test_scalars_of_a_packet_behind_an_array(self):
        """Members of an array's elements have no place of their own among them."""
        trace = ctf.Trace(self.path("t"))
        trace.event("e", n="u32")
        stream = trace.stream(cpu=2)
        stream.add(1_000_000_000, "e", n=1)
        trace.write()
        with open(self.path("t/metadata")) as f:
            text = f.read()
        was = "integer { size = 32; align = 8; } cpu_id;"
        self.assertIn(was, text)
        with open(self.path("t/metadata"), "w") as f:
            f.write(text.replace(was, "struct { integer { size = 8; align = 8; } x; } a[2]; integer { size = 16; align = 8; } cpu_id;"))
        for reader in READERS:
            [line] = self.events(reader, self.path("t"))[1]
            self.assertEqual(json.loads(line)["cpu"], 0)
            for condition, count in (("cpu_id=0", 1), ("cpu_id=2", 0)):
                self.assertEqual(int(foretrace.run("events", "--reader", reader, "--count", "--where", condition, self.path("t")).stdout), count)

    def test_packets_that_go_back(self):
        """Each might be one that another file has as well: looking for them must not take for ever."""
        trace = ctf.Trace(self.path("t"))
        trace.event("e", n="u32")
        trace.write()
        with open(self.path("t/metadata")) as f:
            text = f.read()
        packet = "packet.header := struct { integer { size = 32; align = 8; } magic; integer { size = 64; align = 8; } stream_instance_id; };"
        context = ("packet.context := struct { integer { size = 64; align = 8; } packet_size; integer { size = 64; align = 8; } packet_seq_num;"
                   " integer { size = 64; align = 8; map = clock.c.value; } timestamp_begin; };")
        text = re.sub(r"packet\.header := struct \{.*?\};", packet, text, count=1, flags=re.S)
        text = re.sub(r"packet\.context := struct \{.*?\};", context, text, count=1, flags=re.S)
        with open(self.path("t/metadata"), "w") as f:
            f.write(text)
        for name, numbers in (("a", range(20000)), ("b", range(60000, 40000, -1))):
            with open(self.path("t/" + name), "wb") as f:
                f.write(b"".join(struct.pack("<IQQQQ", 0xC1FC1FC1, 1, 36 * 8, n, 10**9 - n if name == "b" else n) for n in numbers))
        done = foretrace.run("events", "--count", self.path("t"), timeout=20)
        self.assertEqual(done.stdout, "0\n", done.stderr)

    def test_barectf(self):
        """As barectf 3 declares it: no aliases, fields aligned to 32 bits, two streams with headers of their own."""
        def integer(size, align=8, more=""):
            return "integer { size = %d; align = %d; signed = false; byte_order = le; base = decimal; encoding = none; %s}" % (size, align, more)
        clocked = "map = clock.tick.value; "
        context = ("packet.context := struct { %s packet_size; %s content_size; %s timestamp_begin; %s timestamp_end; %s events_discarded; } align(32);" % (
            integer(32, 32), integer(32, 32), integer(64, 32, clocked), integer(64, 32, clocked), integer(16, 16)))
        os.makedirs(self.path("t"))
        with open(self.path("t/metadata"), "w") as f:
            f.write("/* CTF 1.8 */\n/* generated by barectf */\n"
                    "trace { major = 1; minor = 8; byte_order = le; uuid = \"01234567-89ab-cdef-0123-456789abcdef\";\n"
                    "  packet.header := struct { %s magic; %s uuid[16]; %s stream_id; } align(32); };\n"
                    "env { domain = \"bare\"; tracer_name = \"barectf\"; tracer_major = 3; };\n"
                    "clock { name = tick; description = \"\"; freq = 1000000; precision = 0; offset_s = 1600000000; offset = 5; absolute = false; };\n" % (
                        integer(32, 32), integer(8), integer(8)))
            f.write("stream { id = 0; %s event.header := struct { %s id; %s timestamp; } align(32); };\n" % (context, integer(16, 32), integer(32, 32, clocked)))
            f.write("stream { id = 1; %s event.header := struct { %s id; %s timestamp; } align(8); event.context := struct { %s core; } align(8); };\n" % (
                context, integer(8), integer(64, 8, clocked), integer(8)))
            f.write("event { name = \"boot\"; id = 3; stream_id = 0; loglevel = 6; fields := struct { %s v; string { encoding = UTF8; } who; "
                    "floating_point { exp_dig = 8; mant_dig = 24; align = 32; byte_order = le; } f; } align(32); };\n" % integer(10, 1))
            f.write("event { name = \"tick\"; id = 0; stream_id = 1; fields := struct { enum : %s { ON = 0 ... 3, \"OFF\" = 4 } state; %s a[2]; } align(8); };\n" % (
                integer(8), integer(16, 8)))

        def packet(stream, body, first, last):
            header = struct.pack("<I", 0xC1FC1FC1) + bytes.fromhex("0123456789abcdef0123456789abcdef") + bytes([stream]) + b"\0" * 3
            size = len(header) + 26 + len(body)
            room = (size + 3) // 4 * 4 + 8
            return (header + struct.pack("<IIQQH", room * 8, size * 8, first, last, 0) + body).ljust(room, b"\0")

        boot = b"\0\0" + struct.pack("<HHI", 3, 0, 7000) + struct.pack("<H", 1000) + b"me\0" + b"\0" * 3 + struct.pack("<f", 1.5)
        tick = b"".join(struct.pack("<BQBBHH", 0, at, 1, 4, at, 2) for at in (6000, 8000))
        for name, data in (("s0", packet(0, boot, 7000, 7000)), ("s1", packet(1, tick, 6000, 8000))):
            with open(self.path("t/" + name), "wb") as f:
                f.write(data)
        lines = [json.loads(line) for line in self.compare(self.path("t"))]
        self.assertEqual([(e["t"], e["name"], e["context"], e["fields"]) for e in lines], [
            (1600000000006005000, "tick", {"core": 1}, {"state": 4, "a": [6000, 2]}),
            (1600000000007005000, "boot", {}, {"v": 1000, "who": "me", "f": 1.5}),
            (1600000000008005000, "tick", {"core": 1}, {"state": 4, "a": [8000, 2]})])

    def test_ctf_2_is_refused_by_name(self):
        os.makedirs(self.path("t2"))
        with open(self.path("t2/metadata"), "wb") as f:
            f.write(b"\x1e" + b'{"type": "preamble", "version": 2}\n')
        for command in (["events"], ["replay", "--publish", "none"]):
            done = foretrace.run(*command, self.path("t2"), check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("this is CTF 2, which is not understood; record with `lttng create --trace-format=ctf-1.8`", done.stderr)

    def test_what_is_not_understood_goes_to_babeltrace2(self):
        """An event number beyond what our tables hold: forced, that is an error; auto says why and lets babeltrace2 read."""
        trace = ctf.Trace(self.path("t"))
        trace.event("a", x="u32")
        trace.stream().add(1_000_000_000, "a", x=1)
        trace.write()
        with open(self.path("t/metadata"), "a") as f:
            f.write('event { name = "far"; id = 2000000; stream_id = 0; fields := struct { string s; }; };\n')
        why = "event 'far' has id 2000000: up to 1048575 are possible"
        for reader, status, said in (("native", 1, why), ("auto", 0, why + ": trying babeltrace2"), ("babeltrace2", 0, "1 event,")):
            with self.subTest(reader=reader):
                done = foretrace.run("replay", "--publish", "none", "--reader", reader, self.path("t"), check=False)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(said, done.stderr)
                self.assertEqual("1 event," in done.stderr, status == 0, done.stderr)
                done = foretrace.run("events", "--reader", reader, self.path("t"), check=False)
                self.assertEqual((done.returncode, len(done.stdout.splitlines())), (status, 1 - status), done.stderr)
                self.assertIn({"native": why, "auto": why + ": read by babeltrace2", "babeltrace2": ""}[reader], done.stderr)

    def test_what_nobody_understands(self):
        trace = ctf.Trace(self.path("t"))
        trace.event("a", x="u32")
        trace.stream().add(1_000_000_000, "a", x=1)
        trace.write()
        with open(self.path("t/metadata"), "a") as f:
            f.write("$\n")
        for reader in ("native", "auto", "babeltrace2"):
            done = foretrace.run("replay", "--publish", "none", "--reader", reader, self.path("t"), check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(self.path("t"), done.stderr)


if __name__ == "__main__":
    foretrace.main()
