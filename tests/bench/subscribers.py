#!/usr/bin/python3
"""Two hundred subscribers of a live run, first among themselves, then with three that do not
read: one that never does, one that asks the replay socket without end, one that is stopped.

    subscribers.py [--subscribers N] [--seconds N]     (200, 30)

Fails when any of the others misses an alert, when their delay doubles, or when the
publisher grows by more than what the queues may hold.
"""
import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import crowds  # noqa: E402
import foretrace  # noqa: E402

GROWTH_KIB = 32 << 10


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    args = parser.parse_args()
    tests = os.path.join(os.path.dirname(foretrace.PROGRAM), "tests")
    results = []
    with tempfile.TemporaryDirectory(prefix="foretrace-bench-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        for stuck in (False, True):
            results.append(crowds.run(folder, os.path.join(tests, "crowd"), os.path.join(tests, "emitter"), args.subscribers, args.seconds, stuck))
            print(crowds.told("stuck" if stuck else "alone", results[-1]), flush=True)
    alone, stuck = results
    wrong = crowds.mistakes(alone) + crowds.mistakes(stuck)
    if stuck["queued"] > stuck["published"] - 100:
        wrong.append("the one that never reads was not stuck: it has %d" % stuck["queued"])
    if stuck["stopped"] != list(range(stuck["stopped"][0], stuck["published"] + 1)):
        wrong.append("the one that was stopped has %d, from %d" % (len(stuck["stopped"]), stuck["stopped"][0]))
    if stuck["crowd"]["p99_ms"] > 2 * alone["crowd"]["p99_ms"] + 20:
        wrong.append("the others were held up")
    growth = stuck["rss_kib"][1] - alone["rss_kib"][1]
    if growth > GROWTH_KIB:
        wrong.append("the publisher grew by %d KiB" % growth)
    print("never read: could have read %d; stopped: has %d; publisher's greatest size by %+d KiB" % (
        stuck["queued"], len(stuck["stopped"]), growth))
    print("\n".join(wrong) if wrong else "everybody else got everything")
    sys.exit(1 if wrong else 0)


main()
