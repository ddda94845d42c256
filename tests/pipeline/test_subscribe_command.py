#!/usr/bin/python3
"""What `foretrace subscribe` prints and says, of a publisher that does what the test wants."""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402


def message(sequence, **fields):
    import msgpack
    body = {"sequence": sequence, "state": "firing", "kind": "anomaly", "severity": "warning", "analysis": "request", "summary": "number %d" % sequence}
    return msgpack.packb([1, 9, 5, sequence, {**body, **fields}])


class Publisher:
    """Alert 1 is firing; of others the replay socket has those in `kept`."""
    def __init__(self, endpoint, kept):
        import zmq
        self.context = zmq.Context()
        self.pub, self.router, self.kept, self.newest = self.context.socket(zmq.XPUB), self.context.socket(zmq.ROUTER), kept, 1
        self.over = threading.Event()
        self.pub.bind(endpoint)
        self.router.bind(endpoint + ".replay")
        self.thread = threading.Thread(target=self.answer)
        self.thread.start()

    def answer(self):
        import msgpack
        while not self.over.is_set():
            if not self.router.poll(20):
                continue
            who, request = self.router.recv_multipart()
            _, _, _, number, want = msgpack.unpackb(request)
            sent = [1] if want["want"] == "firing" else [n for n in self.kept if want["first"] <= n <= want["last"]]
            for n in sent:
                self.router.send_multipart([who, message(n)])
            self.router.send_multipart([who, msgpack.packb([1, 6, 5, self.newest, {"request": number, "newest": self.newest}])])

    def wait_subscriber(self):
        assert self.pub.poll(60000), "nobody subscribes"
        self.pub.recv()

    def beat(self):
        import msgpack
        self.pub.send_multipart([b"heartbeat", msgpack.packb([1, 1, 5, self.newest, None])])

    def alert(self, sequence, **fields):
        self.newest = sequence
        self.pub.send_multipart([b"alert", message(sequence, **fields)])

    def close(self):
        self.over.set()
        self.thread.join()
        self.context.destroy(linger=0)


class Subscribe(foretrace.Case):
    def start(self, *options, kept=()):
        self.endpoint = "ipc://" + self.path("alerts")
        publisher = Publisher(self.endpoint, kept)
        self.addCleanup(publisher.close)
        self.out, self.err = open(self.path("out"), "w+"), open(self.path("err"), "w+")
        self.addCleanup(self.out.close)
        self.addCleanup(self.err.close)
        process = subprocess.Popen([foretrace.PROGRAM, "subscribe", *options, self.endpoint], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)
        return publisher, process

    def wait_for(self, file, text, publisher=None, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if publisher:
                publisher.beat()
            with open(self.path(file)) as f:
                got = f.read()
            if text in got:
                return got
            time.sleep(0.05)
        self.fail("waited in vain for %r in %r" % (text, got))

    def test_what_it_says(self):
        publisher, _ = self.start(kept=(3, 6))
        publisher.wait_subscriber()
        self.wait_for("out", "number 1", publisher)
        publisher.beat()
        publisher.alert(2)
        publisher.alert(4)
        self.wait_for("out", "number 4")
        self.wait_for("err", "1 alerts had been missed, and were recovered")
        publisher.alert(7)
        out = self.wait_for("out", "number 7")
        self.assertEqual([line.split("number ")[1][0] for line in out.splitlines() if "number" in line], ["1", "2", "3", "4", "6", "7"])
        self.assertIn("warning: 1 alerts were missed", self.wait_for("err", "were missed"))
        publisher.pub.send_multipart([b"alert", b"nonsense"])
        self.wait_for("err", "1 messages were malformed")
        publisher.alert(8, severity="fatal", kind="leak")   # words of a later version
        self.wait_for("out", "fatal firing leak: number 8")
        self.assertRegex(self.wait_for("err", "has not been heard for"), "has not been heard for [3-9] s")
        self.wait_for("err", "the publisher is back", publisher)

    def test_filters(self):
        publisher, process = self.start("--format", "json", "--severity", "critical", "--analysis", "di*", "--no-firing", "--count", "2", kept=(3,))
        publisher.wait_subscriber()
        for _ in range(20):
            publisher.beat()
            time.sleep(0.05)
        publisher.alert(2, severity="critical")
        publisher.alert(4, severity="warning", analysis="disk")
        publisher.alert(5, severity="critical", analysis="disk")
        publisher.alert(6, severity="critical", analysis="dish")
        self.assertEqual(process.wait(60), 0)
        with open(self.path("out")) as file:
            self.assertEqual([json.loads(line)["sequence"] for line in file], [5, 6])

    def test_what_it_refuses(self):
        for options, why in ((["--severity", "bad"], "--severity bad: expected warning or critical"), (["--key", "x"], "belong together"),
                             (["--replay", "x"], "--replay"), (["--key", "/nowhere", "--server-key", "/nowhere"], "/nowhere: No such file"),
                             (["x"], "'x' is no endpoint"), (["--count", "-1"], "whole numbers")):
            done = foretrace.run("subscribe", *options, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    foretrace.main()
