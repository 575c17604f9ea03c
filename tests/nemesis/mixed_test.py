"""Breaks a fleet of chat servers in C++ and in Java, in an order drawn by a seed, under clients
that compare every byte. What is planned, or over soon, closes nobody; who dies takes along no
client but those with a message under way.

PRESENTER_SEED repeats an order and its choices. PRESENTER_NEMESIS_SECONDS: begin another round
until then; without it there is one round, in which each fault happens once.
PRESENTER_NEMESIS_LANGUAGE: Java or C++, if it is not to be drawn for each fault;
PRESENTER_NEMESIS_FAULTS: the names of those that happen, if not all.
"""

import itertools
import os
import random
import time

from chat_client import authenticate_message, framed
from client_case import ClientCase
from forwarder import Forwarder
from processes import main
from ring import Ring
from tls_client import TlsClient, Truncated
from zookeeper_wire import SESSION_EXPIRED, Refused, ZooKeeperClient

SEED = int(os.environ.get("PRESENTER_SEED", random.randrange(1 << 32)))
SECONDS = float(os.environ.get("PRESENTER_NEMESIS_SECONDS", 0))
LANGUAGE = os.environ.get("PRESENTER_NEMESIS_LANGUAGE")
FAULTS = os.environ.get("PRESENTER_NEMESIS_FAULTS", "").split()
CLIENTS = 60
SERVERS = "/presenter/servers"
DEAD_SECONDS = 6  # of a link's silence, then the gateway gives it up
HOLD_SECONDS = 1  # or the guard takes a fleet of four, of which so many die, for one that vanishes
# More than the windows and the gateway's buffers hold of a client that does not read, and less than
# the kernel takes: the chat server cannot send all of it, and holds some that it has not read.
STUFFING_BYTES = 400_000
STUFFED = 3
LATE = 5  # clients of the gateway that is late


class Talker:
    """An echo client that knows every byte it has sent and not read back."""

    def __init__(self, case, key):
        self.case, self.key, self.sent, self.owed = case, key, 0, b""
        self.client, self.is_stuffed = None, False
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

    def stuff(self):
        """It does not read before the next check."""
        self.is_stuffed = True
        self.send(STUFFING_BYTES)

    def check(self):
        """False: it was closed. What has come until then is what was owed."""
        self.is_stuffed = False
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
        self.ways = {}  # of each to ZooKeeper
        self.numbers = itertools.count(1)
        for java in (False, True, False, True):
            self.join(self.new_name(java))
        self.gateway = self.start_gateway("gateway", 2)
        self.late = self.start_gateway("late", 1)
        self.talkers = [Talker(self, f"couple-{number}") for number in range(CLIENTS)]
        self.closed = 0

    def start_gateway(self, name, workers):
        """Where it is cut off from ZooKeeper it must not find out by itself."""
        gateway = self.cluster.gateway(
            name, {"zookeeper": self.way_of(name), "remove_dead": True,
                   "session_timeout": "60s", "mass_drop_hold": f"{HOLD_SECONDS}s"},
            {"workers": {"count": workers},
             "moves": {"handoff_deadline": "60s"},
             "upstream": {"ping_interval": "1s", "dead_after": f"{DEAD_SECONDS}s",
                          "opening_timeout": "60s"}})
        gateway.wait_ready()
        self.wait_for_servers(gateway, self.servers)
        return gateway

    def way_of(self, name):
        """ZooKeeper's address for this process, which can be cut off."""
        self.ways[name] = Forwarder(self.zookeeper)
        self.addCleanup(self.ways[name].close)
        return f"127.0.0.1:{self.ways[name].port}/presenter"

    def mend_way_of(self, name):
        for link in self.ways[name].links:
            link.close()

    # --- what is done

    def new_name(self, java):
        name = f"chat-{next(self.numbers)}"
        self.languages[name] = "Java" if java else "C++"
        return name

    def join(self, name):
        self.servers[name] = self.cluster.chat_server(
            name, zookeeper=self.way_of(name), echo=True, hand_over=True,
            extra=["--mass-drop-seconds", HOLD_SECONDS],
            program="presenter-chatd" + ("-java" if self.languages[name] == "Java" else ""))

    def order_drain(self, name):
        run = self.cluster.presenterctl("drain", name, "--zookeeper",
                                        self.zookeeper.connect_string)
        self.assertEqual(run.returncode, 0, run.stderr)

    def forget(self, name):
        self.servers.pop(name)
        self.wait_for_all_maps()

    def wait_for_all_maps(self):
        for gateway in (self.gateway, self.late):
            self.wait_for_servers(gateway, self.servers)

    def one_of(self, java):
        return self.dice.choice([name for name in self.servers
                                 if self.languages[name] == ("Java" if java else "C++")])

    def theirs(self, name):
        return self.movers_to(name, self.servers)

    def movers_to(self, name, servers):
        ring = Ring(list(servers))
        return [one for one in self.talkers if ring.owner(one.key) == name]

    def stuff_some(self, talkers):
        stuffed = self.dice.sample(talkers, min(STUFFED, len(talkers)))
        for talker in stuffed:
            talker.stuff()
        return stuffed

    def move(self, movers, stuffed, begin):
        """All of them move, and nobody is closed: also who does not read while it is asked for."""
        before = self.handed_over()
        begin()

        def are_others_gone():
            moved, leaving = self.handed_over() - before, CLIENTS - self.served()
            return moved >= len(movers) - len(stuffed) and moved + leaving >= len(movers)

        self.talk_until(are_others_gone, "only who does not read is left")
        self.talk(stuffed)
        self.talk_until(lambda: self.handed_over() - before >= len(movers), "all have moved")

    # --- what must hold

    def talk(self, talkers=None):
        """Each sends and has all back; nobody may be closed. Who is stuffed only if it is named."""
        if talkers is None:
            talkers = [one for one in self.talkers if not one.is_stuffed]
        for talker in talkers:
            talker.send(self.dice.choice((0, 10, 3_000)))
        for talker in talkers:
            self.assertTrue(talker.check(), f"{talker.key} was closed")

    def talk_until(self, is_done, what):
        def step():
            some = self.dice.sample(self.talkers, 15)
            self.talk([one for one in some if not one.is_stuffed])
            return is_done()
        self.wait_until(step, what)

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
        name = self.new_name(java)
        movers = self.movers_to(name, [*self.servers, name])
        self.move(movers, self.stuff_some(movers), lambda: self.join(name))
        self.wait_for_all_maps()
        self.talk_until(self.is_quiet, "nobody waits for a move")

    def fault_drain(self, java):
        name = self.one_of(java)
        movers = self.theirs(name)
        self.move(movers, self.stuff_some(movers), lambda: self.order_drain(name))
        self.wait_ended(name)

    def wait_ended(self, name):
        server = self.servers[name]
        self.talk_until(lambda: not server.is_running(), f"{name} is empty")
        self.assertEqual(server.child.returncode, 0, name)
        self.forget(name)

    def fault_gateway_late(self, java):
        """It brings its clients to the owner of yesterday, who may not serve them."""
        name = self.new_name(self.dice.random() < 0.5)
        before, after = Ring(list(self.servers)), Ring([*self.servers, name])
        couples = [key for key in (f"late-{number}" for number in range(1_000))
                   if after.owner(key) == name
                   and self.languages[before.owner(key)] == ("Java" if java else "C++")][:LATE]
        self.ways["late"].go_silent()
        self.join(name)
        self.wait_for_servers(self.gateway, self.servers)
        clients = self.wait_until(lambda: self.clients_kept_waiting(couples),
                                  "the owners of yesterday serve nobody any more")
        self.mend_way_of("late")
        for client in clients:
            self.assertEqual(client.receive_exactly(len(client.first)), client.first)
            client.tcp.close()
        self.wait_for_all_maps()
        self.talk_until(self.is_quiet, "nobody waits for a move")

    def clients_kept_waiting(self, couples):
        """None if somebody is served: the owner may not have had the new map either."""
        clients = [self.waiting_client(couple, gateway=self.late) for couple in couples]

        def fates():
            served = self.late.metric("presenter_clients_open", phase="relaying")
            waiting = self.late.metric("presenter_opens_waiting")
            return served + waiting == len(couples) and (served, waiting)

        if self.wait_until(fates, "each is served or waits")[0] == 0:
            return clients
        for client in clients:
            client.tcp.close()
        self.wait_nobody_left(self.late)
        return None

    def fault_server_late(self, java):
        """Streams come to it that a newer map makes its own. It waits for that, and says no to
        nobody."""
        late = self.one_of(java)
        leaving = self.dice.choice([name for name in self.servers if name != late])
        movers = self.theirs(leaving)
        remaining = [name for name in self.servers if name != leaving]
        held = [one for one in movers if one in self.movers_to(late, remaining)]
        before, refused = self.handed_over(), self.refused()
        self.ways[late].go_silent()
        self.order_drain(leaving)
        others = [one for one in self.talkers if one not in held]
        self.wait_until(lambda: self.talk(self.dice.sample(others, 15))
                        or (self.handed_over() - before >= len(movers) - len(held)
                            and self.served() >= CLIENTS - len(held)), "the others have moved")
        self.mend_way_of(late)
        self.wait_ended(leaving)
        self.assertEqual(self.refused() - refused, 0, f"{late} has refused what is its own")

    def refused(self):
        return self.gateway.metric("presenter_opens_refused_total", reason="not_owner")

    def fault_killed(self, java):
        name = self.one_of(java)
        theirs = self.theirs(name)
        busy = self.dice.sample(theirs, len(theirs) // 3)
        self.talk(theirs)
        self.talk([one for one in self.talkers if one not in theirs])  # theirs deposit meanwhile
        for talker in busy[1:]:
            talker.send(self.dice.choice((10, 3_000)))
        self.stuff_some(busy[:1])
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
        self.wait_for_all_maps()
        self.talk_until(self.is_quiet, "nobody waits for a move")

    def fault_session_expired(self, java):
        name = self.one_of(java)
        with ZooKeeperClient(self.zookeeper.port) as client:
            owner = client.get(f"{SERVERS}/{name}")[1].owner
        self.wait_until(lambda: self.is_ended(owner), f"{name}'s session is ended")
        self.talk_until(lambda: self.is_registered_anew(name, owner), f"{name} is back")
        self.wait_for_all_maps()
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

    def served(self):
        return self.gateway.metric("presenter_clients_open", phase="relaying")

    def handed_over(self):
        return sum(self.gateway.metric("presenter_handoffs_total", result=result)
                   for result in ("done", "crash_done"))

    # --- the run

    def test_each_fault_in_a_fleet_of_both_languages(self):
        faults = [f"fault_{name}" for name in FAULTS] or sorted(
            name for name in dir(self) if name.startswith("fault_"))
        start, count = time.monotonic(), 0
        for number in itertools.count():
            for fault in self.dice.sample(faults, len(faults)):
                java = LANGUAGE == "Java" if LANGUAGE else self.dice.random() < 0.5
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
                self.join(self.new_name(language == "Java"))
        while len(self.servers) > 6:
            self.fault_drain(sum(self.languages[name] == "Java" for name in self.servers) > 3)
        self.wait_for_all_maps()
        self.talk_until(self.is_quiet, "nobody waits for a move")


if __name__ == "__main__":
    main()
