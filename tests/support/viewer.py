"""A viewer that asks a relayd, ours or the real one, exactly what it is told to."""
import socket
import struct

import relay


class Viewer:
    """Asks, and gives the answer's numbers."""
    def __init__(self, address, port, minor=15, hello=True):
        self.socket = socket.create_connection((address, port))
        self.socket.settimeout(60)
        self.hello = self.ask(relay.CONNECT, 0, 2, minor, 1) if hello else None

    def send(self, command, *numbers):
        layout = relay.REQUESTS[command]
        self.socket.sendall(relay.HEADER.pack(layout.size, command, 0) + layout.pack(*numbers))

    def take(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError("%d bytes of %d" % (len(data), size))
            data += part
        return bytes(data)

    def answer(self, command):
        layout = struct.Struct({relay.CONNECT: ">QIII", relay.NEXT_INDEX: ">7QII", relay.PACKET: ">III", relay.METADATA: ">QI",
                                relay.ATTACH: ">II", relay.NEW_STREAMS: ">II"}.get(command, ">I"))
        head = layout.unpack(self.take(layout.size))
        if command in (relay.ATTACH, relay.NEW_STREAMS):
            return head[0], [struct.unpack(">QQI", self.take(relay.STREAM_SIZE)[:20]) for _ in range(head[1])]
        if command == relay.LIST:
            return [struct.unpack(">QIII64s255s", self.take(relay.SESSION_SIZE)) for _ in range(head[0])]
        if command == relay.METADATA:
            return head[1], self.take(head[0])
        if command == relay.PACKET:
            return head[0], head[2], self.take(head[1])
        return head

    def ask(self, command, *numbers):
        self.send(command, *numbers)
        return self.answer(command)

    def attach(self, session, seek=relay.BEGINNING, create=True):
        """Of a relay.Session or a number. Gives the status and the numbers of the streams with packets."""
        if create:
            self.ask(relay.CREATE)
        status, streams = self.ask(relay.ATTACH, getattr(session, "number", session), 0, seek)
        self.metadata = [number for number, _, metadata in streams if metadata]
        return status, [number for number, _, metadata in streams if not metadata]

    def index(self, stream):
        """Status, flags, and the index."""
        head = self.ask(relay.NEXT_INDEX, stream)
        return head[7], head[8], relay.Index(*head[:7])

    def packets(self, stream, chunk=1 << 30):
        """All that there are, and the status after them."""
        data = b""
        while True:
            status, _, i = self.index(stream)
            if status != relay.INDEX_OK:
                return data, status
            size = i.packet_bits // 8
            for at in range(0, size, chunk):
                data += self.ask(relay.PACKET, stream, i.offset + at, min(chunk, size - at))[2]

    def close(self):
        self.socket.close()
