"""Frames of the multiplexing protocol as bytes, by Thrift's own Python alone.

What is here comes from protocol/README.md and protocol/mux.thrift: framing (§3), the numbers of
errors and reasons (§8), the limits (§7). Nothing is shared with the C++ side.
"""

import enum
import os
import struct

from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.transport.TTransport import TFramedTransport, TMemoryBuffer

from thrift_python import generated

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
[T] = generated("mux.thrift", "presenter_mux.ttypes")

# README §7
DATA_BYTES_MAX = 16_384
FRAME_BYTES_MAX = 16_448
OPEN_BYTES_MAX = 4_096
CONTROL_BYTES_MAX = 512
STREAM_WINDOW = 65_536
STREAM_WINDOW_MAX = 16_777_216
LINK_WINDOW = 33_554_432
LINK_WINDOW_MAX = 1_073_741_824
STREAM_CREDIT_MIN = 256
LINK_CREDIT_MIN = 4_096

# Bits of Hello's features, README §4.1
EARLY_DATA = 1
HANDOFF = 2
NOTICE = 4


class LinkError(enum.IntEnum):
    """README §8, the reason of GoAway."""
    frame_empty = 1
    frame_oversize = 2
    frame_malformed = 3
    frame_unknown = 4
    field_invalid = 5
    hello_expected = 6
    hello_repeated = 7
    hello_version = 8
    hello_role = 9
    wrong_direction = 10
    stream_not_increasing = 11
    stream_never_opened = 12
    link_window_exceeded = 13
    link_credit_overflow = 14
    link_credit_too_small = 15
    control_queue_full = 16
    streams_exceeded = 17
    stream_errors_exceeded = 18
    pong_unexpected = 19
    link_timeout = 20
    hello_timeout = 21
    go_away = 22
    link_stalled = 23
    wrong_backend = 24


class ResetReason(enum.IntEnum):
    """README §8, reasons of Reset."""
    acknowledged = 1
    cancelled = 2
    client_gone = 3
    stalled = 4
    moved = 5
    shutting_down = 6
    window_exceeded = 7
    credit_overflow = 8
    bad_state = 9
    data_empty = 10
    internal = 11
    credit_too_small = 12
    state_too_large = 13
    position_mismatch = 14


class RefuseReason(enum.IntEnum):
    """README §4.4"""
    not_owner = 1
    busy = 2
    denied = 3
    shutting_down = 4


GATEWAY, BACKEND = T.Role.GATEWAY, T.Role.BACKEND

# The union's fields by id, and the struct of each: {5: "data"}, {"data": T.Data}.
NAMES = {spec[0]: spec[2] for spec in T.Frame.thrift_spec if spec}
STRUCTS = {spec[2]: spec[3][0] for spec in T.Frame.thrift_spec if spec}


class FrameFault(Exception):
    """Bytes that README §3 forbids; `error` is the link error."""

    def __init__(self, error):
        super().__init__(error.name)
        self.error = error


def body_of(name, structure):
    memory = TMemoryBuffer()
    T.Frame(**{name: structure}).write(TCompactProtocol(memory))
    return memory.getvalue()


def encode(name, **fields):
    """One frame with its length: encode("credit", stream=0, bytes=512)."""
    memory = TMemoryBuffer()
    framed = TFramedTransport(memory)
    T.Frame(**{name: STRUCTS[name](**fields)}).write(TCompactProtocol(framed))
    framed.flush()
    return memory.getvalue()


def hello_fields(role, **changes):
    """Every default of README §4.1."""
    return {"version_min": 1, "version_max": 1, "role": role, "node": "python", "map_epoch": 0,
            "frame_bytes_max": FRAME_BYTES_MAX, "stream_window_bytes": STREAM_WINDOW,
            "link_window_bytes": LINK_WINDOW, "streams_open_max": 1_000_000,
            "ping_interval_ms": 5_000, "features": 0, "streams_opening_max": 16_384, **changes}


def open_fields(stream, key=b"key", **changes):
    """Open with everything else empty, written all the same (README §3)."""
    tls = T.TlsFacts(version="", suite="", server_name="", alpn="", resumed=False)
    return {"stream": stream, "key": key, "map_epoch": 0, "client_address": "", "client_port": 0,
            "tls": tls, "tag": "", **changes}


def decode(framed):
    """(name, struct) of one whole frame with its length, read by Thrift's own classes."""
    memory = TMemoryBuffer(bytes(framed))
    transport = TFramedTransport(memory)
    frame = T.Frame()
    frame.read(TCompactProtocol(transport))
    names = [name for name in STRUCTS if getattr(frame, name) is not None]
    if len(names) != 1:
        raise FrameFault(LinkError.frame_malformed)
    return names[0], getattr(frame, names[0])


def is_canonical(framed, name, structure):
    """Whether a sender wrote the one encoding of README §3."""
    return body_of(name, structure) == bytes(framed[4:])


class FrameReader:
    """Bytes in, whole frames out; checks lengths as soon as README §3 says so."""

    def __init__(self, frame_bytes_max=FRAME_BYTES_MAX):
        self.frame_bytes_max = frame_bytes_max
        self._bytes = bytearray()

    def feed(self, data):
        self._bytes += data

    def next(self):
        """(framed bytes, name, struct), or None while it is not whole. Raises FrameFault."""
        if len(self._bytes) < 4:
            return None
        length = struct.unpack_from(">I", self._bytes)[0]
        if length == 0:
            raise FrameFault(LinkError.frame_empty)
        if length > self.frame_bytes_max:
            raise FrameFault(LinkError.frame_oversize)
        if len(self._bytes) < 5:
            return None
        name = NAMES.get(self._bytes[4] >> 4)
        if name is None:
            raise FrameFault(LinkError.frame_unknown)
        limit = {"data": self.frame_bytes_max, "checkpoint": self.frame_bytes_max,
                 "open": OPEN_BYTES_MAX}.get(name, CONTROL_BYTES_MAX)
        if length > limit:
            raise FrameFault(LinkError.frame_oversize)
        if len(self._bytes) < 4 + length:
            return None
        framed = bytes(self._bytes[:4 + length])
        del self._bytes[:4 + length]
        return (framed, *decode(framed))
