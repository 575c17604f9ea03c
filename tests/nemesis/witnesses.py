"""Who notices: clients that talk all the time, and a look at every gateway's map."""

import json
import threading
import time
import urllib.error

from chat_client import authenticate_message, framed
from tls_client import TlsClient

# Between two rounds of a gateway's clients, and two looks at its map.
PAUSE_SECONDS = 0.5


class Witness(threading.Thread):
    """Runs `look()` again and again until stopped; what goes wrong stays in `failures`."""

    pause_seconds = PAUSE_SECONDS

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self.failures = []
        self._ending = threading.Event()
        self.rounds = 0

    def run(self):
        while not self._ending.wait(self.pause_seconds) and not self.failures:
            try:
                self.look()
                self.rounds += 1
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(f"{self.name}: {type(error).__name__}: {error}")

    def stop(self):
        self._ending.set()
        self.join(90)
        if self.is_alive():
            self.failures.append(f"{self.name}: hangs after round {self.rounds}")


class EchoClients(Witness):
    """Established clients of one gateway: each byte comes back, once and in order."""

    def __init__(self, gateway, certificates, couples):
        super().__init__(f"clients of {gateway.name}")
        self.clients = []
        for couple in couples:
            client = TlsClient(gateway.address, certificates, timeout=90)
            first = framed(authenticate_message(couple, "ann"))
            client.send(first)
            assert client.receive_exactly(len(first)) == first
            self.clients.append((couple, client))
        self.start()

    def look(self):
        for couple, client in self.clients:
            message = f"{couple} says {self.rounds:08d}. ".encode() * 3
            client.send(message)
            echo = client.receive_exactly(len(message))
            if echo != message:
                raise AssertionError(f"{couple}: {echo!r} instead of {message!r}")


class MapWatch(Witness):
    """A gateway's map: never without those who are always there, its epoch never back.

    `excused`: names that may be missing just now; its owner changes it.
    """

    def __init__(self, gateway, always, excused):
        super().__init__(f"map of {gateway.name}")
        self.gateway, self.always, self.excused = gateway, set(always), excused
        self.epoch = 0
        self.start()

    def look(self):
        excused = set(self.excused)
        page = shards_of(self.gateway)
        if page is None:
            return
        up = {server["name"] for server in page["servers"] if server["state"] == "up"}
        missing = self.always - excused - self.excused - up
        if missing:
            raise AssertionError(f"{sorted(missing)} are not in the map of epoch {page['epoch']}")
        if page["epoch"] < self.epoch:
            raise AssertionError(f"epoch {page['epoch']} after {self.epoch}")
        self.epoch = page["epoch"]


def shards_of(gateway):
    """/shards of a gateway; None while it does not answer, being stopped or killed."""
    try:
        with gateway.open("/shards", 2) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None


class RecordWatch(Witness):
    """The fleet's records in DNS: never none, never without a living gateway, and none of a dead
    one for longer than `seconds_max`.

    Its owner says who is dead, and when nothing can be published. `longest`: how long a dead
    gateway's record stayed where nothing was in the way."""

    pause_seconds = 0.05

    def __init__(self, service, gateways, seconds_max):
        """`gateways`: {address: name}."""
        super().__init__("records")
        self.service, self.names, self.seconds_max = service, dict(gateways), seconds_max
        self.known = set(gateways)
        self.longest = 0.0
        self._lock = threading.Lock()
        self._dead = {}     # address: since when
        self._gone = set()  # of them, those that have no record any more
        self._hindered_since = None
        self._free_from = 0.0
        self.start()

    def note_dead(self, address):
        with self._lock:
            self._dead[address] = time.monotonic()

    def note_living(self, address):
        with self._lock:
            self._dead.pop(address, None)
            self._gone.discard(address)

    def note_hindrance(self):
        with self._lock:
            self._hindered_since = time.monotonic()

    def note_end_of_hindrance(self):
        """What was tried meanwhile is tried again after a wait that has doubled each time."""
        with self._lock:
            now = time.monotonic()
            self._free_from = now + min(2 * (now - self._hindered_since) + 2, 60)
            self._hindered_since = None

    def has_gone(self, address):
        with self._lock:
            return address in self._gone

    def look(self):
        found = self.service.addresses()
        if found is None:
            return
        with self._lock:
            self._check(found, time.monotonic())
            self.known = found

    def _check(self, found, now):
        dead = set(self._dead)
        if not found:
            raise AssertionError("no gateway has a record")
        if self.known - dead and not found - dead:
            raise AssertionError(f"the last living gateways have lost their records: "
                                 f"{self._named(self.known)} became {self._named(found)}")
        if found & self._gone:
            raise AssertionError(f"{self._named(found & self._gone)}: dead, and recorded again")
        for address in dead - self._gone:
            since = max(self._dead[address], self._free_from)
            if address not in found:
                self._gone.add(address)
                if self._hindered_since is None and now > self._free_from:
                    self.longest = max(self.longest, now - since)
            elif self._hindered_since is None and now - since > self.seconds_max:
                raise AssertionError(f"{self.names[address]} has been dead for {now - since:.1f} s "
                                     "and has a record")

    def _named(self, addresses):
        return sorted(self.names[address] for address in addresses)
