"""Damages small CTF traces at random, the same way for the same generator: a trace is a dict of file names and bytes.

    trace = load(directory)
    said = mutate(trace, random.Random("7-13"))     # what was done, in words
    store(trace, other_directory)
"""
import os
import re
import struct

STREAM_MAGIC = struct.pack("<I", 0xC1FC1FC1)
METADATA_MAGIC = struct.pack("<I", 0x75D11D57)
TOKEN = re.compile(rb'"[^"]*"|\w+|:=|\.\.\.|[^\w\s]')
HEADER_WORDS = 96       # bytes: header and context of a packet, as LTTng and support/ctf.py write them


def load(directory):
    trace = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if os.path.isfile(path):                    # an index is no longer true of what will be damaged
            with open(path, "rb") as f:
                trace[name] = f.read()
    return trace


def store(trace, directory):
    os.makedirs(directory)
    for name, data in trace.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)


# ---- metadata in packets ----

def unpack(data):
    """The text of packed metadata."""
    order = "<" if data.startswith(METADATA_MAGIC) else ">"
    text = b""
    while len(data) >= 37:
        content, size = struct.unpack(order + "II", data[24:32])
        text += data[37:content // 8]
        data = data[size // 8:] if size else b""
    return text


def pack(text, rng, order="<", padding=0):
    """Text in packets of random sizes."""
    out = b""
    while text or not out:
        size = rng.choice((16, 100, 1000, 4096))
        part, text = text[:size], text[size:]
        content = (37 + len(part)) * 8
        header = struct.pack(order + "I16sIIIBBBBB", 0x75D11D57, b"u" * 16, 0, content, content + padding * 8, 0, 0, 0, 1, 8)
        out += header + part + b"\0" * padding
    return out


def is_packed(data):
    return data[:4] in (METADATA_MAGIC, METADATA_MAGIC[::-1])


def text_of(data):
    return unpack(data) if is_packed(data) else data


# ---- packets of a stream ----

def packets(data):
    """Places of the magic number: where packets begin, as far as one can tell."""
    return [m.start() for m in re.finditer(re.escape(STREAM_MAGIC), data)]


def split(data):
    starts = packets(data)
    if not starts or starts[0] != 0:
        return [data]
    return [data[a:b] for a, b in zip(starts, starts[1:] + [len(data)])]


def a_stream(trace, rng):
    names = [n for n in trace if n != "metadata" and trace[n]]
    return rng.choice(names) if names else None


def flipped(data, at, rng):
    data = bytearray(data)
    data[at] ^= 1 << rng.randrange(8) if rng.random() < 0.6 else rng.randrange(1, 256)
    return bytes(data)


def other_number(n, rng):
    return rng.choice((0, 1, n + 1, max(n - 1, 0), n * 2, n // 2, n * 8, n // 8, n + 8, max(n - 8, 0), n + 64, 0xFFFFFFFF, 1 << 32, 1 << 63,
                       (1 << 64) - 1, rng.getrandbits(64), rng.getrandbits(16), 3, 7, 31, 32, 63, 64, 65, 128))


# ---- what can be done to streams: each returns what it did, or None when it could not ----

def flip_body(trace, rng):
    name = a_stream(trace, rng)
    if not name:
        return None
    at = rng.randrange(len(trace[name]))
    trace[name] = flipped(trace[name], at, rng)
    return "byte %d of %s" % (at, name)


def flip_header(trace, rng):
    name = a_stream(trace, rng)
    starts = packets(trace[name]) if name else []
    if not starts:
        return None
    at = min(rng.choice(starts) + rng.randrange(HEADER_WORDS), len(trace[name]) - 1)
    trace[name] = flipped(trace[name], at, rng)
    return "byte %d of %s, in a packet's header" % (at, name)


def change_header_number(trace, rng):
    """Sizes, times, counts and ids of a packet: a word of 64 or 32 bits."""
    name = a_stream(trace, rng)
    starts = packets(trace[name]) if name else []
    if not starts:
        return None
    start, size = rng.choice(starts), rng.choice((4, 8, 8))
    at = start + 4 * rng.randrange(HEADER_WORDS // 4)
    data = trace[name]
    if at + size > len(data):
        return None
    old = int.from_bytes(data[at:at + size], "little")
    new = other_number(old, rng) & ((1 << size * 8) - 1)
    trace[name] = data[:at] + new.to_bytes(size, "little") + data[at + size:]
    return "word at byte %d (%d of its packet) of %s: %d -> %d" % (at, at - start, name, old, new)


def truncate(trace, rng):
    name = a_stream(trace, rng)
    if not name:
        return None
    size = rng.randrange(len(trace[name])) if rng.random() < 0.7 else max(0, len(trace[name]) - rng.randrange(1, 64))
    trace[name] = trace[name][:size]
    return "%s cut at %d" % (name, size)


def rearrange(trace, rng):
    """A packet dropped, doubled, moved; or put into another stream's file."""
    name = a_stream(trace, rng)
    parts = split(trace[name]) if name else []
    if len(parts) < 2:
        return None
    what = rng.choice(("drop", "double", "move", "give"))
    at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
    if what == "double":
        parts.insert(to, parts[at])
    else:
        part = parts.pop(at)
        if what == "move":
            parts.insert(to, part)
        elif what == "give":
            other = a_stream(trace, rng)
            if other == name:
                return None
            trace[other] = trace[other] + part
    trace[name] = b"".join(parts)
    return "packet %d of %s: %s (%d)" % (at, name, what, to)


def add_garbage(trace, rng):
    garbage = rng.choice((bytes(rng.getrandbits(8) for _ in range(rng.randrange(1, 200))), b"\0" * rng.randrange(1, 5000), STREAM_MAGIC * 3))
    name = a_stream(trace, rng) if rng.random() < 0.8 else "garbage"
    if not name:
        return None
    trace[name] = trace.get(name, b"") + garbage
    return "%d bytes of garbage behind %s" % (len(garbage), name)


def double_file(trace, rng):
    """A file twice: the same stream, or another one that says the same."""
    name = a_stream(trace, rng)
    if not name:
        return None
    trace[name + "_again"] = trace[name]
    return "%s twice" % name


def swap_bytes(trace, rng):
    name = a_stream(trace, rng)
    if not name or len(trace[name]) < 16:
        return None
    size = rng.choice((1, 2, 4, 8, 32))
    if len(trace[name]) < size * 2:
        return None
    at = rng.randrange(len(trace[name]) - size)
    what = rng.choice(("remove", "insert", "zero", "ones"))
    put = {"remove": b"", "insert": trace[name][at:at + size] * 2, "zero": b"\0" * size, "ones": b"\xff" * size}[what]
    trace[name] = trace[name][:at] + put + trace[name][at + size:]
    return "%d bytes at %d of %s: %s" % (size, at, name, what)


# ---- and to metadata ----

def in_text(change):
    """Makes a change of text one of metadata, which may be in packets."""
    def changed(trace, rng):
        data = trace["metadata"]
        packed, text = is_packed(data), text_of(data)
        if not TOKEN.search(text):
            return None
        text, said = change(text, rng)
        if said is None:
            return None
        trace["metadata"] = pack(text, rng) if packed and rng.random() < 0.5 else text
        return "metadata: " + said
    changed.__name__ = change.__name__
    return changed


@in_text
def change_number(text, rng):
    found = [m for m in re.finditer(rb"\b\d+\b", text) if b'"' not in text[max(0, m.start() - 20):m.start()]]
    if not found:
        return text, None
    m = rng.choice(found)
    new = b"%d" % other_number(int(m.group()), rng)
    return text[:m.start()] + new + text[m.end():], "%s%s -> %s" % (text[max(0, m.start() - 16):m.start()], m.group(), new)


@in_text
def change_tokens(text, rng):
    found = list(TOKEN.finditer(text))
    m = rng.choice(found)
    what = rng.choice(("delete", "double", "replace"))
    other = rng.choice(found).group() if what == "replace" else m.group() + b" " + m.group() if what == "double" else b""
    return text[:m.start()] + other + text[m.end():], "%s: %s -> %s" % (what, text[max(0, m.start() - 16):m.end()], other)


@in_text
def change_words(text, rng):
    """What is likely to be understood, but otherwise."""
    words = {b"le": [b"be", b"native"], b"be": [b"le"], b"true": [b"false"], b"false": [b"true"], b"integer": [b"string", b"floating_point"],
             b"struct": [b"variant", b"enum"], b"UTF8": [b"none", b"ASCII"], b"none": [b"UTF8"], b"string": [b"uint8_t"], b"uint32_t": [b"uint64_t", b"uint8_t"],
             b"uint64_t": [b"uint32_t", b"uint8_t", b"string"], b"align": [b"size"], b"map": [b"base"], b"timestamp": [b"id"],
             b"magic": [b"uuid"], b"stream_id": [b"id"], b"packet_size": [b"content_size", b"x"], b"content_size": [b"packet_size", b"x"],
             b"timestamp_begin": [b"timestamp_end", b"x"], b"timestamp_end": [b"timestamp_begin", b"x"], b"events_discarded": [b"packet_seq_num", b"x"],
             b"packet_seq_num": [b"events_discarded", b"x"], b"signed": [b"align"], b"compact": [b"extended", b"x"], b"extended": [b"compact", b"x"]}
    found = [m for m in re.finditer(rb"\w+", text) if m.group() in words]
    if not found:
        return text, None
    m = rng.choice(found)
    new = rng.choice(words[m.group()])
    return text[:m.start()] + new + text[m.end():], "%s -> %s" % (text[max(0, m.start() - 16):m.end()], new)


@in_text
def flip_text(text, rng):
    at = rng.randrange(len(text))
    return flipped(text, at, rng), "byte %d of the text" % at


@in_text
def cut_text(text, rng):
    at = rng.randrange(len(text))
    return text[:at], "cut at %d" % at


def damage_packing(trace, rng):
    """Metadata in packets of which one is damaged; or well packed otherwise."""
    data = trace["metadata"]
    text = text_of(data)
    order, padding = rng.choice("<>"), rng.choice((0, 0, 3, 64))
    data = pack(text, rng, order, padding)
    what = rng.choice(("nothing", "flip", "flip", "flip", "cut", "garbage"))
    if what == "flip":
        data = flipped(data, rng.choice((rng.randrange(37), rng.randrange(len(data)))), rng)
    elif what == "cut":
        data = data[:rng.randrange(len(data))]
    elif what == "garbage":
        data += rng.choice((b"\0" * 40, b"\0", data[:37], b"garbage"))
    trace["metadata"] = data
    return "metadata packed (%s, padding %d): %s" % (order, padding, what)


STREAM_CHANGES = (flip_body, flip_body, flip_header, change_header_number, change_header_number, truncate, rearrange, add_garbage, double_file, swap_bytes)
METADATA_CHANGES = (change_number, change_number, change_tokens, change_words, flip_text, cut_text, damage_packing)


def mutate(trace, rng):
    """Damages it once or more often; what was done, a text each."""
    said = []
    wanted = 1 if rng.random() < 0.8 else rng.randrange(2, 4)
    while len(said) < wanted:
        change = rng.choice(STREAM_CHANGES if rng.random() < 0.6 else METADATA_CHANGES)
        did = change(trace, rng)
        if did:
            said.append("%s: %s" % (change.__name__, did))
    return said
