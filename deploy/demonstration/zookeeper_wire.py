"""ZooKeeper's own wire (zookeeper.jute), as much as the nemesis needs: it reads and damages znodes.

Not the C client's code, for that belongs to what is tested.
"""

import socket
import struct

CREATE, DELETE, GET_DATA, SET_DATA, GET_CHILDREN, SYNC, CLOSE = 1, 2, 4, 5, 8, 9, -11
NO_NODE, SESSION_EXPIRED = -101, -112
EPHEMERAL = 1


class Refused(Exception):
    """ZooKeeper's answer is an error; `code` is its number."""

    def __init__(self, code):
        super().__init__(f"ZooKeeper answers {code}")
        self.code = code


def buffer_of(data):
    return struct.pack(">i", len(data)) + data


class JavaRandom:
    """java.util.Random, as far as nextBytes."""

    def __init__(self, seed):
        self.state = (seed ^ 0x5DEECE66D) & ((1 << 48) - 1)

    def bytes(self, count):
        out = b""
        while len(out) < count:
            self.state = (self.state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
            out += struct.pack("<I", self.state >> 16)
        return out[:count]


def password_of(session):
    """What the server gave the session's owner: it makes it of the session's number."""
    return JavaRandom((session & ((1 << 64) - 1)) ^ 0xB3415C00).bytes(16)


class Stat:
    def __init__(self, data):
        (_, self.mzxid, _, _, self.version, _, _, self.owner, _, _, self.pzxid) = struct.unpack(
            ">qqqqiiiqiiq", data)


class ZooKeeperClient:
    """One session at one server; every call blocks until it is answered."""

    def __init__(self, port, session=0, timeout_ms=30000):
        self.tcp = socket.create_connection(("127.0.0.1", port), 20)
        self.xid = 0
        password = password_of(session) if session else bytes(16)
        self._send(struct.pack(">iqiq", 0, 0, timeout_ms, session) + buffer_of(password) + b"\0")
        answer = self._receive()
        _, timeout, self.session = struct.unpack(">iiq", answer[:16])
        if timeout <= 0:
            raise Refused(SESSION_EXPIRED)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        self.tcp.close()

    def close(self):
        """Ends the session, and what it registered with it."""
        self._call(CLOSE, b"")

    def create_all(self, nodes):
        """Ephemeral nodes, all asked for before the first answer is read."""
        for path, data in nodes:
            self._ask(CREATE, self._create_body(path, data))
        for _ in nodes:
            self._answer()

    def delete(self, path):
        self._call(DELETE, buffer_of(path.encode()) + struct.pack(">i", -1))

    def set(self, path, data):
        self._call(SET_DATA, buffer_of(path.encode()) + buffer_of(data) + struct.pack(">i", -1))

    def get(self, path):
        body = self._call(GET_DATA, buffer_of(path.encode()) + b"\0")
        size = struct.unpack(">i", body[:4])[0]
        end = 4 + max(size, 0)
        return body[4:end], Stat(body[end:])

    def children(self, path):
        """Of the newest state that the ensemble has, not of what this server has heard."""
        self._call(SYNC, buffer_of(path.encode()))
        body = self._call(GET_CHILDREN, buffer_of(path.encode()) + b"\0")
        names, at = [], 4
        for _ in range(struct.unpack(">i", body[:4])[0]):
            size = struct.unpack(">i", body[at:at + 4])[0]
            names.append(body[at + 4:at + 4 + size].decode())
            at += 4 + size
        return names

    @staticmethod
    def _create_body(path, data):
        anybody = struct.pack(">ii", 1, 31) + buffer_of(b"world") + buffer_of(b"anyone")
        return buffer_of(path.encode()) + buffer_of(data) + anybody + struct.pack(">i", EPHEMERAL)

    def _call(self, kind, body):
        self._ask(kind, body)
        return self._answer()

    def _ask(self, kind, body):
        self.xid += 1
        self._send(struct.pack(">ii", self.xid, kind) + body)

    def _answer(self):
        answer = self._receive()
        code = struct.unpack(">iqi", answer[:16])[2]
        if code:
            raise Refused(code)
        return answer[16:]

    def _send(self, payload):
        self.tcp.sendall(struct.pack(">i", len(payload)) + payload)

    def _receive(self):
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.tcp.recv(size - len(data))
            if not more:
                raise ConnectionError("ZooKeeper hung up")
            data += more
        return data


def fake_servers(rng, count):
    """Names and entries of servers that nobody runs, so light that they hardly take a key."""
    stem = rng.randrange(1 << 32)
    return [(f"fake-{stem:08x}-{number}",
             b'{"host":"127.0.0.1","port":1,"weight":1}') for number in range(count)]


def nonsense(rng):
    return rng.choice([b"", b"{", b"\xff\xfe\0", b"null", b'{"host":"h"}',
                       b'{"host":"h","port":1,"weight":-5}', rng.randbytes(5000)])
