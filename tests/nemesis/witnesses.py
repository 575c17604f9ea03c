"""Who notices: clients that talk all the time, and a look at every gateway's map."""

import json
import threading
import urllib.error
import urllib.request

from chat_client import authenticate_message, framed
from tls_client import TlsClient

# Between two rounds of a gateway's clients, and two looks at its map.
PAUSE_SECONDS = 0.5


class Witness(threading.Thread):
    """Runs `look()` again and again until stopped; what goes wrong stays in `failures`."""

    def __init__(self, name):
        super().__init__(name=name, daemon=True)
        self.failures = []
        self._ending = threading.Event()
        self.rounds = 0

    def run(self):
        while not self._ending.wait(PAUSE_SECONDS) and not self.failures:
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
        page = shards_of(self.gateway)
        if page is None:
            return
        missing = self.always - self.excused - {server["name"] for server in page["servers"]
                                 if server["state"] == "up"}
        if missing:
            raise AssertionError(f"{sorted(missing)} are not in the map of epoch {page['epoch']}")
        if page["epoch"] < self.epoch:
            raise AssertionError(f"epoch {page['epoch']} after {self.epoch}")
        self.epoch = page["epoch"]


def shards_of(gateway):
    """/shards of a gateway; None while it does not answer, being stopped or killed."""
    try:
        with urllib.request.urlopen(f"http://{gateway.admin}/shards", timeout=2) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
