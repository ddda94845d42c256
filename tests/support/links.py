"""The other end of a link between stages, in Python: one that takes what `detect` sends,
and one that says whatever it likes to a stage that listens."""
import threading
import time

import msgpack
import zmq

VERSION = 1
HEARTBEAT, SAMPLES, VERDICT, WINDOW, HELLO, WELCOME, ACK, RESYNC, REFUSED = 1, 3, 7, 8, 12, 13, 14, 15, 16
GRADE = 1


def frame(kind, body, epoch=1, sequence=0, version=VERSION):
    return msgpack.packb([version, kind, epoch, sequence, body])


class Verdicts(threading.Thread):
    """An alert stage that only takes notes: every window that was judged, once, and when it heard of it."""
    def __init__(self, endpoint):
        super().__init__(daemon=True)
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.bind(endpoint)
        self.windows = []      # (end_ns, quality, wall time when it came)
        self.judged = set()    # the ends of windows of which something was graded
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
            if kind == WINDOW:
                self.windows.append((body[3], body[4], time.time_ns()))
            elif kind == VERDICT and body[1] == GRADE:
                self.judged.add(body[13])
        at = self.known.get(epoch)
        answer = [epoch, at is not None] + [at or 0] * 3
        self.socket.send_multipart([route, frame(WELCOME if kind == HELLO else ACK, answer)])

    def stop(self):
        self.ended.set()
        self.join(10)


def peer(context, endpoint, configure=None):
    """A socket that may say anything to a stage."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    if configure:
        configure(socket)
    socket.connect(endpoint)
    return socket
