#!/usr/bin/python3
"""The relay of the tests is itself right: babeltrace2 reads from it what it reads from the directory, and a viewer that
asks it byte by byte has the answers that lttng-relayd 2.13 gives."""
import os
import re
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import lttng  # noqa: E402
import relay  # noqa: E402
import relay_trace  # noqa: E402
from viewer import Viewer  # noqa: E402


class RelayOfOurs(foretrace.Case):
    def serve(self, *sessions, **kwargs):
        server = relay.Relay(list(sessions), **kwargs).__enter__()
        self.addCleanup(server.__exit__)
        return server

    def viewer(self, server, **kwargs):
        viewer = Viewer(server.address, server.port, **kwargs)
        self.addCleanup(viewer.close)
        return viewer

    def made(self, packets=4, events=10, streams=2, **kwargs):
        return relay_trace.MadeTrace(packets, events, streams, **kwargs)

    def printed(self, *args):
        """Without strings (the library's live reader repeats one where events come in one batch) and time differences."""
        done = subprocess.run(["babeltrace2", "--names=none", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return re.sub(r'"[^"]*"|\(\+[^)]*\)', "", done.stdout).splitlines()

    def live(self, url):
        return self.printed("-c", "source.ctf.lttng-live", "--params", 'inputs=["%s"],session-not-found-action="end"' % url)

    def test_babeltrace_reads_from_it_what_it_reads_from_the_directory(self):
        for name, options in (("idle", {}), ("redislost", {"by_the_book": True}), ("slowdisk", {"minor": 4})):
            with self.subTest(trace=name):
                trace = os.path.join(self.trace(name), "kernel")
                with relay.Relay({"kernel": [trace]}, **options) as server:
                    self.assertEqual(self.live(server.url("kernel")), self.printed(trace))
                    self.assertEqual(server.wrongs, [])

    def test_babeltrace_reads_made_traces_and_traces_without_an_index(self):
        for bits in (27, 32):
            made, path = self.made(5, 1000, 3, bits=bits, host="h%d" % bits), self.path("made%d" % bits)
            made.write(path)
            lines = self.printed(path)
            self.assertEqual(len(lines), made.events)
            with relay.Relay([relay.Session("s", [made])]) as server:
                self.assertEqual(self.live(server.url("s")), lines)
            os.rename(os.path.join(path, "index"), self.path("index%d" % bits))
            with relay.Relay({"s": [path]}) as server:
                self.assertEqual(self.live(server.url("s")), lines)

    def test_babeltrace_reads_a_paced_session_of_two_traces(self):
        made = [self.made(8, 20, host=host) for host in "ab"]
        session = relay.Session("s", made, whole=False, timer_us=500000)
        server = self.serve(session)
        path = self.path("both")
        for i, m in enumerate(made):
            m.write(os.path.join(path, str(i)))
        pacing = session.pace(speed=30)
        self.assertEqual(sorted(self.live(server.url("s"))), sorted(self.printed(path)))
        pacing.join(10)
        self.assertGreater(server.asked[relay.NEXT_INDEX], 4 * 8 + 4)      # it had to wait

    def test_bytes_are_those_of_the_files(self):
        trace = os.path.join(self.trace("redislost"), "kernel")
        session = relay.Session("s", [trace])
        viewer = self.viewer(self.serve(session, ipv6=True))
        status, streams = viewer.attach(session)
        self.assertEqual((status, len(streams)), (relay.ATTACH_OK, 2))
        with open(os.path.join(trace, "metadata"), "rb") as f:
            self.assertEqual(viewer.ask(relay.METADATA, viewer.metadata[0]), (relay.METADATA_OK, f.read()))
        self.assertEqual(viewer.ask(relay.METADATA, viewer.metadata[0]), (relay.METADATA_NO_NEW, b""))
        for number, chunk in zip(streams, (1 << 30, 1000)):
            data, status = viewer.packets(number, chunk)
            self.assertEqual(status, relay.INDEX_HUP)
            with open(os.path.join(trace, session.data()[streams.index(number)].name), "rb") as f:
                self.assertEqual(data, f.read())
            self.assertEqual(viewer.index(number)[0], relay.INDEX_ERR)      # it is gone
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number), (relay.STREAMS_HUP, []))
        self.assertTrue(session.handed_out())
        self.assertEqual(viewer.ask(relay.DETACH, session.number), (relay.DETACH_OK,))

    def test_sessions_and_statuses(self):
        kernel, user = (relay.Session("s", [self.made(host=h)], whole=False) for h in "ku")
        dead = relay.Session("dead", [self.made()], whole=False, timer_us=0, host="other")
        server = self.serve(kernel, user, dead, minor=9)
        one, two = self.viewer(server, minor=15), self.viewer(server)
        self.assertEqual(one.hello[1:], (2, 9, 0))
        self.assertEqual([(s[0], s[2], s[3], s[4].rstrip(b"\0"), s[5].rstrip(b"\0")) for s in one.ask(relay.LIST)],
                         [(kernel.number, 0, 3, b"recorded", b"s"), (user.number, 0, 3, b"recorded", b"s"), (dead.number, 0, 3, b"other", b"dead")])
        self.assertEqual(one.ask(relay.ATTACH, kernel.number, 0, 1), (relay.ATTACH_NO_SESSION, []))
        self.assertEqual(one.attach(kernel)[0], relay.ATTACH_OK)
        self.assertEqual(one.attach(user, create=False)[0], relay.ATTACH_OK)
        self.assertEqual(two.attach(kernel)[0], relay.ATTACH_ALREADY)
        self.assertEqual(two.attach(dead)[0], relay.ATTACH_NOT_LIVE)
        self.assertEqual(two.ask(relay.ATTACH, 12345678, 0, 1)[0], relay.ATTACH_UNKNOWN)
        self.assertEqual(two.ask(relay.DETACH, kernel.number), (relay.DETACH_ERR,))
        self.assertEqual(two.ask(relay.NEW_STREAMS, kernel.number), (relay.STREAMS_ERR, []))
        self.assertEqual(one.ask(relay.DETACH, kernel.number), (relay.DETACH_OK,))
        self.assertEqual(two.attach(kernel, 9)[0], relay.ATTACH_SEEK_ERROR)
        kernel.close()
        self.assertEqual([s[0] for s in two.ask(relay.LIST)], [user.number, dead.number])
        two.close()
        lttng.wait_for("its end", lambda: kernel.viewer is None)
        self.assertEqual(self.viewer(server).attach(kernel)[0], relay.ATTACH_UNKNOWN)

    def test_what_comes_when(self):
        made = self.made()
        session = relay.Session("s", whole=False)
        session.add_trace(made, metadata=made.metadata_ends[0], streams=["made_0"])
        session.packets("made_0", 1)
        server = self.serve(session)
        viewer = self.viewer(server)
        _, (zero,) = viewer.attach(session, relay.LAST)
        self.assertEqual(viewer.index(zero)[:2], (relay.INDEX_RETRY, relay.FLAG_NEW_METADATA))
        self.assertEqual(viewer.ask(relay.METADATA, viewer.metadata[0]), (relay.METADATA_OK, made.metadata[:made.metadata_ends[0]]))
        self.assertEqual(viewer.index(zero)[:2], (relay.INDEX_RETRY, 0))
        session.beacon(4711)
        self.assertEqual(viewer.index(zero), (relay.INDEX_INACTIVE, 0, relay.Index(0, 0, 0, 0, 4711, 0, 0)))
        session.metadata(made.metadata_ends[0] + 5)
        session.add_streams(made, made.streams[1:])
        session.packets(None, 2)
        self.assertEqual(viewer.index(zero), (relay.INDEX_OK, relay.FLAG_NEW_METADATA | relay.FLAG_NEW_STREAM, made.streams[0].index[1]))
        self.assertEqual(viewer.index(zero)[:2], (relay.INDEX_RETRY, relay.FLAG_NEW_METADATA))      # of streams it is told once
        status, streams = viewer.ask(relay.NEW_STREAMS, session.number)
        self.assertEqual((status, len(streams)), (relay.STREAMS_OK, 1))
        one = streams[0][0]
        self.assertEqual(viewer.index(one)[2], made.streams[1].index[0])        # new streams from their beginning
        session.stall("made_1")
        self.assertEqual(viewer.index(one)[0], relay.INDEX_RETRY)
        session.stall("made_1", False)
        self.assertEqual(viewer.index(one)[2], made.streams[1].index[1])
        session.rotating = True
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number), (relay.STREAMS_NO_NEW, []))
        session.rotating = False
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number), (relay.STREAMS_OK, []))
        session.close()
        self.assertEqual([viewer.index(n)[0] for n in (zero, one)], [relay.INDEX_HUP] * 2)
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number)[0], relay.STREAMS_OK)        # metadata is still to be fetched
        viewer.ask(relay.METADATA, viewer.metadata[0])
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number)[0], relay.STREAMS_HUP)

    def test_processes_that_come_and_go(self):
        session = relay.Session("s", whole=False)
        server = self.serve(session)
        viewer = self.viewer(server)
        self.assertEqual(viewer.attach(session), (relay.ATTACH_OK, []))
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number), (relay.STREAMS_OK, []))
        first, _ = (session.add_trace(self.made(streams=1, host=h)) for h in "ab")
        session.packets(first)
        status, streams = viewer.ask(relay.NEW_STREAMS, session.number)
        self.assertEqual((status, [(trace, metadata) for _, trace, metadata in streams]), (relay.STREAMS_OK, [(1, 0), (2, 0), (1, 1), (2, 1)]))
        session.close_streams(first)
        self.assertEqual(viewer.packets(streams[0][0])[1], relay.INDEX_HUP)
        self.assertEqual(viewer.packets(streams[1][0])[1], relay.INDEX_RETRY)
        self.assertEqual([viewer.ask(relay.METADATA, streams[2][0])[0] for _ in range(4)],
                         [relay.METADATA_OK, relay.METADATA_NO_NEW, relay.METADATA_NO_NEW, relay.METADATA_ERR])
        viewer.close()
        viewer = self.viewer(server)
        while viewer.ask(relay.LIST)[0][2]:
            time.sleep(0.01)
        self.assertEqual(viewer.attach(session), (relay.ATTACH_OK, [streams[1][0]]))

    def test_retention_and_order(self):
        made = self.made(6)
        made.streams[1] = relay_trace.Reordered(made.streams[1], [0, 2, 1, 1])
        session = relay.Session("s", [made], whole=False)
        session.packets()
        session.data("made_0")[0].per_file = 2
        viewer = self.viewer(self.serve(session))
        _, (zero, one) = viewer.attach(session)
        self.assertEqual(viewer.index(zero)[2].begin, made.streams[0].index[0].begin)
        session.forget("made_0", 3)
        index = viewer.index(zero)[2]
        self.assertEqual((index.begin, index.offset), (made.streams[0].index[3].begin, made.streams[0].size))
        self.assertEqual(viewer.ask(relay.PACKET, zero, index.offset, 100)[2], made.streams[0].packet(3)[:100])
        self.assertEqual([viewer.index(one)[2].begin for _ in range(4)], [made.streams[0].index[i].begin for i in (0, 2, 1, 1)])

    def test_by_the_book(self):
        session = relay.Session("s", [self.made()], whole=False)
        session.packets()
        viewer = self.viewer(self.serve(session, by_the_book=True))
        _, (zero, one) = viewer.attach(session)
        self.assertEqual(viewer.index(zero)[:2], (relay.INDEX_OK, relay.FLAG_NEW_METADATA | relay.FLAG_NEW_STREAM))
        self.assertEqual(viewer.ask(relay.PACKET, zero, 0, 100), (relay.PACKET_ERR, relay.FLAG_NEW_METADATA, b""))
        viewer.ask(relay.METADATA, viewer.metadata[0])
        self.assertEqual(len(viewer.ask(relay.PACKET, zero, 0, 100)[2]), 100)
        self.assertEqual(viewer.ask(relay.PACKET, zero, 1 << 40, 100)[0], relay.PACKET_ERR)
        self.assertEqual(viewer.ask(relay.NEW_STREAMS, session.number), (relay.STREAMS_NO_NEW, []))

    def test_pipelined_requests_have_answers_in_order(self):
        made = self.made(50)
        session = relay.Session("s", [made])
        viewer = self.viewer(self.serve(session))
        _, streams = viewer.attach(session)
        request = relay.HEADER.pack(8, relay.NEXT_INDEX, 0)
        viewer.socket.sendall(b"".join(request + struct.pack(">Q", streams[i % 2]) for i in range(100)))
        for i in range(100):
            self.assertEqual(viewer.answer(relay.NEXT_INDEX)[3], made.streams[i % 2].index[i // 2].begin)

    def test_faults(self):
        session = relay.Session("s", [self.made()])
        server = self.serve(session)
        viewer = self.viewer(server)
        server.freeze()
        viewer.send(relay.LIST)
        viewer.socket.settimeout(0.1)
        self.assertRaises(TimeoutError, viewer.take, 1)
        server.thaw()
        viewer.socket.settimeout(60)
        self.assertEqual(len(viewer.answer(relay.LIST)), 1)
        server.answer_late(0.1)
        server.answer_slowly(1, 0.01, relay.CREATE)
        before = time.monotonic()
        viewer.ask(relay.CREATE)
        self.assertGreater(time.monotonic() - before, 0.13)
        server.answer_late(0)
        server.hang_up(relay.LIST, after=10)
        viewer.send(relay.LIST)
        self.assertEqual(len(viewer.take(10)), 10)
        self.assertRaises(EOFError, viewer.take, 1)
        server.refuse()
        self.assertRaises(ConnectionRefusedError, Viewer, server.address, server.port)
        server.listen()
        viewer = self.viewer(server)
        server.hang_up_all()
        self.assertRaises(EOFError, viewer.take, 1)
        viewer = self.viewer(server)
        viewer.socket.sendall(relay.HEADER.pack(0, 99, 0))
        viewer.take(4)
        self.assertRaises(EOFError, viewer.take, 1)
        self.assertEqual(server.wrongs, ["command 99"])

    def test_lies_change_what_they_are_to_change(self):
        session = relay.Session("s", [self.made()])
        server = self.serve(session)
        server.lie = relay.LIES["every stream with one id"]
        self.assertEqual(len(set(self.viewer(server).attach(session)[1])), 1)
        late_lie = relay.later(1, relay.NEXT_INDEX, relay.LIES["packet size in the middle of a byte"])
        lies_of = lambda lie: [lie(relay.NEXT_INDEX, relay.INDEX.pack(0, 8, 8, 0, 0, 0, 0, 1, 0)) for _ in range(2)]
        self.assertEqual([relay.INDEX.unpack(r)[1] for r in lies_of(late_lie)], [8, 11])
        for name, lie in relay.LIES.items():
            for command in relay.REQUESTS:
                lie(command, b"")       # none fails of its own
                lie(command, bytes(5000))

    def test_a_day_of_silence(self):
        session = relay.Session("s", [self.made()], whole=False)
        session.packets()
        session.idle(24, step_ns=60 * 10 ** 9)
        viewer = self.viewer(self.serve(session))
        _, streams = viewer.attach(session)
        times = {n: [] for n in streams}
        for n in streams:
            viewer.packets(n)
        while not session.idled():
            for n in streams:
                times[n].append(viewer.index(n)[2].end)
        for n in streams:
            self.assertGreater(len(times[n]), 1400)
            self.assertEqual(times[n], sorted(times[n]))
            self.assertEqual(viewer.index(n)[2].end - times[n][0], (24 * 3600 - 60) * 10 ** 9)


if __name__ == "__main__":
    unittest.main()
