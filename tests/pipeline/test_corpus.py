#!/usr/bin/python3
"""babeltrace's own CTF traces, odd and broken ones among them: what babeltrace2 reads we read, with the
same counts; what it refuses, or dies of, is refused in words that name the place."""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

CORPUS = os.path.join(foretrace.SHARED, "traces", "ctf-corpus")


def reference(trace):
    """(status, events, discarded events, lost packets) by babeltrace2."""
    done = subprocess.run(["babeltrace2", trace, "-c", "sink.text.details"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, errors="replace", timeout=60)
    total = lambda what: sum(int(n.replace(",", "")) for n in re.findall(r"^.*Discarded %s \(([\d,]+) " % what, done.stdout, re.M))
    return done.returncode, len(re.findall(r"\bEvent `", done.stdout)), total("events"), total("packets")


@foretrace.unittest.skipUnless(os.path.isdir(CORPUS), "the CTF corpus is not beside the repository")
class Corpus(foretrace.Case):
    def check(self, trace, reader):
        status, events, discarded, packets = reference(trace)
        summary = self.path("summary.json")
        done = foretrace.run("replay", "--quiet", "--format", "none", "--publish", "none", "--summary", summary, "--reader", reader, trace, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(done.returncode == 0, status == 0, done.stderr)
        if status != 0:
            self.assertIn(trace, done.stderr)
            return
        ours = foretrace.load(summary)
        self.assertEqual((ours["events"], ours["discarded_events"], ours["lost_packets"]), (events, discarded, packets))
        self.assertNotIn("refused", done.stderr)

    def test_all(self):
        traces = sorted(t for t in glob.glob(os.path.join(CORPUS, "*", "*")) if os.path.isdir(t))
        self.assertGreater(len(traces), 40)
        for trace in traces:
            for reader in ("native", "babeltrace2"):
                if reader == "native" and trace.endswith("meta-ctx-sequence"):
                    continue    # which we read, and babeltrace2 2.0.4 dies of
                with self.subTest(trace=os.path.relpath(trace, CORPUS), reader=reader):
                    self.check(trace, reader)

    def test_the_one_that_kills_the_library(self):
        trace = os.path.join(CORPUS, "succeed", "meta-ctx-sequence")
        done = foretrace.run("replay", "--publish", "none", "--reader", "babeltrace2", trace, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("libbabeltrace2 cannot read %s: the reader was killed by signal 6 (Aborted)" % trace, done.stderr)


if __name__ == "__main__":
    foretrace.main()
