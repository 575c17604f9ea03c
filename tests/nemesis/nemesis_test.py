#!/usr/bin/env python3
"""Breaks ZooKeeper in every way that README.md lists, in an order drawn by a seed, under gateways,
chat servers and clients that must not notice.

nemesis_test.py [--seed N] [--seconds S] [--only FAULT] [--mass-drop-hold DURATION]
"""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import time

from processes import (ChatServer, ClusterError, Gateway, PROGRAMS, WatchedCluster,
                       wait_until)
from ring import Ring
from witnesses import EchoClients, MapWatch, shards_of
from rooms import OpenSpace, Room, ip
from zookeeper_ensemble import Ensemble, Member
from zookeeper_wire import NO_NODE, Refused, ZooKeeperClient, fake_servers, nonsense

STABLE, PASSING = ("chat-a", "chat-b", "chat-c"), ("chat-x", "chat-y")
HAS_ROOMS = os.environ.get("PRESENTER_NEMESIS_ROOMS") == "1"
HUB = "10.200.0.1" if HAS_ROOMS else "127.0.0.1"
SERVERS = "/presenter/servers"
FAKES = 1000
CLIENTS_PER_GATEWAY = 8

# A limit for a broken run on a busy machine; nothing is measured by it.
PATIENCE = 90


class RoomGateway(Gateway):
    """A gateway in a network namespace of its own."""

    def __init__(self, name, cluster, room, zookeeper, hold):
        self.room = room
        address = {"address": f"{room.inner_address}:0"}
        shards = {"zookeeper": zookeeper.connect_string(room.zookeeper_address),
                  "session_timeout": "2s",
                  "saved_map": f"{name}-map.json", "mass_drop_hold": hold}
        # Over a network the admin endpoint asks for one.
        token = os.path.join(cluster.folder, f"{name}-token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(16) + "\n")
        super().__init__(name, cluster.folder, cluster.programs, cluster.certificates, shards,
                         {"listen": address, "admin": {**address, "token_file": token}})
        self.command = [*room.enter(), *self.command]


class HubChatServer(ChatServer):
    """A chat server that listens where every room's gateway reaches it."""

    def __init__(self, name, cluster, where):
        super().__init__(name, cluster.folder, cluster.programs, zookeeper=where, echo=True,
                         weight=1000 if name in STABLE else 100,
                         extra=["--mass-drop-seconds", "2"])
        self.command[self.command.index("127.0.0.1:0")] = f"{HUB}:0"


class Nemesis:
    """The installation, its faults (methods called `fault_…`) and what must hold after each."""

    def __init__(self, cluster, rng, hold, long_seconds):
        self.cluster, self.rng, self.long_seconds = cluster, rng, long_seconds
        self.fakes = fake_servers(rng, FAKES)
        self.zookeeper = Ensemble(cluster)
        where = self.zookeeper.connect_string()
        self.chat_servers = {name: cluster.start(HubChatServer(name, cluster, where))
                             for name in STABLE + PASSING}
        rooms = [cluster.start(Room(number, cluster.folder)) if HAS_ROOMS
                 else OpenSpace(number) for number in (1, 2, 3)]
        # The third has no clients: it may be killed.
        self.gateways = [cluster.start(RoomGateway(f"gateway-{room.number}", cluster, room,
                                                   self.zookeeper, hold)) for room in rooms]
        for gateway in self.gateways:
            gateway.wait_ready()
        self.wait_quiet()
        self.excused = set()
        self.maps = [MapWatch(gateway, STABLE, self.excused) for gateway in self.gateways]
        couples = self.lasting_couples(2 * CLIENTS_PER_GATEWAY)
        self.clients = [EchoClients(gateway, cluster.certificates,
                                    couples[number::2])
                        for number, gateway in enumerate(self.gateways[:2])]

    def lasting_couples(self, count):
        """Keys that belong to the same chat server whoever else comes or goes."""
        weights = {name: 1000 for name in STABLE} | {name: 100 for name in PASSING}
        ring = Ring(weights | {name: 1 for name, _ in self.fakes})
        numbers = iter(range(1 << 30))
        couples = []
        while len(couples) < count:
            couple = f"couple-{next(numbers)}"
            if ring.owner(couple) in STABLE:
                couples.append(couple)
        return couples

    # --- what must hold

    def client(self):
        """A session of our own, at whichever server is led."""
        return ZooKeeperClient(self.zookeeper.leader().port)

    def check_witnesses(self):
        failures = [failure for witness in [*self.maps, *self.clients]
                    for failure in witness.failures]
        if failures:
            raise AssertionError("\n".join(failures))
        for process in [*self.chat_servers.values(), *self.gateways]:
            if not process.is_running():
                raise AssertionError(f"{process.name} has ended")

    def wait_quiet(self):
        """All is healed: every gateway has the one map, every chat server one entry in it."""
        self.zookeeper.wait_whole()
        self.wait_until(self.is_registered_once, "each chat server is registered once")
        self.wait_until(self.is_converged, "all gateways have ZooKeeper's map")

    def wait_until(self, predicate, what):
        def look():
            if hasattr(self, "clients"):
                self.check_witnesses()
            return predicate()
        return wait_until(look, PATIENCE, what)

    def ask(self, question):
        """What `question` finds by a session of ours; None while something changes."""
        try:
            with self.client() as client:
                return question(client)
        except ConnectionError:  # it leads no more
            return None
        except Refused as error:
            if error.code == NO_NODE:
                return None
            raise

    @staticmethod
    def entries(client):
        """{name: (entry, stat)}"""
        return {name: client.get(f"{SERVERS}/{name}") for name in client.children(SERVERS)}

    def epoch(self, client):
        """Of the map."""
        changes = [stat.mzxid for _, stat in self.entries(client).values()]
        return max([client.get(SERVERS)[1].pzxid, *changes])

    def is_registered_once(self):
        entries = self.ask(self.entries)
        if entries is None or sorted(entries) != sorted(self.chat_servers):
            return False
        owners = {stat.owner for _, stat in entries.values()}
        try:
            instances = {json.loads(data)["instance"] for data, _ in entries.values()}
        except (ValueError, KeyError, TypeError):  # any JSON, and none
            return False
        return len(owners) == len(instances) == len(entries) and 0 not in owners

    def is_converged(self):
        epoch = self.ask(self.epoch)
        pages = [shards_of(gateway) for gateway in self.gateways]
        return all(page is not None and page["epoch"] == epoch and page["held"] is None
                   and sorted(server["name"] for server in page["servers"])
                   == sorted(self.chat_servers) for page in pages)

    def servers_of(self, gateway):
        """Of its map; the streams and links of each server are the gateway's own matter."""
        page = self.wait_until(lambda: shards_of(gateway), f"{gateway.name} answers")
        return [{key: value for key, value in server.items()
                 if key not in ("streams", "links", "hands_over")} for server in page["servers"]]

    # --- faults

    def breathe(self, least, most):
        """The fault's time, at the end of which nobody may have noticed it."""
        end = time.monotonic() + self.rng.uniform(least, most)
        wait_until(lambda: self.check_witnesses() or time.monotonic() > end, PATIENCE * 2, "time")

    def fault_leader_killed(self):
        leader = self.zookeeper.leader()
        leader.kill()
        self.breathe(1, 3)
        leader.start()

    def fault_leader_stopped(self):
        self.stop_for_a_while(self.zookeeper.leader(), 4, 7)

    def fault_follower_stopped(self):
        self.stop_for_a_while(self.rng.choice(self.zookeeper.followers()), 2, 5)

    def stop_for_a_while(self, process, least, most):
        process.pause()
        try:
            self.breathe(least, most)
        finally:
            process.resume()

    def fault_quorum_lost(self):
        """A gateway that starts meanwhile has the others' map."""
        killed = self.rng.sample(self.zookeeper.members, 2)
        for member in killed:
            member.kill()
        late = self.gateways[2]
        late.kill()
        late.start()
        late.wait_ready(PATIENCE)
        known = [self.servers_of(gateway) for gateway in self.gateways]
        assert known[2] == known[0], f"{late.name} started with {known[2]}, not {known[0]}"
        self.breathe(self.long_seconds, self.long_seconds + 3)
        for member in killed:
            member.start()

    def fault_gateway_expired(self):
        victim = self.rng.choice(self.gateways)
        ended = victim.zookeeper_session()  # by the fault before, perhaps, and only now told
        self.zookeeper.end_session(ended, self.rng)
        self.wait_until(lambda: victim.zookeeper_session() != ended,
                        f"{victim.name} has a new session")
        assert victim.metric("presenter_zookeeper_sessions_expired_total") > 0

    def fault_backend_expired(self):
        path = self.entry_that_may_go()
        with self.client() as client:
            owner = client.get(path)[1].owner
        self.zookeeper.end_session(owner, self.rng)
        self.wait_until(lambda: self.owner_of(path) not in (None, owner),
                        f"{path} belongs to a new session")

    def entry_that_may_go(self):
        """Its chat server is out of the map until it has registered again; its clients stay."""
        name = self.rng.choice(STABLE + PASSING)
        self.excused.add(name)
        return f"{SERVERS}/{name}"

    def owner_of(self, path):
        try:
            with self.client() as client:
                return client.get(path)[1].owner
        except Refused:
            return None

    def fault_gateway_partitioned(self):
        victim = self.rng.choice(self.gateways)
        victim.room.cut()
        try:
            self.wait_until(lambda: victim.metric("presenter_zookeeper_connected") == 0,
                            f"{victim.name} misses ZooKeeper")
            self.breathe(1, 5)
        finally:
            victim.room.mend()

    def fault_gateway_stalled(self):
        """For longer than its session lasts."""
        self.stop_for_a_while(self.rng.choice(self.gateways), 3, 5)

    def fault_nonsense_written(self):
        """Into anybody's entry, those that clients depend on included."""
        path = f"{SERVERS}/{self.rng.choice(STABLE + PASSING)}"
        with self.client() as client:
            client.set(path, nonsense(self.rng))

    def fault_node_deleted(self):
        with self.client() as client:
            client.delete(self.entry_that_may_go())

    def fault_mass_drop(self):
        self.come_and_vanish(self.rng.randrange(8, 30))

    def fault_thousand_registered(self):
        self.come_and_vanish(FAKES)

    def come_and_vanish(self, count):
        """All at once. Their leaving is held, alarmed, and believed in time or when confirmed."""
        with self.client() as client:
            client.create_all([(f"{SERVERS}/{name}", data) for name, data in self.fakes[:count]])
            self.wait_until(lambda: self.sizes() == {count + len(self.chat_servers)},
                            f"all gateways have {count} more")
            self.zookeeper.wait_whole()
            before = [gateway.metric("presenter_map_holds_total") for gateway in self.gateways]
        self.wait_until(lambda: all(
            gateway.metric("presenter_map_holds_total") > count_before
            for gateway, count_before in zip(self.gateways, before)),
                        "the drop is held at every gateway")
        held = self.wait_until(lambda: shards_of(self.gateways[0]), "it answers")["held"]
        if held and self.rng.random() < 0.5:
            with self.client() as client:
                client.set(SERVERS, str(held["epoch"]).encode())

    def sizes(self):
        pages = [shards_of(gateway) for gateway in self.gateways]
        return {len(page["servers"]) if page else 0 for page in pages}

    # --- the run

    def run(self, seconds, only):
        names = sorted(name for name in dir(self) if name.startswith("fault_"))
        names = [name for name in names if only in (None, name.removeprefix("fault_"))]
        if not HAS_ROOMS:
            print("gateway_partitioned is left out: no leave to make network namespaces")
            names.remove("fault_gateway_partitioned")
        start, faults = time.monotonic(), 0
        while time.monotonic() - start < seconds:
            for name in self.rng.sample(names, len(names)):
                if time.monotonic() - start >= seconds:
                    break
                print(f"{time.monotonic() - start:6.1f} s  {name.removeprefix('fault_')}",
                      flush=True)
                getattr(self, name)()
                self.wait_quiet()
                self.excused.clear()
                faults += 1
        for witness in [*self.clients, *self.maps]:
            witness.stop()
        self.check_witnesses()
        rounds = [clients.rounds for clients in self.clients]
        assert min(rounds) > 0, "the clients have not talked"
        print(f"{faults} faults, {sum(rounds) * CLIENTS_PER_GATEWAY} messages and their echoes",
              flush=True)


def logs_of(cluster):
    """Ours; ZooKeeper's own say too much."""
    return "\n".join(f"---- {process.name}\n{process.log_tail(30)}" for process in cluster.processes
                     if not isinstance(process, (Member, Room)))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float,
                        default=float(os.environ.get("PRESENTER_NEMESIS_SECONDS", "120")))
    parser.add_argument("--only", help="one fault, again and again")
    parser.add_argument("--mass-drop-hold", default="2s", help="0s: the guard is off")
    return parser.parse_args()


def enter_hub(seed):
    """Starts this program again where it may have network interfaces of its own, if that may be."""
    if "PRESENTER_NEMESIS_ROOMS" not in os.environ:
        print(f"seed {seed}", flush=True)
        ways = [way for way in ("-n", "-rn") if subprocess.run(
            ["unshare", way, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0]
        os.environ["PRESENTER_NEMESIS_ROOMS"] = "1" if ways else "0"
        again = [sys.executable, "-B", *sys.argv, "--seed", str(seed)]
        words = ["unshare", ways[0], *again] if ways else again
        os.execvp(words[0], words)
    if not HAS_ROOMS:
        return
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{HUB}/32", "dev", "lo")
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("1")


def main():
    options = parse_arguments()
    enter_hub(options.seed)
    with WatchedCluster(PROGRAMS) as cluster:
        try:
            long_seconds = 60 if options.seconds > 600 else 3
            nemesis = Nemesis(cluster, random.Random(options.seed), options.mass_drop_hold,
                              long_seconds)
            nemesis.run(options.seconds, options.only)
        except (AssertionError, ClusterError, Refused, OSError) as error:
            print(f"{type(error).__name__}: {error}\nagain with --seed {options.seed}\n"
                  f"{logs_of(cluster)}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
