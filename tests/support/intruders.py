"""Peers that do not behave, each a process that sends as fast as it can, up to a rate, until it is stopped:

    intruders.py raw|brief|large|small|strange HOST PORT [MB/s]

At the end it says how fast it was. raw: noise over tcp; brief: a little of it in each connection; large, small: ZeroMQ messages of noise, of 1 MB and of 100 bytes;
strange: well-formed messages of somebody who never said hello."""
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def paced(rate, send):
    """send() returns how many bytes it sent."""
    begin, sent, calls = time.monotonic(), 0, 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            sent += send()
            calls += 1
            ahead = sent / rate - (time.monotonic() - begin)
            if ahead > 0.001:
                time.sleep(ahead)
    finally:
        seconds = time.monotonic() - begin
        print("%.0f MB/s, %.0f a second" % (sent / seconds / 1e6, calls / seconds))


def raw(host, port):
    noise = os.urandom(1 << 20)
    connection = []

    def send():
        try:
            if not connection:
                connection.append(socket.create_connection((host, port), 5))
            return connection[0].send(noise)
        except OSError:
            del connection[:]
            return 0
    return send


def brief(host, port):
    def send():
        with socket.create_connection((host, port), 5) as connection:
            return connection.send(b"GET / HTTP/1.1\r\n\r\n" * 10)
    return send


def zeromq(host, port, message):
    import links
    import zmq
    socket_ = links.peer(zmq.Context(), "tcp://%s:%d" % (host, port))
    socket_.setsockopt(zmq.SNDHWM, 100)

    def send():
        socket_.send(message)
        while socket_.poll(0):
            socket_.recv()
        return len(message)
    return send


def main():
    import links
    kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rate = float(sys.argv[4]) * 1e6 if len(sys.argv) > 4 else 100e6
    messages = {"large": os.urandom(1000000), "small": os.urandom(100), "strange": links.frame(links.SAMPLES, ["x" * 200], sequence=1)}
    over_tcp = {"raw": raw, "brief": brief}
    paced(rate, over_tcp[kind](host, port) if kind in over_tcp else zeromq(host, port, messages[kind]))


if __name__ == "__main__":
    main()
