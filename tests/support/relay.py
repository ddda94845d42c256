"""A relay of ours: serves recorded traces over lttng-relayd's viewer protocol 2.4 (lttng-tools,
doc/live-reading-protocol.md and lttng-viewer-abi.hpp), for what the real one cannot show.

    with Relay({"session": [trace_dir, ...]}) as relay:
        ... foretrace run --attach relay.url("session") ...

A trace directory needs packetised metadata (write_metadata() makes it) and LTTng's index
files; packets are handed out one after the other, then the streams end.
"""
import os
import socket
import socketserver
import struct
import threading
import uuid

CONNECT, LIST, ATTACH, NEXT_INDEX, PACKET, METADATA, NEW_STREAMS, CREATE, DETACH = range(1, 10)
INDEX_OK, INDEX_RETRY, INDEX_HUP, INDEX_ERR, INDEX_INACTIVE = 1, 2, 3, 4, 5
FLAG_NEW_METADATA = 1
METADATA_HEADER = struct.Struct("<I16sIIIBBBBB")


def write_metadata(path, text):
    """Plain text as packetised metadata."""
    size = METADATA_HEADER.size + len(text)
    header = METADATA_HEADER.pack(0x75D11D57, uuid.uuid4().bytes, 0, size * 8, size * 8, 0, 0, 0, 1, 8)
    with open(path, "wb") as f:
        f.write(header + text)


class Stream:
    def __init__(self, number, trace, path, metadata):
        self.number, self.trace, self.metadata = number, trace, metadata
        with open(path, "rb") as f:
            self.data = f.read()
        self.index, self.next, self.sent = [], 0, False
        if not metadata:
            name = os.path.join(os.path.dirname(path), "index", os.path.basename(path) + ".idx")
            with open(name, "rb") as f:
                index = f.read()
            magic, major, minor, size = struct.unpack(">IIII", index[:16])
            assert magic == 0xC1F1DCC1, name
            for at in range(16, len(index), size):
                self.index.append(struct.unpack(">QQQQQQQ", index[at:at + 56]))

    def describe(self):
        return struct.pack(">QQI4096s255s", self.number, self.trace, self.metadata, b"/trace%d" % self.trace,
                           b"metadata" if self.metadata else b"channel_%d" % self.number)


class Relay:
    def __init__(self, sessions, host="recorded"):
        self.host = host
        self.sessions = {}
        number = 1
        for name, directories in sessions.items():
            streams = []
            for trace, directory in enumerate(directories, 1):
                for entry in sorted(os.listdir(directory)):
                    path = os.path.join(directory, entry)
                    if os.path.isfile(path):
                        streams.append(Stream(number, trace, path, entry == "metadata"))
                        number += 1
            self.sessions[name] = streams
        self.attached = set()
        self.commands = 0
        self.lie = None          # called with (command, reply): what to answer instead; may raise to hang up

    def url(self, session):
        return "net://127.0.0.1:%d/host/%s/%s" % (self.port, self.host, session)

    def __enter__(self):
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                relay.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    # ---- the protocol ----

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        mine = set()
        try:
            while True:
                size, command, _ = struct.unpack(">QII", self.receive(connection, 16))
                body = self.receive(connection, size)
                self.commands += 1
                reply = self.answer(command, body, mine)
                if self.lie:
                    reply = self.lie(command, reply)
                connection.sendall(reply)
        except (ConnectionError, OSError):
            pass
        self.attached -= mine

    @staticmethod
    def receive(connection, size):
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def stream(self, number):
        for streams in self.sessions.values():
            for stream in streams:
                if stream.number == number:
                    return stream
        raise ConnectionError

    def answer(self, command, body, mine):
        names = list(self.sessions)
        if command == CONNECT:
            return struct.pack(">QIII", 1, 2, 4, 1)
        if command == LIST:
            out = struct.pack(">I", len(names))
            for i, name in enumerate(names):
                out += struct.pack(">QIII64s255s", i + 1, 100000, name in self.attached, len(self.sessions[name]),
                                   self.host.encode(), name.encode())
            return out
        if command == CREATE:
            return struct.pack(">I", 1)
        if command == ATTACH:
            name = names[struct.unpack(">Q", body[:8])[0] - 1]
            if name in self.attached:
                return struct.pack(">II", 2, 0)
            self.attached.add(name)
            mine.add(name)
            streams = self.sessions[name]
            return struct.pack(">II", 1, len(streams)) + b"".join(s.describe() for s in streams)
        if command == NEXT_INDEX:
            return self.next_index(self.stream(struct.unpack(">Q", body)[0]))
        if command == PACKET:
            number, offset, size = struct.unpack(">QQI", body)
            return struct.pack(">III", 1, size, 0) + self.stream(number).data[offset:offset + size]
        if command == METADATA:
            stream = self.stream(struct.unpack(">Q", body)[0])
            if stream.sent:
                return struct.pack(">QI", 0, 2)
            stream.sent = True
            return struct.pack(">QI", len(stream.data), 1) + stream.data
        if command == NEW_STREAMS:
            return struct.pack(">II", 4, 0)      # no more will come: the session has ended
        return struct.pack(">I", 1)

    def next_index(self, stream):
        if stream.next == len(stream.index):
            return struct.pack(">QQQQQQQII", 0, 0, 0, 0, 0, 0, 0, INDEX_HUP, 0)
        offset, packet, content, begin, end, discarded, stream_id = stream.index[stream.next]
        flags = FLAG_NEW_METADATA if stream.next == 0 else 0
        stream.next += 1
        return struct.pack(">QQQQQQQII", offset, packet, content, begin, end, discarded, stream_id, INDEX_OK, flags)
