"""Small traces to be damaged: made by hand with every kind of field, and cut out of recorded ones."""
import os
import random
import re
import struct

import ctf
import foretrace
import mutants

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
HEAD = 84       # bytes: header and context of a packet of LTTng's


def plain(path):
    """Two streams of several packets, with losses."""
    trace = ctf.Trace(path, contexts=[("tid", "s32")])
    trace.event("a:begin", id="u64", op="string")
    trace.event("a:end", id="u64", ratio="f64")
    trace.event("a:little")
    for cpu in range(2):
        stream = trace.stream(cpu=cpu, packet_events=8)
        for i in range(30):
            if i == 13:
                stream.lose(5)
            time = T0 + i * 1_000_003 + cpu * 400_000
            name = ("a:begin", "a:end", "a:little")[i % 3]
            fields = {"a:begin": {"id": i, "op": "go" * (i % 4)}, "a:end": {"id": i, "ratio": i / 7}, "a:little": {}}[name]
            stream.add(time, name, tid=-i, **fields)
    trace.write()


# As LTTng writes it: little headers, with a variant for the large ones.
RICH = """/* CTF 1.8 */
typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := unsigned long;
typealias integer { size = 8; align = 8; encoding = UTF8; } := char8;
typealias integer { size = 5; align = 1; signed = false; } := uint5_t;
trace { major = 1; minor = 8; uuid = "2a6422d0-6cee-11e0-8c08-cb07d7b3a564"; byte_order = le;
  packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; unsigned long stream_instance_id; }; };
env { hostname = "h"; domain = "kernel"; tracer_name = "lttng-modules"; tracer_major = 2; tracer_minor = 12; };
clock { name = "monotonic"; uuid = "e2c95b15-e8c8-4d02-9a2b-cd7bd06dfd04"; description = "Monotonic Clock"; freq = 1000000000; offset = 1600000000000000000; };
typealias integer { size = 27; align = 1; signed = false; map = clock.monotonic.value; } := uint27_clock;
typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := uint64_clock;
struct packet_context { uint64_clock timestamp_begin; uint64_clock timestamp_end; unsigned long content_size; unsigned long packet_size;
  unsigned long packet_seq_num; unsigned long events_discarded; uint32_t cpu_id; };
struct event_header { enum : uint5_t { compact = 0 ... 30, extended = 31 } id;
  variant <id> { struct { uint27_clock timestamp; } compact; struct { uint32_t id; uint64_clock timestamp; } extended; } v; } align(8);
stream { id = 0; event.header := struct event_header; packet.context := struct packet_context;
  event.context := struct { integer { size = 32; align = 8; signed = true; } _tid; char8 _procname[4]; }; };
event { name = "texts"; id = 0; stream_id = 0; fields := struct { string _s; uint8_t __n_length; char8 _n[ __n_length ]; string { encoding = ASCII; } _t[2]; }; };
event { name = "numbers"; id = 1; stream_id = 0; fields := struct {
  integer { size = 16; align = 8; byte_order = be; base = hex; } _port; floating_point { exp_dig = 8; mant_dig = 24; align = 8; } _f;
  floating_point { exp_dig = 11; mant_dig = 53; align = 8; byte_order = be; } _d; integer { size = 3; align = 1; signed = true; } _three;
  integer { size = 13; align = 1; } _thirteen; integer { size = 64; align = 32; signed = true; } _far; }; };
event { name = "variants"; id = 2; stream_id = 0; fields := struct {
  enum : integer { size = 8; align = 8; signed = true; } { low = -2 ... 1, text, "other" = 9 } _tag;
  variant <_tag> { uint32_t low; string text; struct { uint8_t a; uint5_t b[3]; } other; } _v; }; };
event { name = "lists"; id = 40; stream_id = 0; context := struct { uint8_t _depth; }; fields := struct {
  uint8_t __q_length; struct { uint8_t x; integer { size = 16; align = 16; } y; } _q[ __q_length ]; uint5_t _bits[5]; uint32_t _two[2][2]; struct { } _none; }; };
"""


class Body:
    """Bytes of a packet, by bits: little-endian ones from the lowest."""
    def __init__(self, at):
        self.at, self.value = at, 0     # at: bits from the packet's beginning

    def align(self, bits):
        self.at = (self.at + bits - 1) // bits * bits

    def bits(self, value, size, align=1):
        self.align(align)
        self.value |= (value & ((1 << size) - 1)) << self.at
        self.at += size

    def data(self, data):
        self.bits(int.from_bytes(data, "little"), len(data) * 8, 8)


def rich_event(b, rng, cycles):
    kind = rng.choice((0, 1, 2, 40))
    b.align(8)
    if kind < 31 and rng.random() < 0.8:
        b.bits(kind, 5)
        b.bits(cycles, 27)
    else:
        b.bits(31, 5)
        b.bits(kind, 32, 8)
        b.bits(cycles, 64, 8)
    b.data(struct.pack("<i4s", rng.randrange(-5, 1000), rng.choice((b"sh", b"bash", b""))))
    if kind == 0:
        text = rng.choice((b"", b"some text", b"\xff\xc3\xa4", b"a" * 40))
        b.data(text + b"\0" + bytes([len(text)]) + text + b"x\0\0")
    elif kind == 1:
        b.align(32)         # all of the fields are aligned as the most aligned of them
        b.data(struct.pack(">H", 4711) + struct.pack("<f", rng.random()) + struct.pack(">d", rng.random()))
        b.bits(rng.getrandbits(3), 3)
        b.bits(rng.getrandbits(13), 13)
        b.bits(rng.getrandbits(64), 64, 32)
    elif kind == 2:
        tag = rng.choice((-2, 0, 1, 2, 9))
        b.data(struct.pack("<b", tag) + {2: b"text\0", 9: b"a"}.get(tag, b"1234"))
        for _ in range(3 if tag == 9 else 0):
            b.bits(rng.getrandbits(5), 5)
    else:
        count = rng.randrange(4)
        b.data(b"\7")
        b.bits(count, 8, 16)
        for _ in range(count):
            b.align(16)
            b.bits(rng.getrandbits(8), 8)
            b.bits(rng.getrandbits(16), 16, 16)
        if count == 0:
            b.align(16)     # a sequence is aligned as its elements are, even an empty one
        for _ in range(5):
            b.bits(rng.getrandbits(5), 5)
        for _ in range(4):
            b.bits(rng.getrandbits(32), 32, 8)


def rich(path):
    """Every kind of field, in two streams that lose packets and events."""
    rng = random.Random(1)
    files = {"metadata": mutants.pack(RICH.encode(), rng)}
    for cpu in range(2):
        out, cycles, discarded = b"", (1 << 40) + cpu, 0
        for number in (0, 1, 3, 4):
            b, begin = Body(HEAD * 8), cycles
            for _ in range(rng.randrange(3, 9)):
                rich_event(b, rng, cycles)
                cycles += rng.choice((1, 1000, 1 << 26))
            discarded += number
            size = (b.at + 7) // 8 + 32
            header = struct.pack("<I", 0xC1FC1FC1) + bytes.fromhex("2a6422d06cee11e08c08cb07d7b3a564") + struct.pack("<IQ", 0, cpu)
            header += struct.pack("<QQQQQQI", begin, cycles, b.at, size * 8, number, discarded, cpu)
            out += header + b.value.to_bytes(size, "little")[len(header):]
        files["chan_%d" % cpu] = out
    mutants.store(files, path)


# ---- out of a recorded trace ----

def kernel(source, path, scratch, sizes=(1500, 2500, 2000)):
    """The first events of each stream of a kernel trace, in smaller packets, with only the event classes they are of."""
    trace = mutants.load(source)
    text = mutants.unpack(trace["metadata"])
    offset = int(re.search(rb"offset = (\d+);", text).group(1))
    used = set()
    for name in [n for n in trace if n != "metadata"]:
        data, out, at = trace[name], b"", HEAD
        first = struct.unpack_from("<QQQQQQI", data, 32)
        begin = first[0]
        for number, size in enumerate(sizes):
            # So many bytes end in the middle of an event: the error says where that began.
            lines, end = events_until(trace, name, begin, data[at:at + size], scratch)
            body = data[at:at + end - HEAD]
            used.update(re.findall(r'"name":"([^"]*)"', lines))
            last = int(re.findall(r'^\{"t":(\d+)', lines, re.M)[-1]) - offset
            out += packet_of(data, begin, last, body, number)
            at, begin = at + len(body), last
        trace[name] = out
    blocks = re.split(rb"(?=^event \{)", text, flags=re.M)
    keep = [b for b in blocks if not b.startswith(b"event {") or re.search(rb'name = "([^"]*)"', b).group(1).decode() in used]
    trace["metadata"] = b"/* CTF 1.8 */\n" + b"".join(keep)
    mutants.store(trace, path)


def packet_of(data, begin, end, body, number):
    size = (HEAD + len(body)) * 8
    cpu = struct.unpack_from("<I", data, 80)[0]
    return data[:32] + struct.pack("<QQQQQQI", begin, end, size, size, number, 0, cpu) + body


def events_until(trace, name, begin, body, scratch):
    part = {"metadata": trace["metadata"], name: packet_of(trace[name], begin, begin, body, 0)}
    path = os.path.join(scratch, "part-%s-%d-%d" % (name, begin, len(body)))
    mutants.store(part, path)
    done = foretrace.run("events", "--format", "json", path, check=False)
    end = re.search(r"at byte (\d+) of its packet|byte (\d+) of the packet", done.stderr)
    return done.stdout, int(end.group(1) or end.group(2)) if end else HEAD + len(body)
