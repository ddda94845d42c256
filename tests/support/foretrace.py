"""What the tests in Python share: the program under test, its outputs, recorded traces."""
import csv
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(ROOT, "tests", "data")
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
PROGRAM = os.environ.get("FORETRACE", os.path.join(ROOT, "build", "dev", "foretrace"))
EMITTER = os.environ.get("EMITTER", os.path.join(ROOT, "build", "dev", "tests", "emitter"))
EXAMPLES = os.path.join(os.path.dirname(PROGRAM), "examples")
SANITIZED = os.environ.get("FORETRACE_SANITIZED", "") != ""
SKIPPED = 77    # ctest's SKIP_RETURN_CODE


def run(*args, timeout=120, check=True, **kwargs):
    """Runs foretrace; its result has returncode, stdout and stderr as text."""
    done = subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=timeout, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError("foretrace %s: status %d\n%s\n%s" % (" ".join(args), done.returncode, done.stdout, done.stderr))
    return done


def peak(*args, **kwargs):
    """As run(), and the most memory that it had in MiB, what it maps of files included."""
    with tempfile.NamedTemporaryFile("r") as f:
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "support", "peak.py"), f.name, PROGRAM, *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, **kwargs)
        if done.returncode != 0:
            raise AssertionError("foretrace %s: status %d\n%s\n%s" % (" ".join(args), done.returncode, done.stdout, done.stderr))
        return done, int(f.read()) / 1024


class Case(unittest.TestCase):
    """A test with a directory of its own, which is removed."""
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="foretrace-test-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        os.environ["XDG_RUNTIME_DIR"] = self.dir      # sockets of concurrent tests do not meet

    def keep(self, thing):
        """A process, or what can be killed: it is, at the end of the test, the last one first."""
        self.addCleanup(end, thing)
        return thing

    def path(self, name):
        return os.path.join(self.dir, name)

    def trace(self, name):
        """Unpacks a recorded trace."""
        target = self.path("trace-" + name)
        if not os.path.isdir(target):
            with tarfile.open(os.path.join(DATA, name + ".tar.xz")) as f:
                f.extractall(target)
        return target

    def config(self, text):
        path = self.path("config.yaml")
        with open(path, "w") as f:
            f.write(text)
        return path

    def replay(self, *args, **kwargs):
        """Replays; returns (alerts, samples, summary, standard error)."""
        summary, samples = self.path("summary.json"), self.path("samples.csv")
        done = run("replay", "--format", "json", "--publish", "none", "--summary", summary, "--samples", samples, *args, **kwargs)
        return alerts_of(done.stdout), samples_of(samples), load(summary), done.stderr


def end(thing):
    thing.kill()
    if isinstance(thing, subprocess.Popen):
        thing.wait()


def load(path):
    """A JSON file."""
    with open(path) as f:
        return json.load(f)


def alerts_of(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def samples_of(path, whole=True):
    """Rows (time_ns, series, value, count, quality). Not whole: of a file that is being written, if it is there, the lines so far."""
    if not whole and not os.path.exists(path):
        return []
    with open(path, newline="") as f:
        lines = f.readlines()
    rows = list(csv.reader(line for line in lines if line.endswith("\n")))
    if not whole and not rows:
        return []
    assert rows[0] == ["time_ns", "series", "value", "count", "quality"], rows[0]
    return [(int(t), s, float(v), int(c), q) for t, s, v, c, q in rows[1:]]


def fired(alerts):
    """The first transition of every episode."""
    seen, out = set(), []
    for a in alerts:
        if a["state"] == "firing" and a["id"] not in seen:
            seen.add(a["id"])
            out.append(a)
    return out


def tree(pid):
    """A process and those it started, and so on."""
    pids = [pid]
    for pid in pids:
        try:
            for task in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                    pids += [int(x) for x in f.read().split()]
        except OSError:
            pass
    return pids


def cpu_seconds(pids):
    """Of processes and the children they waited for, so far (fields 14 to 17 of /proc/PID/stat)."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as f:
                total += sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:15])
        except OSError:
            pass
    return total / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid):
    """What a process holds for itself: anonymous memory. What it maps of files (a journal) is the kernel's to drop."""
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon:")) * 1024


def markers(trace):
    """Marker texts and their times in ns."""
    with open(os.path.join(DATA, "MARKERS.tsv")) as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    return {text: int(ns) for name, ns, _, text in rows if name == trace}


def main():
    """unittest's main, with ctest's word for a skipped file when nothing ran."""
    program = unittest.main(exit=False, verbosity=1)
    result = program.result
    if result.wasSuccessful() and result.skipped and len(result.skipped) == result.testsRun:
        for _, why in result.skipped:
            print("skipped:", why)
        sys.exit(SKIPPED)
    sys.exit(0 if result.wasSuccessful() else 1)
