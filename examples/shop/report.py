#!/usr/bin/python3
"""The demonstration's table: which alert caught which fault, and after how long.

    report.py MARKS RECEIVED SUMMARY

MARKS are the service's own words on when a fault began, RECEIVED is what a
subscriber got and when. Exits non-zero when a fault was missed, when one was found
too late, or when there was an alert before the first.
"""
import json
import sys

WINDOW, TIMEOUT, LIVE_TIMER = 0.5, 2.0, 0.1     # seconds, as in demo.yaml

# What must catch a fault: kind of alert, operation, and how soon (None: before the next one begins).
EXPECTED = {
    "step": ({"anomaly", "change"}, "search", 3 * WINDOW + LIVE_TIMER + 0.1),
    "stuck": ({"timeout"}, "payment", TIMEOUT + LIVE_TIMER + 0.1),
    "drop": ({"anomaly", "change", "silence"}, "checkout", None),
    "drift": ({"anomaly", "change"}, "payment", None),
}


def main():
    marks = [line.rstrip("\n").split("\t") for line in open(sys.argv[1])]
    alerts = [json.loads(line) for line in open(sys.argv[2])]
    summary = json.load(open(sys.argv[3]))
    marks = sorted((int(ns), name, what) for name, ns, what in marks)
    firing, seen = [], set()
    for a in alerts:
        if a["state"] == "firing" and a["id"] not in seen:
            seen.add(a["id"])
            firing.append(a)

    bad = 0
    start = summary["first_event_ns"]
    missing = set(EXPECTED) - {name for _, name, _ in marks}
    if start is None or missing:
        sys.exit("the service did not say when it fell ill: %s" % ", ".join(sorted(missing)) if missing else "nothing was traced")
    ends = dict(zip((name for _, name, _ in marks), [ns for ns, _, _ in marks[1:]] + [None]))
    print("\n%-6s %-33s %8s  %-52s %s" % ("fault", "what", "began", "caught by", "after"))
    for ns, name, what in marks:
        kinds, operation, limit = EXPECTED[name]
        found = [a for a in firing if a["kind"] in kinds and a["labels"].get("op") == operation and a["received_ns"] >= ns]
        if not found:
            print("%-6s %-33s %6.1f s  MISSED" % (name, what, (ns - start) / 1e9))
            bad += 1
            continue
        first = found[0]
        after = (first["received_ns"] - ns) / 1e9
        late = after > limit if limit is not None else ends[name] is not None and first["received_ns"] > ends[name]
        bad += late
        print("%-6s %-33s %6.1f s  %-52s %.2f s%s" % (name, what, (ns - start) / 1e9, "%s %s (%s)" % (
            first["severity"], first["kind"], first["series"]), after, "  TOO LATE" if late else ""))
    early = [a for a in firing if a["received_ns"] < marks[0][0]]
    print("\nalerts in the healthy stretch of %.0f s: %d" % ((marks[0][0] - start) / 1e9, len(early)))
    for a in early:
        print("  %s" % a["summary"])
    print("alerts in all: %d, of %d events in %d windows" % (len(firing), summary["events"], summary["windows"]))
    sys.exit(1 if bad or early else 0)


if __name__ == "__main__":
    main()
