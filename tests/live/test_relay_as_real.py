#!/usr/bin/python3
"""The relay of the tests gives the answers that lttng-relayd gives: the same conversation with both."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import relay  # noqa: E402
import relay_trace  # noqa: E402
from viewer import Viewer  # noqa: E402

UNKNOWN = 1 << 40


class Conversation:
    """Statuses and flags, with what was asked; numbers, times and sizes are each relayd's own."""
    def __init__(self, address, port):
        self.to, self.said = (address, port), []
        self.viewer = Viewer(address, port)
        self.say("hello", self.viewer.hello[1:2] + self.viewer.hello[3:])

    def say(self, what, answer):
        self.said.append((what, answer))

    def ask(self, what, command, *numbers):
        """The status; flags of a packet; whether there is more, or how many streams."""
        answer = self.viewer.ask(command, *numbers)
        if command == relay.PACKET:
            answer = answer[:2] + (len(answer[2]),)
        elif command == relay.METADATA:
            answer = answer[0], len(answer[1]) > 0
        elif command in (relay.ATTACH, relay.NEW_STREAMS):
            answer = answer[0], len(answer[1])
        self.say(what, answer)

    def list(self):
        sessions = self.viewer.ask(relay.LIST)
        self.say("list", [(s[2], s[3], s[5].rstrip(b"\0")) for s in sessions])
        return sessions[0][0] if sessions else None

    def index(self, what, stream):
        answer = self.viewer.index(stream)
        self.say(what, answer[:2] + (answer[2].packet_bits > 0, answer[2].class_id))
        return answer

    def begin(self):
        """Nothing is attached."""
        session = self.list()
        self.ask("attach too early", relay.ATTACH, session, 0, relay.BEGINNING)
        self.ask("new streams too early", relay.NEW_STREAMS, session)
        self.ask("detach too early", relay.DETACH, session)
        self.ask("create", relay.CREATE)
        self.ask("attach to what there is not", relay.ATTACH, UNKNOWN, 0, relay.BEGINNING)
        self.ask("new streams of what is not attached", relay.NEW_STREAMS, session)
        self.ask("detach what is not attached", relay.DETACH, session)
        self.ask("detach what there is not", relay.DETACH, UNKNOWN)
        self.index("index of what there is not", UNKNOWN)
        self.ask("packet of what there is not", relay.PACKET, UNKNOWN, 0, 100)
        self.ask("metadata of what there is not", relay.METADATA, UNKNOWN)
        self.ask("attach", relay.ATTACH, session, 0, relay.BEGINNING)
        self.ask("attach again", relay.ATTACH, session, 0, relay.BEGINNING)
        self.list()
        other = Viewer(*self.to)
        self.say("attach what another has", other.attach(session)[0])
        other.close()
        self.ask("detach", relay.DETACH, session)
        self.ask("attach with a seek there is none of", relay.ATTACH, session, 0, 9)
        self.ask("attach after that", relay.ATTACH, session, 0, relay.BEGINNING)
        self.ask("detach after that", relay.DETACH, session)
        return session

    def read(self, session):
        """There is a packet at least in each of two streams, and metadata."""
        v = self.viewer
        self.say("attach to read", v.attach(session, create=False)[0])
        v.ask(relay.DETACH, session)
        _, streams = v.attach(session, create=False)
        self.index("index of metadata", v.metadata[0])
        i = self.index("first index", streams[0])[2]
        self.index("first index of the other", streams[1])
        self.ask("packet before its metadata", relay.PACKET, streams[0], i.offset, 100)
        self.ask("piece of a packet", relay.PACKET, streams[0], i.offset + 5, 10)
        self.ask("beyond the file", relay.PACKET, streams[0], UNKNOWN, 10)
        self.ask("metadata of a stream of packets", relay.METADATA, streams[0])
        for _ in range(3):
            self.ask("metadata", relay.METADATA, v.metadata[0])
        self.ask("new streams when there are none", relay.NEW_STREAMS, session)
        return streams

    def idle(self, session, streams):
        """No more packets come, and beacons do."""
        for stream in streams:
            lttng.wait_for("a beacon", lambda: self.viewer.index(stream)[0] == relay.INDEX_INACTIVE)
        first = [self.viewer.index(stream)[2] for stream in streams]
        self.say("beacons", [(i.end > 0, i.begin, i.packet_bits, i.class_id) for i in first])

    def end(self, session, streams):
        """The session was destroyed."""
        self.list()
        self.ask("new streams at the end", relay.NEW_STREAMS, session)
        for _ in range(3):
            self.ask("metadata at the end", relay.METADATA, self.viewer.metadata[0])
        for stream in streams * 3:
            self.index("index at the end", stream)
        self.ask("packet at the end", relay.PACKET, streams[0], UNKNOWN, 10)
        self.ask("new streams at the end", relay.NEW_STREAMS, session)
        self.ask("detach at the end", relay.DETACH, session)
        self.ask("attach at the end", relay.ATTACH, session, 0, relay.BEGINNING)
        self.viewer.socket.sendall(relay.HEADER.pack(0, 99, 0))
        self.say("a command there is none of", self.viewer.take(4))
        self.wait_gone("after that")

    def wait_gone(self, what):
        try:
            self.viewer.take(1)
            self.say(what, "there")
        except EOFError:
            self.say(what, "gone")
        self.viewer.close()

    def strangers(self):
        for what, request in (("a list first", relay.HEADER.pack(0, relay.LIST, 0)),
                              ("version 3", relay.HEADER.pack(20, relay.CONNECT, 0) + relay.REQUESTS[relay.CONNECT].pack(0, 3, 4, 1))):
            self.viewer = Viewer(*self.to, hello=False)
            self.viewer.socket.sendall(request)
            self.wait_gone(what)


class AsReal(foretrace.Case):
    def real(self):
        sessiond = lttng.Sessiond()
        self.addCleanup(sessiond.kill)
        relayd = lttng.Relayd(self.path("relayd"))
        self.addCleanup(relayd.kill)
        lttng.live_session(relayd, "work")
        for cpu in range(os.cpu_count()):       # they end by themselves: one that is killed may leave a buffer that gives nothing any more
            subprocess.run([foretrace.EMITTER, "1000", "100"], preexec_fn=lambda: os.sched_setaffinity(0, {cpu}), check=True)
        c = Conversation("127.0.0.1", relayd.ports[2])
        lttng.wait_for("streams", lambda: c.viewer.ask(relay.LIST)[0][3] == 1 + os.cpu_count())
        lttng.wait_for("packets", lambda: self.indexed(relayd.output) == os.cpu_count())
        session = c.begin()
        streams = c.read(session)
        c.idle(session, streams)
        lttng.lttng("destroy", "work")
        lttng.wait_for("the end", lambda: not c.viewer.ask(relay.LIST))
        c.end(session, streams)
        c.strangers()
        return c.said

    @staticmethod
    def indexed(output):
        """How many streams have a packet that lttng-relayd tells of."""
        sizes = [os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(output) for name in names if name.endswith(".idx")]
        return sum(size > relay_trace.INDEX_HEADER.size for size in sizes)

    def ours(self):
        made = relay_trace.MadeTrace(2, 100, os.cpu_count())
        session = relay.Session("work", [made], whole=False)
        session.packets(None, 1)
        with relay.Relay([session]) as server:
            c = Conversation(server.address, server.port)
            number = c.begin()
            streams = c.read(number)
            session.beacon(made.ends() + 1)
            for stream in streams:
                c.viewer.packets(stream)
            c.idle(number, streams)
            session.packets()       # what was in the buffers
            session.close()
            c.end(number, streams)
            c.strangers()
            return c.said

    @unittest.skipIf(os.cpu_count() < 2, "needs streams of two processors")
    def test_the_same_answers(self):
        self.maxDiff = None
        self.assertEqual(self.ours(), self.real())


if __name__ == "__main__":
    foretrace.main()
