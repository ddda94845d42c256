#!/usr/bin/python3
"""Makes N copies of a recorded LTTng trace, each shifted behind the one before.

    repeat_trace.py TRACE_DIR OUT_DIR COPIES STEP_SECONDS

The clock's offset in the metadata is moved by STEP_SECONDS per copy, and every
copy gets a UUID of its own (in the metadata and in every packet), so that
readers take it for a trace of its own, and a clock of its own. Host and session stay the same.
"""
import os
import re
import shutil
import sys
import uuid


def shift_metadata(data, step_s, new_uuid):
    freq = int(re.search(rb"freq = (\d+);", data).group(1))
    match = re.search(rb"\toffset = (\d+);", data)
    old = match.group(1)
    new = b"%d" % (int(old) + round(step_s * freq))
    if len(new) != len(old):
        raise SystemExit("the clock offset would change its length")
    data = data[: match.start(1)] + new + data[match.end(1):]
    old_uuid = re.search(rb'uuid = "([0-9a-f-]{36})"', data).group(1)
    # The first uuid is the trace's; packetised metadata has it in binary as well.
    binary = uuid.UUID(old_uuid.decode()).bytes
    data = data.replace(old_uuid, str(new_uuid).encode(), 1).replace(binary, new_uuid.bytes)
    clock = re.search(rb'clock \{[^}]*uuid = "([0-9a-f-]{36})"', data)
    data = data[: clock.start(1)] + str(uuid.uuid5(new_uuid, "clock")).encode() + data[clock.end(1):]
    return data, binary


def copy_one(source, target, step_s, number):
    new_uuid = uuid.uuid5(uuid.NAMESPACE_URL, "foretrace copy %d" % number)
    os.makedirs(target)
    with open(os.path.join(source, "metadata"), "rb") as f:
        metadata, old = shift_metadata(f.read(), step_s, new_uuid)
    with open(os.path.join(target, "metadata"), "wb") as f:
        f.write(metadata)
    for name in sorted(os.listdir(source)):
        path = os.path.join(source, name)
        if name == "metadata" or not os.path.isfile(path):
            continue
        with open(path, "rb") as f:
            data = f.read()
        with open(os.path.join(target, name), "wb") as f:
            f.write(data.replace(old, new_uuid.bytes))


def main():
    source, out, copies, step = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    shutil.rmtree(out, ignore_errors=True)
    for i in range(copies):
        copy_one(source, os.path.join(out, "%04d" % i), i * step, i)


if __name__ == "__main__":
    main()
