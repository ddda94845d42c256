"""Writes small CTF 1.8 traces for tests: what real tracers never write, too.

    trace = Trace(path)
    trace.event("shop:begin", id="u64", op="string")
    s = trace.stream(cpu=0)
    s.add(1_000_000_000, "shop:begin", id=1, op="search")
    trace.write()

A kind of field that is not among these is a pair: its declaration with %s for the name, and a function from value to bytes.
"""
import os
import struct
import uuid

INTEGERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "s8": "<b", "s16": "<h", "s32": "<i", "s64": "<q"}
FLOATS = {"f32": ("<f", 8, 24), "f64": ("<d", 11, 53)}


def declare(kind, name):
    if isinstance(kind, tuple):
        return kind[0] % name
    if kind in INTEGERS:
        size = struct.calcsize(INTEGERS[kind]) * 8
        return "integer { size = %d; align = 8; signed = %d; } _%s;" % (size, kind[0] == "s", name)
    if kind in FLOATS:
        _, exponent, mantissa = FLOATS[kind]
        return "floating_point { exp_dig = %d; mant_dig = %d; align = 8; } _%s;" % (exponent, mantissa, name)
    assert kind == "string", kind
    return "string _%s;" % name


def encode(kind, value):
    if isinstance(kind, tuple):
        return kind[1](value)
    if kind in INTEGERS:
        return struct.pack(INTEGERS[kind], value)
    if kind in FLOATS:
        return struct.pack(FLOATS[kind][0], value)
    return value.encode() + b"\0"


class Stream:
    def __init__(self, trace, cpu, packet_events):
        self.trace, self.cpu, self.packet_events = trace, cpu, packet_events
        self.events = []
        self.discarded = {}     # before the packet that begins with event number N: how many more

    def add(self, time, name, /, **fields):
        self.events.append((time, name, fields))

    def lose(self, count):
        """So many events are discarded before the next one; it begins a packet."""
        self.discarded[len(self.events)] = count

    def packets(self):
        packet = []
        for i, event in enumerate(self.events):
            if packet and (len(packet) == self.packet_events or i in self.discarded):
                yield i - len(packet), packet
                packet = []
            packet.append(event)
        if packet:
            yield len(self.events) - len(packet), packet

    def encode(self):
        out, total, number = b"", 0, 0
        for first, packet in self.packets():
            total += self.discarded.get(first, 0)
            body = b"".join(self.trace.encode_event(*e) for e in packet)
            times = [e[0] for e in packet]
            header = struct.pack("<I", 0xC1FC1FC1) + self.trace.uuid.bytes + struct.pack("<I", 0)
            stamps = struct.pack("<QQ", min(times), max(times)) if self.trace.clock else b""
            size = (len(header) + len(stamps) + 8 * 4 + 4 + len(body)) * 8
            context = stamps + struct.pack("<QQQQI", size, size, number, total, self.cpu)
            out += header + context + body
            number += 1
        return out


class Trace:
    def __init__(self, path, host="testhost", session="testsession", contexts=(), clock=True, offset=0, domain="ust"):
        self.path, self.host, self.session, self.clock, self.offset, self.domain = path, host, session, clock, offset, domain
        self.contexts = list(contexts)      # (name, kind), of every event; given to add() as "ctx.NAME" where a field is called so, too
        self.uuid = uuid.uuid5(uuid.NAMESPACE_URL, path)
        self.classes, self.streams = [], []

    def event(self, name, /, **fields):
        self.classes.append((name, fields))

    def stream(self, cpu=0, packet_events=1000):
        self.streams.append(Stream(self, cpu, packet_events))
        return self.streams[-1]

    def encode_event(self, time, name, values):
        number = [c[0] for c in self.classes].index(name)
        out = struct.pack("<H", number) + (struct.pack("<Q", time) if self.clock else b"")
        for context, kind in self.contexts:
            out += encode(kind, values["ctx." + context if "ctx." + context in values else context])
        for field, kind in self.classes[number][1].items():
            out += encode(kind, values[field])
        return out

    def metadata(self):
        text = "/* CTF 1.8 */\n"
        text += 'trace { major = 1; minor = 8; uuid = "%s"; byte_order = le;\n' % self.uuid
        text += ("  packet.header := struct { integer { size = 32; align = 8; } magic; integer { size = 8; align = 8; } uuid[16];"
                 " integer { size = 32; align = 8; } stream_id; }; };\n")
        text += 'env { hostname = "%s"; trace_name = "%s"; domain = "%s"; };\n' % (self.host, self.session, self.domain)
        if self.clock:
            text += ('clock { name = c; uuid = "%s"; freq = 1000000000; offset = %d; };\n' % (
                uuid.uuid5(uuid.NAMESPACE_URL, "clock"), self.offset))
        stamp = "integer { size = 64; align = 8; map = clock.c.value; } %s;"
        times = [stamp % name for name in ("timestamp", "timestamp_begin", "timestamp_end")] if self.clock else ["", "", ""]
        text += "stream { id = 0;\n"
        text += "  event.header := struct { integer { size = 16; align = 8; } id; %s };\n" % times[0]
        text += ("  packet.context := struct { %s %s integer { size = 64; align = 8; } content_size;"
                 " integer { size = 64; align = 8; } packet_size; integer { size = 64; align = 8; } packet_seq_num;"
                 " integer { size = 64; align = 8; } events_discarded; integer { size = 32; align = 8; } cpu_id; };\n" % (times[1], times[2]))
        if self.contexts:
            text += "  event.context := struct { %s };\n" % " ".join(declare(kind, name) for name, kind in self.contexts)
        text += "};\n"
        for number, (name, fields) in enumerate(self.classes):
            members = " ".join(declare(kind, field) for field, kind in fields.items())
            text += 'event { name = "%s"; id = %d; stream_id = 0; fields := struct { %s }; };\n' % (name, number, members)
        return text

    def write(self):
        os.makedirs(self.path, exist_ok=True)
        with open(os.path.join(self.path, "metadata"), "w") as f:
            f.write(self.metadata())
        for i, stream in enumerate(self.streams):
            with open(os.path.join(self.path, "stream_%d" % i), "wb") as f:
                f.write(stream.encode())
        return self.path
