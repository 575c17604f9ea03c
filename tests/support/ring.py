"""The ring, computed a second time from its paragraph in shard_router/README.md, in plain Python.

Shares nothing with shard_router: the tests compare where clients land with what this says.
"""

import bisect

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                      0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def _rotate(value, bits):
    return ((value << bits) | (value >> (64 - bits))) & MASK


def _round(accumulator, lane):
    return _rotate((accumulator + lane * P2) & MASK, 31) * P1 & MASK


def xxh64(data, seed=0):
    """XXH64 as in the xxHash specification."""
    at, size = 0, len(data)
    if size >= 32:
        lanes = [(seed + P1 + P2) & MASK, (seed + P2) & MASK, seed, (seed - P1) & MASK]
        while size - at >= 32:
            for i in range(4):
                lanes[i] = _round(lanes[i], int.from_bytes(data[at:at + 8], "little"))
                at += 8
        value = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * P1 + P4) & MASK
    else:
        value = (seed + P5) & MASK
    value = (value + size) & MASK
    while size - at >= 8:
        value ^= _round(0, int.from_bytes(data[at:at + 8], "little"))
        value = (_rotate(value, 27) * P1 + P4) & MASK
        at += 8
    if size - at >= 4:
        value ^= int.from_bytes(data[at:at + 4], "little") * P1 & MASK
        value = (_rotate(value, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        value = _rotate(value ^ (byte * P5 & MASK), 11) * P1 & MASK
    value = (value ^ (value >> 33)) * P2 & MASK
    value = (value ^ (value >> 29)) * P3 & MASK
    return value ^ (value >> 32)


class Ring:
    """A server of weight w has 16·w points xxh64(name#i); a key's is the first point ≥ its hash."""

    def __init__(self, weights):
        """`weights`: {name: weight}; a plain list of names has the default weight, 100."""
        if not isinstance(weights, dict):
            weights = {name: 100 for name in weights}
        # Of equal points the smaller name's counts: sorting puts it first.
        self.points = sorted((xxh64(f"{name}#{i}".encode()), name)
                             for name, weight in weights.items() for i in range(16 * weight))
        self.hashes = [point for point, _ in self.points]

    def owner(self, key):
        at = bisect.bisect_left(self.hashes, xxh64(key.encode()))
        return self.points[at % len(self.points)][1]

    def keys_of(self, name, count, prefix="couple"):
        """The first `count` keys prefix-0, prefix-1 … that belong to `name`."""
        keys, number = [], 0
        while len(keys) < count:
            key = f"{prefix}-{number}"
            if self.owner(key) == name:
                keys.append(key)
            number += 1
        return keys
