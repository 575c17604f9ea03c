"""Breaks a fleet of chat servers in C++ and in Java, in an order drawn by a seed, under clients
that compare every byte. What is planned, or over soon, closes nobody; who dies takes along no
client but those with a message under way.

PRESENTER_SEED repeats an order and its choices. PRESENTER_NEMESIS_SECONDS: begin another round
until then; without it there is one round, in which each fault happens once.
"""

import itertools
import os
import random
import time

from chat_client import authenticate_message, framed
from client_case import ClientCase
from processes import main
from ring import Ring
from tls_client import TlsClient, Truncated
from zookeeper_wire import SESSION_EXPIRED, Refused, ZooKeeperClient

SEED = int(os.environ.get("PRESENTER_SEED", random.randrange(1 << 32)))
SECONDS = float(os.environ.get("PRESENTER_NEMESIS_SECONDS", 0))
CLIENTS = 60
SERVERS = "/presenter/servers"
DEAD_SECONDS = 6  # of a link's silence, then the gateway gives it up
HOLD_SECONDS = 1  # or the guard takes a fleet of four, of which so many die, for one that vanishes


class Talker:
    """An echo client that knows every byte it has sent and not read back."""

    def __init__(self, case, key):
        self.case, self.key, self.sent, self.owed = case, key, 0, b""
        self.client = None
        self.connect()
        case.addCleanup(lambda: self.client.tcp.close())

    def connect(self):
        """However long it takes: its owner may have died a moment ago, and nobody knows yet."""
        self.owed = b""
        first = framed(authenticate_message(self.key, "ann"))

        def is_served():
            self.client = TlsClient(self.case.gateway.address, self.case.cluster.certificates)
            try:
                self.client.send(first)
                return self.client.receive_exactly(len(first)) == first
            except (Truncated, ConnectionError, EOFError):
                self.client.tcp.close()
                return False

        self.case.wait_until(is_served, f"{self.key} is served")

    def send(self, size=10):
        text = b"%s:%d:" % (self.key.encode(), self.sent) + b"x" * size + b"\n"
        self.sent += 1
        self.owed += text
        self.client.send(text)

    def check(self):
        """False: it was closed. What has come until then is what was owed."""
        try:
            while self.owed:
                got = self.client.receive(len(self.owed))
                self.case.assertTrue(got, f"{self.key}: a clean end in the middle of a message")
                self.case.assertTrue(self.owed.startswith(got), f"{self.key}: other bytes")
                self.owed = self.owed[len(got):]
        except (Truncated, ConnectionError):
            return False
        return True

    def is_open(self):
        try:
            self.send()
            return self.check()
        except ConnectionError:
            return False


class MixedFleetTest(ClientCase):
    def setUp(self):
        super().setUp()
        print(f"PRESENTER_SEED={SEED}", flush=True)
        self.dice = random.Random(SEED)
        self.zookeeper = self.cluster.zookeeper()
        self.servers, self.languages = {}, {}
        self.numbers = itertools.count(1)
        for java in (False, True, False, True):
            self.join(java)
        self.gateway = self.cluster.gateway(
            "gateway", {"zookeeper": self.zookeeper.connect_string, "remove_dead": True,
                        "mass_drop_hold": f"{HOLD_SECONDS}s"},
            {"workers": {"count": 2},
             "upstream": {"ping_interval": "1s", "dead_after": f"{DEAD_SECONDS}s"}})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, self.servers)
        self.talkers = [Talker(self, f"couple-{number}") for number in range(CLIENTS)]
        self.closed = 0

    # --- what is done

    def join(self, java):
        name = f"chat-{next(self.numbers)}"
        self.languages[name] = "Java" if java else "C++"
        self.servers[name] = self.cluster.chat_server(
            name, zookeeper=self.zookeeper.connect_string, echo=True, hand_over=True,
            extra=["--mass-drop-seconds", HOLD_SECONDS],
            program="presenter-chatd" + ("-java" if java else ""))

    def forget(self, name):
        self.servers.pop(name)
        self.wait_for_servers(self.gateway, self.servers)

    def one_of(self, java):
        return self.dice.choice([name for name in self.servers
                                 if self.languages[name] == ("Java" if java else "C++")])

    def theirs(self, name):
        ring = Ring(list(self.servers))
        return [one for one in self.talkers if ring.owner(one.key) == name]

    # --- what must hold

    def talk(self, talkers=None):
        """Each sends and has all back; nobody may be closed."""
        talkers = self.talkers if talkers is None else talkers
        for talker in talkers:
            talker.send(self.dice.choice((0, 10, 3_000)))
        for talker in talkers:
            self.assertTrue(talker.check(), f"{talker.key} was closed")

    def talk_until(self, is_done, what):
        self.wait_until(lambda: self.talk(self.dice.sample(self.talkers, 15)) or is_done(), what)

    def talk_for(self, seconds):
        end = time.monotonic() + seconds
        self.talk_until(lambda: time.monotonic() > end, "time")

    def welcome_back(self, talkers):
        """Who was closed comes again; what it had received before was right."""
        closed = [one for one in talkers if not (one.check() and one.is_open())]
        for talker in closed:
            talker.client.tcp.close()
            talker.connect()
        self.closed += len(closed)
        return closed

    # --- faults

    def fault_join(self, java):
        self.join(java)
        moved = self.handed_over()
        self.wait_for_servers(self.gateway, self.servers)
        self.talk_until(lambda: self.handed_over() > moved, "some have moved")
        self.talk_until(self.is_quiet, "nobody waits for a move")

    def fault_drain(self, java):
        name = self.one_of(java)
        server = self.servers[name]
        run = self.cluster.presenterctl("drain", name, "--zookeeper",
                                        self.zookeeper.connect_string)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.talk_until(lambda: not server.is_running(), f"{name} is empty")
        self.assertEqual(server.child.returncode, 0, name)
        self.forget(name)

    def fault_killed(self, java):
        name = self.one_of(java)
        theirs = self.theirs(name)
        busy = self.dice.sample(theirs, len(theirs) // 3)
        self.talk(theirs)
        self.talk([one for one in self.talkers if one not in theirs])  # theirs deposit meanwhile
        for talker in busy:
            talker.send(self.dice.choice((10, 3_000)))
        self.servers[name].kill()
        self.talk([one for one in self.talkers if one not in busy])
        self.forget(name)
        self.welcome_back(busy)

    def fault_stopped_shortly(self, java):
        server = self.servers[self.one_of(java)]
        server.pause()
        for talker in self.talkers:
            talker.send(self.dice.choice((10, 3_000)))
        end = time.monotonic() + self.dice.uniform(0.5, 2)
        self.wait_until(lambda: time.monotonic() > end, "time")
        server.resume()
        for talker in self.talkers:
            self.assertTrue(talker.check(), f"{talker.key} was closed")

    def fault_stopped(self, java):
        """Until it is given up. It has everything when it goes on, and may serve nobody."""
        name = self.one_of(java)
        theirs = self.theirs(name)
        self.servers[name].pause()
        for talker in theirs:
            talker.send()
        remaining = [one for one in self.talkers if one not in theirs]
        self.wait_until(lambda: self.talk(remaining) or self.is_without(name),
                        f"{name} is given up")
        self.welcome_back(theirs)
        self.servers[name].resume()
        self.talk_until(lambda: not self.is_without(name), f"{name} is back")
        self.wait_for_servers(self.gateway, self.servers)
        self.talk_until(self.is_quiet, "nobody waits for a move")

    def fault_session_expired(self, java):
        name = self.one_of(java)
        with ZooKeeperClient(self.zookeeper.port) as client:
            owner = client.get(f"{SERVERS}/{name}")[1].owner
        self.wait_until(lambda: self.is_ended(owner), f"{name}'s session is ended")
        self.talk_until(lambda: self.is_registered_anew(name, owner), f"{name} is back")
        self.wait_for_servers(self.gateway, self.servers)
        self.talk_until(self.is_quiet, "nobody waits for a move")

    def is_ended(self, session):
        try:
            with ZooKeeperClient(self.zookeeper.port, session):
                return True  # who has its password closes it
        except ConnectionError:
            return False  # its owner was faster, and has it again
        except Refused as error:
            return error.code == SESSION_EXPIRED

    def is_registered_anew(self, name, before):
        with ZooKeeperClient(self.zookeeper.port) as client:
            if name not in client.children(SERVERS):
                return False
            return client.get(f"{SERVERS}/{name}")[1].owner not in (0, before)

    def is_without(self, name):
        with ZooKeeperClient(self.zookeeper.port) as client:
            if name in client.children(SERVERS):
                return False
        return self.gateway.metric("presenter_map_backends") == len(self.servers) - 1

    def is_quiet(self):
        return self.gateway.metric("presenter_moves_pending") == 0

    def handed_over(self):
        return sum(self.gateway.metric("presenter_handoffs_total", result=result)
                   for result in ("done", "crash_done"))

    # --- the run

    def test_each_fault_in_a_fleet_of_both_languages(self):
        faults = sorted(name for name in dir(self) if name.startswith("fault_"))
        start, count = time.monotonic(), 0
        for number in itertools.count():
            for fault in self.dice.sample(faults, len(faults)):
                java = self.dice.random() < 0.5
                print(f"{time.monotonic() - start:6.1f} s  {fault.removeprefix('fault_')}, "
                      f"{'Java' if java else 'C++'}", flush=True)
                getattr(self, fault)(java)
                self.restore()
                self.talk()
                count += 1
            if time.monotonic() - start >= SECONDS:
                break
        print(f"{count} faults in {number + 1} rounds, {sum(one.sent for one in self.talkers)} "
              f"messages compared, {self.handed_over():.0f} streams handed over, "
              f"{self.closed} clients closed with a message under way or by a server given up")

    def restore(self):
        """Two of each language at least, and six servers at most."""
        for language in ("C++", "Java"):
            while sum(self.languages[name] == language for name in self.servers) < 2:
                self.join(language == "Java")
        while len(self.servers) > 6:
            self.fault_drain(sum(self.languages[name] == "Java" for name in self.servers) > 3)
        self.wait_for_servers(self.gateway, self.servers)
        self.talk_until(self.is_quiet, "nobody waits for a move")


if __name__ == "__main__":
    main()
