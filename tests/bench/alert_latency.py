#!/usr/bin/python3
"""From the event that ends a slow operation to the exceedance alert in a subscriber's hands.

    alert_latency.py [--seconds N] [--live-timer TIME] [--limit MS]     (30 s, 100ms, 160)

The program puts the time into the event it emits; the subscriber, another process, subtracts.
Every operation is above the threshold and has a series of its own: each is an alert.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402

CONFIG = """
max_series: 1000000
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, labels: id, evidence: [sent_ns], threshold: 1us }
detectors:
  - series: "*"
    ignore: yes
alerts: { max_alerts: 100000 }
"""


def main():
    import msgpack
    import zmq
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--live-timer", default="100ms")
    parser.add_argument("--limit", type=float, default=160)
    args = parser.parse_args()
    emitter = os.environ.get("EMITTER", os.path.join(os.path.dirname(foretrace.PROGRAM), "tests", "emitter"))
    os.makedirs(os.path.join(foretrace.ROOT, "build"), exist_ok=True)
    config = os.path.join(foretrace.ROOT, "build", "bench-latency.yaml")
    with open(config, "w") as file:
        file.write(CONFIG)
    endpoint = "ipc://" + os.path.join(foretrace.ROOT, "build", "bench-alerts-%d" % os.getpid())
    socket = zmq.Context().socket(zmq.SUB)
    socket.connect(endpoint)
    socket.subscribe(b"alert.")
    socket.setsockopt(zmq.RCVTIMEO, 200)
    # About 97 operations a second, so that their phase wanders over the live timer's period.
    process = subprocess.Popen([foretrace.PROGRAM, "run", "--quiet", "--format", "none", "--config", config, "--live-timer", args.live_timer,
                                "--publish", endpoint, "--", emitter, str(int(args.seconds * 97)), "10300"], stdin=subprocess.DEVNULL)
    delays = []
    while True:
        try:
            _, message = socket.recv_multipart()
        except zmq.Again:
            if process.poll() is not None:
                break
            continue
        now = time.time_ns()
        body = msgpack.unpackb(message)[4]
        if body["state"] == "firing" and body["kind"] == "threshold":
            delays.append((now - int(body["evidence"][0]["fields"]["sent_ns"])) / 1e6)
    os.unlink(endpoint[len("ipc://"):] + ".lock")
    delays.sort()
    at = lambda q: delays[min(len(delays) - 1, int(q * len(delays)))]
    print("%d alerts; event to subscriber in ms: p50 %.1f, p90 %.1f, p99 %.1f, max %.1f (live timer %s)" % (
        len(delays), at(0.5), at(0.9), at(0.99), delays[-1], args.live_timer))
    sys.exit(0 if at(0.99) <= args.limit else 1)


main()
