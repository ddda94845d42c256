#!/usr/bin/python3
"""foretrace run --attach, and what can go wrong with the other end: each has a clear
message, a back-off, an outage that is counted and marked, and no busy loop."""
import collections
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import live  # noqa: E402

class Attach(live.Case):
    def monitor(self, session, *args):
        m = live.Monitor(self, "--attach", self.relayd.session_url(session), *args)
        self.keep(m.process)
        return m

    def test_watches_and_changes_nothing(self):
        self.live_session("work")
        before = lttng.lttng("list", "work").stdout
        m = self.monitor("work")
        self.emitter()
        m.wait_events(1001)
        listed = foretrace.run("sessions", self.relayd.url).stdout
        self.assertRegex(listed, "%s  live timer 200000 us, [0-9]+ streams, 1 viewer" % self.relayd.session_url("work"))
        summary, samples = m.stop()
        self.assertGreater(summary["events"], 1000)
        self.assertEqual(summary["outages"], 0)
        self.assertTrue([r for r in samples if r[1] == "latency.duration.p99{pair=emitter:op}"])
        self.assertEqual(lttng.lttng("list", "work").stdout, before)

    def test_session_to_come_and_wrong_host(self):
        self.emitter()
        m = self.monitor("later")
        m.wait_said("lttng-relayd has no live session yet; waiting")
        cpu = m.cpu_seconds()
        time.sleep(3)
        self.assertLess(m.cpu_seconds() - cpu, 0.3)         # no busy loop
        self.live_session("later")
        m.wait_events(301)
        m.stop()
        wrong = live.Monitor(self, "--attach", "%s/host/nobody/later" % self.relayd.url)
        self.keep(wrong.process)
        wrong.wait_said("there is no host 'nobody'; there is %s/later; waiting" % os.uname().nodename)
        wrong.stop()
        missing = self.monitor("latter")
        missing.wait_said("there is no live session 'latter' of host")
        missing.stop()

    def test_no_relayd(self):
        m = live.Monitor(self, "--attach", "net://127.0.0.1:%d/host/h/s" % lttng.free_port())
        self.keep(m.process)
        m.wait_said("trying again")
        cpu = m.cpu_seconds()
        time.sleep(3)
        self.assertLess(m.cpu_seconds() - cpu, 0.5)
        m.stop()
        done = foretrace.run("sessions", "net://127.0.0.1:%d" % lttng.free_port(), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no lttng-relayd answers at net://127.0.0.1:", done.stderr)
        self.assertIn("Connection refused", done.stderr)

    def test_second_viewer(self):
        self.live_session("work")
        self.emitter()
        first = self.monitor("work")
        self.wait_viewer()
        second = live.Monitor(self, "--attach", self.relayd.session_url("work"))
        self.keep(second.process)
        second.wait_said("the session has another viewer, and lttng-relayd allows one; waiting")
        first.process.send_signal(signal.SIGINT)
        first.process.wait(30)
        lttng.wait_for("the second to be attached", lambda: "1 viewer" in foretrace.run("sessions", self.relayd.url).stdout)
        second.wait_events(201)
        second.stop()

    def test_relayd_killed_and_back(self):
        self.live_session("work")
        emitter = self.emitter()
        m = self.monitor("work")
        m.wait_events(1000)
        self.relayd.process.kill()
        self.relayd.process.wait()
        m.wait_said("trying again")
        firing = m.wait_alert("outage", "firing")[0]
        self.assertEqual(firing["severity"], "critical")
        self.assertIn("session work cannot be observed", firing["summary"])
        cpu = m.cpu_seconds()
        time.sleep(3)
        self.assertLess(m.cpu_seconds() - cpu, 0.6)
        # The relayd comes back, and somebody makes the session anew.
        lttng.lttng("destroy", "work", check=False, timeout=60)
        self.keep(lttng.Relayd(self.path("relayd2"), self.relayd.ports))
        self.live_session("work")
        m.wait_alert("outage", "resolved")
        time.sleep(1.5)
        summary, samples = m.stop()
        self.assertEqual(summary["outages"], 1)
        self.assertIn("were not observed", m.said())
        touched = [r for r in samples if "lossy|partial" in r[4]]
        self.assertTrue(touched)
        self.assertIsNone(emitter.poll())

    def test_relayd_frozen(self):
        self.live_session("work")
        self.emitter()
        m = self.monitor("work")
        m.wait_events(1000)
        self.relayd.signal(signal.SIGSTOP)
        m.wait_said("lttng-relayd does not answer for")
        m.wait_alert("outage", "firing")
        cpu = m.cpu_seconds()
        time.sleep(4)
        self.assertLess(m.cpu_seconds() - cpu, 0.6)
        self.relayd.signal(signal.SIGCONT)
        m.wait_alert("outage", "resolved")
        m.wait_event_after(time.time_ns())
        summary, samples = m.stop()
        # lttng-relayd still had all of it: it came late, and nothing is missing.
        self.assertIn("reading again where it broke off", m.said())
        self.assertEqual((summary["outages"], summary["delays"], summary["late_events"]), (0, 1, 0))
        self.assertEqual([r for r in samples if "lossy" in r[4]], [])
        rates = {r[0]: r[2] for r in samples if r[1].startswith("rate.events.count") and "op_begin" in r[1] and "partial" not in r[4]}
        self.assertGreater(len(rates), 6)
        stored = collections.Counter(e["t"] // live.WINDOW_NS * live.WINDOW_NS + live.WINDOW_NS for e in self.stored_events("emitter:op_begin"))
        self.assertEqual(rates, {end_ns: stored[end_ns] for end_ns in rates})

    def test_session_destroyed_and_created_again(self):
        self.live_session("work")
        self.emitter()
        m = self.monitor("work")
        m.wait_events(500)
        lttng.lttng("destroy", "work")
        m.wait_said("the session has ended; trying again")
        m.wait_alert("outage", "firing")
        time.sleep(1)
        self.live_session("work")
        m.wait_alert("outage", "resolved")
        m.wait_event_after(time.time_ns())
        summary, _ = m.stop()
        self.assertEqual(summary["outages"], 1)

    def test_tracing_stopped_and_started(self):
        # The beacons go on, so this is no outage: time passes, and nothing happens in it.
        self.live_session("work")
        self.emitter()
        m = self.monitor("work")
        m.wait_events(500)
        lttng.lttng("stop", "work")
        time.sleep(3)
        lttng.lttng("start", "work")
        m.wait_event_after(time.time_ns())
        summary, samples = m.stop()
        self.assertEqual(summary["outages"], 0)
        counts = [v for _, s, v, _, q in samples if s == "latency.duration.count{pair=emitter:op}" and "partial" not in q]
        self.assertIn(0, counts)
        self.assertGreater(counts[-1], 0)

    def test_wildcards(self):
        self.live_session("web-1")
        self.live_session("db")
        self.emitter()
        m = self.monitor("web-*")
        m.wait_said("watching session web-1 of host")
        self.live_session("web-2")
        m.wait_said("watching session web-2 of host")
        # Two sessions see the same program: each event twice while both run.
        m.wait("windows of both", lambda: max(collections.Counter(t for t, v in m.rates() if v).values(), default=0) == 4)
        # The one made last: LTTng 2.13.9 never ends a live session while a later one lives.
        lttng.lttng("destroy", "web-2")
        m.wait_said("session web-2 of host %s has ended" % os.uname().nodename)
        time.sleep(0.5)
        summary, samples = m.stop()
        self.assertNotIn("session db", m.said())
        self.assertEqual(summary["outages"], 0)

    def test_own_relayd_killed(self):
        # The program goes on, a new lttng-relayd and a new session take over, and the gap is told.
        m = live.Monitor(self, "--", foretrace.EMITTER, "15000", "1000")
        self.keep(m.process)
        m.wait_events(2000)
        children = subprocess.run(["pgrep", "-P", str(m.process.pid), "lttng-relayd"], stdout=subprocess.PIPE, text=True).stdout.split()
        self.assertEqual(len(children), 1)
        os.kill(int(children[0]), signal.SIGKILL)
        m.wait_said("making another")
        m.wait_alert("outage", "resolved")
        m.process.wait(90)
        self.assertEqual(m.process.returncode, 0, m.said())
        summary = foretrace.load(m.summary)
        self.assertEqual(summary["outages"], 1)
        self.assertTrue(4000 < summary["events"] < 30000, summary)


if __name__ == "__main__":
    foretrace.main()
