"""`deploy/demo --scale`: a fleet grows and shrinks under clients who find it by DNS.

Waves of clients come and go all the time. Each client asks a cache, which asks a real PowerDNS;
some caches ignore the TTL for ever. A gateway joins, one is drained, the leader is killed. Every
number is read from the running parts: the gateways' pages, answers of DNS, reports of the load.
"""

import collections
import contextlib
import json
import os
import subprocess
import threading
import time
import urllib.error

import summary
from cluster import ClusterError, Process, free_port, wait_until
from dns_client import Cache, lookup
from powerdns import PowerDns

NAME = "chat.example"
CHAT_SERVERS = ("chat-a", "chat-b")
SESSION_SECONDS = 2
INTERVAL_SECONDS = 2
TTL_SECONDS = 2
QUIET_SECONDS = 8
WAVE_SECONDS = 3  # between two waves
STAY_SECONDS = 15  # of a client
HONEST_CACHES = 40
STUBBORN_CACHES = 6
STUBBORN_PART = 6  # one of so many clients asks such a cache
CLIENTS_MIN = 100  # with fewer, chance decides where they go
EVENT_SECONDS = 90
LOAD_PATIENCE_SECONDS = 120


def spread(addresses):
    """The same ones; equal ones are as far from each other as they can be."""
    places = []
    for address, count in collections.Counter(addresses).items():
        places += [((number + 0.5) / count, address) for number in range(count)]
    return [address for _, address in sorted(places)]


class Wave(Process):
    """Some couples of presenter-load; each client goes where its cache says.

    presenter-load asks DNS for nothing. So a client whose gateway has gone goes where the next
    client was told to go; hence the order, in which that is soon another gateway."""

    def __init__(self, number, cluster, addresses, port, clients):
        self.report_path = os.path.join(cluster.folder, f"wave-{number}.json")
        command = [os.path.join(cluster.programs, "presenter-load"), "chat", "--clients", clients,
                   "--seconds", STAY_SECONDS, "--json", self.report_path, "--no-progress",
                   "--ca", cluster.certificates.authority, "--server-name", "localhost"]
        for address in spread(addresses):
            command += ["--gateway", f"{address}:{port}"]
        super().__init__(f"wave-{number}", cluster.folder, command)

    def report(self):
        if not os.path.exists(self.report_path):
            raise ClusterError(f"{self.name}: no report\n{self.log_tail()}")
        with open(self.report_path, encoding="utf-8") as file:
            return json.load(file)


class Crowd(threading.Thread):
    """Life: from `start` to `finish`. Starts one wave after the other, in a thread of its own, for
    the clients do not wait for what happens to the fleet. The thread ends behind the last wave:
    what it started dies with it."""

    def __init__(self, cluster, dns_port, gateway_port, clients, first):
        """`first`: addresses that the stubborn caches know, evenly many each."""
        super().__init__(daemon=True)
        self.cluster = cluster
        self.port = gateway_port
        self.clients = clients
        self.honest = [Cache(NAME, dns_port) for _ in range(HONEST_CACHES)]
        self.stubborn = [Cache(NAME, dns_port, ignores_ttl=True) for _ in range(STUBBORN_CACHES)]
        self.waves = []
        self.failure = None
        for number, cache in enumerate(self.stubborn):
            cache.ask_until(first[number % len(first)])
        self._ends = threading.Event()

    def run(self):
        try:
            while not self._ends.wait(WAVE_SECONDS):
                self._start_wave()
            for wave in self.waves:
                wave.wait(STAY_SECONDS + LOAD_PATIENCE_SECONDS)
        except (OSError, ValueError, ClusterError) as error:
            self.failure = error

    def _start_wave(self):
        addresses = [self._cache(number).address() for number in range(self.clients // 2 + 1)]
        wave = Wave(len(self.waves), self.cluster, addresses, self.port, self.clients)
        self.waves.append(wave)
        self.cluster.start(wave)

    def _cache(self, number):
        place = len(self.waves) * self.clients + number
        if number % STUBBORN_PART == 0:
            return self.stubborn[place % STUBBORN_CACHES]
        return self.honest[place % HONEST_CACHES]

    def finish(self):
        """The reports of all waves, when the last client has gone."""
        self._ends.set()
        self.join()
        if self.failure:
            raise ClusterError(f"the clients: {self.failure!r}")
        return [wave.report() for wave in self.waves]


class Scale:
    """Life: one run. `say` and `event` print for the person who watches."""

    def __init__(self, cluster, clients, say, event):
        self.cluster = cluster
        self.clients = clients
        self.say, self.event = say, event
        self.gateways = {}
        self.began = time.monotonic()

    def run(self):
        """The reports of all clients."""
        self.start_cluster()
        self.crowd = Crowd(self.cluster, self.dns.dns_port, self.port, self.clients,
                           list(self.gateways))
        self.crowd.start()
        self.watch(STAY_SECONDS)
        self.one_joins()
        self.one_drains()
        self.leader_is_killed()
        self.watch(STAY_SECONDS)
        self.say("the last clients go")
        return self.crowd.finish()

    # --- what happens

    def start_cluster(self):
        self.say("ZooKeeper, PowerDNS")
        self.zookeeper = self.cluster.zookeeper()
        self.dns = self.cluster.start(PowerDns(self.cluster.folder))
        self.dns.add_zone()
        self.key_file = os.path.join(self.cluster.folder, "powerdns.key")
        with open(os.open(self.key_file, os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="ascii") as file:
            file.write(self.dns.api_key + "\n")
        self.say(f"chat servers {', '.join(CHAT_SERVERS)}")
        for name in CHAT_SERVERS:
            self.cluster.chat_server(name, zookeeper=self.zookeeper.connect_string)
        self.port = free_port()
        self.say("gateways gateway-1, gateway-2")
        for number in (1, 2):
            self.start_gateway(number)
        self.wait("both are in DNS", lambda: self.published() == set(self.gateways))

    def one_joins(self):
        self.event("gateway-3 joins")
        began = time.monotonic()
        newcomer = self.start_gateway(3)
        self.wait("it is in DNS", lambda: newcomer.address_alone in self.published())
        self.say(f"in DNS {time.monotonic() - began:.1f} s after its start, "
                 f"with {self.weight(newcomer):.2f} of an even share")
        before = self.accepted()
        self.watch(STAY_SECONDS)
        came = {address: count - before[address] for address, count in self.accepted().items()}
        others = [count for address, count in came.items() if address != newcomer.address_alone]
        mean = sum(others) / len(others)
        self.say(f"{came[newcomer.address_alone]:.0f} clients came to it meanwhile, to each other "
                 f"one {mean:.0f}")
        if came[newcomer.address_alone] <= mean:
            raise ClusterError("the newcomer should have filled faster than the others")

    def one_drains(self):
        leaving = self.gateways["127.0.1.1"]
        self.event(f"{leaving.name} is drained")
        began = time.monotonic()
        run = self.cluster.presenterctl("gateway", "drain", "--gateway", leaving.admin)
        if run.returncode:
            raise ClusterError(f"presenterctl gateway drain: {run.stderr or run.stdout}")
        self.wait("it is not in DNS", lambda: leaving.address_alone not in self.published())
        self.say(f"out of DNS after {time.monotonic() - began:.1f} s")
        self.watch(QUIET_SECONDS + STAY_SECONDS)
        page = self.drain_page(leaving)
        came = page["arrivals"]["clients"]
        self.say(f"{page['clients']} clients are there still; since then {came} have come, whose "
                 "caches ignore the TTL: it stays")
        if not came or not leaving.is_running():
            raise ClusterError("it should have stayed for those who still come")
        self.say("those caches forget at last")
        for cache in self.crowd.stubborn:
            cache.forget()
        forgot = time.monotonic()
        self.wait("it ends", lambda: not leaving.is_running())
        status = leaving.child.returncode
        self.say(f"it ended {time.monotonic() - forgot:.1f} s later, with status {status}: the "
                 f"last client had gone, and nobody had come for {QUIET_SECONDS} s")
        if status != 0:
            raise ClusterError(f"{leaving.name} ended with {status}")
        del self.gateways[leaving.address_alone]

    def leader_is_killed(self):
        leader = next(gateway for gateway in self.gateways.values()
                      if gateway.metric("presenter_balance_leader") == 1)
        self.event(f"{leader.name}, which publishes for all: kill -9")
        del self.gateways[leader.address_alone]
        began = time.monotonic()
        leader.kill()
        self.wait("its record is gone", lambda: leader.address_alone not in self.published())
        seconds = time.monotonic() - began
        [heir] = self.gateways.values()
        self.wait("another publishes", lambda: heir.metric("presenter_balance_leader") == 1)
        self.say(f"{heir.name} goes on; the dead one's record was gone after {seconds:.1f} s "
                 f"(session {SESSION_SECONDS} s, interval {INTERVAL_SECONDS} s)")
        for cache in self.crowd.stubborn:
            cache.forget()

    # --- what it is made of

    def start_gateway(self, number):
        address = f"127.0.1.{number}"
        tables = {
            "gateway": {"name": f"gateway-{number}"},
            "listen": {"address": f"{address}:{self.port}"},
            "shards": {"session_timeout": f"{SESSION_SECONDS}s"},
            "drain": {"quiet": f"{QUIET_SECONDS}s"},
            "dns": {"publisher": "powerdns", "record": NAME, "ttl": f"{TTL_SECONDS}s",
                    "interval": f"{INTERVAL_SECONDS}s"},
            "dns.powerdns": {"url": self.dns.url, "zone": self.dns.zone,
                             "api_key_file": self.key_file}}
        gateway = self.cluster.gateway(f"gateway-{number}",
                                       {"zookeeper": self.zookeeper.connect_string}, tables)
        gateway.address_alone = address
        self.gateways[address] = gateway
        return gateway

    def published(self):
        """Addresses in the answers to so many queries that nobody is left out by chance."""
        return {address for _ in range(100) for address, _ in lookup(NAME, self.dns.dns_port)}

    def weight(self, gateway):
        """As it was published, by the gateway itself."""
        self.wait("it knows its weight",
                  lambda: gateway.metric("presenter_balance_published_weight") > 0)
        return gateway.metric("presenter_balance_published_weight")

    def accepted(self):
        return {address: gateway.metric("presenter_clients_accepted_total")
                for address, gateway in self.gateways.items()}

    def drain_page(self, gateway):
        return json.loads(gateway.get("/drain")[1])

    def watch(self, seconds):
        """A line for each few seconds of what the gateways say."""
        for _ in range(max(seconds // 5, 1)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.crowd.join(5)
            if self.crowd.failure:
                raise ClusterError(f"the clients: {self.crowd.failure!r}")
            self.show()

    def show(self):
        parts = []
        for gateway in self.gateways.values():
            if not gateway.is_running():
                raise ClusterError(f"{gateway.name} has ended")
            metrics = gateway.metrics()
            parts.append(f"{gateway.name} {metrics.metric('presenter_clients_open'):>4.0f} clients "
                         f"weight {metrics.metric('presenter_balance_published_weight'):.2f}")
        print(f"  {time.monotonic() - self.began:>4.0f} s  " + "   ".join(parts), flush=True)

    def wait(self, what, predicate):
        def look():
            try:
                return predicate()
            except urllib.error.URLError:
                return False  # it has just ended
        return wait_until(look, EVENT_SECONDS, what)


def print_summary(scale, reports):
    """Raises ClusterError if a message was lost, came twice or out of order."""
    lines, adds_up = summary.messages(reports, {})
    crowd = scale.crowd
    lines += [summary.row("clients", sum(report["clients"] for report in reports)),
              summary.row("queries of their caches to DNS",
                          sum(cache.queries for cache in crowd.honest + crowd.stubborn)),
              summary.row("clients disconnected, by the kill",
                          sum(report["disconnects"] for report in reports))]
    print("\nSummary\n" + "\n".join(lines), flush=True)
    if not adds_up:
        raise ClusterError("the fates of the messages do not add up to those that were sent")
    if not all(report["ok"] for report in reports):
        raise ClusterError("a message was lost, doubled or reordered, or a client was never served")
