#!/usr/bin/python3
"""What reading live bursts costs: two producers with 5 million events a second between them, for half of each second.

    live_burst.py [--readers native,babeltrace2] [--bursts 8] [--events 1250000] [--runs 1] [--least 8] [--json FILE]

--events is a producer's, of one burst: 20 million events in all. Readers take turns, each with a session of its own, which it
attaches to before the first event, and with two configurations: one rate of all events, and one latency that pairs them. The
buffers are large enough that nothing is discarded.

For each it prints how many events lttng-relayd stored (M: million), the rate within bursts, the CPU per event of foretrace with its
children and of its children alone (with babeltrace2: the reader), both in ns, the CPU per event of lttng-consumerd and lttng-relayd,
and how long after the last burst everything was read and the session's end seen. With --runs each line is the run with the least CPU. The exit status says
whether every emitted event was stored and delivered, and whether native is --least times cheaper than babeltrace2.
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

PRODUCERS, EVENTS_PER_S = 2, 5000000
CHANNEL = ("--subbuf-size=8M", "--num-subbuf=16")
ANALYSES = {
    "rate": 'analyses:\n  - rate: { name: op, events: "emitter:*" }\n',
    "latency": 'analyses:\n  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, evidence: [] }\n',
}


def produce(args):
    """(events, seconds of the longest producer's bursts)."""
    command = [benches.beside("burst"), str(args.bursts), str(args.events), str(EVENTS_PER_S // PRODUCERS)]
    producers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PRODUCERS)]
    told = [p.communicate(timeout=60 + 10 * args.bursts)[0].split() for p in producers]
    return sum(int(events) for events, _ in told), max(float(seconds) for _, seconds in told)


def measure(args, sessiond, directory, reader, analysis):
    """One session, read by one reader."""
    config, output = os.path.join(directory, "config.yaml"), os.path.join(directory, "relayd")
    with open(config, "w") as f:
        f.write(ANALYSES[analysis])
    relayd, watcher = lttng.Relayd(output), None
    try:
        lttng.live_session(relayd, "burst", channel=CHANNEL, contexts=())
        # By a pattern: then a session that ends is no outage.
        watcher = benches.Watcher(directory, reader, "%s/host/*/burst" % relayd.url, "--config", config)
        watcher.wait_attached(relayd)
        others = [benches.consumerds(sessiond), [relayd.pid]]
        before = [foretrace.cpu_seconds(pids) for pids in others]
        emitted, busy_s = produce(args)
        end = time.monotonic()
        lttng.lttng("destroy", "burst", timeout=300)
        watcher.wait("the session's end", lambda: "has ended" in watcher.said(), timeout=600)
        behind_s = time.monotonic() - end
        consumerd_s, relayd_s = (foretrace.cpu_seconds(pids) - b for pids, b in zip(others, before))
        own_s, children_s, summary = watcher.stop()
    finally:
        if watcher:
            watcher.kill()
        relayd.stop()
    stored = int(foretrace.run("events", "--count", output, timeout=600).stdout)
    return {"analysis": analysis, "reader": reader, "emitted": emitted, "stored": stored, "delivered": summary["events"],
            "discarded": summary["discarded_events"], "lost_packets": summary["lost_packets"], "events_per_s": emitted / busy_s,
            "all_ns": (own_s + children_s) / stored * 1e9, "children_ns": children_s / stored * 1e9, "behind_s": behind_s,
            "consumerd_ns": consumerd_s / stored * 1e9, "relayd_ns": relayd_s / stored * 1e9}


def main():
    parser = benches.arguments(__doc__)
    parser.add_argument("--bursts", type=int, default=8)
    parser.add_argument("--events", type=int, default=1250000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--least", type=float, default=8)
    args = parser.parse_args()
    runs = []
    sessiond = lttng.Sessiond()
    try:
        for _ in range(args.runs):
            for analysis in ANALYSES:
                for reader in args.readers:
                    with tempfile.TemporaryDirectory(dir=benches.scratch()) as directory:
                        runs.append(measure(args, sessiond, directory, reader, analysis))
    finally:
        sessiond.stop()
    table = benches.Table(("analysis", "%s"), ("reader     ", "%s"), ("stored M", "%.3f"), ("M events/s", "%.2f"), ("ns an event", "%.1f"),
                          ("of children", "%.1f"), ("consumerd ns", "%.1f"), ("relayd ns", "%.1f"), ("behind s", "%.1f"))
    best = {}
    for analysis in ANALYSES:
        for reader in args.readers:
            r = best[analysis, reader] = min((r for r in runs if (r["analysis"], r["reader"]) == (analysis, reader)), key=lambda r: r["all_ns"])
            table.add(analysis, reader, r["stored"] / 1e6, r["events_per_s"] / 1e6, r["all_ns"], r["children_ns"], r["consumerd_ns"],
                      r["relayd_ns"], r["behind_s"], **{k: r[k] for k in ("emitted", "delivered", "discarded", "lost_packets")})
    print()
    for r in runs:
        what = "%s, %s: %d events emitted, %d stored, %d delivered, %d discarded, %d packets lost" % (
            r["analysis"], r["reader"], r["emitted"], r["stored"], r["delivered"], r["discarded"], r["lost_packets"])
        table.ask(r["emitted"] == r["stored"] == r["delivered"] and r["discarded"] == r["lost_packets"] == 0, what)
    if len(args.readers) == 2:
        for analysis in ANALYSES:
            times = best[analysis, "babeltrace2"]["all_ns"] / best[analysis, "native"]["all_ns"]
            table.ask(times >= args.least, "%s: native is %.1f times cheaper, at least %g asked for" % (analysis, times, args.least))
    sys.exit(table.finish(args.json))


main()
