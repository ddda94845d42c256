#!/usr/bin/python3
"""`foretrace score` on the open half of the Numenta Anomaly Benchmark, with the benchmark kit's scorer.

    score_nab.py [--half-split [SPLITS]] [--json FILE] [--option NAME=VALUE ...]

Thresholds are as shipped: a row counts where its score reaches 0.5, whatever the file. --half-split asks what a choice among
settings is worth on files that it was not made on: the best of a family of settings is picked on a random half of the files (as
many of each category), and scored on the other half. Needs ../shared/bench/nab beside the repository."""
import argparse
import collections
import importlib.util
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import foretrace  # noqa: E402

KIT = os.path.join(foretrace.SHARED, "bench", "nab")
SHIPPED = (("sensitive", ["-p", "sensitive"]), ("default", []), ("quiet", ["-p", "quiet"]))
FAMILY = [["--option", "threshold=%g" % threshold, "--option", "min_spread=%g" % spread]
          for threshold, spread in itertools.product((3, 3.5, 4, 4.5, 5, 6), (0, 0.001, 0.003, 0.01))]


def scorer():
    spec = importlib.util.spec_from_file_location("nab_score", os.path.join(KIT, "score.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Kit:
    def __init__(self):
        self.score = scorer()
        with open(os.path.join(KIT, "labels", "combined_windows.json")) as f:
            self.windows = json.load(f)
        with open(os.path.join(KIT, "labels", "profiles.json")) as f:
            self.profiles = {name: profile["CostMatrix"] for name, profile in json.load(f).items()}
        with open(os.path.join(KIT, "split.json")) as f:
            self.files = sorted(json.load(f)["open"])

    def run(self, args):
        """What each file adds in each profile: {file: ({profile: raw}, windows, hit, false rows)}."""
        with tempfile.TemporaryDirectory(prefix="foretrace-nab-") as directory:
            for name in self.files:
                path = os.path.join(directory, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as f:
                    f.write(foretrace.run("score", *args, os.path.join(KIT, "data", name)).stdout)
            corpus = self.score.load(directory, "", self.files, self.windows)
        out = {}
        for name, (rows, windows) in corpus.items():
            raw = {profile: self.score.raw_at(rows, windows, costs, 0.5) for profile, costs in self.profiles.items()}
            hit = len({window for score, window, _ in rows if score >= 0.5 and window is not None})
            out[name] = (raw, windows, hit, sum(score >= 0.5 and window is None for score, window, _ in rows))
        return out

    def total(self, result, profile, files):
        """100 is perfect, 0 is no detection at all."""
        costs = self.profiles[profile]
        windows = sum(result[name][1] for name in files)
        null, perfect = -costs["fnWeight"] * windows, costs["tpWeight"] * windows
        return 100 * (sum(result[name][0][profile] for name in files) - null) / (perfect - null)


def halves(files, seed):
    """A random half of the files, of each category as many, and the rest."""
    noise, categories, first = random.Random(seed), collections.defaultdict(list), []
    for name in files:
        categories[name.split("/")[0]].append(name)
    for _, names in sorted(categories.items()):
        noise.shuffle(names)
        first += names[:len(names) // 2 + (len(names) % 2 and noise.randrange(2))]
    return first, [name for name in files if name not in first]


def half_split(kit, splits, family):
    results = [kit.run(args) for args in family]
    rows, chosen = [], collections.Counter()
    for seed in range(splits):
        first, second = halves(kit.files, seed)
        best = max(range(len(family)), key=lambda i: kit.total(results[i], "standard", first))
        chosen[best] += 1
        rows.append([kit.total(results[best], profile, second) for profile in ("standard", "reward_low_FP_rate")])
    print("half-split, %d splits, %d settings: standard %.1f (deviation %.1f), low FP %.1f" % (
        splits, len(family), statistics.mean(r[0] for r in rows), statistics.pstdev(r[0] for r in rows), statistics.mean(r[1] for r in rows)))
    for i, times in chosen.most_common(3):
        print("    chosen %d times: %s" % (times, " ".join(family[i][1::2])))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half-split", nargs="?", type=int, const=80, metavar="SPLITS", help="how many halves (80)")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the detector, in all runs")
    parser.add_argument("--json", metavar="FILE", help="the figures as JSON, too")
    args = parser.parse_args()
    if not os.path.isdir(KIT):
        print("skipped: %s is not there" % os.path.relpath(KIT, foretrace.ROOT))
        return foretrace.SKIPPED
    kit, figures = Kit(), {}
    options = [word for option in args.option for word in ("--option", option)]
    print("| preset | standard | low FP | low FN | windows | false rows | s |\n|---|---|---|---|---|---|---|")
    for name, words in SHIPPED:
        began = time.monotonic()
        result = kit.run(words + options)
        figures[name] = {profile: kit.total(result, profile, kit.files) for profile in kit.profiles}
        print("| %s | %.2f | %.2f | %.2f | %d of %d | %d | %.1f |" % (
            name, figures[name]["standard"], figures[name]["reward_low_FP_rate"], figures[name]["reward_low_FN_rate"],
            sum(r[2] for r in result.values()), sum(r[1] for r in result.values()), sum(r[3] for r in result.values()),
            time.monotonic() - began))
    if args.half_split:
        figures["half_split"] = half_split(kit, args.half_split, [words + options for words in FAMILY])
    if args.json:
        with open(args.json, "w") as f:
            json.dump(figures, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
