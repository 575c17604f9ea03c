"""Real queries for addresses, and the caches that stand between clients and DNS."""

import random
import socket
import struct
import time

ANSWER_SECONDS = 5
TYPE_A = 1
CLASS_IN = 1


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def query(name, number):
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + encode_name(name) + struct.pack(
        ">2H", TYPE_A, CLASS_IN)


def skip_name(answer, at):
    """Behind a name, which may end with a pointer to another one."""
    while answer[at]:
        if answer[at] >= 0xc0:
            return at + 2
        at += answer[at] + 1
    return at + 1


def addresses_of(answer, question):
    """[(address, TTL)] of a reply to this question."""
    count = struct.unpack_from(">H", answer, 6)[0]
    at, found = len(question), []
    for _ in range(count):
        at = skip_name(answer, at)
        kind, _, ttl, length = struct.unpack_from(">2HIH", answer, at)
        at += 10
        if kind == TYPE_A:
            found.append((socket.inet_ntoa(answer[at:at + length]), ttl))
        at += length
    return found


def lookup(name, port):
    """[(address, TTL)] by a query to 127.0.0.1 over UDP."""
    number = random.randrange(1 << 16)
    question = query(name, number)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(ANSWER_SECONDS)
        asking.connect(("127.0.0.1", port))
        asking.send(question)
        while True:
            answer = asking.recv(4096)
            if answer[:2] == question[:2]:
                return addresses_of(answer, question)


class Cache:
    """A resolver of some clients: keeps an answer for its TTL, or `ignores_ttl` for ever."""

    def __init__(self, name, port, ignores_ttl=False):
        self.name = name
        self.port = port
        self.ignores_ttl = ignores_ttl
        self.queries = 0
        self._address = None
        self._until = 0

    def address(self):
        now = time.monotonic()
        if self._address is None or (now >= self._until and not self.ignores_ttl):
            self.queries += 1
            [(self._address, ttl)] = lookup(self.name, self.port)
            self._until = now + ttl
        return self._address

    def ask_until(self, address):
        """As the clients of a cache do that happened to be told this one."""
        while self.address() != address:
            self.forget()

    def forget(self):
        self._address = None
