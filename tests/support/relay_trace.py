"""What the relay of relay.py hands out: traces of directories, made ones that are as large as one likes, streams in
another order than they were recorded in; and sessions of them, in which a test says what is there when.

A source of packets is anything with name, index (a sequence of Index, one for each packet) and read(offset, size).
"""
import collections
import itertools
import os
import random
import re
import struct
import threading
import time
import uuid

LOCK = threading.RLock()        # of all that tests and viewers both touch
NUMBERS = itertools.count(1)    # of sessions and streams

Index = collections.namedtuple("Index", "offset packet_bits content_bits begin end discarded class_id")

METADATA_HEADER = struct.Struct("<I16sIIIBBBBB")
METADATA_MAGIC, PACKET_MAGIC = 0x75D11D57, 0xC1FC1FC1
INDEX_MAGIC, INDEX_HEADER = 0xC1F1DCC1, struct.Struct(">IIII")
PACKET_CONTEXT = struct.Struct("<QQQQQQ")       # begin, end, content, packet, sequence, discarded


# ---- metadata ----

def packetise(text, piece=0):
    """Plain text as packetised metadata: one packet, or packets with so many bytes of text each, wherever that cuts it."""
    identity, out = uuid.uuid5(uuid.NAMESPACE_OID, "metadata").bytes, b""
    piece = piece or max(len(text), 1)
    for at in range(0, max(len(text), 1), piece):
        part = text[at:at + piece]
        bits = (METADATA_HEADER.size + len(part)) * 8
        out += METADATA_HEADER.pack(METADATA_MAGIC, identity, 0, bits, bits, 0, 0, 0, 1, 8) + part
    return out


def unpack(metadata):
    """The text of packetised metadata, and where its packets end."""
    text, ends, at = b"", [], 0
    while at < len(metadata):
        content, packet = METADATA_HEADER.unpack_from(metadata, at)[3:5]
        text += metadata[at + METADATA_HEADER.size:at + content // 8]
        at += packet // 8
        ends.append(at)
    return text, ends


def write_metadata(path, text):
    """Writes plain text as packetised metadata."""
    with open(path, "wb") as f:
        f.write(packetise(text))


# ---- streams ----

class FileStream:
    """A file of a trace, with LTTng's index of it or, where there is none, one made of its packets' headers."""
    def __init__(self, path, context_at=32):
        self.name = os.path.basename(path)
        with open(path, "rb") as f:
            self.data = f.read()
        index = os.path.join(os.path.dirname(path), "index", self.name + ".idx")
        self.index = list(recorded_index(index) if os.path.exists(index) else made_index(self.data, context_at))

    def read(self, offset, size):
        return self.data[offset:offset + size]


def recorded_index(path):
    with open(path, "rb") as f:
        index = f.read()
    magic, _, _, size = INDEX_HEADER.unpack_from(index)
    assert magic == INDEX_MAGIC, path
    for at in range(INDEX_HEADER.size, len(index), size):
        yield Index(*struct.unpack_from(">7Q", index, at))


def made_index(data, context_at):
    at = 0
    while at < len(data):
        magic, class_id = struct.unpack_from("<I16xI", data, at)
        assert magic == PACKET_MAGIC, "no packet at %d" % at
        begin, end, content, packet, _, discarded = PACKET_CONTEXT.unpack_from(data, at + context_at)
        yield Index(at, packet, content, begin, end, discarded, class_id)
        at += packet // 8


class Reordered:
    """Packets of a stream in an order of the test's: one twice, one left out, time that goes backward."""
    def __init__(self, stream, order):
        self.name, self.read = stream.name, stream.read
        self.index = [stream.index[i] for i in order]


class MadeIndex:
    """The index of a made stream: no entry is kept."""
    def __init__(self, stream):
        self.stream = stream

    def __len__(self):
        return self.stream.packets

    def __getitem__(self, i):
        s = self.stream
        if not -s.packets <= i < s.packets:
            raise IndexError(i)
        i %= s.packets
        begin = s.begin + i * s.period
        return Index(i * s.size, s.size * 8, s.size * 8, begin, begin + s.last, 0, 0)


class MadeStream:
    """Packets that are made when they are asked for: a body of a few that were built once, and the times of its own in front.
    A packet lasts as long as the clock's bits in an event's header, so those bits are the same in all of them."""
    HEADER = struct.Struct("<I16sIQ")

    def __init__(self, trace, cpu, packets, events, step):
        self.name, self.cpu, self.packets, self.trace = "made_%d" % cpu, cpu, packets, trace.uuid.bytes
        self.period = 1 << trace.bits
        self.begin = (trace.begin // self.period + 1) * self.period
        step = step or self.period // events
        self.last = (events - 1) * step + cpu
        assert self.last < self.period, "a packet's events take longer than the clock's bits say"
        self.bodies = [self.body(trace, random.Random(cpu * 16 + k), events, step) for k in range(4)]
        self.head = self.HEADER.size + PACKET_CONTEXT.size + 4
        self.size = self.head + len(self.bodies[0])
        self.index, self.cached = MadeIndex(self), (-1, b"")

    def body(self, trace, rng, events, step):
        event, times = struct.Struct("<HIIQ" if trace.bits == 32 else "<IIQ"), [i * step + self.cpu for i in range(events)]
        value = lambda i: (rng.randrange(1000), i)
        if trace.bits == 32:
            return b"".join(event.pack(0, t, *value(i)) for i, t in enumerate(times))
        return b"".join(event.pack(t << 5, *value(i)) for i, t in enumerate(times))

    def packet(self, number):
        if self.cached[0] != number:
            i = self.index[number]
            context = PACKET_CONTEXT.pack(i.begin, i.end, i.content_bits, i.packet_bits, number, 0) + struct.pack("<I", self.cpu)
            header = self.HEADER.pack(PACKET_MAGIC, self.trace, 0, self.cpu)
            self.cached = number, header + context + self.bodies[number % len(self.bodies)]
        return self.cached[1]

    def read(self, offset, size):
        number, at = divmod(offset, self.size)
        out = self.packet(number)[at:at + size]
        while len(out) < size and number + 1 < self.packets:
            number += 1
            out += self.packet(number)[:size - len(out)]
        return out


# ---- traces ----

class Trace:
    """metadata: the whole of it, packetised. streams: the others."""
    def __init__(self, metadata, streams):
        self.metadata, self.streams = metadata, streams
        self.text, self.metadata_ends = unpack(metadata)
        self.frequency = int((re.search(rb"freq = (\d+);", self.text) or [0, 10 ** 9])[1])
        self.offset = int((re.search(rb"\boffset = (\d+);", self.text) or [0, 0])[1])

    def ns(self, cycles):
        """Of the clock that all traces share."""
        return (self.offset + cycles) * 10 ** 9 // self.frequency

    def cycles(self, ns):
        return ns * self.frequency // 10 ** 9 - self.offset

    def ends(self):
        """In cycles: the time of the last event or later, of all streams."""
        return max((s.index[-1].end for s in self.streams if len(s.index)), default=0)


def load(directory):
    """The trace of a directory; metadata may be plain text there."""
    with open(os.path.join(directory, "metadata"), "rb") as f:
        metadata = f.read()
    if struct.unpack_from("<I", metadata)[0] != METADATA_MAGIC:
        metadata = packetise(metadata, 4096)
    context_at = 32 if b"stream_instance_id" in metadata else 24
    files = [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name != "metadata"]
    return Trace(metadata, [FileStream(path, context_at) for path in files if os.path.isfile(path)])


MADE = """/* CTF 1.8 */
typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
trace { major = 1; minor = 8; uuid = "%(uuid)s"; byte_order = le;
  packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; uint64_t stream_instance_id; }; };
env { domain = "%(domain)s"; hostname = "%(host)s"; trace_name = "made"; };
clock { name = monotonic; uuid = "%(clock)s"; freq = 1000000000; offset = %(offset)d; };
typealias integer { size = %(bits)d; align = %(align)d; signed = false; map = clock.monotonic.value; } := uint_clock_t;
typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := uint64_clock_t;
struct packet_context { uint64_clock_t timestamp_begin; uint64_clock_t timestamp_end; uint64_t content_size;
  uint64_t packet_size; uint64_t packet_seq_num; uint64_t events_discarded; uint32_t cpu_id; };
struct event_header { enum : %(enum)s { compact = 0 ... %(most)d, extended = %(escape)d } id;
  variant <id> { struct { uint_clock_t timestamp; } compact; struct { uint32_t id; uint64_clock_t timestamp; } extended; } v; } align(8);
stream { id = 0; event.header := struct event_header; packet.context := struct packet_context; };
event { name = "%(event)s"; id = 0; stream_id = 0; fields := struct { uint32_t _value; uint64_t _number; }; };
"""


class MadeTrace(Trace):
    """events in each of packets in each of streams, step ns apart (0: so many that they fill the time). bits: of the clock in
    an event's header, 32 (a packet lasts 4.3 s) or 27 (a compact header, 134 ms). identity: traces of one host and event are one
    trace unless they differ in it."""
    def __init__(self, packets, events=10000, streams=2, bits=32, step=0, event="made:tick", host="made", begin_ns=10 ** 12, identity="", domain="ust"):
        self.uuid, self.bits, self.begin = uuid.uuid5(uuid.NAMESPACE_OID, "%s %s%s" % (host, event, identity)), bits, begin_ns
        enum = "uint16_t" if bits == 32 else "integer { size = 5; align = 1; signed = false; }"
        most = 65534 if bits == 32 else 30
        values = {"uuid": self.uuid, "clock": uuid.uuid5(uuid.NAMESPACE_OID, "clock"), "host": host, "domain": domain, "offset": 1_700_000_000 * 10 ** 9, "bits": bits,
                  "align": 8 if bits == 32 else 1, "enum": enum, "most": most, "escape": most + 1, "event": event}
        super().__init__(packetise((MADE % values).encode(), 1000), [])
        self.streams = [MadeStream(self, cpu, packets, events, step) for cpu in range(streams)]
        self.events = packets * events * streams

    def write(self, directory):
        """As files, with the index a relayd would have: for small ones."""
        os.makedirs(os.path.join(directory, "index"))
        with open(os.path.join(directory, "metadata"), "wb") as f:
            f.write(self.metadata)
        for s in self.streams:
            with open(os.path.join(directory, s.name), "wb") as f:
                f.writelines(s.packet(i) for i in range(s.packets))
            with open(os.path.join(directory, "index", s.name + ".idx"), "wb") as f:
                f.write(INDEX_HEADER.pack(INDEX_MAGIC, 1, 0, 56) + b"".join(struct.pack(">7Q", *i) for i in s.index))


# ---- sessions ----

class Stream:
    """A stream as the relay has it so far. source: None for metadata."""
    def __init__(self, session, trace_number, trace, source):
        self.number, self.session, self.trace_number, self.trace, self.source = next(NUMBERS), session, trace_number, trace, source
        self.metadata, self.name = source is None, source.name if source else "metadata"
        self.received = self.oldest = self.limit = 0        # packets, or bytes of metadata; limit: bytes of packets
        self.per_file = 0           # packets in a tracefile: offsets begin anew in each. 0: one file has them all
        self.beacon, self.step, self.until = None, 0, 0
        self.beacons = 0            # given to viewers since the test set it
        self.closed = self.stalled = False

    def receive(self, upto):
        if not self.metadata:
            ends = (self.source.index[i] for i in range(self.received, upto))
            self.limit = max([self.limit, *(i.offset + i.packet_bits // 8 for i in ends)])
            self.beacon = None
        self.received = max(self.received, upto)

    def file_begin(self, number):
        return self.source.index[number - number % self.per_file].offset if self.per_file else 0

    def describe(self):
        return struct.pack(">QQI4096s255s", self.number, self.trace_number, self.metadata, b"/trace%d" % self.trace_number, self.name.encode())


class Session:
    """whole: all of it is there at once and there will be no more; it can be attached to all the same, also by libbabeltrace2
    that only knows LAST, until a viewer has read it all and detached. Else: only the metadata is there, and LTTng's rules hold."""
    def __init__(self, name, traces=(), host="recorded", timer_us=100000, whole=True):
        self.name, self.host, self.timer_us, self.whole = name, host, timer_us, whole
        self.number, self.streams, self.trace_numbers = next(NUMBERS), [], itertools.count(1)
        self.viewer, self.ended, self.rotating, self.fresh = None, False, False, False     # fresh: of streams nobody was told
        self.stopped = threading.Event()
        for trace in traces:
            self.add_trace(trace)
        if whole:
            self.packets()
            self.ended = True

    # ---- what arrives, from the test's thread ----

    def add_trace(self, trace, metadata=None, streams=None):
        """A trace, or a directory with one. metadata: so many bytes of it are there (None: all). streams: of these names."""
        trace = trace if isinstance(trace, Trace) else load(trace)
        with LOCK:
            number = next(self.trace_numbers)
            self.streams.append(Stream(self, number, trace, None))
            self.metadata(metadata, trace)
            self.add_streams(trace, [s for s in trace.streams if streams is None or s.name in streams])
        return trace

    def add_streams(self, trace, sources):
        """More streams of a trace that is there."""
        with LOCK:
            number = next(s.trace_number for s in self.streams if s.trace is trace)
            self.streams += [Stream(self, number, trace, source) for source in sources]
            self.fresh = True

    def data(self, which=None):
        """Streams with packets: all of them, one, or those of a name or a trace."""
        if isinstance(which, Stream):
            return [which]
        return [s for s in self.streams if not s.metadata and (which is None or which in (s.name, s.trace))]

    def packets(self, stream=None, upto=None):
        """So many packets of a stream are there; None: all streams, all packets."""
        with LOCK:
            for s in self.data(stream):
                s.receive(len(s.source.index) if upto is None else upto)

    def metadata(self, upto=None, trace=None):
        """So many bytes of metadata are there: see Trace.metadata_ends for where its packets end."""
        with LOCK:
            for s in self.streams:
                if s.metadata and trace in (None, s.trace):
                    s.receive(len(s.trace.metadata) if upto is None else upto)

    def beacon(self, cycles, stream=None):
        """No event before that time will come."""
        with LOCK:
            for s in self.data(stream):
                s.beacon, s.step, s.beacons = cycles, 0, 0

    def beacon_taken(self):
        """Of all streams: who asks once more has understood the first answer."""
        with LOCK:
            return all(s.beacons > 1 for s in self.data())

    def stall(self, stream=None, stalled=True):
        """To be asked again, whatever is there, until stall(stream, False)."""
        with LOCK:
            for s in self.data(stream):
                s.stalled = stalled

    def forget(self, stream=None, count=1):
        """The oldest packets were overwritten."""
        with LOCK:
            for s in self.data(stream):
                s.oldest = min(s.oldest + count, s.received)

    def close_streams(self, which=None):
        """A process ended, or all."""
        with LOCK:
            for s in self.streams:
                s.closed = s.closed or which in (None, s, s.name, s.trace)

    def close(self):
        """The session was destroyed: who has it gets what is there."""
        self.stopped.set()
        with LOCK:
            self.ended, self.whole = True, False
            self.close_streams()

    def handed_out(self):
        """True when the viewer was given an index of all packets that are there."""
        with LOCK:
            return self.viewer is not None and all(self.viewer.cursors.get(s.number, s.received) >= s.received for s in self.data())

    def idle(self, hours, step_ns=10 ** 9):
        """Beacons after the packets that are there: each time one is asked for it is so much later, and so many hours in all."""
        with LOCK:
            for s in self.data():
                s.beacon, s.step = s.trace.ends(), step_ns * s.trace.frequency // 10 ** 9
                s.until = s.beacon + int(hours * 3600 * s.trace.frequency)

    def idled(self):
        with LOCK:
            return all(s.step and s.beacon >= s.until for s in self.data())

    def pace(self, speed=1.0, close=True, attached=True):
        """Packets come when their last event has happened, so many times as fast; who is silent has a beacon at each period of
        the live timer. The session ends after the last packet, if it is to. It begins when a viewer has attached, or at once.
        Gives the thread that does it."""
        thread = threading.Thread(target=self.run, args=(speed, close, attached), daemon=True)
        thread.start()
        return thread

    def run(self, speed, close, attached):
        while attached and self.viewer is None and not self.stopped.wait(0.01):
            pass
        started, period = time.monotonic(), self.timer_us * 1000
        begin = min(s.trace.ns(s.source.index[0].begin) for s in self.data() if len(s.source.index))
        beacon = begin + period
        while not self.stopped.wait(min(0.01, period / speed / 1e9)):
            now = begin + int((time.monotonic() - started) * 1e9 * speed)
            with LOCK:
                left = sum([self.advance(s, now, now >= beacon) for s in self.data()])
            beacon += (now - beacon + period) // period * period if now >= beacon else 0
            if left == 0:
                break
        if close:
            self.close()

    @staticmethod
    def advance(s, now, beacon):
        index, n = s.source.index, s.received
        while n < len(index) and s.trace.ns(index[n].end) <= now:
            n += 1
        if n > s.received:
            s.receive(n)
        elif beacon and (n == len(index) or s.trace.ns(index[n].begin) > now):
            s.beacon = s.trace.cycles(now)
        return len(index) - n
