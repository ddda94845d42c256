"""The stages as processes of their own, for tests of delivery between them."""
import os
import random
import signal
import subprocess
import time

import ctf
import foretrace


class Stage:
    """One `foretrace detect`, `alert` or `collect`; its standard error is in a file."""
    def __init__(self, case, *args, env=None, prefix=(), program=foretrace.PROGRAM):
        self.args = [*prefix, program, *args]
        self.name, self.env = args[0], env
        self.log = case.path("%s-%d.log" % (args[0], len(case.stages)))
        self.process = None
        case.stages.append(self)

    def start(self):
        self.err = open(self.log, "a")
        self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.err, env=self.env)
        return self

    def said(self):
        with open(self.log) as f:
            return f.read()

    def listening(self, timeout=60):
        """Waits until it has said so once more than before."""
        before = getattr(self, "heard", 0)
        end = time.monotonic() + timeout
        while self.said().count("listening at") <= before:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("%s does not listen:\n%s" % (self.name, self.said()))
            time.sleep(0.005)
        self.heard = before + 1
        return self

    def wait(self, timeout=120):
        status = self.process.wait(timeout)
        self.err.close()
        return status

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process:
            self.process.wait(60)
            self.err.close()

    def running(self):
        return self.process.poll() is None


class Case(foretrace.Case):
    """A test with stages, which are stopped at its end. If it fails what they said is shown."""
    def setUp(self):
        super().setUp()
        self.stages = []
        self.addCleanup(self.show_what_was_said)

    def run(self, result=None):
        self.result = result
        self.failed_before = self.failed(result)
        return super().run(result)

    @staticmethod
    def failed(result):
        return len(result.failures) + len(result.errors) if result else 0

    def show_what_was_said(self):
        if self.failed(self.result) > self.failed_before:
            for stage in self.stages:
                if os.path.exists(stage.log):
                    print("%s said:\n%s" % (stage.name, stage.said()), flush=True)

    def stage(self, *args, **kwargs):
        return self.keep(Stage(self, *args, **kwargs))

    def delivery(self, text="", **options):
        """A configuration with a state directory of the test's own."""
        lines = ["delivery:", "  state: " + self.path("state")] + ["  %s: %s" % item for item in options.items()]
        return self.config("\n".join(lines) + "\n" + text)


def wavering_trace(path, windows, window_ms=10, labels=4, host="testhost", seed=1):
    """A value for each of some labels in every window; now and then one is far off for a while."""
    trace = ctf.Trace(path, host=host)
    trace.event("app:level", what="string", level="f64")
    stream = trace.stream(packet_events=5000)
    rng = random.Random(seed)
    until = [0] * labels
    for w in range(windows):
        for i in range(labels):
            if until[i] <= w - 60 and rng.random() < 0.01:
                until[i] = w + rng.randrange(5, 30)
            value = rng.gauss(100, 1) + (80 if w < until[i] else 0)
            stream.add(1_000_000_000_000 + (w * labels + i) * window_ms * 1_000_000 // labels, "app:level", what="w%d" % i, level=value)
    return trace.write()


WAVERING = """
window: 10ms
analyses:
  - value: { name: level, events: "app:level", field: level, labels: what }
detectors:
  - series: "level.level.last*"
    threshold: { warning: 150 }
    zscore:
  - series: "level.level.*"
    ignore: yes
alerts: { cool_down: 0s }
"""
