#!/usr/bin/python3
"""From the event that ends a slow operation to the exceedance alert in a subscriber's hands, with each reader and live timer.

    alert_latency.py [--readers native,babeltrace2] [--live-timers 100ms,10ms,1ms] [--seconds 60] [--json FILE]

The program puts the time into the event it emits; the subscriber, another process, subtracts. Every operation (97 a second,
two events each) is above the threshold and has a series of its own: each is an alert. For each reader and live timer it prints
how many alerts came and p50, p90, p99 and the maximum in ms. The exit status says whether all of them came, and whether the
native reader's p99 is within its limit: 105 ms at 100ms, 15 ms at 10ms, 7 ms at 1ms.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import benches  # noqa: E402
import foretrace  # noqa: E402

LIMITS_MS = {100000: 105, 10000: 15, 1000: 7}     # of the native reader's p99, by live timer in us
CONFIG = """
max_series: 1000000
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, labels: id, evidence: [sent_ns], threshold: 1ns }
detectors:
  - series: "*"
    ignore: yes
alerts: { max_alerts: 100000 }
"""


def delays_ms(reader, timer, operations, config):
    """Of all alerts of one run, in order of size."""
    import msgpack
    import zmq
    endpoint = "ipc://" + os.path.join(os.path.dirname(config), "alerts-%s-%s" % (reader, timer))
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVTIMEO, 200)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.subscribe(b"alert.")
    socket.connect(endpoint)
    # About 97 operations a second, so that their phase wanders over the live timer's period; the subscriber is there before the first.
    program = 'sleep 1; exec "$0" "$@"'
    process = subprocess.Popen([foretrace.PROGRAM, "run", "--quiet", "--set", "reader=" + reader, "--format", "none", "--config", config,
                                "--live-timer", timer, "--publish", endpoint, "--", "sh", "-c", program,
                                os.environ.get("EMITTER", benches.beside("emitter")), str(operations), "10300"], stdin=subprocess.DEVNULL)
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
    socket.close(linger=0)
    if process.returncode != 0 or not delays:
        sys.exit("foretrace with the reader %s: status %d, %d alerts" % (reader, process.returncode, len(delays)))
    return sorted(delays)


def at(delays, q):
    return delays[min(len(delays) - 1, int(q * len(delays)))]


def bench(args, config):
    """Every live timer with each reader in turn; the exit status."""
    operations = int(args.seconds * 97)
    table = benches.Table(("live timer", "%s"), ("reader     ", "%s"), ("alerts", "%d"), ("p50 ms", "%.1f"), ("p90 ms", "%.1f"), ("p99 ms", "%.1f"),
                          ("max ms", "%.1f"))
    p99 = {}
    for timer, timer_us in args.live_timers:
        for reader in args.readers:
            delays = delays_ms(reader, timer, operations, config)
            p99[timer_us, reader] = at(delays, 0.99)
            table.add(timer, reader, len(delays), at(delays, 0.5), at(delays, 0.9), at(delays, 0.99), delays[-1], operations=operations)
            if len(delays) != operations:
                table.ask(False, "%d operations, %d alerts" % (operations, len(delays)))
    print()
    for timer, timer_us in args.live_timers:
        if len(args.readers) == 2:
            print("live timer %s: p99 of babeltrace2 is %.2f times native's" % (timer, p99[timer_us, "babeltrace2"] / p99[timer_us, "native"]))
        if "native" in args.readers and timer_us in LIMITS_MS:
            value, limit = p99[timer_us, "native"], LIMITS_MS[timer_us]
            table.ask(value <= limit, "live timer %s: p99 of native is %.1f ms, at most %g asked for" % (timer, value, limit))
    return table.finish(args.json)


def main():
    parser = benches.arguments(__doc__)
    parser.add_argument("--live-timers", type=benches.timers, default="100ms,10ms,1ms")
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=benches.scratch()) as directory:
        config = os.path.join(directory, "config.yaml")
        with open(config, "w") as file:
            file.write(CONFIG)
        status = bench(args, config)
    sys.exit(status)


main()
