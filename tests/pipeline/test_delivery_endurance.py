#!/usr/bin/python3
"""detect and alert over a long replay, killed now and then: memory stays flat, and the state directory bounded.

WINDOWS=1000000 for a long one. A machine that is done before enough was seen replays four times as many."""
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402
import stages  # noqa: E402

WINDOWS = int(os.environ.get("WINDOWS", "30000" if foretrace.SANITIZED else "300000"))
JOURNAL = 4 << 20
EVERY_S = 0.3   # one of them is killed
SEEN = 12       # this often at least


class Endurance(stages.Case):
    def start(self, name, config):
        extra = ["--publish", "none", "--format", "json", "--output", self.path("alerts.json")] if name == "alert" else []
        return self.stage(name, "-c", config, "--once", *extra).start().listening()

    def disk_bytes(self):
        """Of the state directory; files come and go meanwhile."""
        total = 0
        for top, _, files in os.walk(self.path("state")):
            for name in files:
                try:
                    total += os.stat(os.path.join(top, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def watch(self, collect, started):
        """Memory of each stage as it was at times, and the most that was on the disk."""
        memory, disk, killed = {n: [] for n in started}, 0, time.monotonic()
        while collect.running():
            time.sleep(0.02)
            disk = max(disk, self.disk_bytes())
            if time.monotonic() < killed + EVERY_S or not all(s.running() for s in started.values()):
                continue
            for name, stage in started.items():
                memory[name].append(foretrace.memory_bytes(stage.process.pid))
            victim = list(started.values())[len(memory["detect"]) % 2]
            victim.kill()
            victim.start().listening()
            killed = time.monotonic()
        return memory, disk

    def run_once(self, windows):
        shutil.rmtree(self.path("state"), ignore_errors=True)
        trace = stages.wavering_trace(self.path("trace%d" % windows), windows)
        config = self.delivery(stages.WAVERING, silent_after="1m", buffer="1MiB", journal=str(JOURNAL // (1 << 20)) + "MiB")
        started = {name: self.start(name, config) for name in ("alert", "detect")}
        collect = self.stage("collect", "-c", config, "--replay", trace).start()
        memory, disk = self.watch(collect, started)
        self.assertEqual(collect.wait(), 0, collect.said())
        self.assertEqual([s.wait() for s in started.values()], [0, 0])
        return memory, disk

    def test_flat(self):
        windows = WINDOWS
        memory, disk = self.run_once(windows)
        while len(memory["detect"]) < SEEN and windows < WINDOWS << 6:
            windows <<= 2
            memory, disk = self.run_once(windows)
        for name, seen in memory.items():
            print("%s, MB: %s" % (name, " ".join("%.1f" % (b / 1e6) for b in seen)), flush=True)
        print("state directory, at most: %.1f MB" % (disk / 1e6), flush=True)
        self.assertGreaterEqual(len(memory["detect"]), SEEN, "the replay is too short")
        # Of each stage two journals and two snapshots, while one takes the place of the other. In detect's are at most 1 MiB that alert
        # has not got (buffer), in alert's the latest 4096 transitions.
        self.assertLess(disk, 4 * JOURNAL + 2 * (1 << 20) + 2 * (4 << 20))
        for name, seen in memory.items() if not foretrace.SANITIZED else ():     # a sanitizer keeps what was freed
            half = len(seen) // 2
            self.assertLess(max(seen[half:]), 1.2 * max(seen[:half]) + 1e6, name)


if __name__ == "__main__":
    foretrace.main()
