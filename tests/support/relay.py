"""A relay of ours: serves traces over lttng-relayd's viewer protocol (lttng-tools, doc/live-reading-protocol and
lttng-viewer-abi), for what the real one cannot be made to show at will. It answers as lttng-relayd 2.13 does.

    with Relay({"session": [trace_dir, ...]}) as relay:             # all is there at once, then the session ends
        ... foretrace run --attach relay.url("session") ...

    session = Session("session", [trace_dir], whole=False)          # what is there when is the test's to say
    with Relay([session]) as relay:
        session.packets("chan_0", 3)
        session.beacon(cycles)
        session.close()

Faults and lies are told to the Relay, at any time. relay.wrongs is what a viewer did that no viewer should.
"""
import collections
import itertools
import random
import socket
import struct
import threading
import time

from relay_trace import LOCK, NUMBERS, Index, Session, packetise, write_metadata  # noqa: F401

CONNECT, LIST, ATTACH, NEXT_INDEX, PACKET, METADATA, NEW_STREAMS, CREATE, DETACH = range(1, 10)
BEGINNING, LAST = 1, 2
ATTACH_OK, ATTACH_ALREADY, ATTACH_UNKNOWN, ATTACH_NOT_LIVE, ATTACH_SEEK_ERROR, ATTACH_NO_SESSION = range(1, 7)
INDEX_OK, INDEX_RETRY, INDEX_HUP, INDEX_ERR, INDEX_INACTIVE = range(1, 6)
PACKET_OK, PACKET_RETRY, PACKET_ERR = range(1, 4)
METADATA_OK, METADATA_NO_NEW, METADATA_ERR = range(1, 4)
STREAMS_OK, STREAMS_NO_NEW, STREAMS_ERR, STREAMS_HUP = range(1, 5)
DETACH_OK, DETACH_UNKNOWN, DETACH_ERR = range(1, 4)
FLAG_NEW_METADATA, FLAG_NEW_STREAM = 1, 2

HEADER = struct.Struct(">QII")
REQUESTS = {CONNECT: ">QIII", LIST: ">", ATTACH: ">QQI", NEXT_INDEX: ">Q", PACKET: ">QQI", METADATA: ">Q", NEW_STREAMS: ">Q",
            CREATE: ">", DETACH: ">Q"}
REQUESTS = {command: struct.Struct(layout) for command, layout in REQUESTS.items()}
INDEX = struct.Struct(">7QII")
NO_INDEX = Index(0, 0, 0, 0, 0, 0, 0)
UNKNOWN_COMMAND = struct.pack(">I", 11)


class Connection:
    """A viewer: what it has attached, and how far it has read."""
    def __init__(self, relay, sock):
        self.relay, self.socket, self.buffer = relay, sock, b""
        self.minor, self.created, self.attached = None, False, set()
        self.streams, self.cursors, self.sent, self.told = {}, {}, {}, set()
        self.answers = {CONNECT: self.connect, LIST: self.list, ATTACH: self.attach, NEXT_INDEX: self.next_index, PACKET: self.packet,
                        METADATA: self.metadata, NEW_STREAMS: self.new_streams, CREATE: self.create, DETACH: self.detach}

    def serve(self):
        try:
            while self.serve_one():
                pass
        except OSError:
            pass
        with LOCK:
            for session in self.relay.sessions.values():
                session.viewer = None if session.viewer is self else session.viewer
            self.relay.connections.discard(self)
        self.socket.close()

    def serve_one(self):
        """Requests may come in one piece: answers have their order. As the real one, it goes by the command and not by the size."""
        size, command, _ = HEADER.unpack(self.take(HEADER.size))
        if command not in REQUESTS or (command != CONNECT and self.minor is None):
            self.relay.wrongs.append("command %d" % command)
            self.socket.sendall(UNKNOWN_COMMAND if self.minor is not None else b"")
            return False
        layout = REQUESTS[command]
        if size != layout.size:
            self.relay.wrongs.append("%d bytes with command %d" % (size, command))
        request = layout.unpack(self.take(layout.size))
        self.relay.commands += 1
        self.relay.asked[command] += 1
        with LOCK:
            reply = self.answers[command](*request)
        return reply is not None and self.relay.deliver(self.socket, command, reply)

    def take(self, size):
        while len(self.buffer) < size:
            part = self.socket.recv(1 << 16)
            if not part:
                raise ConnectionError
            self.buffer += part
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    # ---- sessions ----

    def connect(self, _, major, minor, kind):
        if major != 2 or kind not in (1, 2):
            return None
        self.minor = min(minor, self.relay.minor)
        return struct.pack(">QIII", next(NUMBERS), 2, self.relay.minor, 0)

    def list(self):
        sessions = [s for s in self.relay.sessions.values() if s.whole or not s.ended]
        return struct.pack(">I", len(sessions)) + b"".join(
            struct.pack(">QIII64s255s", s.number, s.timer_us, s.viewer is not None, len(s.streams), s.host.encode(), s.name.encode())
            for s in sessions)

    def create(self):
        self.created, self.attached = True, set()      # what was attached stays so, but it cannot be asked about any more
        return struct.pack(">I", 1)

    def session(self, number):
        return next((s for s in self.relay.sessions.values() if s.number == number), None)

    def attach(self, number, _, seek):
        session = self.session(number)
        status = (ATTACH_NO_SESSION if not self.created else ATTACH_UNKNOWN if session is None else
                  ATTACH_NOT_LIVE if session.timer_us == 0 else ATTACH_ALREADY if session.viewer else ATTACH_OK)
        if status == ATTACH_OK:
            session.viewer = self           # and stays, whatever is wrong with the rest
            self.attached.add(session)
            status = ATTACH_SEEK_ERROR if seek not in (BEGINNING, LAST) else ATTACH_UNKNOWN if session.ended and not session.whole else ATTACH_OK
        if status != ATTACH_OK or session.rotating:
            return struct.pack(">II", status, 0)
        return self.announce([s for s in session.streams if not s.closed], LAST if seek == LAST and not session.whole else BEGINNING)

    def announce(self, streams, seek):
        """The real one has no order; here metadata comes after what it is for."""
        streams = sorted(streams, key=lambda s: s.metadata)
        for s in streams:
            self.streams[s.number] = s
            self.sent[s.number] = 0
            if not s.metadata:
                self.cursors[s.number] = s.received if seek == LAST else s.oldest
        return struct.pack(">II", 1, len(streams)) + b"".join(s.describe() for s in streams)

    def detach(self, number):
        session = self.session(number)
        if not self.created or (session and session not in self.attached):
            return struct.pack(">I", DETACH_ERR)
        if session is None:
            return struct.pack(">I", DETACH_UNKNOWN)
        self.attached.discard(session)
        session.viewer = None
        session.whole = session.whole and any(s.number in self.cursors for s in session.streams)
        for s in session.streams:
            for table in (self.streams, self.cursors, self.sent):
                table.pop(s.number, None)
        return struct.pack(">I", DETACH_OK)

    def new_streams(self, number):
        session = self.session(number)
        if session not in self.attached:
            return struct.pack(">II", STREAMS_ERR, 0)
        if session.rotating:
            return struct.pack(">II", STREAMS_NO_NEW, 0)
        streams = [s for s in session.streams if s.number not in self.sent and not s.closed]
        left = any(self.behind(s) for s in session.streams if s.metadata and s.number in self.sent)
        left = left or session.whole and any(s.number in self.cursors for s in session.streams)
        if session.ended and not streams and not left:
            return struct.pack(">II", STREAMS_HUP, 0)
        if not streams and self.relay.by_the_book:
            return struct.pack(">II", STREAMS_NO_NEW, 0)
        return self.announce(streams, BEGINNING)

    # ---- data ----

    def behind(self, metadata):
        return metadata.received == 0 or metadata.received > self.sent.get(metadata.number, 0)

    def flags(self, stream, new_stream):
        flags = 0
        if any(self.behind(s) for s in stream.session.streams if s.metadata and s.trace is stream.trace):
            flags |= FLAG_NEW_METADATA
        fresh = [s for s in self.attached if s.fresh] if new_stream else []
        if fresh:
            fresh[0].fresh = False      # told once
            flags |= FLAG_NEW_STREAM
        return flags

    def next_index(self, number):
        s, index = self.streams.get(number), NO_INDEX
        if s is None or (number not in self.cursors and not s.metadata):
            return INDEX.pack(*index, INDEX_ERR, 0)
        cursor = max(self.cursors.get(number, 0), s.oldest)
        if s.metadata:
            status = INDEX_HUP
        elif s.session.rotating or s.stalled:
            status = INDEX_RETRY
        elif cursor < s.received:
            status, index = INDEX_OK, s.source.index[cursor]
            index = index._replace(offset=index.offset - s.file_begin(cursor))
            self.cursors[number] = cursor + 1
        elif s.session.ended or s.closed:
            status = INDEX_HUP
            if s.session.ended:
                del self.cursors[number]        # and it is gone; of a process that ended, HUP is said again
        elif s.beacon is not None:
            status, index = INDEX_INACTIVE, index._replace(end=s.beacon, class_id=s.source.index[0].class_id if len(s.source.index) else 0)
            s.beacon = min(s.beacon + s.step, s.until) if s.step else s.beacon
            s.beacons += 1
        else:
            status = INDEX_RETRY
        return INDEX.pack(*index, status, self.flags(s, status == INDEX_OK or self.relay.by_the_book))

    def packet(self, number, offset, size):
        s, flags = self.streams.get(number), 0
        if s is not None and self.relay.by_the_book:
            flags = self.flags(s, True)
        if s is None or s.metadata or flags & FLAG_NEW_METADATA:
            return struct.pack(">III", PACKET_ERR, 0, flags)
        offset += s.file_begin(max(self.cursors.get(number, s.received) - 1, 0))
        if offset + size > s.limit:
            return struct.pack(">III", PACKET_ERR, 0, flags)
        return struct.pack(">III", PACKET_OK, size, flags) + s.source.read(offset, size)

    def metadata(self, number):
        s = self.streams.get(number)
        if s is None or not s.metadata:
            return struct.pack(">QI", 0, METADATA_ERR)
        sent = self.sent[number]
        if sent >= s.received:
            if sent and s.closed and number in self.told:
                del self.streams[number]        # known until it was said twice
            self.told.update([number] if sent else [])
            return struct.pack(">QI", 0, METADATA_NO_NEW)
        self.sent[number] = s.received
        return struct.pack(">QI", s.received - sent, METADATA_OK) + s.trace.metadata[sent:s.received]


class Relay:
    """sessions: Session objects, or {name: [trace directory, ...]} of sessions that are there at once. minor: of the protocol.
    by_the_book: what the protocol's document says and lttng-relayd does not: flags with every index and packet, no packet while
    metadata is missing, NO_NEW when there are no new streams."""
    def __init__(self, sessions, host="recorded", minor=13, ipv6=False, by_the_book=False):
        if isinstance(sessions, dict):
            sessions = [Session(name, traces, host) for name, traces in sessions.items()]
        self.sessions = collections.OrderedDict()       # by name; of several with one name, the later ones by name and number
        for s in sessions:
            self.add(s)
        self.minor, self.by_the_book = minor, by_the_book
        self.address, self.port, self.listener = "::1" if ipv6 else "127.0.0.1", 0, None
        self.connections, self.commands, self.asked, self.wrongs = set(), 0, collections.Counter(), []
        self.lie = None          # called with (command, reply): what to answer instead; may raise ConnectionError to hang up
        self.thawed = threading.Event()
        self.thawed.set()
        self.cuts, self.delays, self.trickles = {}, {}, {}

    def add(self, session):
        """A session that is created now."""
        with LOCK:
            self.sessions[session.name if session.name not in self.sessions else (session.name, session.number)] = session
        return session

    def url(self, session, host=None):
        session = session if isinstance(session, Session) else self.sessions[session]
        address = "[%s]" % self.address if ":" in self.address else self.address
        return "net://%s:%d/host/%s/%s" % (address, self.port, host or session.host, session.name)

    def __enter__(self):
        self.listen()
        return self

    def __exit__(self, *_):
        self.refuse()
        self.thaw()
        for session in self.sessions.values():
            session.stopped.set()
        self.hang_up_all()

    # ---- faults ----

    def listen(self):
        """Again at the same port, after refuse()."""
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server((self.address, self.port), family=family, backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
            with LOCK:
                self.connections.add(connection)
            threading.Thread(target=connection.serve, daemon=True).start()

    def refuse(self):
        """Nobody listens; connections that are there stay."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def hang_up_all(self):
        with LOCK:
            for connection in self.connections:
                try:
                    connection.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def freeze(self):
        """Connections are accepted and requests taken, and nothing is answered."""
        self.thawed.clear()

    def thaw(self):
        self.thawed.set()

    def hang_up(self, command, after=0, times=1):
        """After so many bytes of the next answers to that command."""
        self.cuts[command] = [after, times]

    def answer_late(self, seconds, command=None):
        """To that command or, None, to all of them. 0: no longer."""
        self.delays[command] = seconds

    def answer_slowly(self, piece=1, pause=0.001, command=None):
        """In pieces of so many bytes. 0: no longer."""
        self.trickles[command] = (piece, pause)

    def deliver(self, sock, command, reply):
        reply = self.lie(command, reply) if self.lie else reply
        self.thawed.wait()
        time.sleep(self.delays.get(command, self.delays.get(None, 0))) if self.delays else None
        after, times = self.cuts.get(command, (0, 0))
        if times > 0:
            self.cuts[command][1] -= 1
            sock.sendall(reply[:after])
            return False
        piece, pause = self.trickles.get(command, self.trickles.get(None, (0, 0)))
        for at in range(0, len(reply), piece) if piece else ():
            sock.sendall(reply[at:at + piece])
            time.sleep(pause)
        if not piece:
            sock.sendall(reply)
        return True


# ---- lies: functions for Relay.lie ----

FIELDS = {      # of what answers say: where, and how wide
    CONNECT: ("connect", {"major": (8, "I"), "minor": (12, "I")}),
    LIST: ("list", {"count": (0, "I"), "id": (4, "Q"), "timer": (12, "I"), "streams": (20, "I")}),
    ATTACH: ("attach", {"status": (0, "I"), "count": (4, "I"), "stream": (8, "Q"), "trace": (16, "Q"), "is metadata": (24, "I")}),
    NEXT_INDEX: ("index", {"offset": (0, "Q"), "packet": (8, "Q"), "content": (16, "Q"), "begin": (24, "Q"), "end": (32, "Q"),
                           "discarded": (40, "Q"), "class": (48, "Q"), "status": (56, "I"), "flags": (60, "I")}),
    PACKET: ("packet", {"status": (0, "I"), "length": (4, "I"), "flags": (8, "I")}),
    METADATA: ("metadata", {"length": (0, "Q"), "status": (8, "I")}),
    NEW_STREAMS: ("new streams", {"status": (0, "I"), "count": (4, "I")}),
    CREATE: ("create", {"status": (0, "I")}),
    DETACH: ("detach", {"status": (0, "I")}),
}
VALUES = {"I": (0, 1, 2, 3, 4, 5, 99, 1 << 24, 1 << 31, (1 << 32) - 1), "Q": (0, 7, 1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1)}
STREAM_SIZE, SESSION_SIZE = 4371, 339


def put(command, field, value):
    """Says that value, or what a function makes of the true one, in all answers to a command that are long enough for it."""
    at, kind = FIELDS[command][1][field]
    layout = struct.Struct(">" + kind)

    def lie(asked, reply):
        if asked != command or len(reply) < at + layout.size:
            return reply
        said = value(layout.unpack_from(reply, at)[0]) if callable(value) else value
        return reply[:at] + layout.pack(said) + reply[at + layout.size:]
    return lie


def change(command, function, longer_than=0):
    """What a function makes of the answers to a command."""
    return lambda asked, reply: function(reply) if asked == command and len(reply) > longer_than else reply


def later(count, command, lie):
    """So many answers to a command are true."""
    seen = itertools.count()
    return lambda asked, reply: lie(asked, reply) if asked != command or next(seen) >= count else reply


def streams_said(function):
    """Other streams when attaching: what a function makes of a list of bytes."""
    def say(reply):
        streams = function([reply[at:at + STREAM_SIZE] for at in range(8, len(reply), STREAM_SIZE)])
        return struct.pack(">II", 1, len(streams)) + b"".join(streams)
    return change(ATTACH, say, 8)


def data_said(command, function):
    """Other data in a packet or in metadata, of the length they then have."""
    layout = struct.Struct(">III" if command == PACKET else ">QI")

    def say(reply):
        head, data = list(layout.unpack_from(reply)), function(reply[layout.size:])
        head[1 if command == PACKET else 0] = len(data)
        return layout.pack(*head) + data
    return change(command, say, layout.size)


def noise(data):
    return random.Random(len(data)).randbytes(len(data))


def inactive(end):
    """No packets, but a beacon."""
    return change(NEXT_INDEX, lambda reply: INDEX.pack(0, 0, 0, 0, end, 0, 0, INDEX_INACTIVE, 0))


LIES = {"%s %s %d" % (name, field, value): put(command, field, value)
        for command, (name, fields) in FIELDS.items() for field, (_, kind) in fields.items() for value in VALUES[kind]}
LIES.update({"%s with bytes that nobody asked for" % name: change(command, lambda r: r + bytes(16)) for command, (name, _) in FIELDS.items()})
LIES.update({"%s twice" % name: change(command, lambda r: r + r) for command, (name, _) in FIELDS.items()})
LIES.update({
    "packet size in the middle of a byte": put(NEXT_INDEX, "packet", lambda n: n + 3),
    "packet size too small by a byte": put(NEXT_INDEX, "packet", lambda n: n - 8 if n else 0),
    "content larger than its packet": put(NEXT_INDEX, "content", lambda n: n * 2),
    "offset one too far": put(NEXT_INDEX, "offset", lambda n: n + 1),
    "offset beyond the file": put(NEXT_INDEX, "offset", lambda n: n + (1 << 40)),
    "times the wrong way round": change(NEXT_INDEX, lambda r: r[:24] + r[32:40] + r[24:32] + r[40:]),
    "new metadata for ever": put(NEXT_INDEX, "flags", lambda n: n | FLAG_NEW_METADATA),
    "new streams for ever": put(NEXT_INDEX, "flags", lambda n: n | FLAG_NEW_STREAM),
    "a beacon at the end of time": inactive((1 << 64) - 1),
    "a beacon at the end of signed time": inactive((1 << 63) - 1),
    "a beacon at 0": inactive(0),
    "packet shorter than asked": data_said(PACKET, lambda data: data[:-1]),
    "packet longer than asked": data_said(PACKET, lambda data: data + bytes(8)),
    "packet of no bytes": data_said(PACKET, lambda data: b""),
    "packet of zeros": data_said(PACKET, lambda data: bytes(len(data))),
    "packet of noise": data_said(PACKET, noise),
    "packet with noise behind its header": data_said(PACKET, lambda data: data[:84] + noise(data[84:])),
    "packet that the relayd has not": change(PACKET, lambda r: struct.pack(">III", PACKET_ERR, 0, 0)),
    "packet to ask for again": change(PACKET, lambda r: struct.pack(">III", PACKET_RETRY, 0, 0)),
    "packet that waits for metadata for ever": change(PACKET, lambda r: struct.pack(">III", PACKET_ERR, 0, FLAG_NEW_METADATA)),
    "metadata of no bytes": data_said(METADATA, lambda data: b""),
    "metadata that is none": data_said(METADATA, lambda data: b"x" * len(data)),
    "metadata of noise": data_said(METADATA, noise),
    "metadata that is text": data_said(METADATA, lambda data: b"/* CTF 1.8 */\n" * 100),
    "metadata of packets of no bytes": data_said(METADATA, lambda data: data[:24] + bytes(8) + data[32:]),
    "metadata of no declarations": data_said(METADATA, lambda data: packetise(b"")),
    "metadata that ends in a declaration": data_said(METADATA, lambda data: packetise(b"/* CTF 1.8 */\ntrace { major = 1;")),
    "metadata with a packet cut short": data_said(METADATA, lambda data: data[:-100]),
    "metadata with its content twice": data_said(METADATA, lambda data: data + data),
    "an index of nothing": change(NEXT_INDEX, lambda r: bytes(len(r))),
    "an answer of one byte and no more": change(NEXT_INDEX, lambda r: r[:1]),
    "every stream with one id": streams_said(lambda streams: [streams[0][:8] + s[8:] for s in streams]),
    "every stream in a trace of its own": streams_said(lambda streams: [s[:8] + s[:8] + s[16:] for s in streams]),
    "every stream metadata": streams_said(lambda streams: [s[:16] + struct.pack(">I", 1) + s[20:] for s in streams]),
    "no metadata": streams_said(lambda streams: [s for s in streams if s[16:20] == bytes(4)]),
    "metadata alone": streams_said(lambda streams: [s for s in streams if s[16:20] != bytes(4)]),
    "streams that nobody knows": streams_said(lambda streams: [struct.pack(">Q", i) + s[8:] for i, s in enumerate(streams, 1 << 50)]),
    "thousands of streams": streams_said(lambda streams: streams + [struct.pack(">Q", 1 << 50 | i) + streams[-1][8:] for i in range(4000)]),
    "names without an end": streams_said(lambda streams: [s[:20] + b"x" * (STREAM_SIZE - 20) for s in streams]),
    "the same session twice": change(LIST, lambda r: struct.pack(">I", 2) + r[4:4 + SESSION_SIZE] * 2),
    "more sessions than announced": change(LIST, lambda r: r + r[4:4 + SESSION_SIZE]),
    "fewer sessions than announced": change(LIST, lambda r: r[:4]),
})
