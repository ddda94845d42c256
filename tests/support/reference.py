"""The tables of lttng-analyses on the recorded kernel traces (tests/data/reference.tar.xz), and foretrace's report of the same."""
import json
import os
import re
import subprocess
import tarfile

import foretrace

# A sanitizer has nothing to say of the numbers, and takes long.
TRACES = ("idle", "slowdisk", "redislost") if foretrace.SANITIZED else ("idle", "fio", "slowdisk", "cpu", "redis", "redislost")
_archive, _tables = None, {}


def tables(trace, command):
    """The result tables of a command's JSON: a list of (class, title, rows). Cells are plain values (plain())."""
    global _archive
    if (trace, command) not in _tables:
        if _archive is None:
            _archive = tarfile.open(os.path.join(foretrace.DATA, "reference.tar.xz"))
            _archive.members_by_name = {m.name: m for m in _archive.getmembers()}
        member = _archive.members_by_name["reference/%s/%s.json" % (trace, command)]
        _tables[trace, command] = json.load(_archive.extractfile(member))["results"]
    out = []
    for t in _tables[trace, command]:
        kind = t["class"]
        title = "" if isinstance(kind, str) else kind["title"]
        out.append((kind if isinstance(kind, str) else kind["inherit"], title, [[plain(c) for c in row] for row in t["data"]]))
    return out


def table(trace, command, kind):
    """The rows of the one table of that class; [] where the reference left it out."""
    found = [rows for k, _, rows in tables(trace, command) if k == kind]
    return found[0] if found else []


def time_range(trace, command):
    """(begin, end) as the reference saw the trace."""
    tables(trace, command)
    r = _tables[trace, command][0]["time-range"]
    return r["begin"]["value"], r["end"]["value"]


def plain(cell):
    """A cell: a number or text; a process is a dict with name, tid, pid; a disk, file, cpu ... its object; None: empty or unknown."""
    if cell is None or cell.get("class") in ("unknown", "empty"):
        return None
    if "value" in cell:
        return cell["value"]
    if cell["class"] == "cpu":
        return cell["id"]
    return cell


def losses(path):
    """[(begin, end)] of events that the tracer discarded, ns, as babeltrace2 tells them."""
    done = subprocess.run(["babeltrace2", "--clock-seconds", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return [tuple(int(t.replace(".", "")) for t in pair) for pair in re.findall(r"discarded \d+ events? between \[(\d+\.\d{9})\] and \[(\d+\.\d{9})\]", done.stderr)]


class Report:
    """`foretrace report --format json` of a recorded trace, or of the one at path."""
    def __init__(self, case, trace, analysis, *options, path=None):
        done = foretrace.run("report", "--format", "json", "--analysis", analysis, *options, path or case.trace(trace))
        self.all = json.loads(done.stdout)
        self.begin, self.end = self.all["begin_ns"], self.all["end_ns"]

    def observed(self, what):
        """Everything of one observable: tables, top, log."""
        return next(o for o in self.all["observables"] if o["observed"] == what)

    def rows(self, metric):
        """Rows of the table of a metric."""
        return next(t["rows"] for o in self.all["observables"] for t in o["tables"] if t["metric"] == metric)

    def by(self, metric):
        """{key: row}: the key is the field's value, or a tuple of several."""
        def key(row):
            values = tuple(row["key"].values())
            return values[0] if len(values) == 1 else values
        return {key(row): row for row in self.rows(metric)}
