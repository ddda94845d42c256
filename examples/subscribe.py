#!/usr/bin/python3
"""Takes foretrace's alerts from its ZeroMQ socket: all it needs is in docs/wire.md.
Debian's packages: python3-zmq, python3-msgpack.

    subscribe.py [ENDPOINT [TOPIC_PREFIX]]

Prints one JSON object a line, with the time it was received added.
"""
import json
import os
import sys
import time

import msgpack
import zmq

ALERT = 9     # the type of frame; a heartbeat is 1

runtime = os.environ.get("XDG_RUNTIME_DIR") or ("/run" if os.geteuid() == 0 else None)
usual = "ipc://%s/foretrace/alerts" % runtime if runtime else "ipc:///tmp/foretrace-%d/alerts" % os.geteuid()
endpoint = sys.argv[1] if len(sys.argv) > 1 else usual
topic = sys.argv[2] if len(sys.argv) > 2 else "alert."

socket = zmq.Context().socket(zmq.SUB)
socket.connect(endpoint)
socket.subscribe(topic.encode())
try:
    while True:
        _, message = socket.recv_multipart()
        version, kind, epoch, sequence, body = msgpack.unpackb(message)
        if version == 1 and kind == ALERT:
            print(json.dumps({"received_ns": time.time_ns(), **body}), flush=True)
except KeyboardInterrupt:
    pass
