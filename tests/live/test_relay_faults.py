#!/usr/bin/python3
"""What our own live reader says of a relay that breaks off, stalls, repeats itself, comes back as another, or lies. After each
fault nothing is missing that is not told, nothing comes twice, and the monitor goes on."""
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import relay  # noqa: E402
import relay_trace  # noqa: E402


class Watching:
    """A foretrace that watches a relay's session."""
    def __init__(self, case, url, *args, history="all"):
        self.directory = case.path("watching-%d" % len(os.listdir(case.dir)))
        os.mkdir(self.directory)
        self.summary, self.samples = self.path("summary.json"), self.path("samples.csv")
        with open(self.path("out"), "w") as out, open(self.path("err"), "w") as err:
            self.process = subprocess.Popen([foretrace.PROGRAM, "run", "--attach", url, "--reader", "native", "--set", "attach_history=" + history,
                                             "--format", "json", "--publish", "none", "--summary", self.summary, "--samples", self.samples, *args],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        case.addCleanup(self.kill)

    def path(self, name):
        return os.path.join(self.directory, name)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        with open(self.path("err")) as f:
            return f.read()

    def alerts(self):
        with open(self.path("out")) as f:
            return foretrace.alerts_of(f.read())

    def wait(self, what, condition, timeout=90):
        try:
            return lttng.wait_for(what, condition, timeout)
        except AssertionError as e:
            raise AssertionError("%s; said:\n%s" % (e, self.said()))

    def wait_said(self, text, count=1, timeout=90):
        self.wait("'%s'" % text, lambda: self.said().count(text) >= count, timeout)

    def wait_alert(self, kind, state):
        return self.wait("an alert '%s' that is %s" % (kind, state), lambda: [a for a in self.alerts() if (a["kind"], a["state"]) == (kind, state)])

    def wait_end(self):
        self.wait_said("the session has ended")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            raise AssertionError("foretrace does not end; said:\n%s" % self.said())
        if self.process.returncode != 0:
            raise AssertionError("status %d; said:\n%s" % (self.process.returncode, self.said()))
        return foretrace.load(self.summary), foretrace.samples_of(self.samples)

    def descriptors(self):
        return sum(len(os.listdir("/proc/%d/fd" % pid)) for pid in foretrace.tree(self.process.pid))

    def memory_bytes(self):
        return sum(foretrace.memory_bytes(pid) for pid in foretrace.tree(self.process.pid))


def whole(rows):
    return [r for r in rows if "partial" not in r[4]]


def lossy(rows):
    """But for the last window, in which the session ended."""
    last = max(t for t, *_ in rows)
    return [r for r in rows if "lossy" in r[4] and r[0] < last]


class Faults(foretrace.Case):
    def assert_all(self, summary, events, delays=None):
        """All of it was delivered, once and in time; the only outage is that the session has ended."""
        got = {key: summary[key] for key in ("events", "late_events", "discarded_events", "lost_packets", "outages")}
        self.assertEqual(got, {"events": events, "late_events": 0, "discarded_events": 0, "lost_packets": 0, "outages": 1})
        if delays is not None:
            self.assertEqual(summary["delays"], delays)

    def read(self, sessions, url=None, events=None, **kwargs):
        with relay.Relay(sessions, **kwargs) as server:
            m = Watching(self, url or server.url(next(iter(server.sessions))))
            m.wait_end()
            summary, samples = m.stop()
            self.assertEqual(server.wrongs, [])
        if events is not None:
            self.assert_all(summary, events)
        return summary, samples

    # ---- broken connections ----

    def test_cut_in_every_answer(self):
        # In the middle of packets, of metadata, of an index, of the streams; each connection begins anew and passes over what it had.
        trace = relay_trace.MadeTrace(20, 2000, streams=3)
        with relay.Relay([relay.Session("s", [trace])]) as server:
            for command, after in ((relay.PACKET, 5000), (relay.METADATA, 700), (relay.NEXT_INDEX, 30), (relay.ATTACH, 4000), (relay.LIST, 3),
                                   (relay.CONNECT, 5), (relay.CREATE, 0)):
                server.hang_up(command, after, times=1)
            m = Watching(self, server.url("s"))
            m.wait_end()
            summary, _ = m.stop()
        self.assert_all(summary, trace.events)

    def test_cut_again_and_again_while_it_grows(self):
        # The session lives on; every second packet that is fetched is cut off in its middle.
        trace = relay_trace.MadeTrace(40, 500, streams=3, bits=27)
        session = relay.Session("s", [trace], whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            for upto in range(10, 41, 10):
                server.hang_up(relay.PACKET, after=3000, times=1)
                session.packets(upto=upto)
                m.wait("packets to be read", session.handed_out)
            session.close()
            m.wait_end()
            summary, samples = m.stop()
        self.assert_all(summary, trace.events)
        self.assertGreater(summary["delays"], 1)
        self.assertEqual(lossy(samples), [])

    def test_packets_gone_when_it_comes_back(self):
        # lttng-relayd's files are bounded: what was overwritten meanwhile is told, and the rest comes once.
        trace = relay_trace.MadeTrace(30, 500, streams=2, bits=27)
        session = relay.Session("s", [trace], whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            session.packets(upto=10)
            m.wait("packets to be read", session.handed_out)
            time.sleep(0.5)
            server.refuse()
            server.hang_up_all()
            session.packets(upto=30)
            session.forget(count=14)
            server.listen()
            m.wait("packets to be read", session.handed_out)
            session.close()
            m.wait_end()
            summary, samples = m.stop()
        self.assertEqual((summary["events"], summary["lost_packets"], summary["late_events"]), (26 * 500 * 2, 4 * 2, 0))
        self.assertTrue([r for r in samples if "lossy" in r[4]])

    def test_a_packet_that_is_not_there(self):
        # Its index was given, and then it is gone: told, also where it was the last one.
        for which in (1, 4):
            with self.subTest(packet=which):
                trace = relay_trace.MadeTrace(5, 500, streams=1, bits=27)
                with relay.Relay([relay.Session("s", [trace])]) as server:
                    asked = []

                    def lie(command, reply):
                        if command == relay.PACKET:
                            asked.append(1)
                        return relay.LIES["packet that the relayd has not"](command, reply) if len(asked) == which + 1 else reply
                    server.lie = lie
                    m = Watching(self, server.url("s"))
                    m.wait_end()
                    summary, _ = m.stop()
                self.assertEqual((summary["events"], summary["lost_packets"]), (4 * 500, 1))

    def test_frozen_and_slow_to_come_back(self):
        # The metadata takes its time after a freeze: nobody takes the streams for stalled meanwhile.
        trace = relay_trace.MadeTrace(40, 500, streams=4, bits=27)
        session = relay.Session("s", [trace], whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            session.packets(upto=10)
            m.wait("packets to be read", session.handed_out)
            server.freeze()
            session.packets(upto=20)
            m.wait_said("does not answer for")
            server.answer_late(1, relay.METADATA)
            server.thaw()
            m.wait_said("reading again where it broke off")
            m.wait("packets to be read", session.handed_out)
            session.packets()
            session.close()
            m.wait_end()
            summary, samples = m.stop()
        self.assert_all(summary, trace.events)
        self.assertEqual(lossy(samples), [])

    def test_foretrace_itself_frozen(self):
        # We did not look: neither an outage nor a stream that stalls.
        trace = relay_trace.MadeTrace(1000, 200, streams=8, bits=27)
        session = relay.Session("s", [trace], whole=False)
        with relay.Relay([session]) as server:
            session.pace(close=False)
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            time.sleep(1.5)
            pids = foretrace.tree(m.process.pid)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(3.5)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            time.sleep(1.5)
            session.close()
            m.wait_end()
            received = sum(s.received for s in session.data())
            summary, samples = m.stop()
        self.assert_all(summary, received * 200)
        self.assertEqual(lossy(samples), [])

    # ---- streams ----

    def test_a_stream_that_stalls(self):
        trace = relay_trace.MadeTrace(150, 200, streams=3, bits=27)     # 20 s
        session = relay.Session("made", [trace], host="made", whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("made"))
            session.pace(close=False)
            m.wait("more than a second of it to be read", lambda: server.asked[relay.PACKET] > 35)
            begun = time.monotonic()
            session.stall("made_1")
            firing = m.wait_alert("outage", "firing")
            self.assertLess(time.monotonic() - begun, 12)
            self.assertIn("stream made_1", m.said())
            self.assertEqual([(a["metric"], a["severity"]) for a in firing], [("partial_outage", "warning")])
            before = server.asked[relay.PACKET]
            m.wait("the others to go on", lambda: server.asked[relay.PACKET] - before > 8)
            session.stall("made_1", False)
            m.wait_alert("outage", "resolved")
            m.wait_said("all streams go on")
            seconds = time.monotonic() - begun
            session.packets()
            session.close()
            m.wait_end()
            summary, samples = m.stop()
        self.assertEqual(summary["events"], trace.events)      # delivered or told as late
        self.assertGreater(summary["late_events"], 0)
        self.assertEqual(summary["outages"], 2)                 # and its end
        rates = [r for r in samples if r[1].startswith("rate.events.count")]
        self.assertEqual(sum(int(r[2]) for r in rates) + summary["late_events"], trace.events)
        self.assertTrue(1 <= len(lossy(rates)) <= seconds + 3, rates)
        self.assertNotIn("lossy", rates[0][4])
        self.assertNotIn("lossy", rates[-2][4])

    def test_what_a_stalled_stream_lacks_is_marked(self):
        # From the first window on that is made without it; it may never have said anything.
        for seconds in 0, 1.5:
            trace = relay_trace.MadeTrace(60, 200, streams=3, bits=27)      # 8 s
            trace.write(self.path("whole-%g" % seconds))
            _, whole, _, _ = self.replay("--set", "window=100ms", self.path("whole-%g" % seconds))
            session = relay.Session("made", [trace], host="made", whole=False)
            if seconds == 0:
                session.stall("made_1")
            with relay.Relay([session]) as server:
                m = Watching(self, server.url("made"), "--set", "window=100ms")
                session.pace()
                m.wait("a viewer", lambda: session.viewer)
                time.sleep(seconds)
                session.stall("made_1")
                m.wait_alert("outage", "firing")
                time.sleep(1)
                _, samples = m.stop()
            came = {(t, series): (value, quality) for t, series, value, _, quality in samples if series.startswith("rate.events.count")}
            lacking = [(t, series) for t, series, value, _, _ in whole if (t, series) in came and came[t, series][0] != value]
            self.assertGreater(len(lacking), 5)
            self.assertEqual([(at, came[at]) for at in lacking if "lossy" not in came[at][1]], [])

    def test_a_stream_stalls_and_the_connection_breaks(self):
        trace = relay_trace.MadeTrace(150, 200, streams=3, bits=27)
        session = relay.Session("made", [trace], host="made", whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("made"))
            session.pace(close=False)
            m.wait("more than a second of it to be read", lambda: server.asked[relay.PACKET] > 35)
            session.stall("made_1")
            m.wait_alert("outage", "firing")
            server.hang_up_all()
            time.sleep(0.5)
            session.stall("made_1", False)
            m.wait_alert("outage", "resolved")
            session.packets()
            session.close()
            m.wait_end()
            summary, _ = m.stop()
        self.assertEqual(summary["events"], trace.events)

    def test_a_stream_stalls_and_another_relay_takes_over(self):
        # What happened between the two is missing, though the stall was told already.
        first, second = [relay_trace.MadeTrace(n, 200, streams=3, bits=27, begin_ns=b, identity=b) for n, b in ((150, 10 ** 12), (10, 10 ** 12 + 40 * 10 ** 9))]
        session = relay.Session("made", [first], host="made", whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("made"))
            session.pace()
            m.wait("a second of it to be read", lambda: server.asked[relay.PACKET] > 25)
            session.stall("made_1")
            m.wait_alert("outage", "firing")
            del server.sessions["made"]
            server.hang_up_all()
            m.wait_said("trying again")
            other = server.add(relay.Session("made", [second], host="made", whole=False))
            other.pace()
            m.wait_said("were not observed")
            m.wait_end()
            summary, samples = m.stop()
        self.assertEqual(summary["outages"], 3)
        windows = {t: q for t, s, _, _, q in samples}
        gap = [t for t in windows if first.ns(10 ** 12 + 22 * 10 ** 9) <= t <= second.ns(10 ** 12 + 40 * 10 ** 9)]
        self.assertGreater(len(gap), 5)
        self.assertEqual([t for t in gap if "lossy" not in windows[t]], [])

    def test_the_next_session_is_there_before_the_end_is_told(self):
        # lttng-relayd 2.13 may not say that a session has ended while a later one lives: all of its streams have, and that is it.
        first, second = [relay_trace.MadeTrace(20, 200, bits=27, begin_ns=b, identity=b) for b in (10 ** 12, 10 ** 12 + 9 * 10 ** 9)]
        session = relay.Session("made", [first], host="made", whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("made"))
            m.wait("a viewer", lambda: session.viewer)
            session.packets()
            m.wait("packets to be read", session.handed_out)
            session.close_streams()
            other = server.add(relay.Session("made", [second], host="made", whole=False))
            other.packets()
            m.wait_said("were not observed")
            with relay.LOCK:
                server.sessions.pop("made")
            other.close()
            m.wait_said("the session has ended", 1)
            m.wait("the end", lambda: not other.viewer)
            time.sleep(0.5)
            summary, samples = m.stop()
        self.assertEqual((summary["events"], summary["late_events"]), (first.events + second.events, 0))
        windows = {t: q for t, s, _, _, q in samples}
        gap = [t for t in windows if first.ns(10 ** 12 + 4 * 10 ** 9) <= t <= second.ns(10 ** 12 + 9 * 10 ** 9)]
        self.assertGreater(len(gap), 3)
        self.assertEqual([t for t in gap if "lossy" not in windows[t]], [])

    def test_a_domain_that_comes_later(self):
        # It is another session of that name, and the first goes on.
        traces = [relay_trace.MadeTrace(40, 200, bits=27, event=event, domain=domain) for event, domain in (("a:a", "ust"), ("b:b", "kernel"))]
        first, second = [relay.Session("made", [t], host="made", whole=False) for t in traces]
        with relay.Relay([first]) as server:
            m = Watching(self, server.url("made"))
            m.wait("a viewer", lambda: first.viewer)
            first.pace()
            time.sleep(1)
            server.add(second).pace(attached=False)
            m.wait_said("the session has ended")
            summary, _ = m.stop()
        self.assertEqual((summary["events"], summary["outages"]), (sum(t.events for t in traces), 1))

    def test_many_streams(self):
        trace = relay_trace.MadeTrace(8, 300, streams=64)
        self.read([relay.Session("s", [trace])], events=trace.events)

    def test_streams_that_come_while_others_are_read(self):
        trace = relay_trace.MadeTrace(30, 300, streams=6, bits=27)
        names = [s.name for s in trace.streams]
        session = relay.Session("s", whole=False)
        session.add_trace(trace, streams=names[:2])
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            for i in range(2, 6):
                session.packets(upto=i * 5)
                m.wait("packets to be read", session.handed_out)
                session.add_streams(trace, [trace.streams[i]])
            session.packets()
            m.wait("packets to be read", lambda: all(session.viewer.cursors.get(s.number, 0) == 30 for s in session.data()))
            session.close()
            m.wait_end()
            summary, _ = m.stop()
        self.assertEqual(summary["events"], trace.events)
        self.assertEqual((summary["lost_packets"], summary["outages"]), (0, 1))

    def test_more_traces_than_questions(self):
        # Buffers per process on a machine that starts many: each a trace, all at once.
        traces = [relay_trace.MadeTrace(2, 10, streams=1, identity=i) for i in range(1500)]
        self.read([relay.Session("s", traces)], events=sum(t.events for t in traces))

    def test_short_lived_traces(self):
        # One after the other, hundreds: what a monitor holds of them is gone when they are.
        session = relay.Session("s", whole=False, timer_us=20000)
        frame = session.add_trace(relay_trace.MadeTrace(20000, 1, streams=1, bits=27, event="frame:tick"))
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            held, events = [], 0
            for i in range(300):
                trace = relay_trace.MadeTrace(1, 20, streams=2, bits=27, identity=i, begin_ns=10 ** 12 + (i + 1) * (1 << 27))
                with relay.LOCK:
                    session.packets(frame, i)
                    session.add_trace(trace)
                    session.packets(trace)
                events += trace.events + 1 if i else trace.events
                m.wait("it to be read", lambda: session.viewer and all(session.viewer.cursors.get(s.number) for s in session.data(trace)))
                session.close_streams(trace)
                if i in (100, 299):
                    time.sleep(0.5)
                    held.append((m.memory_bytes(), m.descriptors()))
                with relay.LOCK:
                    session.streams = [s for s in session.streams if s.trace in (frame, trace)]
            session.close()
            m.wait_end()
            summary, _ = m.stop()
        self.assert_all(summary, events)
        self.assertEqual(held[0][1], held[1][1])
        if not foretrace.SANITIZED:     # which keeps what was freed
            self.assertLess(held[1][0] - held[0][0], 3 << 20, held)

    def test_metadata_that_grows(self):
        # Cut anywhere, also in the middle of a packet of it; events of a class wait for its declaration.
        trace = relay_trace.MadeTrace(60, 200, streams=2, bits=27)
        session = relay.Session("s", whole=False)
        session.add_trace(trace, metadata=0)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            size = len(trace.metadata)
            for i in range(1, 21):
                session.metadata(size * i // 20)
                session.packets(upto=i * 3)
                time.sleep(0.02)
            m.wait("packets to be read", session.handed_out)
            session.close()
            m.wait_end()
            summary, _ = m.stop()
        self.assert_all(summary, trace.events)

    def test_kernel_and_user_space(self):
        # Two domains are two sessions of one name, or two traces of one: as a replay of both directories.
        kernel = os.path.join(self.trace("slowdisk"), "kernel")
        recorded = relay_trace.load(kernel)
        begin = min(recorded.ns(s.index[0].begin) for s in recorded.streams if len(s.index))
        user = relay_trace.MadeTrace(30, 3000, streams=2, bits=27, host="vm")
        user = relay_trace.MadeTrace(30, 3000, streams=2, bits=27, host="vm", begin_ns=begin - user.offset * 10 ** 9 // user.frequency)
        user.write(self.path("user"))
        _, replayed, expected, _ = self.replay(kernel, self.path("user"))
        for sessions in ([relay.Session("s", [kernel, user])], [relay.Session("s", [kernel]), relay.Session("s", [user])]):
            summary, samples = self.read(sessions)
            for key in ("events", "discarded_events", "first_event_ns", "last_event_ns", "lost_packets", "late_events"):
                self.assertEqual(summary[key], expected[key], key)
            unnamed = lambda rows: sorted((t, s, v, c) for t, s, v, c, q in whole(rows) if not s.startswith("foretrace."))
            self.assertEqual(unnamed(samples), unnamed(replayed))

    # ---- time ----

    def test_packets_twice_and_backward(self):
        trace = relay_trace.MadeTrace(8, 200, streams=2, bits=27)
        trace.streams[0] = relay_trace.Reordered(trace.streams[0], [0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 7])
        self.read([relay.Session("s", [trace])], events=8 * 200 * 2)
        trace = relay_trace.MadeTrace(8, 200, streams=2, bits=27)
        trace.streams[0] = relay_trace.Reordered(trace.streams[0], [0, 1, 4, 3, 2, 5, 6, 7])
        summary, _ = self.read([relay.Session("s", [trace])])
        self.assertEqual((summary["events"], summary["lost_packets"]), (14 * 200, 2))

    def test_beacons_that_were_not_true(self):
        # Events from before a beacon are late, and counted; a beacon of the past says nothing.
        trace = relay_trace.MadeTrace(100, 200, streams=2, bits=27)
        session = relay.Session("s", [trace], whole=False)
        with relay.Relay([session]) as server:
            m = Watching(self, server.url("s"))
            m.wait("a viewer", lambda: session.viewer)
            session.packets(upto=50)
            m.wait("packets to be read", session.handed_out)
            for cycles in (1, trace.streams[0].index[80].begin):
                session.beacon(cycles)
                m.wait("the beacon to be asked for", session.beacon_taken)
            session.packets()
            m.wait("packets to be read", session.handed_out)
            session.close()
            m.wait_end()
            summary, samples = m.stop()
        self.assertEqual((summary["events"], summary["lost_packets"], summary["outages"]), (trace.events, 0, 1))
        self.assertGreater(summary["late_events"], 20 * 200)
        rates = [r for r in samples if r[1].startswith("rate.events.count")]
        self.assertEqual(sum(int(r[2]) for r in rates) + summary["late_events"], trace.events)

    # ---- protocols ----

    def test_versions_and_addresses(self):
        trace = relay_trace.MadeTrace(4, 500)
        for minor in (4, 8, 15, 16):
            with self.subTest(minor=minor):
                self.read([relay.Session("s", [trace])], events=trace.events, minor=minor)
        with self.subTest(by_the_book=True):
            self.read([relay.Session("s", [trace])], events=trace.events, by_the_book=True)
        with self.subTest(address="::1"):
            self.read([relay.Session("s", [trace])], events=trace.events, ipv6=True)

    # ---- lies ----

    def ask_liars(self, names):
        """A relay with a session for each lie, and a lie for each session; one monitor of them all."""
        trace = relay_trace.MadeTrace(3, 500, bits=27)
        sessions = {name: relay.Session("lie-%d" % i, [trace]) for i, name in enumerate(names)}
        lies = {session: relay.LIES[name] for name, session in sessions.items()}

        class Liar(relay.Relay):
            def deliver(self, sock, command, reply):
                with relay.LOCK:
                    attached = [s for c in self.connections if c.socket is sock for s in c.attached]
                for session in attached:
                    reply = lies[session](command, reply) if session in lies else reply
                return super().deliver(sock, command, reply)

        with Liar(list(sessions.values())) as server:
            m = Watching(self, "net://127.0.0.1:%d/host/recorded/lie-*" % server.port)
            m.wait("the sessions to be watched", lambda: m.said().count("watching session") == len(sessions), 60)
            held = []
            while len(held) < 4 or (held[-1] - held[-3] >= 64 << 20 and not foretrace.SANITIZED):     # the metadata of so many sessions take their time and room
                self.assertLess(len(held), 20, held)
                time.sleep(2)
                self.assertIsNone(m.process.poll(), m.said()[-2000:])
                held.append(m.memory_bytes())
            lies.clear()
            server.hang_up_all()        # what they were told of streams and traces stays untrue else
            ended = lambda: all("session %s of host recorded has ended" % s.name in m.said() for s in sessions.values())
            try:
                lttng.wait_for("the truth to be read", ended, 90)
            except AssertionError:
                said = m.said()
                left = [name for name, s in sessions.items() if "session %s of host recorded has ended" % s.name not in said]
                raise AssertionError("never read to the end: %s; said:\n%s" % (left, said[-3000:]))
            m.stop()

    def test_lies_within_a_session(self):
        # Of what is asked before there is a session, see below.
        early = {name for name in relay.LIES if name.split()[0] in ("connect", "list", "create") or "session" in name}
        names = [name for name in relay.LIES if name not in early]
        self.ask_liars(names[::4] if foretrace.SANITIZED else names)    # a sanitizer's monitor of so many sessions takes minutes

    def test_lies_before_a_session(self):
        trace = relay_trace.MadeTrace(3, 500, bits=27)
        names = [name for name in relay.LIES if name.split()[0] in ("connect", "list", "create") or "session" in name]
        wrong, lock = [], threading.Lock()

        def work():
            while True:
                with lock:
                    name = names.pop() if names else None
                if name is None:
                    return
                try:
                    self.lie_and_repent(trace, name)
                except AssertionError as e:
                    wrong.append("%s: %s" % (name, e))
        workers = [threading.Thread(target=work) for _ in range(6)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.assertEqual(wrong, [])

    def lie_and_repent(self, trace, name):
        with relay.Relay([relay.Session("s", [trace])]) as server:
            server.lie = relay.LIES[name]
            with relay.LOCK:
                m = Watching(self, server.url("s"))
            m.wait("a question", lambda: server.commands > 1 or server.asked[relay.CONNECT] > 1)
            time.sleep(0.3)
            if m.process.poll() is not None:
                raise AssertionError(m.said())
            server.lie = None
            m.wait_end()
            m.stop()


if __name__ == "__main__":
    foretrace.main()
