"""What live tests share: a session daemon and a relay daemon of their own, programs that emit, a foretrace that watches. The test
has called lttng.isolate() before it imports this."""
import os
import signal
import subprocess

import foretrace
import lttng


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

    def wait_said(self, text, timeout=30, count=1):
        try:
            lttng.wait_for("'%s'" % text, lambda: self.said().count(text) >= count, timeout)
        except AssertionError as e:
            raise AssertionError("%s; said:\n%s" % (e, self.said()))

    def wait_alert(self, kind, state, count=1, timeout=30):
        def look():
            found = [a for a in self.alerts() if a["kind"] == kind and a["state"] == state]
            return found if len(found) >= count else None
        try:
            return lttng.wait_for("an alert '%s' that is %s" % (kind, state), look, timeout)
        except AssertionError as e:
            raise AssertionError("%s; said:\n%s" % (e, self.said()))

    def cpu_seconds(self):
        return foretrace.cpu_seconds(foretrace.tree(self.process.pid))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
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
