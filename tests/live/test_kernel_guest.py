#!/usr/bin/python3
"""foretrace controls sessions of a real kernel: what the analyses need is enabled and nothing else, the statedump arrives, probes are set,
alerts come. Kernel tracing needs lttng-modules, so all of it runs in a guest (support/guest.py): FORETRACE_GUEST=1. Takes some minutes: the
guest is emulated. FORETRACE_GUEST_KEEP=DIR keeps what it wrote."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import guest  # noqa: E402

LOCKS = os.environ.get("LOCKS", os.path.join(foretrace.ROOT, "build", "dev", "tests", "locks"))
PRESETS = ("kernel", "latency", "io", "sched", "net")

LOCKS_CONFIG = """
window: 200ms
analyses:
  - futex: { threshold: 30ms }
  - probe:
      probes: [ "held=elf:/share/locks:work", "opened=vfs_open", "written=function:vfs_write" ]
      pairs: [ "reading=opened..syscall_exit:openat" ]
"""

# What runs under watch: says what is enabled, then does a little of everything.
LOOK = r"""
s=$(lttng list | sed -n 's/^ *[0-9]*) \([^ ]*-foretrace-[^ ]*\).*/\1/p'); lttng list "$s" >"$1"
for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=/dev/vdb bs=4k count=20 oflag=direct; cat /proc/self/stat; sleep .3; done >/dev/null 2>&1
"""

JOB = r"""
export LD_LIBRARY_PATH=/share/lib
cd /tmp
watch() { # NAME COMMAND...: its trace, summary, alerts and words in /share
  n=$1; shift
  /share/foretrace run --publish none --format json --keep /tmp/$n --summary /share/$n.json --samples /share/$n.csv "$@" >/share/$n.alerts 2>/share/$n.err
  echo $? >/share/$n.status; cp -r /tmp/$n /share/$n.trace; rm -rf /tmp/$n; echo "$n after $SECONDS s"
}
sleep 1
watch locks --config /share/locks.yaml -- /share/locks 3 20 2000
for p in $(cat /share/presets); do watch $p --preset $p -- sh /share/look.sh /share/$p.list; done
watch missing --config /share/locks.yaml --probe "none=there_is_no_such_symbol" -- true
"""


def libraries(program):
    """What it is linked with, but for the C library."""
    out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [path for path in re.findall(r"=> (/\S+)", out) if not re.search(r"/(libc|libm)\.so", path)]


def presets():
    known = foretrace.run("list", "presets").stdout
    return [p for p in PRESETS if re.search(r"^ *%s\b" % p, known, re.M)]


def boot(share):
    os.mkdir(os.path.join(share, "lib"))
    for path in libraries(foretrace.PROGRAM):
        shutil.copy(path, os.path.join(share, "lib"))
    shutil.copy(foretrace.PROGRAM, os.path.join(share, "foretrace"))
    shutil.copy(LOCKS, os.path.join(share, "locks"))
    for name, text in (("look.sh", LOOK), ("locks.yaml", LOCKS_CONFIG), ("presets", " ".join(presets()))):
        with open(os.path.join(share, name), "w") as f:
            f.write(text)
    guest.boot(share, JOB, 800).wait(850)


def enabled(text):
    """{(kind, name)} of `lttng list SESSION`."""
    return {(kind, name) for name, kind in re.findall(r"^ +(\S+) \((?:loglevel: .*\) \()?type: ?(\w+)\) \[enabled\]", text, re.M)}


@guest.needed
class Guest(foretrace.unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import tempfile
        cls.share = os.environ.get("FORETRACE_GUEST_KEEP")
        if not cls.share:
            cls.directory = tempfile.TemporaryDirectory(prefix="foretrace-guest-")
            cls.addClassCleanup(cls.directory.cleanup)
            cls.share = cls.directory.name
        if not os.path.exists(os.path.join(cls.share, "console.log")):
            os.makedirs(cls.share, exist_ok=True)
            boot(cls.share)

    def text(self, name):
        with open(os.path.join(self.share, name)) as f:
            return f.read()

    def trace(self, name):
        return os.path.join(self.share, name + ".trace")

    def events(self, name, pattern):
        done = foretrace.run("events", "--format", "json", "--name", pattern, self.trace(name))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def finished(self, name):
        self.assertEqual(self.text(name + ".status").strip(), "0", self.text(name + ".err"))
        summary = json.loads(self.text(name + ".json"))
        self.assertTrue(summary["complete"])
        self.assertGreater(summary["events"], 0)
        self.assertEqual((summary["outages"], summary["late_events"], summary["dropped_windows"]), (0, 0, 0))
        return summary

    def test_presets(self):
        for preset in presets():
            with self.subTest(preset=preset):
                summary = self.finished(preset)
                self.assertEqual(enabled(self.text(preset + ".list")), guest.preset_events(preset))
                self.assertGreater(summary["series"], 0)
                self.assertNotIn("error", self.text(preset + ".err"))
                # The statedump: from the first event on a reader was there.
                for _, name in sorted(guest.preset_events(preset)):
                    if name.startswith("lttng_statedump_"):
                        self.assertGreater(len(self.events(preset, name)), 0, name)
                dumped = {e["fields"]["tid"] for e in self.events(preset, "lttng_statedump_process_state")}
                if ("tracepoint", "lttng_statedump_process_state") in guest.preset_events(preset):
                    self.assertIn(1, dumped)
                    self.assertGreater(len(dumped), 40)
                switches = self.events(preset, "sched_switch")
                if switches:
                    self.assertLessEqual({"pid", "tid", "procname"}, set(switches[0]["context"]))

    def test_live_is_what_replay_gives(self):
        """Of whole windows, every sample."""
        summary = self.finished("sched")
        work = os.path.join(self.share, "again.csv")
        foretrace.run("replay", "--publish", "none", "--format", "none", "--preset", "sched", "--samples", work, self.trace("sched"))

        def rows(path):
            with open(path) as f:
                return {tuple(line.rsplit(",", 3)[0].split(",", 1)): line.rsplit(",", 3)[1:] for line in f.read().splitlines()[1:]}
        live, again = rows(os.path.join(self.share, "sched.csv")), rows(work)
        self.assertGreater(len(live), 50)
        first, last = summary["first_event_ns"] + 10**9, summary["last_event_ns"] - 10**9
        whole = [key for key in set(live) | set(again) if first <= int(key[0]) <= last]
        self.assertGreater(len(whole), 20)
        self.assertEqual([key for key in whole if live.get(key) != again.get(key)], [])

    def test_locks_and_probes(self):
        self.finished("locks")
        report = json.loads(foretrace.run("report", "--format", "json", "--log", "--analysis", "futex", "--procname", "locks", self.trace("locks")).stdout)
        waits = next(o for o in report["observables"] if o["observed"] == "wait")["log"]
        self.assertEqual([x["outcome"] for x in waits].count("timeout"), 3)
        for x in waits:
            if x["outcome"] == "timeout":
                self.assertGreaterEqual(x["value"], 19_000_000)
        contended = [x for x in waits if x["outcome"] == "woken" and x["waker"] == "locks"]
        self.assertGreater(len(contended), 10)
        self.assertGreater(len({x["tid"] for x in contended}), 1)
        # Probes: of the program, of an instruction, of a function with its end; 3 threads of 20 rounds.
        self.assertEqual(len([e for e in self.events("locks", "held") if e["context"]["procname"] == "locks"]), 60)
        self.assertGreater(len(self.events("locks", "opened")), 0)
        entries, ends = self.events("locks", "written_entry"), self.events("locks", "written_exit") + self.events("locks", "written_return")
        self.assertGreater(len(entries), 10)
        self.assertLessEqual(abs(len(entries) - len(ends)), 16)     # as many as threads write at the edges
        series = {line.split(",", 1)[1] for line in self.text("locks.csv").splitlines()[1:]}
        for name in ("probe.hits.count{probe=held}", "probe.duration.p50{pair=written}", "probe.duration.p50{pair=reading}", "futex.wait.p50{procname=locks}"):
            self.assertTrue([s for s in series if s.startswith(name)], name)

    def test_alerts(self):
        """A wait of 20 rounds and three threads is longer than 30 ms sooner or later: an exceedance, at once."""
        alerts = [json.loads(line) for line in self.text("locks.alerts").splitlines()]
        waits = [a for a in alerts if a["analysis"] == "futex" and a["metric"] == "wait" and a["state"] == "firing"]
        self.assertTrue(waits, alerts)
        self.assertIn("evidence", json.dumps(waits[0]))

    def test_no_such_symbol(self):
        self.assertNotEqual(self.text("missing.status").strip(), "0")
        self.assertIn("none=there_is_no_such_symbol", self.text("missing.err"))
        self.assertIn("cannot set the probe", self.text("missing.err"))


if __name__ == "__main__":
    foretrace.main()
