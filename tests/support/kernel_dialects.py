"""One course of events in the kernel, as several versions of LTTng and Linux would have recorded it: names of events, names and places of
fields, kinds of text. Written with ctf.py; the course is made up, the layouts are those of lttng-modules' sources."""
import ctf

T0 = 1_700_000_000_000_000_000
DISK = 8 << 20
US = 1000


def array(size):
    """A text of LTTng in `size` bytes: char comm[16]."""
    declared = "integer { size = 8; align = 8; signed = 0; encoding = UTF8; base = 10; } _%%s[%d];" % size
    return (declared, lambda text: text.encode()[:size].ljust(size, b"\0"))


COMM = array(16)
# A sequence of bytes: its length comes before it. Old block layer events have the command of the request.
SEQUENCE = ("integer { size = 32; align = 8; signed = 0; } __%s_length; integer { size = 8; align = 8; signed = 0; } _%s[ __%s_length ];".replace("%s", "cmd") + "/* %s */",
            lambda data: len(data).to_bytes(4, "little") + bytes(data))


# prev_state of sched_switch: since Linux 4.14, and as 4.4 has it.
STATES = {"runnable": 0, "preempted": 256, "sleeping": 1, "blocked": 2, "killable": 2, "idle": 128, "exited": 32}
OLD_STATES = {"runnable": 0, "preempted": 2048, "sleeping": 1, "blocked": 2, "killable": 130, "idle": 1026, "exited": 64}


class Dialect:
    """How a version writes things. Attributes are options of the class; names maps canonical to recorded names."""
    def __init__(self, title, names=(), contexts=True, waking=True, old_calls=False, compat=False, prio_offset=0, old_block=False, old_dump=False, old_pages=False,
                 old_net=False, old_fork=False, old_states=False):
        self.title, self.names = title, dict(names)
        self.contexts, self.waking, self.old_calls, self.compat, self.prio_offset = contexts, waking, old_calls, compat, prio_offset
        self.old_block, self.old_dump, self.old_pages, self.old_net, self.old_fork = old_block, old_dump, old_pages, old_net, old_fork
        self.states = OLD_STATES if old_states else STATES

    def name(self, canonical):
        return self.names.get(canonical, canonical)


LTTNG = {"softirq_raise": "irq_softirq_raise", "softirq_entry": "irq_softirq_entry", "softirq_exit": "irq_softirq_exit",
         "tasklet_entry": "irq_tasklet_low_entry", "tasklet_exit": "irq_tasklet_low_exit",
         "mm_page_alloc": "kmem_mm_page_alloc", "mm_page_free": "kmem_mm_page_free", "netif_receive_skb": "net_if_receive_skb", "netif_rx": "net_if_rx",
         "consume_skb": "skb_consume", "kfree_skb": "skb_kfree"}

MODERN = Dialect("LTTng 2.13, Linux 6.1", LTTNG)
DIALECTS = (
    Dialect("the kernel's own names"),
    Dialect("LTTng 2.14, softirq_* as they are, Linux 6.x", {k: v for k, v in LTTNG.items() if not k.startswith("softirq")}),
    Dialect("LTTng 2.8 to 2.11, Linux 4.4", LTTNG, old_block=True, old_dump=True, old_pages=True, old_net=True, old_states=True),
    Dialect("no sched_waking (Linux 4.2)", LTTNG, waking=False, old_states=True),
    Dialect("LTTng before 2.7.1: priorities with 100 more", LTTNG, prio_offset=100),
    Dialect("LTTng 2.4: sys_NAME and exit_syscall", LTTNG, old_calls=True, waking=False, prio_offset=100, old_block=True, old_dump=True, old_pages=True, old_net=True, old_fork=True),
    Dialect("32-bit programs: compat calls", LTTNG, compat=True),
    Dialect("32-bit programs of old tracers: compat_sys_NAME", LTTNG, compat=True, old_calls=True),
    Dialect("without contexts", LTTNG, contexts=False),
)


class Course:
    """Writes the events of one dialect; knows what runs where, as a tracer does."""
    def __init__(self, path, dialect):
        self.d = dialect
        contexts = [("pid", "s32"), ("tid", "s32"), ("procname", COMM)] if dialect.contexts else []
        self.trace = ctf.Trace(path, session="kernel", contexts=contexts)
        self.classes, self.events = {}, []
        self.running = {0: (0, 0, "swapper/0"), 1: (0, 0, "swapper/1")}
        self.tasks = {0: (0, "swapper", 20)}
        self.now = T0

    def add(self, cpu, name, /, recorded=None, **fields):
        """fields: name=(kind, value)."""
        name = recorded or self.d.name(name)
        kinds = {f: kind for f, (kind, _) in fields.items()}
        assert self.classes.setdefault(name, kinds) == kinds, name
        values = {f: value for f, (_, value) in fields.items()}
        pid, tid, comm = self.running[cpu]
        self.events.append((self.now, cpu, name, {**({"ctx.pid": pid, "ctx.tid": tid, "ctx.procname": comm} if self.d.contexts else {}), **values}))
        self.now += 10 * US

    def pause(self, us):
        self.now += us * US

    def prio(self, prio):
        return "s32", prio + self.d.prio_offset

    # ---- what happens ----

    def dump(self, tid, pid, ppid, comm, vtid=None, vpid=None, ns=4026531836):
        levels = [(tid, pid, 4026531836, 0)] if vtid is None else [(vtid, vpid, ns, 1), (tid, pid, 4026531836, 0)]
        self.tasks[tid] = (pid, comm, 20)
        common = {"name": (COMM, comm), "type": ("s32", 0), "mode": ("s32", 5), "submode": ("s32", 0), "status": ("s32", 5)}
        if self.d.old_dump:
            for v, p, inum, level in levels:
                self.add(0, "lttng_statedump_process_state", tid=("s32", tid), vtid=("s32", v), pid=("s32", pid), vpid=("s32", p), ppid=("s32", ppid),
                         vppid=("s32", 0), **common, ns_level=("u32", level), ns_inum=("u32", inum), cpu=("u32", 0))
            return
        self.add(0, "lttng_statedump_process_state", tid=("s32", tid), pid=("s32", pid), ppid=("s32", ppid), **common, cpu=("u32", 0),
                 file_table_address=("u64", 0xffff000000000000 + pid * 64))
        for v, p, inum, level in levels:
            self.add(0, "lttng_statedump_process_pid_ns", tid=("s32", tid), vtid=("s32", v), vpid=("s32", p), vppid=("s32", 0), ns_level=("u32", level), ns_inum=("u32", inum))

    def descriptor(self, pid, fd, path):
        where = {"pid": ("s32", pid)} if self.d.old_dump else {"file_table_address": ("u64", 0xffff000000000000 + pid * 64)}
        self.add(0, "lttng_statedump_file_descriptor", **where, fd=("s32", fd), flags=("u32", 2), fmode=("u32", 3), filename=("string", path))

    def switch(self, cpu, tid, state="runnable"):
        prev = self.running[cpu][1]
        pid, comm, prio = self.tasks[tid]
        self.add(cpu, "sched_switch", prev_comm=(COMM, self.running[cpu][2]), prev_tid=("s32", prev), prev_prio=self.prio(self.tasks[prev][2]), prev_state=("s64", self.d.states[state]),
                 next_comm=(COMM, comm if tid else "swapper/%d" % cpu), next_tid=("s32", tid), next_prio=self.prio(prio))
        self.running[cpu] = (pid, tid, comm if tid else "swapper/%d" % cpu)

    def wake(self, cpu, tid, target=0):
        fields = {"comm": (COMM, self.tasks[tid][1]), "tid": ("s32", tid), "prio": self.prio(self.tasks[tid][2])}
        if not self.d.waking:
            fields["success"] = ("s32", 1)
        self.add(cpu, "sched_waking" if self.d.waking else "sched_wakeup", **fields, target_cpu=("s32", target))

    def fork(self, cpu, tid, pid, comm):
        parent_pid, parent, parent_comm = self.running[cpu]
        self.tasks[tid] = (pid, comm, 20)
        more = {} if self.d.old_fork else {"parent_ns_inum": ("u32", 4026531836), "child_ns_inum": ("u32", 4026531836)}
        self.add(cpu, "sched_process_fork", parent_comm=(COMM, parent_comm), parent_tid=("s32", parent), parent_pid=("s32", parent_pid), child_comm=(COMM, comm),
                 child_tid=("s32", tid), child_pid=("s32", pid), **more)

    def enter(self, cpu, call, **fields):
        prefix = ("compat_" if self.d.compat else "") + ("sys_" if self.d.old_calls else "syscall_entry_")
        self.add(cpu, None, recorded=prefix + call, **fields)

    def leave(self, cpu, call, ret, **fields):
        if self.d.old_calls:
            self.add(cpu, None, recorded="exit_syscall", ret=("s64", ret))
        else:
            self.add(cpu, None, recorded=("compat_" if self.d.compat else "") + "syscall_exit_" + call, ret=("s64", ret), **fields)

    def call(self, cpu, call, ret, us=100, **fields):
        self.enter(cpu, call, **fields)
        self.pause(us)
        self.leave(cpu, call, ret)

    def softirq(self, cpu, vec, us=40):
        for what in ("raise", "entry", "exit"):
            self.add(cpu, "softirq_" + what, vec=("u32", vec))
            self.pause(us)

    def interrupt(self, cpu, irq, name, us=30):
        self.add(cpu, "irq_handler_entry", irq=("s32", irq), name=("string", name))
        self.pause(us)
        self.add(cpu, "irq_handler_exit", irq=("s32", irq), ret=("s32", 1))

    def pages(self, cpu, page, order):
        number = {} if self.d.old_pages else {"pfn": ("u64", page >> 6)}
        self.add(cpu, "mm_page_alloc", page=("u64", page), **number, order=("u32", order), gfp_flags=("u32", 0), migratetype=("s32", 0))
        self.pause(5)
        if page % 128 == 0:
            self.add(cpu, "mm_page_free", page=("u64", page), **number, order=("u32", order))

    def request(self, cpu, sector, sectors, write, us, error=0):
        rw = 1 if write else 0
        where = {"dev": ("u32", DISK), "sector": ("u64", sector), "nr_sector": ("u32", sectors)}
        tid, comm = ("s32", self.running[cpu][1]), (COMM, self.running[cpu][2])
        command = {"cmd": (SEQUENCE, b"")} if self.d.old_block else {}
        for what in ("insert", "issue"):
            self.add(cpu, "block_rq_" + what, **where, bytes=("u32", sectors * 512), tid=tid, rwbs=("u32" if not self.d.old_block else "u8", rw), **command, comm=comm)
            self.pause(20)
        self.pause(us)
        self.add(cpu, "block_rq_complete", **where, **{"errors" if self.d.old_block else "error": ("s32", error)}, rwbs=("u32" if not self.d.old_block else "u8", rw), **command)

    def packet(self, cpu, skb, size, sent, interface="eth0"):
        more = {} if self.d.old_net else {"network_header_type": ("u8", 0)}
        if sent:
            self.add(cpu, "net_dev_xmit", skbaddr=("u64", skb), rc=("s32", 0), len=("u32", size), name=("string", interface))
            return
        self.add(cpu, "netif_receive_skb", skbaddr=("u64", skb), len=("u32", size), name=("string", interface), **more)
        self.pause(30)
        self.add(cpu, "consume_skb", skbaddr=("u64", skb))

    def write(self):
        for name, kinds in self.classes.items():
            self.trace.event(name, **kinds)
        streams = [self.trace.stream(cpu=cpu) for cpu in (0, 1)]
        for time, cpu, name, values in self.events:
            streams[cpu].add(time, name, **values)
        return self.trace.write()


def course(path, dialect):
    """Two containers that both have a pid 1, a server, a thread; everything that the analyses look at, some of it in the wrong order."""
    c = Course(path, dialect)
    c.switch(0, 0)
    c.switch(1, 0)
    c.dump(1, 1, 0, "systemd")
    c.dump(500, 500, 1, "init", 1, 1, 4026532001)
    c.dump(600, 600, 1, "init", 1, 1, 4026532002)
    c.dump(700, 700, 1, "server")
    c.dump(701, 700, 1, "server-io")
    c.descriptor(700, 3, "/var/log/server.log")
    c.add(0, "lttng_statedump_block_device", dev=("u32", DISK), diskname=("string", "sda"))
    c.add(0, "lttng_statedump_interrupt", irq=("s32", 30), name=("string", "IO-APIC"), action=("string", "ahci"))
    c.add(0, "lttng_statedump_network_interface", name=("string", "eth0"), address_ipv4=("u32", 0x0a000001))
    c.now = T0 + 10_000_000     # whatever a dialect's statedump took
    for turn in range(20):
        for tid in (500, 600):
            c.interrupt(0, 30, "ahci", 20 + turn)
            c.wake(0, tid)
            c.softirq(0, 3, 10 + turn)
            c.switch(0, tid)
            c.call(0, "futex", 0 if turn % 4 else -110, 50 + 7 * turn, uaddr=("u64", 0x7f0000001000), op=("s32", 128), val=("u32", 0), utime=("u64", 0), uaddr2=("u64", 0), val3=("u32", 0))
            c.pages(0, 4096 + 64 * turn, turn % 3)
            c.switch(0, 0, ("preempted", "sleeping", "blocked", "killable", "idle")[turn % 5])
        c.wake(0, 701, 1)
        c.switch(1, 701)
        c.call(1, "read", 100 + turn, 30 + 5 * turn, fd=("u32", 3), count=("u64", 512))
        c.request(1, 1000 + 8 * turn, 8, turn % 2, 300 + 11 * turn, -5 if turn == 7 else 0)
        c.call(1, "openat", 5, 60, dfd=("s32", -100), filename=("string", "/data/%d" % turn), flags=("s32", 0), mode=("u32", 0))
        c.call(1, "write", 64 if turn % 5 else -28, 40, fd=("u32", 5), count=("u64", 64))
        c.call(1, "close", 0, 15, fd=("u32", 5))
        c.packet(1, 0x1000 + turn, 60 + turn, turn % 2)
        c.wake(1, 700, 0)
        c.switch(0, 700)
        if turn == 10:
            c.fork(0, 800, 800, "child")
        c.switch(0, 0, "sleeping")
        c.switch(1, 0, "exited" if turn == 19 else "blocked")
        c.pause(1000)
    return c.write()
