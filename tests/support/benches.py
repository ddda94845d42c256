"""What the benches of live reading share: readers in turns, their CPU, and tables."""
import argparse
import json
import os
import signal
import subprocess

import foretrace
import lttng

READERS = ("native", "babeltrace2")
TIMERS = {"us": 1, "ms": 1000, "s": 1000000}
TICKS = os.sysconf("SC_CLK_TCK")


def readers(text):
    names = text.split(",")
    if not names or any(n not in READERS for n in names):
        raise argparse.ArgumentTypeError("expected some of %s" % ",".join(READERS))
    return names


def timers(text):
    """"100ms,10ms" as [("100ms", 100000), ("10ms", 10000)]: the text and microseconds."""
    out = []
    for timer in text.split(","):
        number = timer.rstrip("mus")
        if not number.isdigit() or timer[len(number):] not in TIMERS:
            raise argparse.ArgumentTypeError("expected times such as 100ms,10ms, not %s" % timer)
        out.append((timer, int(number) * TIMERS[timer[len(number):]]))
    return out


def arguments(text):
    """A parser with what all of these benches take."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=readers, default=list(READERS), help="which of them, in turns (%s)" % ",".join(READERS))
    parser.add_argument("--json", metavar="FILE", help="the rows of the table, as JSON, too")
    return parser


def scratch():
    """Where a bench may write."""
    path = os.path.join(foretrace.ROOT, "build")
    os.makedirs(path, exist_ok=True)
    return path


def consumerds(sessiond):
    """The consumer daemons of an lttng-sessiond."""
    out = []
    for pid in foretrace.tree(sessiond.pid):
        with open("/proc/%d/comm" % pid) as f:
            if f.read().startswith("lttng-consumerd"):
                out.append(pid)
    return out


def beside(name):
    """A program that was built beside foretrace."""
    return os.path.join(os.path.dirname(foretrace.PROGRAM), "tests", name)


class Table:
    """Rows as they come, columns (name, format); what was missed, for the exit status."""
    def __init__(self, *columns):
        self.columns, self.rows, self.missed = columns, [], []
        self.widths = [max(len(name), len(self.text(form, 0))) for name, form in columns]
        self.line([name for name, _ in columns])
        self.line(["-" * w for w in self.widths])

    @staticmethod
    def text(form, value):
        """A number as its format says; words, and what there is not, as they are."""
        return "" if value is None else value if isinstance(value, str) else form % value

    def line(self, cells):
        print("| %s |" % " | ".join(c.ljust(w) for c, w in zip(cells, self.widths)), flush=True)

    def add(self, *values, **hidden):
        """hidden: of the JSON only."""
        self.line([self.text(form, v).rjust(w) if not isinstance(v, str) else v
                   for (_, form), v, w in zip(self.columns, values, self.widths)])
        self.rows.append({**{name.strip(): v for (name, _), v in zip(self.columns, values)}, **hidden})

    def ask(self, good, what):
        """What is asked for, and whether it is so."""
        print("%s%s" % (what, "" if good else "  <-- MISSED"), flush=True)
        if not good:
            self.missed.append(what)

    def finish(self, path):
        """Writes the JSON where asked to; the exit status."""
        if path:
            with open(path, "w") as f:
                json.dump({"rows": self.rows, "missed": self.missed}, f, indent=1)
        return 1 if self.missed else 0


class Watcher:
    """A foretrace that watches sessions of a relayd, with one of the readers."""
    def __init__(self, directory, reader, url, *args):
        self.summary, self.log = os.path.join(directory, "summary.json"), os.path.join(directory, "watcher.log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([foretrace.PROGRAM, "run", "--set", "reader=" + reader, "--format", "none", "--publish", "none",
                                             "--summary", self.summary, *args, "--attach", url], stdin=subprocess.DEVNULL, stderr=log)

    def said(self):
        with open(self.log) as f:
            return f.read()

    def wait(self, what, condition, timeout=20):
        try:
            lttng.wait_for(what, lambda: self.process.poll() is not None or condition(), timeout)
        except AssertionError as e:
            raise SystemExit("%s; foretrace said:\n%s" % (e, self.said()))
        if self.process.returncode is not None:
            raise SystemExit("foretrace ended, status %d; it said:\n%s" % (self.process.returncode, self.said()))

    def wait_attached(self, relayd):
        self.wait("a viewer", lambda: "1 viewer" in foretrace.run("sessions", relayd.url).stdout)

    def stop(self):
        """(CPU seconds of its own, of its children, its summary). Those of children are there when they were waited for,
        so it is looked at when it has ended, and before we wait for it."""
        self.process.send_signal(signal.SIGINT)
        lttng.wait_for("foretrace's end", lambda: os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG), 60)
        with open("/proc/%d/stat" % self.process.pid) as f:
            user, system, user_children, system_children = (int(x) / TICKS for x in f.read().rsplit(")", 1)[1].split()[11:15])
        if self.process.wait() != 0:
            raise SystemExit("foretrace: status %d; it said:\n%s" % (self.process.returncode, self.said()))
        return user + system, user_children + system_children, foretrace.load(self.summary)

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()
