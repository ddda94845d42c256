#!/usr/bin/python3
"""`foretrace score` on the open half of public benchmarks, with the scorers of the benchmark kit.

    score_public.py tcpd|skab|smd|asd ... [--half-split [SPLITS]] [--json FILE]

tcpd: change points of single series (--changepoints), the rows where changes began and the rows at which that was known. skab: faults of
a valve and a pump, and their change points, beside alarms given at regular intervals whatever the data are. smd, asd: servers
(--multivariate), their warm-up rows read first. One set of defaults for all, thresholds as shipped. --half-split asks what a
choice among settings is worth on files that it was not made on: the best of a family of settings is picked on a random half
of the files, and scored on the other half. Needs ../shared/bench beside the repository."""
import argparse
import collections
import contextlib
import gzip
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

KIT = os.path.join(foretrace.SHARED, "bench")


def scorer(name):
    spec = importlib.util.spec_from_file_location(name + "_score", os.path.join(KIT, name, "score.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def open_half(name):
    with open(os.path.join(KIT, name, "split.json")) as f:
        return sorted(json.load(f)["open"])


def score(*args):
    return foretrace.run("score", *args).stdout


def official(name, *args):
    """What the kit's scorer prints."""
    print(subprocess.run([sys.executable, os.path.join(KIT, name, "score.py"), *args], check=True, capture_output=True, text=True).stdout.strip())


def write(directory, name, text):
    path = os.path.join(directory, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


class Tcpd:
    """Per file: F1 of onset rows and of alarm rows, covering of onsets."""
    chosen_by = ("onset F1", "alarm F1")
    family = [["--option", "threshold=%g" % t, "--option", "min_spread=%g" % s] for t in (5, 6, 7, 8, 10) for s in (0.002, 0.004, 0.008)]

    def __init__(self):
        self.kit, self.names, self.data = scorer("tcpd"), open_half("tcpd"), {}
        with open(os.path.join(KIT, "tcpd", "annotations.json")) as f:
            self.annotations = json.load(f)
        for name in self.names:
            with open(os.path.join(KIT, "tcpd", "datasets", name + ".json")) as f:
                self.data[name] = json.load(f)
        # What the paper's means are over.
        self.files = [n for n in self.names if self.kit.group(n, self.data[n]["n_dim"]) == "univariate"]

    def detect(self, directory, args):
        found = {}
        for name in self.names:
            columns = [series["raw"] for series in self.data[name]["series"]]
            lines = [",".join("c%d" % i for i in range(len(columns)))]
            lines += [",".join("" if v is None else repr(v) for v in row) for row in zip(*columns)]
            found[name] = json.loads(score("--changepoints", *args, write(directory, name + ".csv", "\n".join(lines) + "\n")))
        return found

    def run(self, args):
        with tempfile.TemporaryDirectory(prefix="foretrace-tcpd-") as directory:
            found = self.detect(directory, args)
        out = {}
        for name in self.files:
            rows = self.data[name]["n_obs"]
            onsets, alarms = ([x for x in found[name][k] if 0 < x < rows] for k in ("cplocations", "alarms"))
            out[name] = {"onset F1": self.kit.f_measure(self.annotations[name], onsets, 5)[0],
                         "alarm F1": self.kit.f_measure(self.annotations[name], alarms, 5)[0],
                         "cover": self.kit.covering(self.annotations[name], onsets, rows)}
        return out

    @staticmethod
    def total(results):
        return {k: statistics.mean(r[k] for r in results) for k in results[0]}

    def report(self):
        with tempfile.TemporaryDirectory(prefix="foretrace-tcpd-") as directory:
            found = self.detect(directory, [])
            print("change points of 13 univariate series, and of 3 others")
            for key in ("cplocations", "alarms"):
                path = write(directory, key + ".json", json.dumps({name: found[name][key] for name in found}))
                figures = json.loads(subprocess.run([sys.executable, os.path.join(KIT, "tcpd", "score.py"), path, "--part", "open", "--json"],
                                                    check=True, capture_output=True, text=True).stdout)["mean"]
                print("  %-12s %s" % (key, "; ".join("%s F1 %.3f cover %.3f" % (g, v["f1"], v["cover"]) for g, v in figures.items())))


class Skab:
    """Per file: outlier rows right and wrong, and the change points' raw scores."""
    chosen_by = ("F1",)
    family = [["--detector", "envelope", "--option", "threshold=%g" % t] for t in (0.008, 0.012, 0.016, 0.024, 0.032)]
    intervals = (30, 45, 60, 90)

    def __init__(self):
        self.kit, self.files = scorer("skab"), open_half("skab")

    def detect(self, directory, args):
        for name in self.files:
            write(directory, name, score("--multivariate", *args, os.path.join(KIT, "skab", "data", name)))

    def periodic(self, interval, phase):
        """Change points in every interval-th row."""
        raw, windows = collections.Counter(), 0
        for name in self.files:
            with open(os.path.join(KIT, "skab", "data", name)) as f:
                rows = [line.rstrip("\n").split(";") for line in f][1 + self.kit.TRAIN:]
            changes = self.kit.cp_windows([self.kit.secs(r[0]) for r in rows if float(r[-1] or 0) == 1])
            alarms = [self.kit.secs(r[0]) for i, r in enumerate(rows) if i % interval == phase]
            windows += len(changes)
            for profile in self.kit.PROFILES:
                raw[profile] += self.kit.cp_score(changes, alarms, profile)[0]
        return {p: 100 * (raw[p] - miss * windows) / (windows - miss * windows) for p, (_, _, miss) in self.kit.PROFILES.items()}

    def run(self, args):
        out = {}
        with tempfile.TemporaryDirectory(prefix="foretrace-skab-") as directory:
            self.detect(directory, args)
            for name, (rows, _, _) in self.kit.load(directory, self.files, False).items():
                out[name] = self.kit.confusion((true, float(row["anomaly"]) == 1) for _, true, row in rows)
        return out

    def total(self, results):
        tp, fp, fn, tn = (sum(r[i] for r in results) for i in range(4))
        return {"F1": self.kit.f1([tp, fp, fn, tn]), "FAR %": 100 * fp / max(1, fp + tn), "MAR %": 100 * fn / max(1, fn + tp)}

    def report(self):
        with tempfile.TemporaryDirectory(prefix="foretrace-skab-") as directory:
            self.detect(directory, [])
            official("skab", directory, "--part", "open")
        for interval in self.intervals:
            scores = [self.periodic(interval, phase) for phase in range(0, interval, 5)]
            print("  an alarm every %d rows, whatever they hold: %s" % (interval, "  ".join(
                "%s %.1f (%.1f to %.1f)" % (p, statistics.mean(s[p] for s in scores), min(s[p] for s in scores), max(s[p] for s in scores))
                for p in scores[0])))


class Servers:
    """Per machine: VUS-PR, and the rows called at the shipped threshold."""
    chosen_by = ("VUS-PR",)
    family = [["--detector", "envelope", "--option", "threshold=%g" % t, "--option", "memory=%d" % m]
              for t in (0.010, 0.016, 0.024) for m in (4000, 8000)]

    def __init__(self, name):
        self.kit, self.name, self.files = scorer("smd"), name, open_half(name)

    def detect(self, directory, args):
        with tempfile.TemporaryDirectory(prefix="foretrace-rows-") as scratch:
            for machine in self.files:
                paths = []
                for part in ("warmup", "data"):
                    with gzip.open(os.path.join(KIT, self.name, part, machine + ".csv.gz"), "rt") as f:
                        paths.append(write(scratch, part + ".csv", f.read()))
                write(directory, machine + ".csv", score("--multivariate", *args, "--warmup", *paths))

    def run(self, args):
        out = {}
        with tempfile.TemporaryDirectory(prefix="foretrace-%s-" % self.name) as directory:
            self.detect(directory, args)
            words = [sys.executable, os.path.join(KIT, "smd", "score.py"), directory, "--set", self.name, "--part", "open", "--vus-window", "auto", "--json"]
            machines = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)["machines"]
            for machine in self.files:
                with open(os.path.join(directory, machine + ".csv")) as f:
                    scores = [float(line.split(",")[1]) for line in f.readlines()[1:]]
                with open(os.path.join(KIT, self.name, "labels", machine + ".txt")) as f:
                    labels = [int(float(line)) for line in f if line.strip()]
                alarms = self.kit.alarms(scores, labels, 0.5)
                out[machine] = {"VUS-PR": machines[machine]["VUS-PR"], "tp": alarms["tp"], "rows": alarms["alarm_rows"]}
        return out

    @staticmethod
    def total(results):
        return {"VUS-PR": statistics.mean(r["VUS-PR"] for r in results),
                "row precision": sum(r["tp"] for r in results) / max(1, sum(r["rows"] for r in results))}

    def report(self):
        with tempfile.TemporaryDirectory(prefix="foretrace-%s-" % self.name) as directory:
            self.detect(directory, [])
            official("smd", directory, "--set", self.name, "--part", "open", "--vus-window", "auto", "--threshold", "0.5", "--per-machine")


BENCHMARKS = {"tcpd": Tcpd, "skab": Skab, "smd": lambda: Servers("smd"), "asd": lambda: Servers("asd")}


def half_split(bench, splits):
    results, rows, chosen = [bench.run(args) for args in bench.family], [], collections.Counter()
    for seed in range(splits):
        first = bench.files[:]
        random.Random(seed).shuffle(first)
        second = first[len(first) // 2:]
        del first[len(first) // 2:]
        best = max(range(len(bench.family)), key=lambda i: sum(bench.total([results[i][n] for n in first])[k] for k in bench.chosen_by))
        chosen[best] += 1
        rows.append(bench.total([results[best][n] for n in second]))
    figures = {k: statistics.mean(r[k] for r in rows) for k in rows[0]}
    print("half-split, %d splits, %d settings: %s" % (splits, len(bench.family), "  ".join(
        "%s %.3f (deviation %.3f)" % (k, v, statistics.pstdev(r[k] for r in rows)) for k, v in figures.items())))
    for i, times in chosen.most_common(3):
        print("    chosen %d times: %s" % (times, " ".join(bench.family[i])))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", metavar="|".join(BENCHMARKS), help="which (all)")
    parser.add_argument("--half-split", nargs="?", type=int, const=80, metavar="SPLITS", help="how many halves (80)")
    parser.add_argument("--json", metavar="FILE", help="the figures as JSON, too")
    args = parser.parse_args()
    unknown = [name for name in args.benchmarks if name not in BENCHMARKS]
    if unknown:
        parser.error("unknown: " + ", ".join(unknown))
    figures = {}
    for name in args.benchmarks or BENCHMARKS:
        if not os.path.isdir(os.path.join(KIT, name)):
            print("%s: skipped: %s is not there" % (name, os.path.relpath(os.path.join(KIT, name), foretrace.ROOT)))
            continue
        began, bench = time.monotonic(), BENCHMARKS[name]()
        print("== " + name)
        bench.report()
        if args.half_split:
            figures[name + " half-split"] = half_split(bench, args.half_split)
        result = bench.run([])
        figures[name] = bench.total([result[n] for n in bench.files])
        print("  defaults: %s  (%.0f s)" % ("  ".join("%s %.3f" % kv for kv in figures[name].items()), time.monotonic() - began), flush=True)
    if args.json:
        with contextlib.closing(open(args.json, "w")) as f:
            json.dump(figures, f, indent=1)
    return 0 if figures else foretrace.SKIPPED


if __name__ == "__main__":
    sys.exit(main())
