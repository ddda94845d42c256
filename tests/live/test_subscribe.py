#!/usr/bin/python3
"""Alerts in the hands of subscribers: the Python example and foretrace's own get what was published."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import lttng  # noqa: E402

lttng.isolate()
EMITTER = os.environ["EMITTER"]

CONFIG = """
window: 200ms
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, threshold: 20ms }
  - rate: { name: begun, events: "emitter:op_begin" }
detectors:
  - series: "begun.events.rate*"
    threshold: { warning: 1/s }
  - series: "*"
    ignore: yes
alerts: { bad_windows: 1, of_windows: 1, cool_down: 0s }
"""


class Subscribers(foretrace.Case):
    def start(self, name, *command):
        with open(self.path(name), "w") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)

    def received(self, name):
        with open(self.path(name)) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def run_when(self, ready, *args):
        """foretrace run, of a program that begins when something is so; (standard output, standard error)."""
        go = self.path("go")
        with open(self.path("alerts.json"), "w") as out, open(self.path("said"), "w") as err:
            process = self.keep(subprocess.Popen([foretrace.PROGRAM, "run", *args[:-1], "--format", "json", "--", "sh", "-c",
                                                  'while [ ! -e "$0" ]; do sleep .1; done; exec $1', go, args[-1]], stdin=subprocess.DEVNULL, stdout=out, stderr=err))
        lttng.wait_for("all that must be before the first alert", ready)
        time.sleep(1)       # who has connected says what it subscribes to
        open(go, "w").close()
        self.assertEqual(process.wait(120), 0, self.said())
        with open(self.path("alerts.json")) as file:
            return file.read(), self.said()

    def said(self):
        with open(self.path("said")) as file:
            return file.read()

    def connected(self, path):
        """To a socket of that path: those whom its owner has accepted."""
        with open("/proc/net/unix") as file:
            return sum(line.split()[5] == "03" and line.rstrip("\n").endswith(" " + path) for line in file.readlines()[1:])

    def test_everybody_gets_the_same(self):
        endpoint = "ipc://" + self.path("alerts")
        self.start("python", "/usr/bin/python3", os.path.join(foretrace.ROOT, "examples", "subscribe.py"), endpoint)
        self.start("python-topic", "/usr/bin/python3", os.path.join(foretrace.ROOT, "examples", "subscribe.py"), endpoint, "alert.warning.op")
        self.start("own", foretrace.PROGRAM, "subscribe", "--format", "json", endpoint)
        out, _ = self.run_when(lambda: self.connected(self.path("alerts")) == 3, "--config", self.config(CONFIG), "--publish", endpoint,
                               EMITTER + " 150 20000 slow=50/30000")
        published = foretrace.alerts_of(out)
        self.assertLessEqual({("op", "firing"), ("begun", "firing")}, {(a["analysis"], a["state"]) for a in published})
        lttng.wait_for("all alerts at the subscribers", lambda: all(len(self.received(n)) >= len(published) for n in ("python", "own")))
        self.assertEqual(self.received("own"), published)
        python = self.received("python")
        for alert in python:
            del alert["received_ns"]
        self.assertEqual(python, published)
        only = self.received("python-topic")
        self.assertTrue(only)
        self.assertEqual([a["id"] for a in only], [a["id"] for a in published if (a["severity"], a["analysis"]) == ("warning", "op")])
        # In words and numbers: what docs/wire.md promises of an exceedance.
        first = next(a for a in published if a["analysis"] == "op")
        self.assertEqual((first["kind"], first["limit"], first["unit"]), ("threshold", 20e6, "ns"))
        self.assertGreater(first["value"], 30e6)
        self.assertEqual(len(first["evidence"]), 1)
        self.assertEqual(first["evidence"][0]["value"], first["value"])
        self.assertIn("id", first["evidence"][0]["fields"])

    def test_over_tcp_with_keys(self):
        for name in ("monitor", "friend", "stranger"):
            foretrace.run("keygen", "--output", self.dir, name)
        os.mkdir(self.path("allowed"), 0o755)
        os.link(self.path("friend.pub"), self.path("allowed/friend.pub"))
        endpoint = "tcp://127.0.0.1:%d" % lttng.free_port(2)
        for name in ("friend", "stranger"):
            self.start(name, foretrace.PROGRAM, "subscribe", "--format", "json", "--key", self.path(name + ".key"),
                       "--server-key", self.path("monitor.pub"), endpoint)
        self.start("keyless", foretrace.PROGRAM, "subscribe", "--format", "json", endpoint)
        refused = lambda: "its key " in self.said() and "uses no key" in self.said()
        out, said = self.run_when(refused, "--config", self.config(CONFIG), "--set", "security.key=" + self.path("monitor.key"),
                                  "--set", "security.allowed=" + self.path("allowed"), "--publish", endpoint.replace("127.0.0.1", "0.0.0.0"),
                                  EMITTER + " 250 20000 slow=50/30000")
        published = foretrace.alerts_of(out)
        self.assertTrue(published)
        lttng.wait_for("all alerts at the subscriber", lambda: len(self.received("friend")) >= len(published))
        self.assertEqual(self.received("friend"), published)
        self.assertEqual(self.received("stranger"), [])
        self.assertEqual(self.received("keyless"), [])
        self.assertIn("refused a connection from 127.0.0.1: its key ", said)
        self.assertRegex(said, "a connection with .* failed: it .*uses no key")


if __name__ == "__main__":
    foretrace.main()
