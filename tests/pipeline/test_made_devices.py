#!/usr/bin/python3
"""What the recorded traces have not: a scheduler of disk requests with its merges, requests that are given back, complete in parts or
fail; buffers of packets; tasklets. A machine is played at random (SEED repeats it), which knows what is true, and written as a trace."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import ctf  # noqa: E402
import foretrace  # noqa: E402
import reference  # noqa: E402

SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
T0 = 1_700_000_000_000_000_000
CONTEXTS = [("tid", "s32"), ("pid", "s32"), ("procname", "string")]
REQUEST = {"dev": "u32", "sector": "u64", "nr_sector": "u32", "bytes": "u32", "rwbs": "u32", "comm": "string"}
DISKS = {8 << 20: "sda", 259 << 20 | 3: "nvme0n1", 0x0811: None}     # the last one as older kernels number it, and not in the statedump
DIRECTIONS = {"write": 1, "discard": 2, "read": 4, "other": 0}
PROGRAMS = ((101, "db"), (102, "db"), (203, "web"), (9, "kworker/0:1H"))


def disk_number(dev):
    return "8:17" if dev == 0x0811 else "%d:%d" % (dev >> 20, dev & 0xfffff)


class Machine:
    def __init__(self, path):
        self.random = random.Random(SEED)
        self.trace = ctf.Trace(path, contexts=CONTEXTS)
        self.stream = self.trace.stream(cpu=0, packet_events=100)
        self.now, self.runs = T0, PROGRAMS[0]

    def say(self, name, /, **fields):
        tid, comm = self.runs
        self.stream.add(self.now, name, **{"pid": tid, "tid": tid, "procname": comm, **fields})

    def step(self):
        self.now += self.random.randrange(1, 1_000_000)
        self.runs = self.random.choice(PROGRAMS)


class Disks(Machine):
    """Requests are lists of what happened; each has a range of sectors of its own."""
    def __init__(self, path):
        super().__init__(path)
        for name in ("block_rq_insert", "block_rq_issue", "block_bio_backmerge", "block_bio_frontmerge", "block_rq_merge", "block_rq_requeue"):
            self.trace.event(name, **REQUEST)
        self.trace.event("block_rq_complete", dev="u32", sector="u64", nr_sector="u32", error="s32", rwbs="u32")
        self.trace.event("lttng_statedump_block_device", dev="u32", diskname="string")
        self.waiting, self.flying, self.flushing, self.next_sector = [], [], {}, 100_000
        # What is true:
        self.done, self.queued, self.flushes, self.merges, self.requeues, self.errors, self.flights = [], [], [], [], [], [], []
        self.changes = {d: 0 for d in DISKS}

    def request(self, name, rq, sector, sectors):
        self.say(name, dev=rq["dev"], sector=sector, nr_sector=sectors, bytes=sectors * 512, rwbs=DIRECTIONS[rq["direction"]], comm=self.runs[1])

    def make(self):
        self.next_sector += 10_000
        return {"dev": self.random.choice(list(DISKS)), "direction": self.random.choice(list(DIRECTIONS)), "sector": self.next_sector,
                "sectors": self.random.randrange(1, 33) * 8, "inserted": None, "by": None, "told": False}

    def insert(self):
        rq = self.make()
        rq["inserted"], rq["by"], rq["told"] = self.now, self.runs, True
        self.request("block_rq_insert", rq, rq["sector"], rq["sectors"])
        self.waiting.append(rq)

    def merge(self):
        if not self.waiting:
            return
        rq, n = self.random.choice(self.waiting), self.random.randrange(1, 9) * 8
        kind = self.random.choice(("front", "back", "request"))
        if kind == "front":
            self.request("block_bio_frontmerge", rq, rq["sector"] - n, n)
            rq["sector"] -= n
            rq["sectors"] += n
        elif kind == "back":
            self.request("block_bio_backmerge", rq, rq["sector"] + rq["sectors"], n)
            rq["sectors"] += n
        else:   # it becomes part of another one, which we do not follow: it is gone
            self.request("block_rq_merge", rq, rq["sector"], rq["sectors"])
            self.waiting.remove(rq)
        self.merges.append((disk_number(rq["dev"]), rq["direction"], kind))

    def issue(self):
        known = self.waiting and self.random.random() < 0.7
        rq = self.waiting.pop(self.random.randrange(len(self.waiting))) if known else self.make()
        if rq["told"]:
            self.queued.append((disk_number(rq["dev"]), rq["direction"], rq["inserted"], self.now))
        rq.update(issued=self.now, left=rq["sectors"], first=rq["sector"], whose=rq["by"] if rq["told"] else self.runs,
                  queued=self.now - rq["inserted"] if rq["told"] else None)
        self.request("block_rq_issue", rq, rq["sector"], rq["sectors"])
        self.flying.append(rq)
        self.changes[rq["dev"]] += 1

    def land(self, rq):
        self.flying.remove(rq)
        self.flights.append((disk_number(rq["dev"]), rq["direction"], rq["issued"], self.now))
        self.changes[rq["dev"]] += 1

    def complete(self):
        if not self.flying:
            return
        rq = self.random.choice(self.flying)
        part = self.random.randrange(8, rq["left"], 8) if rq["left"] > 8 and self.random.random() < 0.2 else rq["left"]
        error = self.random.choice((0, 0, 0, -5, -28)) if part == rq["left"] else 0
        self.say("block_rq_complete", dev=rq["dev"], sector=rq["first"] + rq["sectors"] - rq["left"], nr_sector=part, error=error, rwbs=DIRECTIONS[rq["direction"]])
        rq["left"] -= part
        if rq["left"]:
            return
        self.land(rq)
        self.done.append((rq["issued"], self.now, disk_number(rq["dev"]), rq["direction"], rq["first"], rq["sectors"], rq["queued"], *rq["whose"]))
        if error:
            self.errors.append((disk_number(rq["dev"]), rq["direction"], error))

    def requeue(self):
        whole = [rq for rq in self.flying if rq["left"] == rq["sectors"]]
        if not whole:
            return
        rq = self.random.choice(whole)
        self.request("block_rq_requeue", rq, rq["sector"], rq["sectors"])
        self.land(rq)
        rq["told"] = False      # the scheduler does not insert it again: how long it waits is not told
        self.requeues.append((disk_number(rq["dev"]), rq["direction"]))
        self.waiting.append(rq)

    def flush(self):
        dev = self.random.choice(list(DISKS))
        if dev in self.flushing:
            self.say("block_rq_complete", dev=dev, sector=(1 << 64) - 1, nr_sector=0, error=0, rwbs=1280)
            self.flushes.append((disk_number(dev), self.flushing[dev], self.now))
            self.flights.append((disk_number(dev), "flush", self.flushing.pop(dev), self.now))
        else:
            self.say("block_rq_issue", dev=dev, sector=0, nr_sector=0, bytes=0, rwbs=1280, comm=self.runs[1])
            self.flushing[dev] = self.now
        self.changes[dev] += 1

    def play(self, steps):
        for i in range(steps):
            self.step()
            if i == steps // 4:     # requests before it are of the same disks
                for dev, name in DISKS.items():
                    if name:
                        self.say("lttng_statedump_block_device", dev=dev, diskname=name)
            self.random.choices((self.insert, self.issue, self.complete, self.merge, self.requeue, self.flush), (20, 25, 30, 10, 5, 10))[0]()
        self.trace.write()


def by_key(pairs):
    out = {}
    for key, value in pairs:
        out.setdefault(key, []).append(value)
    return out


class Case(foretrace.Case):
    def setUp(self):
        super().setUp()
        print("SEED=%d" % SEED, file=sys.stderr)

    def report(self, analysis):
        return reference.Report(self, None, analysis, "--log", path=self.path("t"))

    def rows(self, table, truth):
        """Sums, counts, extremes of a table by key, against all values by key."""
        self.assertEqual({k: (r["count"], r["sum"], r["min"], r["max"]) for k, r in table.items()},
                         {k: (len(v), sum(v), min(v), max(v)) for k, v in truth.items()})

    def counts(self, table, truth):
        self.assertEqual({k: r["count"] for k, r in table.items()}, {k: len(v) for k, v in by_key((t, 1) for t in truth).items()})


class Block(Case):
    def test_requests(self):
        m = Disks(self.path("t"))
        m.play(6000)
        report = self.report("block")
        log = report.observed("request")["log"]
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["dev"], x["direction"], x["sector"], x["sectors"], x["queued_ns"], x["tid"], x["procname"]) for x in log], m.done)
        self.assertGreater(len(m.done), 1000)
        self.assertEqual([(x["dev"], x["direction"], x["begin_ns"], x["end_ns"]) for x in report.observed("queue")["log"]], m.queued)
        self.assertEqual([(x["dev"], x["begin_ns"], x["end_ns"]) for x in report.observed("flush")["log"]], m.flushes)
        self.rows(report.by("requests"), by_key(((r[2], r[3]), r[1] - r[0]) for r in m.done))
        self.rows(report.by("queue_times"), by_key(((d, how), e - b) for d, how, b, e in m.queued))
        self.rows(report.by("direction_sectors"), by_key(((r[2], r[3]), r[5]) for r in m.done))
        self.rows(report.by("thread_bytes"), by_key(((r[7], r[3]), r[5] * 512) for r in m.done))
        self.counts(report.by("merge_kinds"), m.merges)
        self.counts(report.by("direction_requeues"), m.requeues)
        self.counts(report.by("error_codes"), m.errors)
        self.assertTrue(m.merges and m.requeues and m.errors and m.flushes)
        # Names: of the statedump where there is one, also for what came before it.
        self.assertEqual({r["key"]["dev"]: r["show"]["disk"] for r in report.rows("disk_requests")}, {disk_number(d): n or disk_number(d) for d, n in DISKS.items()})
        # In flight: the time of all of them, those that are still under way up to the last event.
        last = m.stream.events[-1][0]
        still = [(disk_number(r["dev"]), r["direction"], r["issued"], last) for r in m.flying] + [(disk_number(d), "flush", t, last) for d, t in m.flushing.items()]
        for metric, key in (("mean_in_flight", lambda f: f[0]), ("mean_direction_in_flight", lambda f: f[:2])):
            self.assertEqual({d: r["sum"] for d, r in report.by(metric).items()}, {d: sum(v) for d, v in by_key((key(f), f[3] - f[2]) for f in m.flights + still).items()})
        self.assertEqual({d: r["count"] for d, r in report.by("depths").items()}, {disk_number(d): n for d, n in m.changes.items()})

    def test_loss(self):
        # What overlaps a loss is in no table; what begins behind it is.
        m = Disks(self.path("t"))
        m.play(1500)
        times = [e[0] for e in m.stream.events]
        cut = max(range(100, len(times) - 100), key=lambda i: sum(1 for r in m.done if r[0] < times[i] <= r[1]))    # most are under way
        m.stream.discarded = {cut: 3}
        m.trace.write()
        # The count is told at a packet's end: anything in that packet may have been next to what was lost.
        begin, end = times[cut - 1], times[min(cut + m.stream.packet_events, len(times)) - 1]
        report = self.report("block")
        log = [(x["begin_ns"], x["end_ns"]) for x in report.observed("request")["log"]]
        whole = [(r[0], r[1]) for r in m.done if r[1] <= begin or r[0] >= end]
        self.assertLess(len(whole), len(m.done))
        self.assertEqual(log, whole)
        self.assertGreater({c["name"]: c["count"] for c in report.all["counters"] if c["analysis"] == "block"}["suspect_pairs"], 0)


class Net(Case):
    def test_buffers(self):
        m = Machine(self.path("t"))
        m.trace.event("net_if_receive_skb", skbaddr="u64", len="u32", name="string")
        m.trace.event("net_dev_xmit", skbaddr="u64", rc="s32", len="u32", name="string")
        m.trace.event("skb_copy_datagram_iovec", skbaddr="u64", len="s32")
        m.trace.event("skb_consume", skbaddr="u64")
        m.trace.event("skb_kfree", skbaddr="u64", location="u64", protocol="u16", reason="s32")
        held, free, taken, drops, sizes = {}, [0xffff888000000000 + 256 * i for i in range(64)], [], [], []
        for _ in range(4000):
            m.step()
            kind = m.random.random()
            if kind < 0.4 and free:
                buffer, name, size = free.pop(m.random.randrange(len(free))), m.random.choice(("eth0", "lo")), m.random.randrange(40, 1500)
                m.say("net_if_receive_skb", skbaddr=buffer, len=size, name=name)
                held[buffer] = (m.now, name, size)
                sizes.append(((name, "received"), size))
            elif kind < 0.8 and held:
                buffer = m.random.choice(list(held))
                how = m.random.choice(("copied", "consumed", "dropped"))
                fields = {"copied": {"len": 10}, "consumed": {}, "dropped": {"location": 0xffffffff81000000, "protocol": 2048, "reason": m.random.randrange(2, 5)}}[how]
                m.say({"copied": "skb_copy_datagram_iovec", "consumed": "skb_consume", "dropped": "skb_kfree"}[how], skbaddr=buffer, **fields)
                begin, name, size = held.pop(buffer)
                free.append(buffer)
                taken.append((begin, m.now, name, how, size, m.runs[0], buffer))
                if how == "dropped":
                    drops.append((name, "received", fields["reason"]))
            else:       # what is sent is freed by the driver, or dropped before it
                buffer, name, size, rc = 0xffff999900000000 + m.random.randrange(1 << 20) * 256, m.random.choice(("eth0", "lo")), m.random.randrange(40, 1500), m.random.choice((0, 0, 0, 1, 2, 16))
                m.say("net_dev_xmit", skbaddr=buffer, rc=rc, len=size, name=name)
                m.say("skb_consume", skbaddr=buffer)
                if rc in (0, 2):
                    sizes.append(((name, "sent"), size))
                elif rc == 1:
                    drops.append((name, "sent", 1))
        m.trace.write()
        report = self.report("net")
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["interface"], x["outcome"], x["bytes"], x["tid"], x["buffer"]) for x in report.observed("buffer")["log"]], taken)
        self.rows(report.by("consume_latency"), by_key(((name, how), e - b) for b, e, name, how, *_ in taken))
        self.rows(report.by("process_consume_latency"), by_key(((dict(PROGRAMS)[tid], how), e - b) for b, e, _, how, _, tid, _ in taken))
        self.rows(report.by("bytes"), by_key(sizes))
        self.counts(report.by("packets"), [k for k, _ in sizes])
        self.counts(report.by("drops"), [d[:2] for d in drops])
        self.assertEqual([(x["interface"], x["direction"], x["reason"]) for x in report.observed("drop")["log"]], drops)
        self.assertTrue(taken and drops)


class Tasklets(Case):
    def test_tasklets(self):
        m = Machine(self.path("t"))
        for kind in ("low", "hi"):
            for end in ("entry", "exit"):
                m.trace.event("irq_tasklet_%s_%s" % (kind, end), func="u64", data="u64")
        ran = []
        for _ in range(500):
            m.step()
            kind, function, begin = m.random.choice(("low", "hi")), 0xffffffff82000000 + m.random.randrange(3) * 64, m.now
            m.say("irq_tasklet_%s_entry" % kind, func=function, data=0)
            m.step()
            m.say("irq_tasklet_%s_exit" % kind, func=function, data=0)
            ran.append((begin, m.now, function))
        m.trace.write()
        report = self.report("irq")
        self.assertEqual([(x["begin_ns"], x["end_ns"], x["function"]) for x in report.observed("tasklet")["log"]], ran)
        self.rows(report.by("tasklet"), by_key((f, e - b) for b, e, f in ran))


if __name__ == "__main__":
    foretrace.unittest.main(verbosity=2)
