"""Many TLS clients of a chat server that echoes, in one thread; every byte is compared.

Each client has a stream of bytes of its own, made from a seed, and knows at any moment which byte
comes back next: one that is lost, doubled or in another's place is seen at once.
"""

import collections
import random
import selectors
import ssl
import threading
import time

from chat_client import authenticate_message, framed
from tls_client import TlsClient

TICK_SECONDS = 0.05
PIECE = 32 * 1024


class EchoClient(TlsClient):
    """What it does is its `kind`: "talk" sends a message when the one before has come back; "pump"
    keeps half a megabyte under way until `total` bytes are sent; "idle" says nothing until it is
    woken; "stall" is a pump that reads nothing until it is woken; "half" the same, and it has said
    that it sends no more."""

    def __init__(self, address, certificates, kind, seed, total=0, **options):
        super().__init__(address, certificates, **options)
        self.kind, self.total = kind, total
        self.dice = random.Random(seed)
        self.awaited = collections.deque()  # sent, not yet come back
        self.under_way = self.sent = 0
        self.unsent = bytearray()  # sealed
        self.is_awake = kind in ("talk", "pump")
        self.is_over = self.has_finished = False
        self.sent_at = None
        self.longest = 0.0
        self.split_at = None  # of the next record: so many bytes leave, the rest when it is cleared
        self.was_split = False
        self.put(framed(authenticate_message(f"couple {seed}", "ann")))
        self.tcp.setblocking(False)

    def put(self, data):
        self.awaited.append(data)
        self.under_way += len(data)
        self.sent += len(data)
        self.sent_at = time.monotonic()
        self.tls.write(data)
        self.unsent += self._out.read()

    def speak(self):
        """Says what is due."""
        if self.kind in ("talk", "idle"):
            if self.is_awake and not self.under_way:
                self.put(self.dice.randbytes(self.dice.randrange(1, 4000)))
                self.is_awake = self.kind == "talk"
        else:
            limit = PIECE * 16 if self.is_awake else self.total
            while (self.sent < self.total and self.under_way < limit
                   and len(self.unsent) < PIECE * 4):
                self.put(self.dice.randbytes(PIECE))
        if self.kind == "half" and self.sent >= self.total and not self.has_finished:
            self.has_finished = True
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            self.unsent += self._out.read()

    def flush(self):
        while self.unsent:
            limit = self.split_at  # another thread sets it
            piece = self.unsent if limit is None else self.unsent[:limit]
            if not piece:
                return
            try:
                gone = self.tcp.send(piece)
            except BlockingIOError:
                return
            del self.unsent[:gone]
            if limit is not None:
                self.was_split = True
                self.split_at = limit - gone

    @property
    def wants_read(self):
        return self.is_awake or self.kind in ("talk", "idle")

    def take(self):
        """What has come; AssertionError if it is not what was due."""
        try:
            data = self.tcp.recv(256 * 1024)
        except BlockingIOError:
            return
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
        while True:
            try:
                opened = self.tls.read(64 * 1024)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                opened = b""
            if not opened:
                self.is_over = True
                assert self.has_finished and not self.under_way, "it was closed"
                return
            self.compare(opened)

    def compare(self, data):
        while data:
            assert self.awaited, f"{len(data)} bytes more than were sent"
            due = self.awaited.popleft()
            part = data[:len(due)]
            assert due.startswith(part), f"another byte than was sent, {self.under_way} under way"
            if len(part) < len(due):
                self.awaited.appendleft(due[len(part):])
            data = data[len(part):]
            self.under_way -= len(part)
        if not self.under_way:
            self.longest = max(self.longest, time.monotonic() - self.sent_at)

    @property
    def is_done(self):
        return not self.under_way and (self.sent >= self.total or self.kind in ("talk", "idle"))


class EchoCrowd(threading.Thread):
    """Runs clients until `stop`. `failures`: what any of them met; empty if all is well."""

    def __init__(self):
        super().__init__(daemon=True)
        self.clients = []
        self.failures = []
        self.longest_turn = 0.0  # of this thread's loop, waiting included
        self._ends = threading.Event()
        self._is_last_round = threading.Event()

    def add(self, *arguments, **options):
        assert not self.is_alive()
        self.clients.append(EchoClient(*arguments, **options))
        return self.clients[-1]

    def run(self):
        with selectors.DefaultSelector() as waiting:
            for client in self.clients:
                waiting.register(client.tcp, selectors.EVENT_READ, client)
            began = time.monotonic()
            while not self._ends.is_set() and not self.failures:
                began, before = time.monotonic(), began
                self.longest_turn = max(self.longest_turn, began - before)
                for client in self.clients:
                    self.step(waiting, client)
                for key, events in waiting.select(TICK_SECONDS):
                    if events & selectors.EVENT_READ:
                        self.attempt(key.data, key.data.take)

    def step(self, waiting, client):
        if client.is_over:
            return
        if not (self._is_last_round.is_set() and client.kind == "talk"):
            self.attempt(client, client.speak)
        self.attempt(client, client.flush)
        events = selectors.EVENT_READ if client.wants_read else 0
        if client.unsent and client.split_at is None:
            events |= selectors.EVENT_WRITE
        known = waiting.get_map().get(client.tcp)
        if events and known is None:
            waiting.register(client.tcp, events, client)
        elif known is not None and not events:
            waiting.unregister(client.tcp)
        elif known is not None and known.events != events:
            waiting.modify(client.tcp, events, client)

    def attempt(self, client, step):
        try:
            step()
        except (AssertionError, OSError) as error:
            self.failures.append(f"{client.kind} {client.version}: {error!r}")

    def wake(self):
        """Those who were silent or did not read do now; all others come to an end."""
        self._is_last_round.set()
        for client in self.clients:
            client.split_at = None
            client.is_awake = True

    @property
    def is_done(self):
        return bool(self.failures) or all(client.is_done for client in self.clients)

    @property
    def longest_silence(self):
        """Of those who talk and have not held up a record themselves."""
        return max((client.longest for client in self.clients
                    if client.kind == "talk" and not client.was_split), default=0)

    def stop(self):
        self._ends.set()
        if self.is_alive():
            self.join()
        for client in self.clients:
            client.tcp.close()
