"""The other end of a link between stages, in Python: one that takes what `detect` sends,
and one that says whatever it likes to a stage that listens."""
import threading
import time

import msgpack
import zmq

VERSION = 1
HEARTBEAT, SERIES, SAMPLES, EXCEEDANCE, LOSS, END, VERDICT, WINDOW, HELLO, WELCOME, ACK, RESYNC, REFUSED = 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16
GRADE, RAISE, CLEAR = 1, 2, 3


def frame(kind, body, epoch=1, sequence=0, version=VERSION):
    return msgpack.packb([version, kind, epoch, sequence, body])


class Verdicts(threading.Thread):
    """An alert stage that only takes notes: every window that was judged, once, and when it heard of it. `lag` says how many
    of the latest messages are not durable yet."""
    def __init__(self, endpoint, lag=lambda: 0):
        super().__init__(daemon=True)
        self.lag, self.durable = lag, {}
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.bind(endpoint)
        self.windows = []      # (end_ns, quality, wall time when it came)
        self.judged = set()    # the ends of windows of which something was graded
        self.taken = []        # (kind, body) of all
        self.known = {}        # epoch of a sender: the last number taken; None: not told yet where it begins
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            if self.socket.poll(50):
                route, message = self.socket.recv_multipart()[:2]
                self.take(route, *msgpack.unpackb(message)[1:])
        self.context.destroy(linger=0)

    def take(self, route, kind, epoch, sequence, body):
        if kind == RESYNC:
            self.known[epoch] = None if body[0] else body[1] - 1
        elif sequence > 0 and kind != HEARTBEAT and self.known.get(epoch) == sequence - 1:
            self.known[epoch] = sequence
            self.taken.append((kind, body))
            if kind == WINDOW:
                self.windows.append((body[3], body[4], time.time_ns()))
            elif kind == VERDICT and body[1] == GRADE:
                self.judged.add(body[13])
        self.answer(route, kind, epoch)

    def answer(self, route, kind, epoch):
        at = self.known.get(epoch)
        self.durable[epoch] = max(self.durable.get(epoch, 0), (at or 0) - self.lag())
        answer = [epoch, at is not None, at or 0, at or 0, self.durable[epoch]]
        self.socket.send_multipart([route, frame(WELCOME if kind == HELLO else ACK, answer)])

    def stop(self):
        self.ended.set()
        self.join(10)

    def pass_on(self, endpoint):
        """Tells a real alert stage all of it, and that this is the end."""
        stage = Speaker(endpoint, "detect")
        for kind, body in [*self.taken, (END, None)]:
            stage.say_next(kind, body)
        return stage


class Windows(Verdicts):
    """A detect stage that only takes notes: every window as it came, and what came beside windows."""
    def __init__(self, endpoint, lag=lambda: 0):
        self.lives = []        # the epochs, in the order in which they came
        self.series = {}       # (epoch, id): name
        self.made = {}         # (source, end of a window): [(life, quality, {series: (count, values, worst)}), ...]
        self.order = []        # (life, source, end), as they came
        self.losses = []       # (life, source, kind, count, begin, end, ongoing)
        self.exceedances = []  # (life, time, kind, series, value, ...)
        self.part = {}
        super().__init__(endpoint, lag)

    def take(self, route, kind, epoch, sequence, body):
        before = self.known.get(epoch)
        if kind == RESYNC:
            self.known[epoch] = None if body[0] else body[1] - 1
        elif sequence > 0 and kind != HEARTBEAT and before == sequence - 1:
            self.known[epoch] = sequence
            if epoch not in self.lives:
                self.lives.append(epoch)
            self.note(kind, epoch, body)
        self.answer(route, kind, epoch)

    def note(self, kind, epoch, body):
        life = len(self.lives) - 1
        if kind == SERIES:
            self.series[epoch, body[0]] = "%s.%s%s" % (body[3], body[4], sorted(body[8].items()))
        elif kind == SAMPLES:
            host, session, _, end_ns, quality, _, last = body[0][:7]
            part = self.part.setdefault((epoch, host, session, end_ns), {})
            for id, count, values, worst in body[1]:
                part[self.series[epoch, id]] = (count, values, worst)
            if last:
                self.made.setdefault(((host, session), end_ns), []).append((life, quality, self.part.pop((epoch, host, session, end_ns))))
                self.order.append((life, (host, session), end_ns))
                self.windows.append((end_ns, quality, time.time_ns()))
        elif kind == LOSS:
            host, session, what, count, _, ongoing, begin_ns, end_ns = body[:8]
            if count == 0 and not ongoing:      # what this or an earlier life may have told is over, and nothing was missed
                return
            self.losses.append((life, (host, session), what, count, begin_ns, end_ns, ongoing))
        elif kind == EXCEEDANCE:
            what, id, time_ns, value, _, _, operation = body[:7]
            self.exceedances.append((life, time_ns, what, self.series[epoch, id], value, repr(operation)))


def peer(context, endpoint, configure=None):
    """A socket that may say anything to a stage."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    if configure:
        configure(socket)
    socket.connect(endpoint)
    return socket


class Speaker:
    """One that sends to a stage, under a name."""
    def __init__(self, endpoint, name, epoch=7, configure=None, hellos=1):
        self.context, self.epoch, self.sequence = zmq.Context(), epoch, 0
        self.socket = peer(self.context, endpoint, configure)
        for _ in range(hellos):
            self.say(HELLO, [name, True])
        assert self.socket.poll(10000), "no answer to hello"
        self.take()
        self.say(RESYNC, [True, 1, False])
        self.say(RESYNC, [False, 1, False])

    def say(self, kind, body, sequence=0):
        self.socket.send(frame(kind, body, self.epoch, sequence))

    def say_next(self, kind, body):
        self.sequence += 1
        self.say(kind, body, self.sequence)

    def take(self):
        while self.socket.poll(0):
            kind, body = msgpack.unpackb(self.socket.recv())[1::3]
            if kind == REFUSED:
                raise ConnectionRefusedError(body[0])

    def close(self):
        self.context.destroy(linger=0)


class Collector(Speaker):
    """A collector that sends windows without any series."""
    WINDOW_NS = 50_000_000

    def __init__(self, endpoint, name="python", **kwargs):
        super().__init__(endpoint, name, **kwargs)
        self.end_ns = time.time_ns() // self.WINDOW_NS * self.WINDOW_NS
        self.sent = {}         # end of a window: when it was sent

    def window(self):
        self.take()
        self.end_ns += self.WINDOW_NS
        self.sent[self.end_ns] = time.time_ns()
        self.say_next(SAMPLES, [["host", "session", self.end_ns - self.WINDOW_NS, self.end_ns, 0, 0, True], []])

    def windows(self, count):
        """So many at their pace; returns when the last was sent."""
        for _ in range(count):
            self.window()
            time.sleep(self.WINDOW_NS / 1e9)

    def lags_ms(self, verdicts, since=0):
        """From sending a window to hearing that it was judged, of those sent since then; sorted."""
        heard = {end_ns: at for end_ns, _, at in verdicts.windows}
        return sorted((heard.get(end_ns, float("inf")) - at) / 1e6 for end_ns, at in self.sent.items() if at >= since)
