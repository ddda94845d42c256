#!/usr/bin/python3
"""What our own live reader gets over, with LTTng's own daemons: connections that break, a relayd that freezes or is another one,
sessions that end and begin, programs that come and go. What programs emitted is delivered or told as missing, operations that were
open go on, and nothing is held of what is gone."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import live  # noqa: E402


class Proxy:
    """Stands between a viewer and lttng-relayd, and breaks off when it is told to."""
    def __init__(self, port, address="127.0.0.1"):
        self.to, self.left, self.cuts = port, 0, 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                viewer, _ = self.listener.accept()
                relayd = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            threading.Thread(target=self.carry, args=(viewer, relayd, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(relayd, viewer, True), daemon=True).start()

    def carry(self, source, target, answers):
        try:
            while data := source.recv(1 << 16):
                if answers and 0 < self.left <= len(data):
                    target.sendall(data[:self.left])
                    self.left, self.cuts = 0, self.cuts + 1
                    break
                self.left -= len(data) if answers and self.left else 0
                target.sendall(data)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()

    def cut_after(self, size):
        """Once, so many bytes of answers from now on."""
        self.left = size

    def kill(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Healing(live.Case):
    # ---- what takes part ----

    def monitor(self, session="work", url=None, *args):
        m = live.Monitor(self, "--attach", url or self.relayd.session_url(session), "--reader", "native", "--set", "attach_history=all", *args)
        self.keep(m.process)
        self.wait_viewer()
        return m

    def finish(self, m, session="work"):
        """The session ends, which is an outage to those who wait for the next one."""
        ended = "the session has ended; trying again"
        before = m.said().count(ended)
        self.wait_viewer()
        lttng.lttng("destroy", session, timeout=60)
        lttng.wait_for("the session's end", lambda: m.said().count(ended) > before)
        return m.stop()

    # ---- what came of it ----

    def assert_all(self, summary, events, outages=1):
        """All was delivered, or the tracer said that it had no room for it; the last outage is the session's end."""
        self.assertEqual((summary["events"] + summary["discarded_events"], summary["late_events"], summary["lost_packets"], summary["outages"]),
                         (events, 0, 0, outages), summary)

    def assert_suspect(self, samples):
        """An operation was open while something was missing: its end is known, but not that it is its own, and it is counted apart."""
        self.assertGreaterEqual(sum(v for _, s, v, _, _ in samples if s.startswith("foretrace.suspect_pairs.count")), 1)

    def assert_operation(self, samples, seconds):
        """One took that long, though it was open when things broke: as long as the trace on the disk says."""
        longest = max(v for _, s, v, _, _ in samples if s.startswith("latency.duration.max{"))
        begun = {e["fields"]["id"]: e["t"] for e in self.stored_events("emitter:op_begin")}
        self.assertEqual(longest, max(e["t"] - begun[e["fields"]["id"]] for e in self.stored_events("emitter:op_end") if e["fields"]["id"] in begun))
        self.assertGreaterEqual(longest, seconds * 1e9)

    def begun(self):
        """An operation that goes on until SIGUSR1; its beginning is on the disk."""
        process = self.emitter(1, 0, "work=100000000")
        lttng.wait_for("its beginning", lambda: any(e["fields"]["id"] >> 32 == process.pid for e in self.stored_events("emitter:op_begin")))
        return process

    # ---- the connection ----

    def test_connection_cut_in_mid_packet(self):
        self.live_session("work")
        proxy = self.keep(Proxy(self.relayd.ports[2]))
        m = self.monitor(url="net://127.0.0.1:%d/host/%s/work" % (proxy.port, os.uname().nodename))
        emitter, long = self.emitter(4000, 1000), self.emitter(1, 0, "work=4000000")
        for i, size in enumerate((300, 5000, 9000, 20000, 3000)):
            time.sleep(0.7)
            proxy.cut_after(size)
            lttng.wait_for("the cut", lambda: proxy.cuts == i + 1)
        for p in (emitter, long):
            p.wait(60)
        time.sleep(1.5)
        summary, samples = self.finish(m)
        self.assert_all(summary, 2 * 4001)
        self.assertGreaterEqual(summary["delays"], 2)       # one that comes before anything was read, or soon after another, is none
        self.assert_operation(samples, 4.0)

    def test_relayd_frozen(self):
        self.live_session("work")
        m = self.monitor()
        emitter, long = self.emitter(5000, 1000), self.emitter(1, 0, "work=6000000")
        m.wait_events(500)
        self.relayd.signal(signal.SIGSTOP)
        m.wait_said("lttng-relayd does not answer for")
        time.sleep(0.5)
        self.relayd.signal(signal.SIGCONT)
        m.wait_said("reading again where it broke off")
        for p in (emitter, long):
            p.wait(60)
        summary, samples = self.finish(m)
        self.assert_all(summary, 2 * 5001)
        self.assert_operation(samples, 6.0)

    def test_another_relayd(self):
        # Killed, and another one has the same ports; what happened in between nobody has, and an operation goes on across it.
        self.live_session("work")
        m = self.monitor()
        self.emitter(1000000, 2000)
        long = self.begun()
        m.wait_event_after(time.time_ns())
        self.relayd.kill()
        m.wait_said("trying again")
        lttng.lttng("destroy", "work", check=False, timeout=60)
        self.keep(lttng.Relayd(self.path("relayd2"), self.relayd.ports))
        self.live_session("work")
        m.wait_said("were not observed")
        long.send_signal(signal.SIGUSR1)    # its end is seen, its beginning was before what is missing
        long.wait(60)
        time.sleep(1)
        summary, samples = self.finish(m)
        self.assertEqual((summary["outages"], summary["late_events"]), (2, 0))
        self.assertTrue([r for r in samples if "lossy" in r[4]])
        self.assert_suspect(samples)

    def test_session_destroyed_and_created_again(self):
        # Three times, and what is held of it does not grow.
        self.live_session("work")
        m = self.monitor()
        self.emitter(1000000, 2000)
        long = self.begun()
        m.wait_event_after(time.time_ns())
        held = self.descriptors(m)
        for i in range(3):
            time.sleep(0.7)
            lttng.wait_for("no more to be held than at first", lambda: self.descriptors(m) == held)
            lttng.lttng("destroy", "work", timeout=60)
            self.live_session("work")
            lttng.wait_for("the next", lambda: m.said().count("were not observed") == i + 1)
        long.send_signal(signal.SIGUSR1)    # its end is seen, its beginning was before what is missing
        long.wait(60)
        time.sleep(1)
        summary, samples = self.finish(m)
        self.assertEqual((summary["outages"], summary["late_events"]), (4, 0))
        self.assert_suspect(samples)

    def test_session_made_anew_while_the_old_one_is_kept(self):
        # LTTng 2.13 ends a session that is not waited for when it likes: lttng-relayd has two of the name then, and beacons of both.
        for buffers in ("--buffers-uid", "--buffers-pid"):
            with self.subTest(buffers):
                self.live_session("work", channel=(buffers,))
                m = self.monitor()
                emitter = self.emitter(1000000, 2000)
                m.wait_events(500)
                for i in range(2):
                    time.sleep(1)
                    lttng.lttng("destroy", "--no-wait", "work", timeout=60)
                    self.live_session("work", channel=(buffers,))
                    m.wait_said("were not observed", count=i + 1)
                time.sleep(4)       # the old one is listed still, and is not attached to again
                m.wait_event_after(time.time_ns())
                emitter.kill()
                summary, _ = m.stop()
                self.assertEqual(summary["outages"], 2, m.said())
                lttng.lttng("destroy", "--no-wait", "work", timeout=60)

    def test_ipv6(self):
        self.live_session("work")
        proxy = self.keep(Proxy(self.relayd.ports[2], "::1"))
        m = self.monitor(url="net://[::1]:%d/host/%s/work" % (proxy.port, os.uname().nodename))
        self.emitter(500, 500).wait(60)
        time.sleep(1)
        summary, _ = self.finish(m)
        self.assert_all(summary, 2 * 500)

    # ---- programs ----

    def descriptors(self, m):
        return sum(len(os.listdir("/proc/%d/fd" % pid)) for pid in foretrace.tree(m.process.pid))

    def memory_bytes(self, m):
        return sum(foretrace.memory_bytes(pid) for pid in foretrace.tree(m.process.pid))

    def suspected(self, samples):
        return sum(v for _, s, v, _, _ in samples if s.startswith("foretrace.suspected_losses.count"))

    def test_a_program_that_starts_later(self):
        # Buffers of its own; the first program is silent all the while.
        self.live_session("work", channel=("--buffers-pid",))
        self.emitter(2, 60000000)
        m = self.monitor()
        self.wait_stored(2)
        time.sleep(2)
        self.emitter(1001, 60000000, "work=1000", "batch=1000")
        time.sleep(1)
        self.emitter(2, 60000000, "work=500000")
        self.wait_stored(2 * 1002)
        summary, samples = self.finish(m)
        self.assert_all(summary, 2 * 1002)
        self.assert_operation(samples, 0.5)

    def test_short_lived_programs(self):
        # With buffers of their own. What lttng-relayd 2.13 has stored of one when it ends it does not give to a viewer any more: the
        # last packets, or all, if the viewer had not heard of it yet.
        self.live_session("work", channel=("--buffers-pid", "--subbuf-size", "4k"))
        frame = self.emitter(1000000, 10000)
        m = self.monitor()
        m.wait_events(100)
        descriptors, held, told = self.descriptors(m), [], [0]
        while len(held) < 10 and sum(b - a > 20 for a, b in zip(told, told[1:])) < 3:   # one that does not run for a moment hears of few
            self.emitter(10, 0, "children=30").wait(60)
            m.wait_event_after(time.time_ns())
            lttng.wait_for("no more to be held than at first", lambda: self.descriptors(m) == descriptors)
            held.append(self.memory_bytes(m))
            told.append(self.suspected(foretrace.samples_of(m.samples, whole=False)))
        frame.kill()
        frame.wait()
        time.sleep(1)
        summary, samples = self.finish(m)
        stored, traces = self.stored()
        self.assertGreater(traces, 30 * len(held) - 5)
        self.assertEqual((summary["late_events"], summary["lost_packets"], summary["outages"]), (0, 0, 1), m.said())
        self.assertLessEqual(summary["events"], stored)
        self.assertEqual(m.said().count("buffers of its own has ended"), 1)
        self.assertGreater(self.suspected(samples), 60)
        self.assertTrue([r for r in samples if "lossy" in r[4]])
        self.assertGreaterEqual(summary["events"], stored - 30 * len(held) * 20)       # and nothing of the program that lives on
        if not foretrace.SANITIZED:     # which keeps what was freed
            self.assertLess(held[-1] - held[0], 4 << 20)

    def test_short_lived_programs_share_buffers(self):
        self.live_session("work")
        m = self.monitor()
        self.emitter(10, 0, "children=150").wait(60)
        time.sleep(1)
        summary, _ = self.finish(m)
        stored, _ = self.stored()
        self.assertEqual(summary["events"], stored)
        self.assert_all(summary, 150 * 20)

    def test_many_streams(self):
        lttng.lttng("create", "work", "--live=100000", "-C", "tcp://127.0.0.1:%d" % self.relayd.ports[0], "-D", "tcp://127.0.0.1:%d" % self.relayd.ports[1])
        channels = -(-64 // os.cpu_count())
        for i in range(channels):
            lttng.lttng("enable-channel", "-u", "ch%d" % i, "-s", "work", "--subbuf-size", "16k", "--num-subbuf", "4")
            lttng.lttng("enable-event", "-u", "-c", "ch%d" % i, "-s", "work", "emitter:*")
        lttng.lttng("start", "work")
        m = self.monitor()
        self.emitter(300, 2000).wait(60)
        time.sleep(1.5)
        summary, _ = self.finish(m)
        self.assert_all(summary, 2 * 300 * channels)

    def test_events_enabled_while_others_flow(self):
        self.live_session("work", events="emitter:op_begin")
        m = self.monitor()
        emitter = self.emitter(10000, 1000)
        self.wait_stored(500)
        lttng.lttng("enable-event", "-u", "-c", "ch", "-s", "work", "emitter:op_end")
        emitter.wait(60)
        summary, samples = self.finish(m)
        self.assertEqual((summary["lost_packets"], summary["late_events"], summary["outages"], summary["discarded_events"]), (0, 0, 1, 0))
        self.assertEqual(summary["events"], self.stored()[0])
        self.assertTrue(10000 + 1500 < summary["events"] < 20000, summary)
        self.assertTrue([r for r in samples if r[1].startswith("latency.duration.max{")])

    @foretrace.unittest.skipIf(os.cpu_count() < 2, "one CPU: nothing could go on")
    def test_producers_killed_while_they_write(self):
        # Where one left a buffer that it did not finish nothing more comes of its CPU: told, and the other CPUs go on.
        self.live_session("work")
        m = self.monitor()
        os.sched_setaffinity(self.emitter(1000000, 2000).pid, [1])
        for _ in range(60):
            p = self.emitter(100000000, 0)
            os.sched_setaffinity(p.pid, [0])
            time.sleep(0.04)
            p.kill()
            p.wait()
        time.sleep(5)
        m.wait_event_after(time.time_ns())
        summary, samples = m.stop()
        stalled = "neither event nor beacon of stream ch_0 for" in m.said()
        self.assertEqual(summary["outages"], 1 if stalled else 0)
        if stalled:
            self.assertIn("lossy", [r for r in samples if r[1].startswith("rate.events")][-1][4])
        lttng.lttng("destroy", "--no-wait", "work", timeout=60)      # LTTng 2.13 would wait for that buffer for ever

    def test_consumer_frozen(self):
        # Nothing comes, no beacons either; then all of it comes.
        self.live_session("work", channel=("--subbuf-size", "256k", "--num-subbuf", "8"))
        m = self.monitor()
        emitter = self.emitter(6000, 1000)
        m.wait_events(500)
        consumers = [int(p) for p in subprocess.run(["pgrep", "-f", "lttng-consumerd"], stdout=subprocess.PIPE, text=True).stdout.split()]
        mine = [p for p in foretrace.tree(self.sessiond.pid) + consumers if os.path.exists("/proc/%d" % p) and self.is_mine(p)]
        self.assertTrue(mine)
        for p in mine:
            os.kill(p, signal.SIGSTOP)
        m.wait_said("neither event nor beacon")
        m.wait_alert("outage", "firing")
        for p in mine:
            os.kill(p, signal.SIGCONT)
        m.wait_alert("outage", "resolved")
        emitter.wait(60)
        time.sleep(1)
        summary, _ = self.finish(m)
        self.assert_all(summary, 2 * 6000)
        self.assertGreaterEqual(summary["delays"], 1)

    def is_mine(self, pid):
        """A consumer of this test's sessiond: it has the same private /run/lttng."""
        try:
            same = os.readlink("/proc/%d/ns/mnt" % pid) == os.readlink("/proc/self/ns/mnt")
            with open("/proc/%d/comm" % pid) as f:
                return same and f.read().startswith("lttng-consumerd")
        except OSError:
            return False


if __name__ == "__main__":
    foretrace.main()
