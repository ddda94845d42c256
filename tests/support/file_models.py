"""What system calls do to files, reckoned from the events alone, twice: RightFiles as Linux does it, and ReferenceFiles with the defects
of lttng-analyses 0.6.1, which it lists. What the report says must be the one, what the reference says the other."""
import collections
import json

import foretrace

OPENS = ("open", "openat", "socket", "accept", "accept4", "fcntl", "dup", "dup2", "dup3")
READS = ("read", "recvmsg", "recvfrom", "readv", "pread64", "preadv")
WRITES = ("write", "sendmsg", "sendto", "writev", "pwrite64", "pwritev")
SYNCS = ("sync", "sync_file_range", "fsync", "fdatasync")
COPIES = {"splice": ("fd_in", "fd_out"), "sendfile64": ("in_fd", "out_fd")}
FAMILIES = {name: family for family, names in (("open", OPENS), ("read", READS), ("write", WRITES), ("sync", SYNCS), ("close", ("close",)),
                                               ("copy", COPIES)) for name in names}
CLOEXEC, CLONE_FILES = 0o2000000, 0x400
_models = {}


class Models:
    """Of a trace: right, reference; calls as (begin, end, tid, name, errno); how many exits of calls there are, and how many forks."""
    def __init__(self, all_events):
        self.right, self.reference = RightFiles(all_events).operations, ReferenceFiles(all_events)
        self.calls = [(entry["t"], e["t"], e["context"]["tid"], name, -e["fields"]["ret"] if -4096 < e["fields"]["ret"] < 0 else None)
                      for entry, e, name in calls(all_events)]
        self.exits = sum(e["name"].startswith("syscall_exit_") for e in all_events)
        self.forks = sum(e["name"] == "sched_process_fork" for e in all_events)


def models(case, trace):
    """Made once."""
    if trace not in _models:
        lines = foretrace.run("events", "--format", "json", case.trace(trace)).stdout.splitlines()
        _models[trace] = Models([json.loads(line) for line in lines])
    return _models[trace]


def calls(all_events):
    """System calls from entry to exit by thread: (entry, exit, name)."""
    pending = {}
    for e in all_events:
        tid = e["context"]["tid"]
        if e["name"].startswith("syscall_entry_"):
            pending[tid] = e
        elif e["name"].startswith("syscall_exit_"):
            entry = pending.pop(tid, None)
            if entry:
                yield entry, e, entry["name"][len("syscall_entry_"):]


def duplicates(name, fields):
    return name != "fcntl" or fields["cmd"] in (0, 1030)


# ---- as Linux does it ----

Operation = collections.namedtuple("Operation", "begin end tid pid syscall family fd path kind bytes errno to_path to_kind")


def kind_of(path):
    if path is None:
        return "unknown"
    for prefix, kind in (("socket:", "socket"), ("pipe:", "pipe"), ("anon_inode:", "other"), ("/dev/shm/", "file"), ("/dev/", "other"),
                         ("/proc/", "other"), ("/sys/", "other"), ("/memfd:", "other")):
        if path.startswith(prefix):
            return kind
    return "file"


class Table:
    def __init__(self, files=None):
        self.files = dict(files or {})  # descriptor -> [path, close on exec]


class RightFiles:
    """operations: everything that belongs to a family, in order of its end. Paths are as they were given, below a
    directory where they are relative to a descriptor."""
    def __init__(self, all_events):
        self.tables, self.pids, self.by_address = {}, {}, {}
        self.pending, self.operations = {}, []
        for e in all_events:
            name = e["name"]
            if name.startswith("syscall_entry_"):
                self.entry(e, name[len("syscall_entry_"):])
            elif name.startswith("syscall_exit_"):
                self.exit(e)
            elif hasattr(self, name):
                getattr(self, name)(e, e["fields"])

    def table(self, tid, pid):
        pid = self.pids.setdefault(tid, pid)
        if tid not in self.tables:
            self.tables[tid] = self.tables.setdefault(pid, Table())
        return self.tables[tid]

    def lttng_statedump_process_state(self, _, f):
        self.pids[f["tid"]] = f["pid"]
        known = self.tables.get(f["tid"])
        table = self.by_address.setdefault(f["file_table_address"], known or Table())
        if known:
            for fd, file in known.files.items():
                table.files.setdefault(fd, file)
        if f["file_table_address"]:
            self.tables[f["tid"]] = table

    def lttng_statedump_file_descriptor(self, _, f):
        table = self.by_address.setdefault(f["file_table_address"], Table())
        if table.files.get(f["fd"], [None])[0] is None:
            table.files[f["fd"]] = [f["filename"], bool(f["flags"] & CLOEXEC)]

    def sched_process_fork(self, e, f):
        parent = self.table(f["parent_tid"], f["parent_pid"])
        entry = self.pending.get(f["parent_tid"])
        shared = f["child_pid"] != f["child_tid"] or (entry and entry[1] == "clone" and entry[0]["fields"]["flags"] & CLONE_FILES)
        self.pids[f["child_tid"]] = f["child_pid"]
        self.tables[f["child_tid"]] = parent if shared else Table({fd: list(v) for fd, v in parent.files.items()})

    def sched_process_exec(self, e, _):
        tid = e["context"]["tid"]
        own = self.table(tid, e["context"]["pid"])
        self.tables[tid] = Table({fd: list(v) for fd, v in own.files.items() if not v[1]})

    def entry(self, e, name):
        tid, f = e["context"]["tid"], e["fields"]
        table = self.table(tid, e["context"]["pid"])
        fd = f.get("fd", f.get("oldfd", f.get("fildes")))
        if name in COPIES:
            fd = f[COPIES[name][0]]
        path = table.files.get(fd, [None])[0]
        if name in ("open", "openat"):
            path = f["filename"]
            directory = table.files.get(f.get("dfd"), [None])[0]
            if directory and path and path[0] != "/":
                path = directory.rstrip("/") + "/" + path
        elif name == "socket":
            path = "socket:" + {1: "unix", 2: "inet", 10: "inet6", 16: "netlink"}.get(f["family"], "")
        elif name == "connect":
            path = "socket:" + {1: "unix", 2: "inet:%d" % f["dport"], 10: "inet6:%d" % f["dport"], 16: "netlink"}.get(f["family"], "")
        elif name in ("accept", "accept4"):
            path = path or "socket:"
        elif name.startswith("epoll_create"):
            path = "anon_inode:[eventpoll]"
        elif name.startswith("timerfd_create"):
            path = "anon_inode:[timerfd]"
        elif name.startswith("eventfd"):
            path = "anon_inode:[eventfd]"
        self.pending[tid] = (e, name, fd, path or None)  # a name that was not in memory is empty

    def exit(self, e):
        tid, ret = e["context"]["tid"], e["fields"]["ret"]
        if tid not in self.pending:
            return
        entry, name, fd, path = self.pending.pop(tid)
        f, files = entry["fields"], self.table(tid, e["context"]["pid"]).files
        opens = name in OPENS and duplicates(name, f) or name.startswith(("epoll_create", "timerfd_create", "eventfd"))
        if name == "close":
            files.pop(fd, None)
        elif name == "connect" and ret in (0, -115):
            files[fd] = [path, files.get(fd, [None, False])[1]]
        elif name == "fcntl" and f["cmd"] == 2 and ret == 0 and fd in files:
            files[fd][1] = bool(f["arg"] & 1)
        elif name == "pipe2" and ret == 0:
            for new in e["fields"]["fildes"]:
                files[new] = ["pipe:", bool(f["flags"] & CLOEXEC)]
        elif opens and ret >= 0 and not (name.startswith("dup") and ret == fd):
            cloexec = f["cmd"] == 1030 if name == "fcntl" else bool(f.get("flags", f.get("type", 0)) & CLOEXEC)
            files[ret] = [path, cloexec]
            fd = ret
        elif name in ("open", "openat", "socket"):
            fd = None
        if name in FAMILIES and duplicates(name, f):
            self.operation(entry, e, name, fd, path, files)

    def operation(self, entry, e, name, fd, path, files):
        ret, family = e["fields"]["ret"], FAMILIES[name]
        moved = ret if family in ("read", "write", "copy") and ret >= 0 else None
        to = files.get(entry["fields"][COPIES[name][1]], [None])[0] if name in COPIES else None
        self.operations.append(Operation(entry["t"], e["t"], e["context"]["tid"], e["context"]["pid"], name, family, fd, path, kind_of(path), moved,
                                         -ret if ret < 0 else None, to, kind_of(to) if name in COPIES else None))


# ---- as the reference does it ----

class Process:
    """files: descriptor -> [name, kind, close on exec]; records: descriptor -> [[file, opened, closed, bytes by direction], ...]."""
    def __init__(self, tid, pid=None, comm=""):
        self.tid, self.pid, self.comm = tid, pid, comm
        self.files, self.records, self.call = {}, {}, None
        self.bytes = collections.Counter()  # (direction, kind)


class ReferenceFiles:
    """The defects, each of which is in its source (linuxautomaton/io.py, sched.py, statedump.py; core/io.py):
    1. A record of the statedump is given to the process in whose context the dump ran: since LTTng 2.13 it names a table, not a pid.
    2. accept, pipe2, epoll_create and the like open nothing, F_DUPFD_CLOEXEC duplicates nothing, splice and sendfile move nothing.
    3. A socket's read and write are of a disk, a network or unknown by the call that opened it; files of the statedump are unknown.
    4. What is opened where it believes something open keeps the old name (it missed the closing: close-on-exec of sockets and of
       duplicates, or of a descriptor that belonged to the table of another process).
    5. dup2 closes its target at its entry. A connect renames at its entry, all that was done by that descriptor before included.
    6. Pipes, sockets and what has no known name are counted by name and process.
    7. The log looks for the file by bisection over what the descriptor was, and gives up at one that is still open at the end."""
    def __init__(self, all_events):
        self.running, self.processes, self.stats, self.log = {}, {}, {}, []
        for e in all_events:
            name, f = e["name"], e["fields"]
            if name.startswith("syscall_"):
                p = self.processes.get(self.running.get(e["cpu"]))
                if p:
                    (self.entry if name.startswith("syscall_entry_") else self.exit)(e, f, p)
            elif hasattr(self, name):
                getattr(self, name)(e, f)

    def process(self, tid, *args):
        return self.processes.setdefault(tid, Process(tid, *args))

    def stat(self, p):
        """What is counted outlives a process whose tid is used again."""
        if p.tid not in self.stats:
            self.stats[p.tid] = Process(p.tid, p.pid, p.comm)
        return self.stats[p.tid]

    def leader(self, p):
        return self.processes[p.pid] if p.pid not in (None, p.tid) else p

    def opened(self, p, fd, t):
        self.stat(p).records.setdefault(fd, []).append([list(p.files[fd]), t, None, collections.Counter()])

    def current(self, p, fd):
        return next((r for r in self.stats[p.tid].records.get(fd, [])[-1:] if r[2] is None), None)

    def closed(self, p, fd, t):
        self.current(p, fd)[2] = t
        del p.files[fd]

    def sched_switch(self, e, f):
        self.running[e["cpu"]] = f["next_tid"] or None
        self.process(f["prev_tid"])
        self.process(f["next_tid"]).comm = f["next_comm"]

    def sched_process_fork(self, e, f):
        parent = self.process(f["parent_pid"])
        parent.pid, parent.comm = f["parent_pid"], f["parent_comm"]
        child = self.processes[f["child_tid"]] = Process(f["child_tid"], f["child_pid"], f["child_comm"])
        for fd, file in parent.files.items():
            child.files[fd] = list(file)
            self.opened(child, fd, e["t"])

    def sched_process_exec(self, e, f):
        p = self.process(f["tid"])
        p.comm = e["context"]["procname"]
        for fd in [fd for fd, file in p.files.items() if file[2]]:
            self.closed(p, fd, e["t"])

    def lttng_statedump_process_state(self, _, f):
        p = self.process(f["tid"])
        p.pid, p.comm = f["pid"], f["name"]
        if p.pid == p.tid:
            return
        leader = self.process(f["pid"], f["pid"], f["name"])
        own, theirs = self.stat(p), self.stat(leader)
        own.pid = theirs.tid
        for source, target in ((p.files, leader.files), (own.records, theirs.records)):
            for fd, what in source.items():
                target.setdefault(fd, what)
            source.clear()

    def lttng_statedump_file_descriptor(self, e, f):
        pid = e["context"]["pid"]
        p = self.process(pid, pid)
        if f["fd"] in p.files:
            p.files[f["fd"]][0] = self.stats[pid].records[f["fd"]][-1][0][0] = f["filename"]
        else:
            p.files[f["fd"]] = [f["filename"], "unknown", bool(f["flags"] & CLOEXEC)]
            self.opened(p, f["fd"], e["t"])

    def entry(self, e, f, p):
        name = e["name"][len("syscall_entry_"):]
        p.call = [name, e["t"], None, None, None]    # name, begin, family, descriptor, file that it would open
        if name == "connect" and f["family"] == 2 and f["fd"] in self.leader(p).files:
            address = "%s:%d" % (".".join(map(str, f["v4addr"])), f["dport"])
            self.leader(p).files[f["fd"]][0] = self.stats[p.tid].records[f["fd"]][-1][0][0] = address
        if name not in FAMILIES or name in COPIES or name.startswith("accept") or (name == "fcntl" and f["cmd"] != 0):
            return
        if p.pid is None:
            p.pid = e["context"]["pid"]
            if p.pid != p.tid:
                self.processes[p.pid] = Process(p.pid, p.pid, p.comm)
        p.call[2], p.call[3] = FAMILIES[name], None if name in OPENS else f.get("fd")
        if name in ("open", "openat"):
            p.call[4] = [f["filename"], "disk", bool(f["flags"] & CLOEXEC)]
        elif name == "socket":
            p.call[4] = ["socket", "net", False]
        elif name in OPENS:
            files = self.leader(p).files
            if name in ("dup2", "dup3") and f["newfd"] in files:
                self.closed(self.leader(p), f["newfd"], e["t"])
            old = files.get(f.get("oldfd", f.get("fildes", f.get("fd"))), ["unknown", "unknown"])
            p.call[4] = [old[0], old[1], False]

    def exit(self, e, f, p):
        if not p.call:
            return
        (name, begin, family, fd, file), p.call = p.call, None
        if family is None:
            return
        leader, ret, record = self.leader(p), f["ret"], None
        if family == "open" and ret >= 0:
            fd = ret
        if ret >= 0 and fd is not None:
            if fd not in leader.files:
                leader.files[fd] = file or ["unknown", "unknown", False]
                self.opened(leader, fd, e["t"])
            record = self.current(leader, fd)
            if family in ("read", "write"):
                self.stat(p).bytes[family, record[0][1]] += ret
                record[3][family] += ret
        self.stat(p).comm, self.stat(leader).comm = p.comm, leader.comm
        self.log.append((begin, e["t"], p.tid, name, fd))
        if family == "close" and ret == 0:
            self.closed(leader, fd, e["t"])

    def path(self, tid, fd, t):
        """The name, at the end of the trace, of what fd was at t, in the process that the thread was thought to be of when it was first seen."""
        if fd is None:
            return None
        pid = tid if self.stats[tid].pid is None else self.stats[tid].pid
        records = self.stats[pid].records.get(fd, [])
        while records:
            middle = len(records) // 2
            file, opened, closed, _ = records[middle]
            if opened <= t and (closed is None or t <= closed):
                return file[0]
            if closed is None:
                return None
            records = records[:middle] if t < opened else records[middle + 1:]
        return None

    def file_bytes(self, direction):
        files = collections.Counter()
        for p in self.stats.values():
            for records in p.records.values():
                for file, _, _, moved in records:
                    generic = file[0].startswith(("pipe", "socket", "anon_inode", "unknown"))
                    files["%s (%s)" % (file[0], p.comm) if generic else file[0]] += moved[direction]
        return {path: n for path, n in files.items() if n}
