"""Many subscribers of one live run, some of which never read."""
import json
import os
import signal
import subprocess
import time

import foretrace

CONFIG = """
max_series: 1000000
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, labels: id, evidence: [sent_ns], threshold: 1us }
detectors:
  - series: "*"
    ignore: yes
alerts: { max_alerts: 100000 }
sinks:
  - publish: { endpoint: "%s", depth: 100 }
"""


def resident_kib(pid):
    with open("/proc/%d/status" % pid) as file:
        return next((int(line.split()[1]) for line in file if line.startswith("VmRSS:")), 0)     # 0: it has just ended


class Stuck:
    """One that subscribes and never reads, one that asks and never reads, and a subscriber that is stopped for a while."""
    def __init__(self, endpoint, log):
        import msgpack
        import zmq
        self.context = zmq.Context()
        self.sub, self.asker = self.context.socket(zmq.SUB), self.context.socket(zmq.DEALER)
        for socket in (self.sub, self.asker):
            socket.linger = 0
            socket.rcvhwm = 1
        self.sub.subscribe(b"")
        self.sub.connect(endpoint)
        self.asker.connect(endpoint + ".replay")
        self.request = msgpack.packb([1, 11, 0, 1, {"want": "firing"}])
        self.log = open(log, "w+")
        self.stopped = subprocess.Popen([foretrace.PROGRAM, "subscribe", "--format", "json", endpoint], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.PIPE, text=True)

    def ask(self):
        import zmq
        try:
            self.asker.send(self.request, zmq.DONTWAIT)
        except zmq.Again:
            pass

    def queued(self):
        """How many alerts the one that never reads could have read at all."""
        count = 0
        while self.sub.poll(500):
            count += self.sub.recv_multipart()[0] != b"heartbeat"
        return count

    def close(self):
        self.stopped.send_signal(signal.SIGCONT)
        self.stopped.terminate()
        said = self.stopped.communicate(timeout=20)[1]
        self.log.seek(0)
        received = [json.loads(line)["sequence"] for line in self.log]
        self.log.close()
        self.context.destroy(linger=0)
        return received, said


def run(case_dir, crowd, emitter, subscribers, seconds, stuck):
    """One live run: {"published", "crowd": what the crowd program prints, "rss_kib": [after 2 s, greatest], ...}. An alert or two of
    each operation; one subscriber is stopped from the first seventh of them to three quarters."""
    endpoint = "ipc://" + os.path.join(case_dir, "alerts-%d" % stuck)
    config, output = os.path.join(case_dir, "crowd.yaml"), os.path.join(case_dir, "published")
    with open(config, "w") as file:
        file.write(CONFIG % endpoint)
    open(output, "w").close()
    operations, published = int(seconds * 97), 0
    members = subprocess.Popen([crowd, endpoint, str(subscribers), "10"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    others = Stuck(endpoint, os.path.join(case_dir, "stopped")) if stuck else None
    process = subprocess.Popen([foretrace.PROGRAM, "run", "--quiet", "--format", "json", "--output", output, "--config", config, "--live-timer",
                                "20ms", "--", emitter, str(operations), "10300"], stdin=subprocess.DEVNULL)
    begin, sizes, result = time.monotonic(), [], {}
    stopped = resumed = False
    file = open(output, "rb")
    try:
        while process.poll() is None:
            published += file.read().count(b"\n")
            now = time.monotonic() - begin
            if now > 2:
                sizes.append(resident_kib(process.pid))
            if others:
                others.ask()
                if published > operations / 7 and not stopped:
                    others.stopped.send_signal(signal.SIGSTOP)
                    stopped = True
                if published > 0.75 * operations and not resumed:
                    others.stopped.send_signal(signal.SIGCONT)
                    resumed = True
            if now > seconds + 120:
                raise AssertionError("the run does not end")
            time.sleep(0.05)
        result["crowd"] = json.loads(members.communicate(timeout=90)[0])
        result["published"] = published + file.read().count(b"\n")
        result["rss_kib"] = (sizes[0], max(sizes))
        if others:
            result["queued"] = others.queued()
    finally:
        file.close()
        for child in (process, members):
            if child.poll() is None:
                child.kill()
                child.wait()
        if others:
            result["stopped"], result["said"] = others.close()
    return result


def mistakes(result):
    """What is wrong with what the crowd got; empty when everybody got everything, in order."""
    out = []
    for number, m in enumerate(result["crowd"]["subscribers"]):
        if m["missed"] or m["refused"] or m["last"] != result["published"] or m["taken"] != m["last"] - m["first"] + 1:
            out.append("subscriber %d of %d published: %s" % (number, result["published"], m))
    return out


def told(name, result):
    c = result["crowd"]
    return "%-8s %d subscribers, %d alerts; event to subscriber in ms: p50 %.1f, p90 %.1f, p99 %.1f, max %.1f; publisher %d to %d KiB" % (
        name, len(c["subscribers"]), result["published"], c["p50_ms"], c["p90_ms"], c["p99_ms"], c["max_ms"], *result["rss_kib"])
