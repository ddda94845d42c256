#!/usr/bin/python3
"""`foretrace score`: what it reads and prints, what it says of mistakes, and that no row's output depends on a later row."""
import json
import math
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402


def stamp(row, step=300):
    days, seconds = divmod(row * step, 86400)
    return "2024-03-%02d %02d:%02d:%02d" % (1 + days, seconds // 3600, seconds // 60 % 60, seconds % 60)


def wavy(n, seed, spikes=()):
    """A daily wave with noise, spikes, a step near the end."""
    noise = random.Random(seed)
    return [100 + 20 * math.sin(2 * math.pi * i / 288) + noise.gauss(0, 3) + (200 if i in spikes else 0) + (80 if i > n * 0.9 else 0)
            for i in range(n)]


class Score(foretrace.Case):
    def write(self, lines, name="in.csv"):
        path = self.path(name)
        with open(path, "w") as f:
            f.write("".join(line + "\n" for line in lines))
        return path

    def series(self, n=1500, seed=1, step=300, spikes=(1100,)):
        return ["timestamp,value"] + ["%s,%r" % (stamp(i, step), v) for i, v in enumerate(wavy(n, seed, spikes))]

    def group(self, n=900, columns=5):
        waves = [wavy(n, seed, (600,)) for seed in range(columns)]
        return ["datetime;%s;anomaly;changepoint" % ";".join("c%d" % c for c in range(columns))] + [
            "%s;%s;%d;0" % (stamp(i, 1), ";".join("%.5f" % w[i] for w in waves), i == 600) for i in range(n)]

    def score(self, *args, **kwargs):
        return foretrace.run("score", *args, **kwargs).stdout.splitlines()

    def test_form(self):
        lines = self.series()
        out = self.score(self.write(lines))
        self.assertEqual(out[0], "timestamp,value,anomaly_score,alert")
        self.assertEqual([",".join(row.split(",")[:2]) for row in out[1:]], lines[1:])
        scores = [(float(row.split(",")[2]), row.split(",")[3]) for row in out[1:]]
        self.assertTrue(all(0 <= score < 1 and alert in "01" and (score >= 0.5) == (alert == "1") for score, alert in scores))
        self.assertIn("1", {alert for _, alert in scores[1095:1110]})      # the spike is found, and found once
        self.assertEqual(sum(alert == "1" for _, alert in scores[1095:1110]), 1)

    def test_multivariate_form(self):
        path = self.write(self.group())
        done = foretrace.run("score", "-m", path)
        out = done.stdout.splitlines()
        self.assertEqual(done.stderr, "foretrace: %s: 2 columns of labels passed over\n" % path)
        self.assertEqual(out[0], "datetime,anomaly_score,alert,anomaly,changepoint")
        self.assertEqual(len(out), 901)
        row = out[601].split(",")
        self.assertTrue(row[0] == stamp(600, 1) and float(row[1]) >= 0.5 and row[3] == "1", row)

    def test_changes_of_a_group(self):
        """An incident's begin, its end, and that the new level is there to stay, each told once."""
        noise = random.Random(3)
        rows = [[noise.gauss(0, 1) + (12 if 600 <= i < 800 else 0) for _ in range(6)] for i in range(1000)]
        lines = ["time,a,b,c,d,e,f"] + [",".join([stamp(i, 1)] + ["%.4f" % v for v in row]) for i, row in enumerate(rows)]
        changes = [i for i, row in enumerate(self.score("-m", self.write(lines))[1:]) if row.endswith(",1") and i > 400]
        self.assertTrue(600 <= changes[0] <= 603 and any(abs(c - changes[0] - 38) <= 20 for c in changes[1:]), changes)
        self.assertTrue(any(800 <= c <= 815 for c in changes), changes)
        self.assertLessEqual(sum(not (600 <= c < 680 or 800 <= c < 880) for c in changes), 3, changes)
        self.assertTrue(all(b - a >= 20 for a, b in zip(changes, changes[1:])), changes)

    def test_changepoints_form(self):
        noise = random.Random(5)
        lines = ["V1"] + ["%.4f" % (noise.gauss(0, 1) + 100 + (100 if i >= 150 else 0)) for i in range(300)]
        found = json.loads("".join(self.score("--changepoints", self.write(lines))))
        self.assertEqual(sorted(found), ["alarms", "cplocations"])
        self.assertEqual(len(found["alarms"]), len(found["cplocations"]))
        self.assertTrue(any(abs(row - 150) <= 5 for row in found["cplocations"]), found)
        self.assertTrue(all(onset <= alarm for onset, alarm in zip(found["cplocations"], found["alarms"])))

    def test_streaming(self):
        """What is cut off changes nothing of what came before."""
        for lines, args in ((self.series(1500), ()), (self.series(700, 2, 3600, (500,)), ("-p", "sensitive")), (self.group(), ("-m",))):
            whole = self.score(*args, self.write(lines))
            for keep in (2, 3, 40, 101, 333, 640, 800, len(lines) - 1):
                part = self.score(*args, self.write(lines[:keep]))
                self.assertEqual(part, whole[:keep], (args, keep))
        noise = random.Random(7)
        lines = ["V1"] + ["%.4f" % (noise.gauss(0, 1) + 10 * (i // 120 % 2)) for i in range(600)]
        whole = json.loads("".join(self.score("--changepoints", self.write(lines))))
        for keep in range(50, 600, 50):
            part = json.loads("".join(self.score("--changepoints", self.write(lines[:keep + 1]))))
            known = sum(alarm < keep for alarm in whole["alarms"])
            self.assertEqual(part, {"cplocations": whole["cplocations"][:known], "alarms": whole["alarms"][:known]})

    def test_each_row_at_once(self):
        """Also what is read: a row is printed when it is known, not when the next one is."""
        lines = self.series(60)
        process = subprocess.Popen([foretrace.PROGRAM, "score", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        out, _ = process.communicate("\n".join(lines))
        self.assertEqual(len(out.splitlines()), 61)
        self.assertEqual(process.returncode, 0)

    def test_times(self):
        """The same series told in other words is scored the same."""
        values = ["%r" % v for v in wavy(700, 3, (500,))]
        epoch = 1709251200
        forms = {
            "blank": lambda i: stamp(i),
            "iso": lambda i: stamp(i).replace(" ", "T") + "Z",
            "zone": lambda i: stamp(i).replace(" ", "T") + "+00:00",
            "fraction": lambda i: stamp(i) + ".000",
            "seconds": lambda i: str(epoch + 300 * i),
            "milliseconds": lambda i: str((epoch + 300 * i) * 1000),
            "nanoseconds": lambda i: str((epoch + 300 * i) * 10**9),
        }
        results = {}
        for name, form in forms.items():
            out = self.score(self.write(["timestamp,value"] + ["%s,%s" % (form(i), v) for i, v in enumerate(values)]))
            results[name] = [row.split(",", 1)[1] for row in out]
        for name in forms:
            self.assertEqual(results[name], results["blank"], name)
        years = ["date,v"] + ["%d-%02d,%d" % (1600 + i // 12, 1 + i % 12, i % 7) for i in range(400)]
        self.assertEqual(len(self.score(self.write(years))), 401)

    def test_warmup(self):
        lines = self.series(1000)
        head = self.write(lines[:601], "head.csv")
        rest = self.score("--warmup", head, self.write([lines[0]] + lines[601:]))
        self.assertEqual(rest[1:], self.score(self.write(lines))[601:])

    def test_missing_and_disorder(self):
        lines = self.series(300)
        lines[100] = lines[100].split(",")[0] + ","
        lines[200] = lines[190].split(",")[0] + ",100"
        done = foretrace.run("score", self.write(lines))
        self.assertIn("1 row whose time is not after the one before", done.stderr)
        self.assertIn("1 value is missing", done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 301)
        self.assertTrue(done.stdout.splitlines()[100].endswith(",,0.000000,0"))

    def test_mistakes(self):
        good = self.series(5)
        cases = (
            (good[:3] + ["2024-03-01 01:00:00,many"], ":4: no number: 'many'"),
            (good[:3] + ["2024-03-01 01:00:00,1e999"], ":4: no number: '1e999'"),
            (good[:3] + ["yesterday,1"], ":4: no time: 'yesterday'"),
            (good[:3] + ["2024-13-01 01:00:00,1"], ":4: no time: '2024-13-01 01:00:00'"),
            (good[:3] + ["2023-02-29 01:00:00,1"], ":4: no time: '2023-02-29 01:00:00'"),
            (good[:3] + ["2024-03-01 01:00:00,1,2"], ":4: more fields than the first line's 2"),
            (good[:3] + ["2024-03-01 01:00:00"], ":4: fewer fields than the first line's 2"),
            (["timestamp,anomaly"], ":1: no column of values"),
            ([], ": it is empty"),
            (["timestamp,a,b"] + ["1,2,3"], "2 columns of values: --multivariate judges many, and one is expected here"),
        )
        for lines, message in cases:
            path = self.write(lines)
            done = foretrace.run("score", path, check=False)
            self.assertNotEqual(done.returncode, 0, message)
            self.assertIn(message, done.stderr)
            if message.startswith(":"):
                self.assertIn(path + message, done.stderr)
        for args, message in ((("--detector", "nobody"), "no detector 'nobody'"), (("--option", "x"), "NAME=VALUE was expected"),
                              (("--detector", "zscore", "--option", "window=1"), "window")):
            done = foretrace.run("score", *args, self.write(good), check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(message, done.stderr)

    def test_rules(self):
        """The configuration's detectors for the column, and none where it says to ignore it."""
        path = self.write(self.series())
        plain = self.config("detectors:\n  - series: value\n    threshold: { warning: 250 }\n")
        rows = self.score("--config", plain, path)
        self.assertEqual([i for i, row in enumerate(rows) if row.endswith(",1")], [1101])
        done = foretrace.run("score", "--config", self.config("detectors:\n  - series: value\n    ignore: yes\n"), path, check=False)
        self.assertIn("says to ignore 'value'", done.stderr)


if __name__ == "__main__":
    foretrace.main()
