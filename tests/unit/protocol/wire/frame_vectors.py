#!/usr/bin/python3
"""Checks protocol/vectors/frames.json against Thrift's Python library and generator, which share no
code with ours. With --write the `hex` of each vector in `frames` is made anew from its `fields`.
The recipe is in protocol/README.md, "Vectors"."""

import argparse
import importlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.transport.TTransport import TMemoryBuffer

# Of Thrift type `binary`: hex in the vectors. Every other string is text.
BINARY_FIELDS = {"key", "payload", "state", "unread"}

STRUCTS = {
    "hello": "Hello", "open": "Open", "accept": "Accept", "refuse": "Refuse", "data": "Data",
    "finish": "Finish", "reset": "Reset", "credit": "Credit", "ping": "Ping", "pong": "Pong",
    "go_away": "GoAway", "handoff": "Handoff", "checkpoint": "Checkpoint", "notice": "Notice",
}


def generate(thrift, idl, folder):
    subprocess.run([thrift, "--gen", "py", "-out", folder, idl], check=True)
    sys.path.insert(0, folder)
    return importlib.import_module("presenter_mux.ttypes")


def to_frame(types, vector):
    fields = dict(vector["fields"])
    for name in BINARY_FIELDS & fields.keys():
        fields[name] = bytes.fromhex(fields[name])
    if "tls" in fields:
        fields["tls"] = types.TlsFacts(**fields["tls"])
    if "continued" in fields:
        fields["continued"] = types.Continued(**fields["continued"])
    inner = getattr(types, STRUCTS[vector["frame"]])(**fields)
    return types.Frame(**{vector["frame"]: inner})


def encode(types, vector):
    memory = TMemoryBuffer()
    to_frame(types, vector).write(TCompactProtocol(memory))
    body = memory.getvalue()
    return struct.pack(">I", len(body)) + body


def decode(types, framed):
    (length,) = struct.unpack(">I", framed[:4])
    assert length == len(framed) - 4, "length field and bytes differ"
    memory = TMemoryBuffer(framed[4:])
    frame = types.Frame()
    frame.read(TCompactProtocol(memory))
    assert memory.cstringio_buf.read() == b"", "bytes after the frame"
    return frame


def plain(value):
    """What a struct holds, without what is absent or has the default of its type."""
    if not hasattr(value, "thrift_spec"):
        return value
    fields = {name: plain(field) for name, field in vars(value).items()}
    return {name: field for name, field in fields.items() if field}


def check(types, vectors):
    faults = []
    for vector in vectors["frames"]:
        made = encode(types, vector).hex()
        if made != vector["hex"]:
            faults.append(f"{vector['name']}: Thrift writes {made}, the file has {vector['hex']}")
        elif decode(types, bytes.fromhex(made)) != to_frame(types, vector):
            faults.append(f"{vector['name']}: Thrift does not read back what it wrote")
    for vector in vectors["accepted"]:
        read = decode(types, bytes.fromhex(vector["hex"]))
        if plain(read) != plain(to_frame(types, vector)):
            faults.append(f"{vector['name']}: Thrift reads other fields")
    names = [v["name"] for part in ("frames", "accepted", "rejected") for v in vectors[part]]
    faults += [f"{name}: named twice" for name in set(names) if names.count(name) > 1]
    covered = {vector["frame"] for vector in vectors["frames"]}
    faults += [f"no vector for {name}" for name in STRUCTS.keys() - covered]
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thrift", default="thrift", help="the Thrift compiler")
    parser.add_argument("--idl", required=True)
    parser.add_argument("--vectors", required=True, type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    vectors = json.loads(options.vectors.read_text())
    with tempfile.TemporaryDirectory() as folder:
        types = generate(options.thrift, options.idl, folder)
        if options.write:
            for vector in vectors["frames"]:
                vector["hex"] = encode(types, vector).hex()
            options.vectors.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")
        faults = check(types, vectors)
    for fault in faults:
        print(fault)
    print(f"{len(vectors['frames'])} vectors, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
