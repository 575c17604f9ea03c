#!/usr/bin/env python3
"""The golden vectors of the ring against the paragraph in shard_router/README.md, in plain Python.

ring_vectors.py FILE          checks every number of FILE
ring_vectors.py --write FILE  makes FILE anew

tests/support/ring.py holds the arithmetic; it shares nothing with the C++ code.
"""

import json
import sys

from ring import Ring, xxh64

TEXTS = ["", "a", "abc", "chat-a#0", "Nobody inspects the spammish repetition",
         "exactly 32 bytes, one whole lane", "x" * 33, "é", "0123456789" * 10]
FLEETS = [
    {"chat-a": 100},
    {"chat-a": 100, "chat-b": 100, "chat-c": 100},
    {"chat-a": 100, "chat-b": 200, "chat-c": 50},
    {"a": 1, "b": 1},
    {"chat-a": 1000, "chat-A": 1, "chat_a.example-1": 7},
    {f"chat-{number}": 100 for number in range(20)},
]
KEYS = ["", "a", "couple-0", "couple-1", "couple-2", "couple-17", "42", "-1",
        "9223372036854775807", "ann@example.com", "한국어", "x" * 100,
        *(f"user-{number}" for number in range(20))]

# Published with xxHash and its many ports; they hold our own arithmetic to account.
PUBLISHED = {"": 0xEF46DB3751D8E999, "a": 0xD24EC4F1A98C6E5B, "abc": 0x44BC2CF5AD770999,
             "Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1}


def word(value):
    return f"{value:016x}"


def fleet_vectors(weights):
    ring = Ring(weights)
    return {
        "servers": [{"name": name, "weight": weight} for name, weight in weights.items()],
        "points": len(ring.points),
        "first_points": [{"hash": word(hash_), "name": name} for hash_, name in ring.points[:3]],
        "last_point": {"hash": word(ring.points[-1][0]), "name": ring.points[-1][1]},
        "owners": {key: ring.owner(key) for key in KEYS},
    }


def vectors():
    return {
        "about": "Golden vectors: shard_router/README.md, Ring. Hashes are hexadecimal.",
        "hashes": {text: word(xxh64(text.encode())) for text in TEXTS},
        "fleets": [fleet_vectors(weights) for weights in FLEETS],
    }


def main():
    for text, value in PUBLISHED.items():
        assert xxh64(text.encode()) == value, text
    path = sys.argv[-1]
    if "--write" in sys.argv[1:]:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(vectors(), file, ensure_ascii=False, indent=1)
            file.write("\n")
        return 0
    with open(path, encoding="utf-8") as file:
        stored = json.load(file)
    if stored == vectors():
        return 0
    print(f"{path} is not what the paragraph gives", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
