"""What live tests share: a session daemon and a relay daemon of their own, programs that emit, a foretrace that watches. The test
has called lttng.isolate() before it imports this."""
import json
import os
import signal
import subprocess

import foretrace
import lttng

WINDOW_NS = 10 ** 9     # of the usual configuration


class Monitor:
    """A running foretrace, its alerts and its messages as they come."""
    def __init__(self, case, *args):
        self.case = case
        self.out, self.err = case.path("out.jsonl"), case.path("err.txt")
        self.summary, self.samples = case.path("summary.json"), case.path("samples.csv")
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen([foretrace.PROGRAM, "run", "--format", "json", "--summary", self.summary, "--samples",
                                             self.samples, "--publish", "none", *args], stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def said(self):
        with open(self.err) as f:
            return f.read()

    def alerts(self):
        with open(self.out) as f:
            return foretrace.alerts_of(f.read())

    def rates(self):
        """(end of a window, events that it had of one class), of the windows that are over."""
        return [(t, v) for t, s, v, _, _ in foretrace.samples_of(self.samples, whole=False) if s.startswith("rate.events.count")]

    def wait_events(self, count):
        """Until so many were in windows that are over."""
        self.wait("%d events" % count, lambda: sum(v for _, v in self.rates()) >= count)

    def wait_event_after(self, time_ns):
        """Until a window is over that began since then and had events."""
        self.wait("events of now", lambda: any(v > 0 and t - WINDOW_NS >= time_ns for t, v in self.rates()))

    def wait(self, what, condition, timeout=60):
        """Fails at once where it has ended."""
        try:
            lttng.wait_for(what, lambda: condition() or self.process.poll() is not None, timeout)
        except AssertionError as e:
            raise AssertionError("%s; said:\n%s" % (e, self.said()))
        if self.process.poll() is not None and not condition():
            raise AssertionError("it ended before %s; said:\n%s" % (what, self.said()))

    def wait_said(self, text, timeout=60, count=1):
        self.wait("'%s'" % text, lambda: self.said().count(text) >= count, timeout)

    def wait_alert(self, kind, state, count=1, timeout=60):
        def found():
            return [a for a in self.alerts() if a["kind"] == kind and a["state"] == state]
        self.wait("an alert '%s' that is %s" % (kind, state), lambda: len(found()) >= count, timeout)
        return found()

    def cpu_seconds(self):
        return foretrace.cpu_seconds(foretrace.tree(self.process.pid))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("foretrace did not end; said:\n%s" % self.said())
        if self.process.returncode != 0:
            raise AssertionError("status %d; said:\n%s" % (self.process.returncode, self.said()))
        return foretrace.load(self.summary), foretrace.samples_of(self.samples)


class Case(foretrace.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(subprocess.run, ["pkill", "-P", str(os.getpid())])
        self.sessiond = self.keep(lttng.Sessiond())
        self.relayd = self.keep(lttng.Relayd(self.path("relayd")))

    def emitter(self, count=1000000, period_us=2000, *words):
        return self.keep(subprocess.Popen([foretrace.EMITTER, str(count), str(period_us), *words]))

    def live_session(self, name, **kwargs):
        """Silence is an outage after 20 periods of its timer, 4 s: a daemon that does not run for a moment makes none."""
        lttng.live_session(self.relayd, name, 200000, **kwargs)

    def wait_viewer(self):
        lttng.wait_for("a viewer", lambda: "1 viewer" in foretrace.run("sessions", self.relayd.url).stdout)

    def stored(self):
        """Events that lttng-relayd has on its disk, and in how many traces."""
        found = [root for root, _, files in os.walk(self.relayd.output) if "metadata" in files]
        events = 0
        for directory in found:
            done = foretrace.run("events", "--count", directory, check=False)
            if done.returncode == 0:
                events += int(done.stdout.split()[0])
        return events, len(found)

    def wait_stored(self, events):
        lttng.wait_for("%d events on the disk" % events, lambda: self.stored()[0] >= events)

    def stored_events(self, name):
        """Those of a name as they are on the disk."""
        done = foretrace.run("events", "--format", "json", "--name", name, self.relayd.output, check=False)     # there may be no trace yet
        return [json.loads(line) for line in done.stdout.splitlines()]
