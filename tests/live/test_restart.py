#!/usr/bin/python3
"""A collector that is killed goes on where it was: nothing twice, nothing missing that lttng-relayd still has, nothing silent.

KILLS=100 kills as often (SEED: at the same instants again)."""
import os
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lttng  # noqa: E402

lttng.isolate()
import foretrace  # noqa: E402
import links  # noqa: E402
import stages  # noqa: E402

KILLS = int(os.environ.get("KILLS", "8"))
LOSSY, PARTIAL = 1, 2
LOST_EVENTS, LOST_PACKETS, OUTAGE, PARTIAL_OUTAGE = 1, 2, 3, 5

CONFIG = """
window: 100ms
analyses:
  - latency: { name: op, in: "emitter:op_begin", out: "emitter:op_end", key: id, threshold: 15ms }
  - latency: { name: each, in: "emitter:op_begin", out: "emitter:op_end", key: id, labels: vpid }
  - rate: { name: all, events: "emitter:*" }
detectors:
  - series: "op.duration.p99"
    threshold: { warning: 1ns }
  - series: "*"
    ignore: yes
alerts: { cool_down: 0s }
"""


class Restart(stages.Case):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("SEED", "0")) or int(time.time())
        print("%s: seed %d" % (self.id().split(".")[-1], seed), flush=True)
        self.random = random.Random(seed)
        self.keep(lttng.Sessiond())
        self.relayd = self.keep(lttng.Relayd(self.path("relayd")))

    def session(self, name="work", channel=("--subbuf-size=1M", "--num-subbuf=16")):
        lttng.live_session(self.relayd, name, timer_us=200000, contexts=("vpid",), channel=channel)
        return self.relayd.session_url(name)

    def emit(self, *words, programs=2, period_us=8000):
        """A little over 200,000 events a second, unless said otherwise."""
        self.programs = [self.keep(lttng.Daemon(foretrace.EMITTER, "100000000", str(period_us), *(words or ("batch=500", "slow=20001/30000")))) for _ in range(programs)]

    def recorder(self, lag=lambda: 0):
        self.endpoint = "ipc://" + self.path("samples")
        windows = links.Windows(self.endpoint, lag)
        self.addCleanup(windows.stop)
        return windows

    def collector(self, url, config=CONFIG, **delivery):
        self.settings = self.delivery(config, **{"silent_after": "1m", "samples": self.endpoint, **delivery})
        return self.stage("collect", "-c", self.settings, "--attach", url)

    def reference(self, path):
        """What an undisturbed collector makes of a recorded trace: {end: (quality, samples)}, and the losses it tells."""
        endpoint = "ipc://" + self.path("reference-%s" % os.path.basename(path))
        windows = links.Windows(endpoint)
        with open(self.settings) as f:
            config = self.path("reference.yaml")
            text = f.read().replace("samples: " + self.endpoint, "samples: " + endpoint)
        with open(config, "w") as f:
            f.write(text)
        foretrace.run("collect", "-c", config, "--replay", path, timeout=600)
        windows.stop()
        return windows

    def wait_current(self, windows, timeout=120):
        """Until a window comes that ended after now; how long that took, in s."""
        now_ns = time.time_ns()
        lttng.wait_for("a window of now", lambda: windows.windows and windows.windows[-1][0] > now_ns, timeout)
        return (time.time_ns() - now_ns) / 1e9

    def end_session(self, windows, name="work"):
        """Everything that was traced has been handed on."""
        for program in self.programs:
            program.finish()
        lttng.lttng("stop", name)
        stopped = time.time_ns()
        lttng.wait_for("the last windows", lambda: windows.windows and windows.windows[-1][0] > stopped, 120)

    def compare(self, windows, reference, since=0):
        """Every window that was made whole equals the reference's: (so many, so many of them sent again, [those that are marked])."""
        self.assertEqual({s for s, _ in windows.made}, {s for s, _ in reference.made})
        expected = {end: copies[0] for (_, end), copies in reference.made.items()}
        first, last = min(expected), max(expected)      # the trace begins and ends in the middle of these
        marked, equal, again = [], 0, 0
        for (_, end), copies in sorted(windows.made.items()):
            again += len(copies) - 1
            for life, quality, samples in copies[1:]:
                self.assertEqual((quality, self.differences(samples, copies[0][2])), (copies[0][1], []), "window %d of life %d, and of life %d" % (end, life, copies[0][0]))
            if copies[0][1]:
                marked.append((end, copies[0][1]))
            elif end <= since:
                continue
            elif end > last:
                self.assertEqual({count for count, _, _ in copies[0][2].values()} | {0}, {0}, "window %d, after the last event" % end)
            elif end not in (first, last):
                self.assertEqual(self.differences(copies[0][2], expected[end][2]), [], "window %d" % end)
                equal += 1
        return equal, again, marked

    @staticmethod
    def differences(a, b):
        return [(name, a.get(name), b.get(name)) for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name) and not name.startswith("foretrace.")]

    def missing(self, windows, period_ns=100_000_000, until=None):
        """Windows between the first and the last that never came."""
        ends = sorted(end for _, end in windows.made)
        return [end for end in range(ends[0], min(ends[-1], until or ends[-1]), period_ns) if end not in set(ends)]

    def kill_at_random(self, collect, windows):
        """Half of the times before it has caught up. Returns the times from a start to being current, in s."""
        caught_up = []
        for _ in range(KILLS):
            if self.random.random() < 0.5:
                caught_up.append(self.wait_current(windows))
            time.sleep(self.random.random() * 0.4)
            collect.kill()
            time.sleep(self.random.choice((0, 0, 0.1, 1.0)))
            collect.start()
        caught_up.append(self.wait_current(windows))
        return sorted(caught_up)


class Kills(Restart):
    def test_samples_as_of_an_undisturbed_run(self):
        self.as_undisturbed(CONFIG)

    def test_of_what_is_old_only_the_index_is_read(self):
        self.as_undisturbed(CONFIG + "look_back: 500ms\n")

    def as_undisturbed(self, config):
        windows = self.recorder(lambda: self.random.choice((0, 1, 3, 8, 20)))
        collect = self.collector(self.session(), config)
        self.emit()
        time.sleep(1)
        collect.start()
        self.wait_current(windows)
        caught_up = self.kill_at_random(collect, windows)
        self.end_session(windows)
        reference = self.reference(self.relayd.output)
        equal, again, marked = self.compare(windows, reference)
        made = {end: copies[0] for (_, end), copies in reference.made.items()}
        events = sum(samples[0] for copies in reference.made.values() for name, samples in copies[0][2].items() if name.startswith("all."))
        print("%d kills, %d events: %d windows equal, %d of them sent again, marked %s, missing %d; from start to current %.2f s (median), %.2f s (longest)" % (
            KILLS, events, equal, again, marked, len(self.missing(windows)), caught_up[len(caught_up) // 2], caught_up[-1]), flush=True)
        wrong = {end: self.differences(copies[0][2], made[end][2]) for (_, end), copies in windows.made.items() if copies[0][1] and end in made}
        told = [windows.losses, reference.losses, [end for end, copy in made.items() if copy[1] & LOSSY], wrong]
        self.assertEqual((self.missing(windows), marked, told), ([], [], [[], [], [], {}]))

    def test_two_sessions_of_one_collector(self):
        windows = self.recorder(lambda: self.random.choice((0, 1, 3, 8, 20)))
        urls = [self.session(name, ("--subbuf-size=256k",)) for name in ("work-1", "work-2")]
        collect = self.collector(urls[0][:-1] + "*")
        self.emit("batch=50", programs=1)
        time.sleep(1)
        collect.start()
        self.wait_current(windows)
        self.kill_at_random(collect, windows)
        time.sleep(0.5)
        for program in self.programs:
            program.finish()
        lttng.lttng("stop", "work-1")
        lttng.lttng("stop", "work-2")
        time.sleep(1)
        collect.kill()
        windows.stop()
        made = windows.made
        for source in {s for s, _ in made}:
            # Together they would be read by one clock, which is a nanosecond off.
            [path] = [os.path.join(at, d) for at, ds, _ in os.walk(self.relayd.output) for d in ds if d.startswith(source[1] + "-")]
            windows.made = {k: v for k, v in made.items() if k[0] == source}
            equal, again, marked = self.compare(windows, self.reference(path))
            print("%s: %d windows equal, %d of them sent again" % (source[1], equal, again), flush=True)
            self.assertEqual((marked, self.missing(windows), windows.losses), ([], [], []))
            self.assertGreater(equal, 2 * KILLS)
        self.assertEqual(len({s for s, _ in made}), 2)


class Keeper(threading.Thread):
    """Keeps what lttng-relayd overwrites: each of its files has another name, so that a whole trace is there at the end."""
    def __init__(self, output, kept):
        super().__init__(daemon=True)
        self.output, self.kept, self.had, self.ended = output, kept, set(), threading.Event()
        os.makedirs(kept)
        self.start()

    def run(self):
        while not self.ended.wait(0.01):
            self.look()

    def look(self):
        for at, _, names in os.walk(self.output):
            for name in names:
                if name == "metadata" or "index" in at:
                    continue
                try:
                    inode = os.stat(os.path.join(at, name)).st_ino
                    if inode not in self.had:
                        os.link(os.path.join(at, name), os.path.join(self.kept, "%s-%d" % (name, len(self.had))))
                        self.had.add(inode)
                except FileNotFoundError:
                    pass

    def stop(self):
        self.ended.set()
        self.join()
        self.look()
        for at, _, names in os.walk(self.output):
            if "metadata" in names:
                shutil.copy(os.path.join(at, "metadata"), self.kept)


class Gaps(Restart):
    def lost(self, windows, kind, source_session="work"):
        return [(begin, end, count) for _, (_, session), what, count, begin, end, ongoing in windows.losses
                if what == kind and session == source_session and not ongoing and count]

    def check_told(self, windows, spans, until=None):
        """What is marked or missing lies within what was told to be lost, and is one stretch."""
        def told(end):
            return any(begin < end and end - 100_000_000 <= over for begin, over, *_ in spans)
        for end in self.missing(windows, until=until):
            self.assertTrue(told(end), "window %d is missing, and nobody was told: %s" % (end, spans))

    def test_overtaken(self):
        """lttng-relayd keeps less than the collector misses."""
        windows = self.recorder()
        keeper = Keeper(self.relayd.output, self.path("kept"))
        collect = self.collector(self.session(channel=("--subbuf-size=256k", "--num-subbuf=16", "--tracefile-size=1M", "--tracefile-count=4")))
        self.emit()
        collect.start()
        self.wait_current(windows)
        for away in (0.2, 5, 0.2):
            time.sleep(1)
            collect.kill()
            killed = time.time_ns()
            time.sleep(away)
            collect.start()
            self.wait_current(windows)
            if away == 5:
                gone, back = killed, time.time_ns()
        time.sleep(1)
        self.end_session(windows)
        keeper.stop()
        equal, again, marked = self.compare(windows, self.reference(keeper.kept))
        spans = self.lost(windows, LOST_PACKETS)
        print("%d windows equal, %d sent again, %d marked, %d missing; lost packets: %s" % (
            equal, again, len(marked), len(self.missing(windows)), [((end - begin) / 1e9, count) for begin, end, count in spans]), flush=True)
        self.check_told(windows, spans)
        self.assertTrue(spans)
        begin, end = min(s[0] for s in spans), max(s[1] for s in spans)
        self.assertGreater(end - begin, 2e9)
        self.assertTrue(gone - 2e9 < begin and end < back, ((begin - gone) / 1e9, (end - back) / 1e9))
        for at, quality in marked[1:]:      # the first one of all begins with the first event
            self.assertTrue(begin < at <= end + 100_000_000, "window %d is marked %d without a reason: %s" % (at, quality, spans))
        # None of the gap's windows passes for a whole one.
        inside = lambda at: any(b < at < e for b, e, _ in spans)     # of one of them: between two that are apart all may be well
        self.assertEqual([e for (_, e), copies in windows.made.items() if inside(e - 100_000_000) and not copies[0][1]], [])

    def test_relayd_killed_meanwhile(self):
        windows = self.recorder()
        collect = self.collector(self.session())
        self.emit(programs=1)
        collect.start()
        self.wait_current(windows)
        time.sleep(1)
        collect.kill()
        self.relayd.kill()
        killed = time.time_ns()
        collect.start()
        lttng.wait_for("the outage", lambda: [x for x in windows.losses if x[2] == OUTAGE and x[6]])
        lttng.lttng("destroy", "work", check=False, timeout=60)
        time.sleep(1)
        self.relayd = self.keep(lttng.Relayd(self.path("relayd2"), self.relayd.ports))
        self.session()
        begun = time.time_ns()
        self.wait_current(windows)
        self.outage_is_told(windows, killed, begun)

    def outage_is_told(self, windows, ended, begun):
        """From the last window that was handed on to the first event of the new session."""
        life = len(windows.lives) - 1
        before = max(end for at, _, end in windows.order if at < life)
        after = min(end for at, _, end in windows.order if at == life)
        spans = self.lost(windows, OUTAGE)
        print("windows up to %.2f s before the end, and from %.2f s after the beginning; outages %s" % (
            (ended - before) / 1e9, (after - begun) / 1e9, [((begin - before) / 1e9, (end - before) / 1e9) for begin, end, _ in spans]), flush=True)
        self.assertEqual(len(spans), 1)
        self.assertLessEqual(spans[0][0], before)
        self.assertLess(spans[0][1], after)
        self.assertTrue(windows.made[windows.order[-1][1], after][0][1] & PARTIAL)
        self.end_session(windows)
        sessions = [os.path.join(at, d) for at, ds, _ in os.walk(self.relayd.output) for d in ds if d.startswith("work-")]
        reference = self.reference(max(sessions))
        self.assertEqual(min(end for _, end in reference.made), after)      # nothing happened since the outage's end
        equal, _, marked = self.compare(windows, reference, before)
        self.assertGreater(equal, 0)
        self.assertEqual([end for end, _ in marked if end not in (after, windows.windows[0][0])], [])
        self.assertTrue([x for x in windows.losses if x[2] == OUTAGE and x[6]], "the outage was never told while it lasted")

    def test_session_made_anew_meanwhile(self):
        windows = self.recorder()
        collect = self.collector(self.session())
        self.emit(programs=1)
        collect.start()
        self.wait_current(windows)
        time.sleep(1)
        collect.kill()
        ended = time.time_ns()
        lttng.lttng("destroy", "work")
        time.sleep(0.5)
        self.session()
        begun = time.time_ns()
        time.sleep(0.5)
        collect.start()
        self.wait_current(windows)
        self.outage_is_told(windows, ended, begun)

    def test_program_ended_meanwhile(self):
        """Its buffers were its own, and lttng-relayd does not show them any more."""
        windows = self.recorder()
        lttng.lttng("create", "work", "--live=100000", "-C", "tcp://127.0.0.1:%d" % self.relayd.ports[0], "-D", "tcp://127.0.0.1:%d" % self.relayd.ports[1])
        lttng.lttng("enable-channel", "-u", "ch", "--session", "work", "--buffers-pid")
        lttng.lttng("enable-event", "-u", "-c", "ch", "-s", "work", "emitter:*")
        lttng.lttng("start", "work")
        collect = self.collector(self.relayd.session_url("work"), CONFIG.replace(", labels: vpid", ""))
        self.emit("batch=5", programs=2)
        collect.start()
        self.wait_current(windows)
        time.sleep(1)
        collect.kill()
        gone = time.time_ns()
        time.sleep(0.5)
        self.programs.pop().finish()
        time.sleep(0.5)
        collect.start()
        self.wait_current(windows)
        back = time.time_ns()
        time.sleep(1)
        begin, end, _ = self.lost(windows, PARTIAL_OUTAGE)[0]
        ends = [end for end, _, _ in windows.windows]
        marked = [(e, c[-1][1]) for (_, e), c in sorted(windows.made.items()) if c[-1][1] not in (0, PARTIAL)]     # as made the last time
        print("an outage of %.1f s, %d windows marked" % ((end - begin) / 1e9, len(marked)), flush=True)
        self.assertGreater(end - begin, 0.9e9)
        self.assertTrue(gone - 2e9 < begin and end < back, ((begin - gone) / 1e9, (end - back) / 1e9))
        self.assertEqual({quality for _, quality in marked}, {LOSSY})
        self.assertEqual([e for e, _ in marked], [e for e in sorted(set(ends)) if begin < e and e - 100_000_000 < end])
        self.assertEqual(self.missing(windows), [])


class History(Restart):
    """What lttng-relayd holds of a time when nobody watched."""
    def test_read_for_the_state_it_leaves(self):
        windows = self.recorder()
        url = self.session()
        self.emit("work=3000000", programs=1)
        began = time.time_ns()
        time.sleep(2)
        collect = self.collector(url).start()
        started = time.time_ns()
        self.wait_current(windows)
        first = windows.windows[0]
        lttng.wait_for("the operation's end", lambda: time.time_ns() > began + 4e9)
        self.wait_current(windows)
        self.assertGreater(first[0], started - 600e6)   # a live timer and a window: when everything had been read
        self.assertLess(first[0], started + 15e9)
        self.assertEqual(first[1], 0)       # whole
        ended = [(end, copies[0][2]["op.duration[]"]) for (_, end), copies in sorted(windows.made.items()) if copies[0][2].get("op.duration[]", (0,))[0]]
        self.assertEqual(len(ended), 1)
        self.assertTrue(3e9 < ended[0][1][1][6] < 8e9, ended)
        self.assertEqual(windows.losses, [])

    def test_nothing_is_missing_after_an_early_kill(self):
        """Before anything of it was safe: what it had begun with is remembered."""
        windows = self.recorder(lambda: 1 << 30)
        collect = self.collector(self.session())
        self.emit(programs=1)
        time.sleep(1)
        collect.start()
        self.wait_current(windows)
        collect.kill()
        time.sleep(1)
        collect.start()
        self.wait_current(windows)
        self.end_session(windows)
        equal, again, marked = self.compare(windows, self.reference(self.relayd.output))
        self.assertEqual((marked, self.missing(windows), windows.losses), ([], [], []))
        self.assertGreater(again, 0)
        self.assertGreater(equal, 8)


class Detect(Restart):
    """With the real detect stage: nothing is judged twice."""
    def test_each_window_and_each_operation_once(self):
        endpoint = "ipc://" + self.path("verdicts")
        verdicts = links.Verdicts(endpoint, lambda: self.random.choice((0, 1, 3, 8, 20)))
        self.addCleanup(verdicts.stop)
        self.endpoint = "ipc://" + self.path("samples")
        collect = self.collector(self.session(), verdicts=endpoint)
        detect = self.stage("detect", "-c", self.settings).start().listening()
        self.emit()
        time.sleep(1)
        collect.start()
        self.wait_current(verdicts)
        caught_up = self.kill_at_random(collect, verdicts)
        self.end_session(verdicts)
        collect.kill()
        reference = self.reference(self.relayd.output)
        expected = sorted(end for _, end in reference.made)
        judged = [end for end, _, _ in verdicts.windows]
        self.assertEqual(judged, sorted(set(judged)))
        self.assertEqual(sorted(set(expected) & set(range(judged[0], expected[-1], 100_000_000))), [end for end in judged if end < expected[-1]])
        self.assertEqual([w for w in verdicts.windows if w[1] and w[0] < expected[-1]], [])
        over = [body for kind, body in verdicts.taken if kind == links.VERDICT and body[1] == links.RAISE and body[7] == "duration"]
        times = [(body[12], body[13]) for body in over]
        told = sorted((x[1]) for x in reference.exceedances if x[1] > judged[0])
        print("%d windows judged once each, %d operations over the threshold; from start to current %.2f s (median), %.2f s (longest)" % (
            len(judged), len(times), caught_up[len(caught_up) // 2], caught_up[-1]), flush=True)
        self.assertEqual(len(times), len(set(times)))
        self.assertEqual(sorted(end for _, end in times if end > judged[0]), told)


if __name__ == "__main__":
    foretrace.main()
