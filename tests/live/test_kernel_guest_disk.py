#!/usr/bin/python3
"""A live kernel session of another machine, a guest (support/guest.py, FORETRACE_GUEST=1), streamed to an lttng-relayd here and watched
from here, while the guest's disk becomes slow and recovers: it alerts while it is slow and not before, and what was seen live is what a
replay of what lttng-relayd stored gives. Takes two minutes. FORETRACE_GUEST_KEEP=DIR keeps what it wrote."""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import guest  # noqa: E402
import lttng  # noqa: E402

if guest.WANTED:
    lttng.isolate()     # an lttng-relayd of its own beside the machine's
import foretrace  # noqa: E402
import live  # noqa: E402

WINDOW_NS = 500_000_000
HEALTHY, SLOW, RECOVERED = 30, 12, 8      # seconds

# 4 readers of 25 requests a second at most; then 20 a second for all of them, which is 200 ms each.
JOB = r"""
qmp() { echo "$1" >&5; read -t 5 -r r <&5; echo "qmp: $r"; }
throttle() { qmp '{"execute":"block_set_io_throttle","arguments":{"device":"scratch","bps":0,"bps_rd":0,"bps_wr":0,"iops":'$1',"iops_rd":0,"iops_wr":0}}'; }
mark() { echo "$1" >/proc/lttng-logger; echo "$1" >/share/$1; }
exec 5<>"$QMP"; read -r _ <&5; qmp '{"execute":"qmp_capabilities"}'
lttng-sessiond -d; until lttng -q list >/dev/null 2>&1; do sleep .2; done
mke2fs -q -F /dev/vdb; mkdir -p /mnt/d; mount /dev/vdb /mnt/d
fio --name=lay --filename=/mnt/d/f --size=64M --rw=write --bs=1M --end_fsync=1 >/dev/null; sync
lttng create live --live=200000 -C tcp4://10.0.2.2:%(control)d -D tcp4://10.0.2.2:%(data)d
lttng -q enable-channel -k -s live --subbuf-size=512K --num-subbuf=8 chan
lttng -q enable-event -k -s live -c chan %(tracepoints)s,lttng_logger
lttng -q enable-event -k -s live -c chan --syscall %(syscalls)s
lttng -q add-context -k -s live -c chan -t pid -t tid -t procname
lttng start live
fio --name=load --filename=/mnt/d/f --size=64M --bs=4k --ioengine=psync --time_based --runtime=%(all)d --thread=1 --rw=randread --direct=1 --numjobs=4 \
  --rate_iops=25 >/dev/null & load=$!
sleep %(healthy)d; mark slow; throttle 20
sleep %(slow)d; throttle 0; mark healthy
wait $load; sleep 1
lttng stop live; lttng destroy live
"""


def names(kind):
    return ",".join(sorted(name for k, name in guest.preset_events("io") if k == kind))


@guest.needed
class Disk(foretrace.Case):
    def setUp(self):
        super().setUp()
        keep = os.environ.get("FORETRACE_GUEST_KEEP")
        if keep:
            self.dir = keep
            os.makedirs(keep, exist_ok=True)
        self.share = self.path("share")
        os.makedirs(self.share, exist_ok=True)
        self.relayd = self.keep(lttng.Relayd(self.path("relayd")))

    def about_the_disk(self, alerts):
        return [a for a in alerts if a["analysis"] == "block" and a["labels"].get("disk") == "vdb"]

    def settings(self):
        return ("--config", self.config("window: 500ms\n"), "--preset", "io")

    def watch(self):
        """(summary, samples, alerts) of the live session, and what there was of the alert when the disk was still slow."""
        job = JOB % {"control": self.relayd.ports[0], "data": self.relayd.ports[1], "tracepoints": names("tracepoint"), "syscalls": names("syscall"),
                     "healthy": HEALTHY, "slow": SLOW, "all": HEALTHY + SLOW + RECOVERED}
        monitor = live.Monitor(self, "--attach", "%s/host/lttng-guest/live" % self.relayd.url, *self.settings())
        self.keep(monitor.process)
        machine = guest.boot(self.share, job, 240)
        self.addCleanup(machine.wait)
        self.addCleanup(machine.terminate)
        lttng.wait_for("an alert about the disk", lambda: self.about_the_disk(monitor.alerts()) or machine.poll() is not None, 200)
        in_time = not os.path.exists(os.path.join(self.share, "healthy"))
        machine.wait(200)
        monitor.wait_said("the session has ended", 60)
        return (*monitor.stop(), monitor.alerts(), in_time)

    def marks(self, stored):
        done = foretrace.run("events", "--format", "json", "--name", "lttng_logger", stored)
        return {e["fields"]["msg"].strip(): e["t"] for e in map(json.loads, done.stdout.splitlines())}

    def test_a_slow_disk(self):
        summary, samples, alerts, in_time = self.watch()
        stored, = glob.glob(self.path("relayd/lttng-guest/live-*"))
        # One outage: the session's end.
        self.assertEqual((summary["outages"], summary["late_events"], summary["dropped_windows"], summary["discarded_events"]), (1, 0, 0, 0))
        self.assertTrue(all(a["window_end_ns"] > summary["last_event_ns"] for a in alerts if a["kind"] == "outage"))
        self.same_as_replay(summary, samples, stored)
        self.alerts_while_slow(alerts, in_time, self.marks(stored))

    def same_as_replay(self, summary, samples, stored):
        """Of whole windows, every sample."""
        alerts, again, replayed, _ = self.replay(*self.settings(), stored)
        self.assertGreater(replayed["events"], 10000)
        self.assertEqual(summary["last_event_ns"], replayed["last_event_ns"])

        def whole(rows):
            return {(t, series): (value, count, quality) for t, series, value, count, quality in rows
                    if summary["first_event_ns"] + WINDOW_NS < t <= summary["last_event_ns"] and "partial" not in quality}
        live_rows, again_rows = whole(samples), whole(again)
        self.assertGreater(len({t for t, _ in live_rows}), 2 * (HEALTHY + SLOW))
        self.assertEqual(len(live_rows), len(again_rows))
        self.assertEqual([(key, live_rows[key], again_rows.get(key)) for key in sorted(live_rows) if live_rows[key] != again_rows.get(key)][:5], [])
        self.assertTrue(self.about_the_disk(alerts))

    def alerts_while_slow(self, alerts, in_time, marks):
        disk = self.about_the_disk(alerts)
        self.assertTrue(disk)
        self.assertTrue(in_time, "it was told when the disk was healthy again")
        first = disk[0]
        self.assertGreater(first["detected_ns"], marks["slow"])
        self.assertLess(first["detected_ns"], marks["healthy"])
        self.assertEqual(first["state"], "firing")
        latency = [a for a in disk if a["metric"] == "latency"]
        self.assertTrue(latency, disk)
        self.assertGreater(latency[0]["value"], 50e6)
        self.assertTrue(all(e["fields"]["disk"] == "vdb" for e in latency[0]["evidence"]))
        # How soon it is over depends on how noisy the emulated disk was before; it is not while the disk is slow.
        over = [a["resolved_ns"] for a in disk if a["state"] == "resolved" and a["id"] == first["id"]]
        self.assertEqual([t for t in over if t < marks["healthy"]], [])


if __name__ == "__main__":
    foretrace.main()
