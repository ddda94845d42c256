#!/usr/bin/python3
"""What those who do not belong there cost a collector that does: from sending a window to `foretrace detect`
until the verdict of it is heard, with intruders and without, in turns.

    intruders.py [--seconds N] [--rate MB_PER_S]       (15, 100)
"""
import argparse
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import foretrace  # noqa: E402
import links  # noqa: E402
import lttng  # noqa: E402
import stages  # noqa: E402

KINDS = {"raw": "noise over tcp", "brief": "connections with a little", "large": "ZeroMQ, noise of 1 MB", "small": "ZeroMQ, noise of 100 bytes", "strange": "never said hello"}
PORT = lttng.free_port()


def turn(collector, verdicts, seconds):
    since = time.time_ns()
    collector.windows(int(seconds * 1e9 / collector.WINDOW_NS))
    time.sleep(1)
    return collector.lags_ms(verdicts, since)


def line(what, lags, cpu, memory):
    print("%-58s p50 %6.2f, p99 %6.2f, max %7.2f ms; detect: %5.1f %% of a core, %.1f MB" % (
        what, lags[len(lags) // 2], lags[len(lags) * 99 // 100], lags[-1], 100 * cpu, memory / 1e6), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rate", type=float, default=100)
    args = parser.parse_args()
    case = stages.Case()
    case.setUp()
    endpoint, verdicts = "tcp://127.0.0.1:%d" % PORT, links.Verdicts("ipc://" + case.path("verdicts"))
    try:
        config = case.delivery(samples=endpoint, verdicts="ipc://" + case.path("verdicts"))
        detect = case.stage("detect", "-c", config, "--summary", case.path("summary.json")).start().listening()
        collector = links.Collector(endpoint)
        for kind in (None, *KINDS, None):
            intruder = kind and subprocess.Popen([sys.executable, os.path.join(HERE, "..", "support", "intruders.py"), kind, "127.0.0.1",
                                                  str(PORT), str(args.rate)], stdout=subprocess.PIPE, text=True)
            before, began = foretrace.cpu_seconds([detect.process.pid]), time.monotonic()
            lags = turn(collector, verdicts, args.seconds)
            cpu = (foretrace.cpu_seconds([detect.process.pid]) - before) / (time.monotonic() - began)
            rate = "nobody"
            if intruder:
                intruder.terminate()
                rate = "%s: %s" % (KINDS[kind], intruder.communicate()[0].strip())
            line(rate, lags, cpu, foretrace.memory_bytes(detect.process.pid))
        detect.kill(signal.SIGTERM)
        print(", ".join("%s %d" % (k, v) for k, v in foretrace.load(case.path("summary.json")).items() if k.startswith(("refused", "strange"))))
    finally:
        verdicts.stop()
        case.tearDown()


main()
