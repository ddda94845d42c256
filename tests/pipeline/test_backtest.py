#!/usr/bin/python3
"""`foretrace backtest`: what fires in a replay is what it tells; samples give the alerts that their trace gives; two configurations
are compared; a line that is none is named."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

SAME = ("series", "kind", "severity", "voters", "began_ns", "fired_ns", "resolved_ns")
SETTINGS = (("--window", "20ms", "-p", "sensitive"), ("--window", "20ms", "-p", "kernel"), ("--window", "100ms", "-p", "sensitive"))


class Backtest(foretrace.Case):
    def backtest(self, *args, **kwargs):
        return json.loads(foretrace.run("backtest", "-q", "-f", "json", *args, **kwargs).stdout)

    def samples(self, trace, *args):
        path = self.path("samples.csv")
        foretrace.run("replay", "-q", "-f", "none", "--publish", "none", "--samples", path, *args, self.trace(trace))
        return path

    def refused(self, *args):
        done = foretrace.run("backtest", *args, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_tells_what_a_replay_tells(self):
        for trace, args in (("slowdisk", SETTINGS[0]), ("cpu", SETTINGS[2]), ("redislost", ())):
            with self.subTest(trace=trace):
                alerts, _, summary, _ = self.replay(*args, self.trace(trace))
                run = self.backtest(*args, self.trace(trace))["runs"][0]
                told = {(a["id"], a["began_ns"], a["detected_ns"], a["summary"]) for a in foretrace.fired(alerts)}
                self.assertEqual({(a["id"], a["began_ns"], a["fired_ns"], a["summary"]) for a in run["alerts"]}, told)
                self.assertEqual({a["id"] for a in run["alerts"] if a["resolved_ns"]}, {a["id"] for a in alerts if a["state"] == "resolved"})
                self.assertEqual((run["fired"], run["windows"], run["series"]), (summary["alerts_fired"], summary["windows"], summary["series"]))
                self.assertGreater(run["fired"], 0)
                self.assertAlmostEqual(run["per_hour"] * run["hours"], run["fired"], 2)
                self.assertEqual(sum(m["fired"] for m in run["metrics"]), run["fired"])
                self.assertEqual(sum(m["firing_ns"] for m in run["metrics"]), sum(a["firing_ns"] for a in run["alerts"]))

    def test_samples_give_the_alerts_of_their_trace(self):
        found = 0
        config = self.config("window: 20ms\ndetectors:\n  - series: '*'\n    zscore:\n    change_point:\n    combined:\n")
        for trace in ("slowdisk", "idle") if foretrace.SANITIZED else ("slowdisk", "fio", "cpu", "redis", "idle"):
            for args in (*SETTINGS, ("-c", config)):
                with self.subTest(trace=trace, args=args):
                    of_trace = self.backtest(*args, self.trace(trace))["runs"][0]["alerts"]
                    of_samples = self.backtest(*args, self.samples(trace, *args))["runs"][0]["alerts"]
                    self.assertEqual([[a[x] for x in SAME] for a in of_samples], [[a[x] for x in SAME] for a in of_trace])
                    # The worst operations are evidence, which samples have not.
                    self.assertEqual([a["summary"] for a in of_samples], [a["summary"].split("; worst: ")[0] for a in of_trace])
                    found += len(of_trace)
        self.assertGreater(found, 5 if foretrace.SANITIZED else 20)

    def test_a_job_at_six_is_usual_the_third_time(self):
        """By the default detectors; what is greater, or comes at another time, is not."""
        day, noise = 1440, random.Random(6)
        rows = ["time_ns,series,value,count,quality"]
        for minute in range(6 * day):
            value, of_day = 100 + noise.gauss(0, 3), minute % day
            value += 150 * (360 <= of_day < 364) + 400 * (5 * day + 362 <= minute < 366 + 5 * day) + 150 * (3 * day + 900 <= minute < 904 + 3 * day)
            end = (20000 * day + minute + 1) * 60 * 10**9
            rows += ["%d,queue.length.%s,%.3f,60,complete" % (end, s, value) for s in ("last", "mean")]
        path = self.path("job.csv")
        with open(path, "w") as f:
            f.write("\n".join(rows) + "\n")
        alerts = self.backtest(path)["runs"][0]["alerts"]
        self.assertEqual([divmod((a["began_ns"] // (60 * 10**9)) - 20000 * day, day) for a in alerts],
                         [(0, 360), (1, 360), (3, 900), (5, 362)])

    def test_what_samples_do_not_carry(self):
        """Losses and single operations are no samples; that windows were lossy is."""
        config = self.config("window: 20ms\nanalyses:\n  - auto\n"
                             "  - latency: { name: disk, in: block_rq_issue, out: block_rq_complete, key: [dev, sector], threshold: 1ms }\n")
        for trace, kind in (("redislost", "loss"), ("slowdisk", "threshold")):
            of_trace = self.backtest("-c", config, self.trace(trace))["runs"][0]["alerts"]
            path = self.samples(trace, "-c", config)
            of_samples = self.backtest("-c", config, path)["runs"][0]["alerts"]
            self.assertIn(kind, {a["kind"] for a in of_trace})
            self.assertEqual([a["series"] for a in of_samples], [a["series"] for a in of_trace if a["kind"] != kind])
            with open(path) as f:
                self.assertEqual("lossy" in f.read(), kind == "loss")

    def test_rules_with_units_and_details(self):
        """What is not in the file (units, what is a detail) follows from the names."""
        config = self.config("window: 20ms\ndetectors:\n"
                             "  - series: 'latency.duration.p99*'\n    threshold: { warning: 20us }\n"
                             "  - series: 'rate.events.rate{event=irq_handler_entry}'\n    threshold: { warning: 50/s }\n")
        of_trace = foretrace.run("backtest", "-c", config, self.trace("slowdisk"))
        of_samples = foretrace.run("backtest", "-c", config, self.samples("slowdisk", "-c", config))
        self.assertNotIn("warning: ", of_trace.stderr + of_samples.stderr)     # every limit fits its series
        rows = [[line for line in done.stdout.splitlines() if line.startswith("20")] for done in (of_trace, of_samples)]
        self.assertIn("irq_handler_entry", "\n".join(rows[0]))
        self.assertEqual([r.replace("> ", "").split("Z")[0] for r in rows[0]], [r.replace("> ", "").split("Z")[0] for r in rows[1]])

    def test_two_configurations(self):
        trace = self.trace("slowdisk")
        config = self.config("window: 50ms\nanalyses: [block, wakeup]\n")
        args = ("-c", config, "--against", config)
        one = self.backtest(*args, "-p", "sensitive", "--against-preset", "quiet", trace)
        other = self.backtest(*args, "-p", "quiet", "--against-preset", "sensitive", trace)
        self.assertEqual([r["configuration"] for r in one["runs"]], [config, config])
        self.assertEqual(one["runs"], other["runs"][::-1])
        a, b = one["comparison"], other["comparison"]
        self.assertEqual([x["first"] for x in a["only_first"]], [x["second"] for x in b["only_second"]])
        self.assertEqual([(x["first"], x["second"], x["earlier_ns"]) for x in a["both"]], [(x["second"], x["first"], -x["earlier_ns"]) for x in b["both"]])
        self.assertTrue(a["only_first"] and a["both"], a)
        for x in a["both"]:
            self.assertEqual(x["earlier_ns"], x["second"]["fired_ns"] - x["first"]["fired_ns"])
        for run, side in ((0, "first"), (1, "second")):
            self.assertEqual(sum(x[side]["alerts"] for part in a.values() for x in part if side in x), one["runs"][run]["fired"])

    def test_presets_by_name(self):
        runs = self.backtest("-p", "sensitive", "--against-preset", "quiet", self.trace("slowdisk"))["runs"]
        self.assertEqual([r["configuration"] for r in runs], ["sensitive", "quiet"])

    def test_with_itself(self):
        path = self.samples("slowdisk", *SETTINGS[0])
        config = self.config("alerts: { bad_windows: 1, of_windows: 1 }\n")
        both = self.backtest("-c", config, "--against", config, path)
        self.assertEqual(both["runs"][0], both["runs"][1])
        self.assertEqual((both["comparison"]["only_first"], both["comparison"]["only_second"]), ([], []))
        self.assertTrue(both["comparison"]["both"] and all(x["earlier_ns"] == 0 for x in both["comparison"]["both"]))

    def test_for_people(self):
        out = foretrace.run("backtest", "-q", "--window", "20ms", "-p", "sensitive", "--against-preset", "quiet", self.trace("slowdisk")).stdout
        self.assertRegex(out, r"^sensitive: [0-9]+ alerts? in [0-9.]+ s of event time, [0-9.]+ an hour \(")
        for words in ("FIRED", "AN HOUR", "\nquiet: ", "\nOnly with sensitive: ", "\nOnly with quiet: ", "\nWith both; by how much sensitive was earlier: "):
            self.assertIn(words, out)

    def test_sinks_are_told_nothing(self):
        config = self.config("sinks:\n  - json: { path: '%s' }\nwindow: 20ms\n" % self.path("alerts.json"))
        self.assertGreater(self.backtest("-c", config, self.trace("redislost"))["runs"][0]["fired"], 0)
        self.assertFalse(os.path.exists(self.path("alerts.json")))

    def test_lines_that_are_none(self):
        path, good = self.path("bad.csv"), "3000000000,rate.events.count{event=e},5,5,complete"
        head = ["time_ns,series,value,count,quality", "2000000000,rate.events.count{event=e},5,5,complete"]
        for line, why in ((good[1:].replace(",", ";"), "five fields"), (good + ",", "more than five"), ("x" + good, "no time"), ("-" + good, "no time"),
                          (good.replace("3000000000", "99999999999999999999"), "no time"), (good.replace(".count", ".often"), "no series"),
                          (good.replace("rate.events.", ""), "no series"), (good.replace("{event=e}", "{event}"), "no series"),
                          (good.replace("}", ""), "no series"), (good.replace("{event=e}", "{event=%s}" % ("e" * 3000)), "no series"),
                          (good.replace("{event=e}", "{event=%s}" % ("e" * 300)), "no series"),
                          (good.replace(",5,5,", ",nan,5,"), "no number"), (good.replace(",5,5,", ",,5,"), "no number"), (good.replace(",5,5,", ",5x,5,"), "no number"),
                          (good.replace(",5,5,", ",5,-1,"), "no count"), (good.replace("complete", "perfect"), "no quality"),
                          (good.replace("rate", '"rate'), "five fields"), (good.replace("3000000000", "1000000000"), "ends before"),
                          ("", "five fields"), (good[:20], "five fields"), (good.replace("rate", "ra\0te"), "NUL")):
            with self.subTest(line=line):
                with open(path, "w") as f:
                    f.write("\n".join(head + [line]) + "\n")
                told = self.refused(path)
                self.assertIn("%s:3: " % path, told)
                self.assertIn(why, told)
        with open(path, "w") as f:
            f.write("\n".join([head[0], head[1], good.replace("3000", "2000"), head[1].replace("{event=e}", "{event=f}"), head[1]]) + "\n")
        self.assertIn("%s:5: a series for the second time" % path, self.refused(path))
        with open(path, "w") as f:
            f.write("timestamp,value\n1,2\n")
        self.assertIn("%s:1: 'time_ns,series" % path, self.refused(path))
        for text in ("", head[0] + "\n"):
            with open(path, "w") as f:
                f.write(text)
            self.assertIn("no samples", self.refused(path))

    def test_any_damage_is_harmless(self):
        with open(self.samples("idle", "--window", "100ms"), "rb") as f:
            good = f.read()[:20000]
        seed = int(os.environ.get("SEED", "0")) or random.randrange(1 << 30)
        print("seed", seed)
        rng = random.Random(seed)
        path = self.path("damaged.csv")
        for _ in range(40):
            bad = bytearray(good)
            for _ in range(rng.choice((1, 1, 3, 30))):
                bad[rng.randrange(len(bad))] = rng.choice(b',."{}=\n0x\xff')
            with open(path, "wb") as f:
                f.write(bad[:rng.choice((len(bad), rng.randrange(len(bad))))])
            done = foretrace.run("backtest", "-q", path, check=False)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            if done.returncode == 1:
                self.assertIn(path, done.stderr)

    def test_what_is_asked_wrongly(self):
        trace, path = self.trace("idle"), self.path("none.csv")
        self.assertIn("none.csv: No such file", self.refused(path))
        with open(path, "w") as f:
            f.write("x")
        self.assertIn("several operands are traces", self.refused(trace, path))
        self.assertIn("--format xml", self.refused("-f", "xml", trace))
        self.assertIn("no preset 'quit'", self.refused("--against-preset", "quit", trace))
        self.assertIn("none.yaml", self.refused("--against", self.path("none.yaml"), trace))


if __name__ == "__main__":
    foretrace.main()
