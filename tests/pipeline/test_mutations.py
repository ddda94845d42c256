#!/usr/bin/python3
"""Damaged traces, made at random from small ones: our own reader and libbabeltrace2 judge them alike.

SEED=N repeats or varies a run, MUTANTS=N makes it longer; ONLY=NUMBER runs one mutant and says all about it.

What is demanded of every mutant:

- Our reader ends by itself, with 0 or 1, within its memory and time. What libbabeltrace2 dies of (it has assertions on), or
  never comes back from, is counted and proves nothing.
- Both read it: the same lines, and the same counts of losses.
- Both refuse it: what they delivered before is the same as far as both went. How far they go differs, for good reasons:
  libbabeltrace2 looks at every packet's header and context before it delivers anything, we come to a packet when it is its
  turn; libbabeltrace2 decodes an event as a whole before others' earlier ones are delivered, we its header only; and it looks
  at the content's end before an event only, so that one that reaches beyond is delivered, and the next is the error. Where
  we went further, the trace is cut at the place that our error names: both must read that alike, and what we delivered
  of the whole must be how the cut one begins, but for events of the damaged packet itself.
- One reads it, the other refuses: KNOWN says which of that is right, and why.
"""
import concurrent.futures
import glob
import os
import random
import re
import resource
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import mutants  # noqa: E402
import small_traces  # noqa: E402

CORPUS = os.path.join(foretrace.SHARED, "traces", "ctf-corpus")
SEED = os.environ.get("SEED", "1")
ONLY = os.environ.get("ONLY")
MUTANTS = int(os.environ.get("MUTANTS", "100" if foretrace.SANITIZED else "600"))
MEMORY = {"native": 512 << 20, "babeltrace2": 2 << 30}
SECONDS, OUTPUT = (20, 60) if foretrace.SANITIZED else (1, 10), 32 << 20
WRAPPED = 1 << 48       # no count of losses is above: a difference that is negative, or of a number that was made enormous

STREAMS = {c.__name__ for c in mutants.STREAM_CHANGES}
METADATA = {c.__name__ for c in mutants.METADATA_CHANGES}

# Who refuses what the other reads; what it says; by which damage; why we do as we do.
KNOWN = (
    ("babeltrace2", "last returned timestamp: ts=", STREAMS | METADATA,
     "time goes back within a stream, or a packet ends after the next begins: events are delivered, and counted as late by who cares"),
    ("babeltrace2", "Invalid metadata version found in plain text signature", METADATA,
     "text that does not begin with /* CTF 1.8 */: the trace block says the version"),
    ("babeltrace2", "Missing `(major|minor)` attribute in trace", METADATA, "the first line, or the packets of the metadata, say it, too"),
    ("babeltrace2", "Stream class has a `id` attribute, but trace's packet header field class has no `stream_id` field", METADATA,
     "one stream, which has a number that nobody needs"),
    ("babeltrace2", "Event class has a `(id|stream_id)` attribute|Event class has a `id` attribute, but", METADATA, "the same of events"),
    ("babeltrace2", "Failed to index CTF stream file|overflows the signed 64-bit integer range|Cannot convert clock cycles", STREAMS | METADATA,
     "times that 64 bits do not hold, in ns: such an event has no time"),
    ("babeltrace2", "checksum verification is not supported as of this version: checksum-scheme=0", {"damage_packing"},
     "a checksum of a scheme that is none"),
    ("native", "a packet says .* bits of content in (?!\\d*(00|04|08|12|16|20|24|28|32|36|40|44|48|52|56|60|64|68|72|76|80|84|88|92|96):)", STREAMS,
     "a packet whose size is no number of bytes: babeltrace2 does not look at that of the last one"),
    ("native", "map: '.*' is not clock.NAME.value", METADATA, "babeltrace2 takes it as mapped to nothing: a time would be lost"),
    ("native", "an alignment of .* bits: a power of two", METADATA, "the alignment of a structure that has aligned members: babeltrace2 does not look"),
    ("native", "has a range that ends before it begins", METADATA, "a range of nothing"),
    ("native", "a packet of it says .* bytes of .*, and .* are there", {"damage_packing"},
     "the last packet's padding is cut or its size damaged: whether anything came behind cannot be known"),
    ("babeltrace2", "Cannot create the metadata AST", {"change_tokens"}, "'uint8_t uint8_t;': a member may be called as its type is, as in C"),
    ("babeltrace2", "Missing `name` attribute in event class", METADATA, "an event without a name is (unnamed)"),
    ("native", "a packet says \\d{17,} bytes, and", METADATA, "babeltrace2 counts such a size in bits, which overflows"),
    ("native", "metadata: a packet of it has no header", {"damage_packing"}, "babeltrace2 looks at the first packet's magic number only"),
    ("native", "'.*' was expected, not '.*'|a name was expected, not|is a word of the language, and no name", {"change_tokens"}, "'string string x': babeltrace2 takes types that are said twice"),
    ("native", "there is no event class \\d{10,} of", STREAMS, "babeltrace2 looks at 32 bits of a number"),
    ("native", "bits of .*: that is no number of bytes", {"damage_packing"}, "babeltrace2 rounds"),
    ("native", "the uuid of a clock is none|the trace's uuid is none", METADATA, "babeltrace2 takes some of these now, and now not: by what else is in its memory"),
    ("native", "a character has no meaning here", {"damage_packing"}, "NUL in a text: babeltrace2 reads up to there"),
)


class Result:
    """What a reader made of a trace."""
    def __init__(self, reader, trace, scratch, *args):
        out = os.path.join(scratch, reader)
        self.trace = trace
        args = [foretrace.PROGRAM, "events", *args, "--format", "json", "--reader", reader, trace]
        with open(out, "wb") as stdout, open(out + ".err", "wb") as stderr:
            process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, preexec_fn=lambda: bound(MEMORY[reader]))
            try:
                self.status = process.wait(SECONDS[1])
            except subprocess.TimeoutExpired:
                process.kill()
                self.status = process.wait()
        with open(out, "rb") as f:
            self.lines = f.read().decode(errors="replace").splitlines()
        with open(out + ".err", "rb") as f:
            self.said = f.read().decode(errors="replace").replace(trace, "TRACE")
        self.died = self.status not in (0, 1) or re.search("aborted the process|was killed by", self.said)
        if reader == "native" and re.search("Sanitizer|runtime error", self.said):     # which ends with 1, too
            self.died = True

    @property
    def lost(self):
        found = re.search(r"discarded (\d+) events; (\d+) packets", self.said)
        return (int(found.group(1)), int(found.group(2))) if found else (0, 0)

    @property
    def accepts(self):
        return self.status == 0

    def __str__(self):
        return "status %d, %d lines: %s" % (self.status, len(self.lines), self.said.strip()[-400:])


def bound(memory):
    if not foretrace.SANITIZED:     # whose shadow is larger than any bound
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS[0], SECONDS[0]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forward_losses(trace):
    """Of events and of packets, (least, most) that babeltrace2 finds lost where counts go on: it does not always know how many, as
    at a stream's beginning, or where a count goes back by one, which it takes for that."""
    done = subprocess.run(["babeltrace2", trace, "-c", "sink.text.details"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, errors="replace", timeout=60)
    found = lambda what: [int(n.replace(",", "") or WRAPPED) for n in re.findall(r"^Discarded %s(?: \(([\d,]+) .*)?$" % what, done.stdout, re.M)]
    sums = [(sum(n for n in found(what) if n < WRAPPED), found(what).count(WRAPPED)) for what in ("events", "packets")]
    return [(known, known + unknown) for known, unknown in sums]


def begin_alike(a, b):
    n = min(len(a), len(b))
    return a[:n] == b[:n]


class Judge:
    """Of one mutant: complaints, and what kind of case it was."""
    def __init__(self, base, trace, did, scratch):
        self.base, self.trace, self.did, self.scratch = base, trace, did, scratch
        self.complaints = []

    def complain(self, text, *results):
        self.complaints.append("\n    ".join([text] + [str(r) for r in results]))
        return "wrong"

    def run(self, trace, name):
        directory = os.path.join(self.scratch, name)
        mutants.store(trace, os.path.join(directory, "trace"))
        return [Result(reader, os.path.join(directory, "trace"), directory) for reader in ("native", "babeltrace2")]

    def judge(self):
        native, theirs = self.run(self.trace, "whole")
        kind = self.compare(native, theirs)
        if kind == "both refuse" and len(native.lines) > len(theirs.lines):
            kind = self.judge_cut(native, theirs.said)
        return kind

    def compare(self, native, theirs):
        counted = Result("native", native.trace, os.path.dirname(native.trace), "--count") # in bursts, without looking at fields
        if counted.died or (counted.status, counted.lines) != (native.status, [str(len(native.lines))]):
            return self.complain("read otherwise in bursts", native, counted)
        if native.died:
            return self.complain("our reader died", native)
        if theirs.died:
            return "babeltrace2 died"
        if native.accepts != theirs.accepts:
            return self.compare_one_sided(native, theirs)
        if native.accepts:
            return self.compare_whole(native, theirs)
        if self.renamed() and not begin_alike(native.lines, theirs.lines):
            return "packets do not say when they begin and end"
        if not begin_alike(native.lines, theirs.lines):
            if self.twice(native, theirs):
                return "packets that are there twice"
            return self.complain("both refuse, having delivered differently", native, theirs)
        return "both refuse"

    def compare_one_sided(self, native, theirs):
        who, refused = ("babeltrace2", theirs) if native.accepts else ("native", native)
        changes = {d.split(":")[0] for d in self.did}
        for name, said, by, why in KNOWN:
            if name == who and re.search(said, refused.said) and changes & by and self.is_alike(native, theirs):
                return why
        return self.complain("only %s refuses" % who, native, theirs)

    def compare_whole(self, native, theirs):
        if native.lines != theirs.lines:
            if self.renamed():
                return "packets do not say when they begin and end"
            if self.twice(native, theirs):
                return "packets that are there twice"
            at = next((i for i, (a, b) in enumerate(zip(native.lines, theirs.lines)) if a != b), min(len(native.lines), len(theirs.lines)))
            return self.complain("line %d differs:\n    %s\n    %s" % (at, native.lines[at:at + 1], theirs.lines[at:at + 1]), native, theirs)
        if native.lost == theirs.lost:
            return "both read"
        # libbabeltrace2 subtracts the counts of two packets even where they go back; from nearly 2^64 that looks like going on.
        alike = all(least <= n <= most for n, (least, most) in zip(native.lost, forward_losses(theirs.trace)))
        absurd = any(n > WRAPPED for n in (*native.lost, *theirs.lost))
        negative = any(data.count(b"\xff" * 3) > self.base.get(name, b"").count(b"\xff" * 3) for name, data in self.trace.items())
        if not alike and not absurd and not negative:
            return self.complain("losses differ", native, theirs)
        return "counts that go back"

    def is_alike(self, native, theirs):
        return begin_alike(native.lines, theirs.lines) or self.twice(native, theirs) or self.renamed()

    def twice(self, native, theirs):
        """Packets of a stream that are there more than once, as in overlapping snapshots: libbabeltrace2 sorts the packets of all files
        and leaves out equal ones; we go from file to file, and leave out what does not go on. So where packets were moved about, all
        that can be asked is that the readers mostly see the same."""
        moved = [d for d in self.did if d.startswith(("double_file", "rearrange"))]
        if not moved:
            return False
        if native.accepts and len(moved) == len(self.did) and not any(": drop" in d for d in moved):
            undamaged, _ = self.run(self.base, "undamaged")
            return set(undamaged.lines) <= set(native.lines) # nothing is left out for being there twice
        once = [list(dict.fromkeys(r.lines)) for r in (native, theirs)]
        both = len(set(once[0]) & set(once[1]))
        return begin_alike(*once) or both * 2 >= min(map(len, once))

    def renamed(self):
        """Whether a time of packets is no longer called so. libbabeltrace2 then counts time on from any field of the packet's
        context that is mapped to a clock; we go on from the packet before."""
        called = [set(re.findall(rb"\btimestamp_(?:begin|end)\s*;", mutants.text_of(t["metadata"]))) for t in (self.base, self.trace)]
        return called[0] != called[1]

    def judge_cut(self, native, said):
        """Where we delivered more: what is before the place that we name must be read alike."""
        place = re.search(r"TRACE/([^/\s]+): at offset (\d+)", native.said)
        if not place:
            return self.complain("the error names no place", native)
        name, offset = place.group(1), int(place.group(2))
        cut = dict(self.trace)
        cut[name] = cut[name][:offset]
        part, theirs = self.run(cut, "cut")
        if not theirs.accepts and theirs.said == said:      # of the metadata, or of what is behind the cut elsewhere
            return "both refuse, we later"
        kind = self.compare(part, theirs)
        if kind == "wrong":
            return kind
        rest = iter(part.lines)
        expected, more = next(rest, None), []
        for line in native.lines:
            if line == expected:
                expected = next(rest, None)
            else:
                more.append(line)
        if part.accepts and set(more) & ({expected} | set(rest)):
            return self.complain("before the damage at %d of %s events are left out" % (offset, name), native, part)
        return "both refuse, we later"


class Mutations(foretrace.Case):
    def bases(self):
        """Names and traces."""
        small_traces.plain(self.path("plain"))
        small_traces.rich(self.path("rich"))
        small_traces.kernel(os.path.join(self.trace("idle"), "kernel"), self.path("kernel"), self.dir)
        found = {name: mutants.load(self.path(name)) for name in ("plain", "rich", "kernel")}
        for path in sorted(glob.glob(os.path.join(CORPUS, "*", "*"))):
            if os.path.isfile(os.path.join(path, "metadata")) and not path.endswith("meta-ctx-sequence"):
                trace = mutants.load(path)
                if sum(map(len, trace.values())) < 40000 and len(trace) > 1:
                    found[os.path.relpath(path, CORPUS)] = trace
        return found

    def one(self, bases, number):
        rng = random.Random("%s-%d" % (SEED, number))
        name = rng.choice(sorted(bases)) if rng.random() < 0.6 else rng.choice(("plain", "rich", "kernel"))
        trace = dict(bases[name])
        did = mutants.mutate(trace, rng)
        scratch = self.path("mutant-%d" % number)
        judge = Judge(bases[name], trace, did, scratch)
        kind = judge.judge()
        if ONLY is None:
            shutil.rmtree(scratch)
        return kind, ["ONLY=%d SEED=%s: %s, %s: %s" % (number, SEED, name, "; ".join(did), c) for c in judge.complaints]

    def test_bases_are_sound(self):
        bases = self.bases()
        for name in ("plain", "rich", "kernel"):
            with self.subTest(base=name):
                judge = Judge(bases[name], bases[name], [], self.path("base-" + name))
                self.assertEqual((judge.judge(), judge.complaints), ("both read", []))

    def test_mutants(self):
        bases, kinds, complaints = self.bases(), {}, []
        numbers = range(MUTANTS) if ONLY is None else [int(ONLY)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for kind, wrong in pool.map(lambda n: self.one(bases, n), numbers):
                kinds[kind] = kinds.get(kind, 0) + 1
                complaints += wrong
        for kind, count in sorted(kinds.items(), key=lambda k: -k[1]):
            print("%6d %s" % (count, kind))
        self.assertEqual(complaints, [], "\n" + "\n".join(complaints))
        if ONLY is None:
            self.assertGreater(kinds.get("both read", 0), MUTANTS // 10, "hardly anything was readable: nothing was compared")


if __name__ == "__main__":
    foretrace.main()
