#!/usr/bin/python3
"""Our own reader and libbabeltrace2 read the same in traces that LTTng has just recorded: every kind of field,
context, buffer and loss that its tracer of user space has. Where both might be wrong, what is right is written here."""
import collections
import ctypes
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402

KINDS = os.environ.get("KINDS", os.path.join(foretrace.ROOT, "build", "dev", "tests", "kinds"))
READERS = ("native", "babeltrace2")
CONTEXTS = ("vpid", "vtid", "procname", "pthread_id", "ip", "cgroup_ns", "ipc_ns", "mnt_ns", "net_ns", "pid_ns", "time_ns", "user_ns",
            "uts_ns", "vuid", "veuid", "vsuid", "vgid", "vegid", "vsgid")
NUMBERED = 300
VALUES = 66         # events of `kinds values`
SMALL = ("--subbuf-size=4k", "--num-subbuf=2")
NOTHING = 65534     # a user who is nobody

Channel = collections.namedtuple("Channel", "options events contexts name", defaults=((), ("kinds:*",), (), "ch"))


def kinds(*words, **kwargs):
    return subprocess.Popen([KINDS, *words], stdin=subprocess.DEVNULL, **kwargs)


def run_kinds(*words, timeout=30, **kwargs):
    process = kinds(*words, **kwargs)
    try:
        status = process.wait(timeout)
    finally:
        process.kill()
        process.wait()
    assert status == 0, "kinds %s: status %d" % (" ".join(words), status)


def begin(session, directory, *channels, create=("--output",)):
    lttng.lttng("create", session, *create, directory)
    for channel in channels:
        lttng.lttng("enable-channel", "-u", channel.name, "-s", session, *channel.options)
        for event in channel.events:
            lttng.lttng("enable-event", "-u", "-c", channel.name, "-s", session, event)
        for context in channel.contexts:
            lttng.lttng("add-context", "-u", "-c", channel.name, "-s", session, "-t", context)
    lttng.lttng("start", session)


def end(session, rotated=False):
    """A stopped session is complete; of a rotated one the last chunk is still to be moved."""
    lttng.lttng("stop", session)
    lttng.lttng("destroy", *(() if rotated else ("--no-wait",)), session)


def traces_in(directory):
    return sorted(top for top, _, files in os.walk(directory) if "metadata" in files)


def untimed(lines):
    return sorted(line.split(",", 1)[1] for line in lines)


def to_number(text):
    """-0 is a number of its own among the real ones."""
    return -0.0 if text == "-0" else int(text)


def scalars(scope):
    """Names of what has a value of its own; a variant's is that of the option chosen."""
    for name, value in scope.items():
        if isinstance(value, dict):
            yield from ("%s.%s" % (name, inner) for inner in scalars(value))
        elif isinstance(value, (int, float, str)):
            yield name


# ---- what `kinds values` writes

INTEGERS = ((0, 0), (1, 1), (-1, 2**64 - 1), (-2**63, 2**63), (2**63 - 1, 2**63 - 1), (-0x0123456789abcdef, 0x0123456789abcdef),
            (0x7f80ff7fff80ff80, 0xff00ff80ff80ff7f))
DOUBLES = (0.0, -0.0, 1.0, -1.5, 0.1, math.pi, sys.float_info.max, -sys.float_info.max, sys.float_info.min, 5e-324, -2.2250738585072009e-308,
           1e15, 1e16, 123456789012345680.0)
SINGLES = (0.0, -0.0, 1.0, -1.5, 0.1, 3.1415927, 3.40282347e38, -3.40282347e38, 1.17549435e-38, 1e-45, -1.1754942e-38, 1e7, 16777216.0, 1e-7)
ENUMERATIONS = ((0, 0), (1, 5), (2, 6), (-1, 12), (-3, 17), (3, 22), (100, 99), (-100, 255), (-2**63, 2**64 - 1))
LONG = ("0123456789abcdefghijklmnopqrstuvwxyz" * 250)[:9000]
STRINGS = (("abc", "def"), ("", ""), ("", "x"), ("x", ""), ("(null)", "(null)"), ("h\xe9", "\u20ac\U0001f600"),
           (b"\xc3", b"\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80"), ("\"quoted\" \\ back\n\r\t\x01\x7f", "%s%n"), (LONG, ""), ("", LONG[:4096]))
TEXTS = (LONG, b"a\0b", b"\0", b"\xff\xfe\x80", "")


def as_text(value):
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def as_bytes(value):
    return value if isinstance(value, bytes) else value.encode()


def as_integer(kind, value):
    return getattr(ctypes, "c_%sint%s" % ("u" if kind[0] == "u" else "", kind[1:]))(value).value


def integers_of(i, u, *names):
    """Fields: x_u16 is u as uint16_t."""
    return {name: as_integer(name[-3:].lstrip("_"), u if name[-3:].lstrip("_")[0] == "u" else i) for name in names}


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def sequence_of(n):
    lists = {"i8": [-128, -1, 0, 127], "i64": [-2**63, -1, 0, 2**63 - 1], "x_u32": [0, 1, 2**31, 2**32 - 1],
             "n_u16": [0, 1, 2**15, 2**16 - 1], "n_u32": [0, 1, 2**31, 2**32 - 1], "text": "wxyz"}
    fields = {}
    for name, values in lists.items():
        fields["_%s_length" % name] = n
        fields[name] = values[:n]
    return fields


def expected_values():
    yield "none", {}
    for i, u in INTEGERS:
        yield "integers", integers_of(i, u, "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "x_i8", "x_i64", "x_u16", "x_u32")
        yield "network", integers_of(i, u, "i8", "i16", "i32", "i64", "u16", "u32", "u64")
    for d, f in zip(DOUBLES, SINGLES):
        yield "reals", {"d": d, "f": single(f)}
    for _ in range(4):
        yield "reals", {"d": None, "f": None}       # neither a number nor infinities are in JSON
    for i, u in ENUMERATIONS:
        yield "enumerations", integers_of(i, u, "u8", "u64", "i8", "i32", "i64")
    whole = sequence_of(4)
    yield "arrays", {"i8": whole["i8"], "u16": whole["n_u16"], "i64": whole["i64"], "x_u32": whole["x_u32"], "n_u16": whole["n_u16"],
                     "n_u32": whole["n_u32"], "one": [2**64 - 1], "whole": "wxyz", "cut": "abc", "nothing": ""}
    for n in (0, 1, 2, 3, 4, 0):
        yield "sequences", sequence_of(n)
    for text in TEXTS:
        data = as_bytes(text)
        yield "bytes", {"_bytes_length": len(data), "bytes": list(data), "_text_length": len(data), "text": as_text(data.split(b"\0")[0])}
    yield "hidden", {"before": 7, "after": "seen"}
    for n, (a, b) in enumerate(STRINGS):
        yield "strings", {"a": as_text(a), "b": as_text(b), "n": n + 1}
    yield "none", {}


SHAPES = ({"none": {}}, {"int8": -8}, {"int16": -1600}, {"int32": -320000}, {"int64": -6400000000}, {"uint8": 208}, {"uint16": 61600},
          {"uint32": 4000000000}, {"uint64": 18000000000000000000}, {"float": 0.5}, {"double": -1e300}, {"string": "text"})


class Kinds(foretrace.Case):
    @classmethod
    def setUpClass(cls):
        cls.sessiond = lttng.Sessiond()
        cls.slow = tempfile.TemporaryDirectory(prefix="foretrace-test-")
        begin("slow", cls.slow.name, Channel(events=("emitter:*",)))
        cls.sleeper = subprocess.Popen([foretrace.EMITTER, "2", "0", "work=4400000"], stdin=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.sleeper.kill()
        cls.sleeper.wait()
        cls.sessiond.stop()
        cls.slow.cleanup()

    def setUp(self):
        super().setUp()
        self.recorded = 0

    def record(self, during, *channels, rotated=False):
        """The trace of a session of these channels, during which that is done: words for `kinds`, or a function of the session."""
        self.recorded += 1
        session = "%s-%d" % (self.id().rsplit(".", 1)[1], self.recorded)
        trace = self.path(session)
        begin(session, trace, *(channels or (Channel(),)))
        try:
            if callable(during):
                during(session)
            else:
                run_kinds(*during)
        finally:
            end(session, rotated)
        return trace

    def events(self, reader, trace):
        done = foretrace.run("events", "--format", "json", "--reader", reader, trace)
        return done.stdout.splitlines(), done.stderr

    def compare_samples(self, trace, events):
        """What analyses are handed: fields alone, in groups, as the labels of series."""
        names = sorted({name for e in events for scope in (e["context"], e["fields"]) for name in scalars(scope)})
        text = "analyses:\n"
        for i in range(0, len(names), 5):
            text += "  - rate: {name: r%d, events: ['*'], labels: [%s]}\n" % (i, ", ".join(names[i:i + 5]))
        config = self.config(text)
        runs = [self.replay("--config", config, "--reader", reader, "--window", "1h", trace)[1] for reader in READERS]
        self.assertGreater(len(runs[0]), len(names) // 5)
        self.assertEqual(*runs)

    def compare_each(self, trace):
        """Each trace has its own guess of the clock's offset, by which babeltrace2 orders them; alone, they are the same."""
        for own in traces_in(trace):
            self.assertEqual(*(self.events(reader, own) for reader in READERS))

    def compare(self, trace, samples=True):
        """Events and what was said of losses, the same with both readers."""
        (ours, said), (theirs, theirs_said) = (self.events(reader, trace) for reader in READERS)
        events = [json.loads(line, parse_int=to_number) for line in ours]
        times = [e["t"] for e in events]
        self.assertEqual(times, sorted(times))
        if ours != theirs and len(traces_in(trace)) > 1:
            self.compare_each(trace)
            ours, theirs = untimed(ours), untimed(theirs)
        for line, other in zip(ours, theirs):
            self.assertEqual(line, other)
        self.assertEqual(len(ours), len(theirs))
        self.assertEqual(said, theirs_said)
        self.assertEqual(int(foretrace.run("events", "--count", trace).stdout), len(ours))
        if samples and events:
            self.compare_samples(trace, events)
        return events, said

    def lost(self, said):
        """(events discarded, packets missing)"""
        numbers = [re.search(pattern, said) for pattern in (r"discarded (\d+) events?\n", r"(\d+) packets? (?:is|are) missing")]
        return tuple(int(n.group(1)) if n else 0 for n in numbers)

    def assert_values(self, events):
        expected = [("kinds:" + name, fields) for name, fields in expected_values()]
        self.assertEqual(len(expected), VALUES)
        self.assertEqual(len(events), VALUES)
        for event, (name, fields) in zip(events, expected):
            self.assertEqual((event["name"], event["fields"]), (name, fields))
            self.assertEqual(list(event["fields"]), list(fields))
            if event["name"] == "kinds:reals" and fields["d"] is not None:
                self.assertEqual([math.copysign(1, x) for x in event["fields"].values()], [math.copysign(1, x) for x in fields.values()])

    # ---- fields and contexts

    def test_fields(self):
        trace = self.record(["values"])
        events, said = self.compare(trace)
        self.assert_values(events)
        self.assertEqual(said, "")
        self.compare_with_text(trace, events)

    def compare_with_text(self, trace, events):
        """babeltrace2's own output: times, names, and the numbers in it. (Texts in it are wrong: 2.0.4 shows an
        empty string as the one before it.)"""
        text = subprocess.run(["babeltrace2", "--clock-seconds", "--no-delta", trace], stdout=subprocess.PIPE, timeout=30, check=True).stdout
        lines = [re.match(r"\[(\d+)\.(\d{9})\] (?:\S+ )?(\S+:\S+): \{ cpu_id = (\d+) \}, \{ (.*)\}$", line)
                 for line in text.decode("utf-8", "replace").splitlines()]
        self.assertEqual(len(lines), len(events))
        for line, event in zip(lines, events):
            self.assertEqual((int(line[1] + line[2]), line[3], int(line[4])), (event["t"], event["name"], event["cpu"]))
            if event["name"] in ("kinds:integers", "kinds:network", "kinds:enumerations"):
                numbers = dict(re.findall(r"(\w+) = (?:\( [^)]* : container = )?(-?\d\w*)", line[5]))
                self.assertEqual(sorted(numbers), sorted(event["fields"]))
                for name, number in numbers.items():
                    bits = int(name[-2:].lstrip("iu"))
                    self.assertEqual(int(number, 0) % 2**bits, event["fields"][name] % 2**bits)

    def test_contexts(self):
        events, _ = self.compare(self.record(["values"], Channel(contexts=CONTEXTS)))
        self.assert_values(events)
        for event in events:
            self.assertEqual(list(event["context"]), list(CONTEXTS))
            self.assertEqual(event["context"]["procname"], "kinds")
            self.assertEqual(event["context"]["net_ns"], os.stat("/proc/self/ns/net").st_ino)
            self.assertEqual(event["context"]["vuid"], os.geteuid())

    def test_contexts_of_the_application(self):
        """They are variants: a tag, and what it chooses."""
        events, _ = self.compare(self.record(["shapes"], Channel(contexts=("vpid", "$app.kinds:shape", "$app.kinds:other", "vtid"))))
        self.assertEqual(len(events), 2 * len(SHAPES))
        for i, event in enumerate(events):
            tag = i % len(SHAPES)
            for name in ("shape", "other"):
                self.assertEqual(event["context"]["_app_kinds_%s_tag" % name], tag)
                self.assertEqual(event["context"]["_app_kinds_%s" % name], SHAPES[tag])
            self.assertEqual(event["context"]["vpid"], event["context"]["vtid"])

    def test_contexts_without_an_event_class(self):
        """Here babeltrace2 2.0.4 aborts: a variant in the contexts of a stream of which there are no events."""
        trace = self.record(["values"], Channel(events=("elsewhere:*",), contexts=("$app.kinds:shape",)))
        self.assertEqual(self.events("native", trace), ([], ""))

    def test_counters_as_contexts(self):
        contexts = ("perf:thread:task-clock", "perf:thread:page-fault")
        events, _ = self.compare(self.record(["values"], Channel(contexts=contexts)))
        if not events:
            self.skipTest("the kernel does not let us have these counters")
        self.assertEqual(list(events[0]["context"]), ["perf_thread_task_clock", "perf_thread_page_fault"])
        clock = [e["context"]["perf_thread_task_clock"] for e in events]
        self.assertEqual(clock, sorted(clock))

    def test_many_classes(self):
        """300 classes: more than a small header has numbers for."""
        events, _ = self.compare(self.record(["numbered"]))
        self.assertEqual([(e["name"], e["fields"]) for e in events], [("kinds:numbered_%d" % (100 + i), {"n": i}) for i in range(NUMBERED)])

    def test_all_providers(self):
        """LTTng's own: where libraries are (lttng_ust_statedump), tracef, tracelog."""
        events, _ = self.compare(self.record(["logs", "values"], Channel(events=("*",), contexts=("vtid",))))
        self.assert_values([e for e in events if e["name"].startswith("kinds:")])
        self.assertIn(os.path.realpath(KINDS), [e["fields"].get("path") for e in events if e["name"] == "lttng_ust_statedump:bin_info"])
        level = "lttng_ust_tracelog:LTTNG_UST_TRACEPOINT_LOGLEVEL_"
        logs = [(e["name"], e["fields"]["msg"]) for e in events if e["name"].startswith(("lttng_ust_tracef:", "lttng_ust_tracelog:"))]
        self.assertEqual(logs, [("lttng_ust_tracef:event", "tracef 1 one"), ("lttng_ust_tracef:event", ""),
                                (level + "EMERG", "emerg 2"), (level + "WARNING", "warning 3"), (level + "DEBUG_LINE", ""), (level + "DEBUG", "debug x")])

    def test_allocations(self):
        def preloaded(_):
            libraries = ":".join("liblttng-ust-%s.so" % name for name in ("libc-wrapper", "pthread-wrapper", "dl"))
            run_kinds("values", "threads=2", "values", env={**os.environ, "LD_PRELOAD": libraries})
        events, _ = self.compare(self.record(preloaded, Channel(events=("lttng_ust_*",), contexts=("ip", "vtid"))))
        names = {e["name"] for e in events}
        self.assertLessEqual({"lttng_ust_libc:malloc", "lttng_ust_libc:free", "lttng_ust_pthread:pthread_mutex_lock_req"}, names)

    # ---- streams

    def test_buffers_of_each_process(self):
        trace = self.record(["children=4", "values", "paced=100/100", "numbered"], Channel(options=("--buffers-pid", "--subbuf-size=64k"), contexts=CONTEXTS))
        events, _ = self.compare(trace)
        pids = {e["context"]["vpid"] for e in events}
        self.assertEqual(len(pids), 4)
        for pid in pids:
            own = [e for e in events if e["context"]["vpid"] == pid]
            self.assert_values(own[:VALUES])
            self.assertEqual([e["fields"]["n"] for e in own[VALUES:]], [*range(100), *range(NUMBERED)])

    def test_buffers_of_each_user(self):
        def by_users(_):
            users = (os.geteuid(), NOTHING) if os.geteuid() == 0 else (os.geteuid(),)
            processes = [kinds("children=2", "paced=200/100", "values", "burst=5000", user=user) for user in users for _ in range(2)]
            for process in processes:
                self.assertEqual(process.wait(30), 0)
        channels = (Channel(name="plain", options=("--subbuf-size=1M",)),
                    Channel(name="full", options=("--subbuf-size=1M",), contexts=CONTEXTS),
                    Channel(name="some", options=("--subbuf-size=1M",), events=("kinds:strings", "kinds:arrays"), contexts=("vuid", "procname")))
        events, said = self.compare(self.record(by_users, *channels), samples=False)
        processes = 8 if os.geteuid() == 0 else 4
        self.assertEqual(self.lost(said), (0, 0))
        self.assertEqual(len(events), processes * (2 * (200 + VALUES + 5000) + len(STRINGS) + 1))
        self.assertEqual(len({len(e["context"]) for e in events}), 3)

    def test_threads(self):
        events, said = self.compare(self.record(["threads=8", "texts=5000"], Channel(options=("--subbuf-size=4M",), contexts=("vtid",))), samples=False)
        self.assertEqual((len(events), self.lost(said)), (40000, (0, 0)))
        for thread in {e["context"]["vtid"] for e in events}:
            own = [e["fields"] for e in events if e["context"]["vtid"] == thread]
            self.assertEqual([(len(f["a"]), f["b"], f["n"]) for f in own], [(i % 100, "", i) for i in range(5000)])

    def test_files_that_follow_each_other(self):
        options = ("--subbuf-size=4k", "--num-subbuf=64", "--tracefile-size=8k")
        trace = self.record(["paced=2000/10", "texts=300"], Channel(options=options))
        events, said = self.compare(trace)
        self.assertEqual((len(events), self.lost(said)), (2300, (0, 0)))

    def test_files_that_are_written_over(self):
        """The first file of a stream need not be its oldest."""
        options = ("--subbuf-size=4k", "--num-subbuf=64", "--tracefile-size=8k", "--tracefile-count=3")
        events, _ = self.compare(self.record(["texts=1500"], Channel(options=options)))
        self.assertLess(len(events), 1500)
        self.assertEqual(events[-1]["fields"]["n"], 1499)

    def test_chunks(self):
        """A rotated session: directories of one trace, of which the later ones know more classes."""
        def rotating(session):
            run_kinds("paced=10/10")
            lttng.lttng("rotate", session)
            run_kinds("values")
            for _ in range(2):
                lttng.lttng("rotate", session)
            lttng.lttng("enable-event", "-u", "-c", "ch", "-s", session, "lttng_ust_tracef:*")
            run_kinds("logs", "numbered", "values")
        trace = self.record(rotating, Channel(options=("--subbuf-size=64k",), contexts=CONTEXTS), rotated=True)
        events, said = self.compare(trace)
        self.assertEqual((len(events), self.lost(said)), (10 + VALUES + 2 + NUMBERED + VALUES, (0, 0)))
        self.assert_values(events[10:10 + VALUES])
        chunks = os.path.join(trace, "archives")
        self.assertEqual(len(os.listdir(chunks)), 4)
        directories = [os.path.join(chunks, name) for name in sorted(os.listdir(chunks))]
        self.assertEqual(sum(len(self.compare(d)[0]) for d in directories if self.has_trace(d)), len(events))

    def has_trace(self, directory):
        return any("metadata" in files for _, _, files in os.walk(directory))

    def test_chunks_of_processes(self):
        def rotating(session):
            with kinds("paced=1000/300") as process:
                for _ in range(2):
                    run_kinds("values")
                    lttng.lttng("rotate", session)
                self.assertEqual(process.wait(30), 0)
        trace = self.record(rotating, Channel(options=("--buffers-pid", "--subbuf-size=64k"), contexts=("vpid",)), rotated=True)
        events, _ = self.compare(trace)
        self.assertEqual(len(events), 1000 + 2 * VALUES)

    def test_stopped_and_started(self):
        def interrupted(session):
            run_kinds("values")
            lttng.lttng("stop", session)
            run_kinds("values")
            lttng.lttng("start", session)
            lttng.lttng("regenerate", "metadata", "-s", session)
            run_kinds("numbered")
            lttng.lttng("regenerate", "statedump", "-s", session)
            lttng.lttng("clear", session)
            run_kinds("values")
        events, _ = self.compare(self.record(interrupted, Channel(contexts=("vpid",))))
        self.assert_values(events)

    def test_packets_of_a_timer(self):
        """Packets end by the clock: most have one event or none."""
        options = ("--switch-timer=1000", "--read-timer=1000", "--subbuf-size=4k", "--num-subbuf=256")
        events, said = self.compare(self.record(["paced=200/1500"], Channel(options=options)))
        self.assertEqual(([e["fields"]["n"] for e in events], said), (list(range(200)), ""))

    def test_time_beyond_a_header(self):
        """An event's header has the last 32 bits of the time: 4.3 s. After that it is a larger one."""
        self.assertEqual(self.sleeper.wait(30), 0)
        end("slow")
        events, _ = self.compare(self.slow.name)
        self.assertEqual([e["name"] for e in events], 2 * ["emitter:op_begin", "emitter:op_end"])
        first, between, second = (b["t"] - a["t"] for a, b in zip(events, events[1:]))
        self.assertLess(between, 1000000000)
        for gap in (first, second):
            self.assertGreaterEqual(gap, 4400000000)
            self.assertLess(gap, 30000000000)

    # ---- losses

    def test_discarded_events(self):
        """What was read and what the tracer could not write are together what was emitted."""
        for words, options, emitted in ((["burst=50000"], SMALL, 50000),
                                        (["children=3", "texts=20000"], ("--buffers-pid", *SMALL), 60000),
                                        (["texts=30000"], (*SMALL, "--tracefile-size=16k"), 30000)):
            with self.subTest(words=words, options=options):
                for times in (1, 4, 16):    # until the consumer falls behind
                    more = [re.sub(r"(burst|texts)=(\d+)", lambda m: "%s=%d" % (m[1], times * int(m[2])), word) for word in words]
                    # Once in many runs under load buffers of processes had 299 of 60000 less, for babeltrace2, too: the trace says no more.
                    for attempt in range(3 if "--buffers-pid" in options else 1):
                        events, said = self.compare(self.record(more, Channel(options=options)), samples=False)
                        known = len(events) + self.lost(said)[0]
                        self.assertLessEqual(known, times * emitted)
                        if known == times * emitted:
                            break
                    self.assertEqual(known, times * emitted)
                    if self.lost(said)[0] > 0:
                        break
                self.assertGreater(self.lost(said)[0], 0)

    def test_discarded_by_threads(self):
        trace = self.record(["threads=4", "burst=20000"], Channel(options=SMALL))
        events, said = self.compare(trace, samples=False)
        self.assertEqual(len(events) + self.lost(said)[0], 80000)

    def test_packets_written_over(self):
        for burst in (100000, 400000, 1600000): # until the consumer falls behind
            events, said = self.compare(self.record(["burst=%d" % burst], Channel(options=("--overwrite", *SMALL))), samples=False)
            if self.lost(said)[1] > 0:
                break
        self.assertGreater(self.lost(said)[1], 0)
        self.assertLess(len(events), burst)

    def snapshots(self):
        """A flight recorder's directory: what is in its second snapshot begins with what is in the first."""
        session, trace = "snapshots", self.path("snapshots")
        begin(session, trace, Channel(options=("--overwrite", "--subbuf-size=4k", "--num-subbuf=64"), contexts=("vpid",)), create=("--snapshot", "--output"))
        for words in (["paced=100/10"], ["paced=50/10"]):
            run_kinds(*words)
            lttng.lttng("snapshot", "record", "-s", session)
        end(session)
        return [os.path.join(trace, name) for name in sorted(os.listdir(trace))]

    def test_snapshots(self):
        first, second = self.snapshots()
        events = [self.compare(snapshot)[0] for snapshot in (first, second)]
        self.assertEqual([len(e) for e in events], [100, 150])
        self.assertEqual(events[1][:100], events[0])

    def test_snapshots_together(self):
        """A packet that is in both is one."""
        first, _ = self.snapshots()
        events, _ = self.compare(os.path.dirname(first))
        self.assertEqual(len(events), 150)

    def test_after_a_crash(self):
        """What lttng-crash finds in the buffers of a program that was killed."""
        buffers, found = self.path("shm"), self.path("crash")
        os.mkdir(buffers)
        lttng.lttng("create", "crash", "--output", self.path("other"), "--shm-path", buffers)
        lttng.lttng("enable-event", "-u", "-s", "crash", "kinds:*")
        lttng.lttng("start", "crash")
        with kinds("values", "say=done", "sleep=30000", stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            process.kill()
        subprocess.run(["lttng-crash", "-x", found, buffers], stdout=subprocess.DEVNULL, timeout=30, check=True)
        end("crash")
        self.assert_values(self.compare(found)[0])


if __name__ == "__main__":
    foretrace.main()
