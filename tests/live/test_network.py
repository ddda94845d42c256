#!/usr/bin/python3
"""A network of one cable between `collect` and `detect`, which is cut: two network namespaces, with keys.

CUT=30 cuts it for so many seconds; LONG=300 for longer than the buffer lasts (then BUFFER=64MiB gives the usual one)."""
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import links  # noqa: E402
import stages  # noqa: E402

CUT = float(os.environ.get("CUT", "8"))
LONG = float(os.environ.get("LONG", "10"))
BUFFER = os.environ.get("BUFFER", "1MiB")
WINDOW_NS = 20_000_000

# 200 series of operations in windows of 20 ms: about 1 MB/s.
CONFIG = """
window: 20ms
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, labels: id, evidence: "" }
security: { key: %(dir)s/%(name)s.key, %(peer)s }
"""


def ip(*args):
    subprocess.run(["ip", *args], check=True)


class Cable:
    """Two namespaces, `web` and `monitor`, and a pair of interfaces."""
    def __init__(self):
        self.names = {n: "ft-%s-%d" % (n, os.getpid()) for n in ("web", "monitor")}
        try:
            ip("netns", "add", self.names["web"])
        except subprocess.CalledProcessError:
            raise unittest.SkipTest("network namespaces cannot be made here")
        ip("netns", "add", self.names["monitor"])
        ip("link", "add", "ftcable", "netns", self.names["web"], "type", "veth", "peer", "name", "ftcable", "netns", self.names["monitor"])
        for i, name in enumerate(self.names.values()):
            ip("-n", name, "addr", "add", "10.99.0.%d/24" % (i + 1), "dev", "ftcable")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "ftcable", "up")

    def cut(self, seconds, meanwhile=lambda: None):
        ip("-n", self.names["monitor"], "link", "set", "ftcable", "down")
        meanwhile()
        time.sleep(seconds)
        ip("-n", self.names["monitor"], "link", "set", "ftcable", "up")

    def within(self, name):
        return ["nsenter", "--net=/run/netns/" + self.names[name]]

    def remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name])


@unittest.skipUnless(os.geteuid() == 0, "namespaces of the network need root")
class Network(stages.Case):
    def setUp(self):
        super().setUp()
        self.cable = Cable()
        self.addCleanup(self.cable.remove)
        self.addCleanup(lambda: [s.kill() for s in self.stages])
        os.mkdir(self.path("allowed"), 0o755)
        for name in ("web", "monitor"):
            foretrace.run("keygen", "--output", self.dir, name)
        os.link(self.path("web.pub"), self.path("allowed/web.pub"))
        self.endpoint = "ipc://" + self.path("verdicts")
        self.verdicts = links.Verdicts(self.endpoint)
        self.addCleanup(self.verdicts.stop)

    def start(self, name, command, peer, *args, **options):
        text = CONFIG % {"dir": self.dir, "name": name, "peer": peer}
        config = self.delivery(text, samples="tcp://10.99.0.2:45581", verdicts=self.endpoint, name=name, **options)
        os.rename(config, config + "." + name)
        return self.stage(command, "-c", config + "." + name, *args, prefix=self.cable.within(name)).start()

    def watch(self, buffer):
        """Both stages; windows are being judged."""
        self.detect = self.start("monitor", "detect", "allowed: " + self.path("allowed"))
        self.detect.name = "detect"
        self.detect.listening()
        self.samples = self.path("samples.csv")
        self.collect = self.start("web", "collect", "server_key: " + self.path("monitor.pub"), "--samples", self.samples, "--", foretrace.EMITTER, "100000000",
                                  "3000", "ids=200", "batch=40", buffer=buffer)
        lttng.wait_for("windows", lambda: len(self.verdicts.windows) > 20)

    def end(self):
        """The windows that were made, and those that were judged: their ends."""
        self.collect.kill(2)
        made = sorted({row[0] for row in foretrace.samples_of(self.samples)})
        lttng.wait_for("the last window", lambda: self.verdicts.windows[-1][0] >= made[-1], 60)
        return made, [end_ns for end_ns, _, _ in self.verdicts.windows]

    def test_a_cut(self):
        self.watch("256MiB")
        self.cable.cut(CUT)
        healed = time.time_ns()
        lttng.wait_for("windows that ended since", lambda: self.verdicts.windows[-1][0] > healed, 60)
        print("caught up %.1f s after a cut of %g s" % ((time.time_ns() - healed) / 1e9, CUT), flush=True)
        time.sleep(1)
        made, judged = self.end()
        self.assertEqual(judged, made)
        presence = [body[1] for kind, body in self.verdicts.taken if kind == links.VERDICT and body[7] == "stage"]
        self.assertEqual(presence, [links.RAISE, links.CLEAR])

    def test_longer_than_the_buffer(self):
        self.watch(BUFFER)
        # What has arrived when the cable is cut is read afterwards: it is judged, though collect cannot know so and drops it.
        self.detect.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        self.cable.cut(LONG, lambda: self.detect.process.send_signal(signal.SIGCONT))
        healed = time.time_ns()
        lttng.wait_for("windows that ended since", lambda: self.verdicts.windows[-1][0] > healed, 60)
        time.sleep(1)
        made, judged = self.end()
        missing = sorted(set(made) - set(judged))
        self.assertEqual(sorted(judged), judged)
        self.assertEqual(set(judged) - set(made), set())
        self.assertGreater(len(missing), 10)
        self.assertEqual(self.counted(), len(missing))
        self.assertEqual(self.told(), len(missing))
        losses = [body[12:14] for kind, body in self.verdicts.taken if kind == links.VERDICT and body[7] == "dropped_windows"]
        self.assertEqual((losses[0][0], losses[-1][1]), (missing[0] - WINDOW_NS, missing[-1]))
        print("cut of %g s: %d windows made, %d judged, %d missing, in %d losses" % (LONG, len(made), len(judged), len(missing), len(losses)), flush=True)

    def counted(self):
        """By the collector: its series."""
        return sum(value for _, series, value, _, _ in foretrace.samples_of(self.samples) if series.startswith("foretrace.dropped_windows.count"))

    def told(self):
        """In the last transition of the alert that a real alert stage makes of these verdicts."""
        self.verdicts.stop()
        config = self.path("alert.yaml")
        with open(config, "w") as f:
            f.write("delivery: { state: %s/alerts, verdicts: 'ipc://%s/alert' }\n" % (self.dir, self.dir))
        alert = self.stage("alert", "-c", config, "--once", "--publish", "none", "--format", "json", "--output", self.path("alerts.json"))
        alert.start().listening()
        speaker = self.verdicts.pass_on("ipc://%s/alert" % self.dir)
        alert.wait(60)
        speaker.close()
        with open(self.path("alerts.json")) as f:
            alerts = [a for a in foretrace.alerts_of(f.read()) if a["metric"] == "dropped_windows"]
        self.assertTrue(alerts)
        return alerts[-1]["value"]


if __name__ == "__main__":
    foretrace.main()
