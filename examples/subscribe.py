#!/usr/bin/python3
"""Takes foretrace's alerts from its ZeroMQ sockets: all it needs is in docs/wire.md.
Debian's packages: python3-zmq, python3-msgpack.

    subscribe.py [ENDPOINT [TOPIC_PREFIX]]

Prints one JSON object a line, with the time it was received added: first what fires
now, then what is published.
"""
import json
import os
import sys
import time

import msgpack
import zmq

END, ALERT, REQUEST = 6, 9, 11     # types of frames; a heartbeat is 1

runtime = os.environ.get("XDG_RUNTIME_DIR", "")
if os.geteuid() == 0 and (not runtime or runtime.startswith("/run/user/")):
    runtime = "/run"
usual = "ipc://%s/foretrace/alerts" % runtime if runtime else "ipc:///tmp/foretrace-%d/alerts" % os.geteuid()
endpoint = sys.argv[1] if len(sys.argv) > 1 else usual
topic = sys.argv[2] if len(sys.argv) > 2 else "alert."

context = zmq.Context()
live = context.socket(zmq.SUB)
live.connect(endpoint)
live.subscribe(topic.encode())
replay = context.socket(zmq.DEALER)
host, port = endpoint.rsplit(":", 1)
replay.connect("%s:%d" % (host, int(port) + 1) if endpoint.startswith("tcp://") else endpoint + ".replay")


def ask(first):
    replay.send(msgpack.packb([1, REQUEST, 0, 1, {"want": "firing", "first": first}]))


def show(body):
    print(json.dumps({"received_ns": time.time_ns(), **body}), flush=True)


poller = zmq.Poller()
poller.register(live, zmq.POLLIN)
poller.register(replay, zmq.POLLIN)
known = (0, 0)                     # epoch, and the newest that the answer has
ask(1)
try:
    while True:
        ready = dict(poller.poll())
        if replay in ready:
            version, kind, epoch, sequence, body = msgpack.unpackb(replay.recv())
            if kind == ALERT and ("alert.%(severity)s.%(analysis)s" % body).startswith(topic):
                show(body)
            elif kind == END:
                known = (epoch, sequence)
                if body["next"]:
                    ask(body["next"])
        elif live in ready:        # while answers come, what is published waits
            version, kind, epoch, sequence, body = msgpack.unpackb(live.recv_multipart()[1])
            if version == 1 and kind == ALERT and (epoch != known[0] or sequence > known[1]):
                show(body)
except KeyboardInterrupt:
    pass
