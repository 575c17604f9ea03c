#!/usr/bin/env python3
"""Breaks a fleet of gateways and what it needs to publish its records, in an order drawn by a seed.

fleet_test.py [--dns powerdns|route53] [--seed N] [--rounds N] [--only FAULT] [--long]
              [--break clients|records|stale] [--session SECONDS]
"""

import argparse
import os
import random
import sys
import time

from dns_services import SERVICES
from faults import Faults
from processes import (ClusterError, Gateway, PROGRAMS, WatchedCluster, is_sanitized,
                       wait_until)
from ring import Ring
from witnesses import EchoClients, RecordWatch, shards_of

STABLE, PASSING = ("chat-a", "chat-b"), "chat-x"
WEIGHTS = {name: 1000 for name in STABLE} | {PASSING: 100}
GATEWAYS = 3
CLIENTS_PER_GATEWAY = 4
INTERVAL_SECONDS = 1
# ZooKeeper's own clock ticks twice a second, and the machine is busy with other tests.
SLACK_SECONDS = 4
PATIENCE = 90


class FleetGateway(Gateway):
    """With clocks that can be set, if `faults` are given."""

    def __init__(self, number, cluster, zookeeper, service, session_seconds):
        self.number, self.address_alone = number, f"127.0.0.{number + 1}"
        tables = service.tables(number)
        tables["dns"].update(interval=f"{INTERVAL_SECONDS}s", ttl="1s",
                             addresses=[self.address_alone])
        tables["gateway"] = {"name": f"gateway-{number}"}
        super().__init__(f"gateway-{number}", cluster.folder, cluster.programs,
                         cluster.certificates,
                         {"zookeeper": zookeeper, "session_timeout": f"{session_seconds}s"}, tables)
        self.faults = Faults(os.path.join(cluster.folder, f"faults-{number}"))
        settings = service.environment(number)
        if not is_sanitized():
            settings |= self.faults.environment()
        self.command = ["env", *(f"{key}={value}" for key, value in settings.items()),
                        *self.command]


class Fleet:
    """The installation, its faults (methods called `fault_…`) and what must hold."""

    def __init__(self, cluster, service, rng, options):
        self.cluster, self.service, self.rng, self.options = cluster, service, rng, options
        self.zookeeper = cluster.zookeeper()
        where = self.zookeeper.connect_string
        self.backends = {
            name: cluster.chat_server(name, zookeeper=where, echo=True, weight=WEIGHTS[name],
                                      extra=["--dead-seconds", "300"])
            for name in WEIGHTS}
        self.gateways = [
            cluster.start(FleetGateway(number, cluster, where, service, options.session))
            for number in range(1, GATEWAYS + 1)]
        self.dead = set()  # and those who stand still
        self.records, self.clients = None, {}
        everybody = {gateway.address_alone for gateway in self.gateways}
        self.wait_until(lambda: service.addresses() == everybody, "all have a record")
        self.records = RecordWatch(
            service, {gateway.address_alone: gateway.name for gateway in self.gateways},
            options.allowed_session + INTERVAL_SECONDS + SLACK_SECONDS)
        for gateway in self.gateways:
            self.add_clients(gateway)

    def add_clients(self, gateway):
        """Of backends that stay."""
        keys = Ring(WEIGHTS).keys_of
        couples = [key for name in STABLE
                   for key in keys(name, CLIENTS_PER_GATEWAY // 2, f"of-{gateway.name}")]
        gateway.wait_ready()
        self.wait_until(lambda: set(STABLE) <= {server["name"] for server in
                                                (shards_of(gateway) or {"servers": []})["servers"]},
                        f"{gateway.name} has them in its map")
        self.clients[gateway.name] = EchoClients(gateway, self.cluster.certificates, couples)

    # --- what must hold

    def check_witnesses(self):
        witnesses = [*self.clients.values(), *([self.records] if self.records else [])]
        failures = [failure for witness in witnesses for failure in witness.failures]
        failures += self.service.mistakes()
        if failures:
            raise AssertionError("\n".join(failures))
        for process in [*self.backends.values(), *self.gateways]:
            if process not in self.dead and not process.is_running():
                raise AssertionError(f"{process.name} has ended")

    def wait_until(self, predicate, what):
        def look():
            self.check_witnesses()
            return predicate()
        return wait_until(look, PATIENCE, what)

    def living(self):
        return [gateway for gateway in self.gateways if gateway not in self.dead]

    def leaders(self):
        return [gateway for gateway in self.living()
                if gateway.metric("presenter_balance_leader") == 1]

    def leader(self):
        def only():
            leaders = self.leaders()
            return leaders if len(leaders) == 1 else None
        return self.wait_until(only, "one gateway leads")[0]

    def wait_recorded(self, gateway):
        self.wait_until(lambda: gateway.address_alone in self.records.known,
                        f"{gateway.name} has a record")

    def wait_gone(self, gateway):
        self.wait_until(lambda: self.records.has_gone(gateway.address_alone),
                        f"{gateway.name}, which is dead, has no record")

    def wait_steady(self):
        """Somebody leads, and two have a record at least: one may have started just now."""
        self.leader()
        self.wait_until(lambda: len(self.records.known) >= GATEWAYS - 1, "two have a record")

    # --- what is done

    def breathe(self, seconds):
        end = time.monotonic() + seconds
        wait_until(lambda: self.check_witnesses() or time.monotonic() > end,
                   seconds + PATIENCE, "time")

    def note_dead(self, gateway):
        self.dead.add(gateway)
        self.records.note_dead(gateway.address_alone)

    def note_living(self, gateway):
        self.dead.discard(gateway)
        self.records.note_living(gateway.address_alone)

    def kill(self, gateway):
        """Its clients go with it: they are the only ones who may."""
        self.clients.pop(gateway.name).stop()
        gateway.kill()
        self.note_dead(gateway)

    def start(self, gateway):
        gateway.start()
        self.note_living(gateway)
        self.add_clients(gateway)

    def pause(self, gateway):
        """Returns how often it had been elected."""
        terms = gateway.metric("presenter_balance_terms_total")
        gateway.pause()
        self.note_dead(gateway)
        return terms

    def kill_another(self, than):
        """Of those that have a record; a busy machine may have none for a moment."""
        def others():
            return [each for each in self.living()
                    if each is not than and each.address_alone in self.records.known]

        victim = self.rng.choice(self.wait_until(others, "another has a record"))
        self.kill(victim)
        return victim

    # --- faults

    def fault_leader_killed(self):
        victim = self.leader()
        self.kill(victim)
        self.wait_gone(victim)
        self.start(victim)

    def fault_backend_killed(self):
        self.dead.add(self.backends[PASSING])
        self.backends[PASSING].kill()
        self.breathe(self.rng.uniform(0, 1))
        self.backends[PASSING].start()
        self.dead.discard(self.backends[PASSING])

    def fault_leader_stopped(self):
        """What it knows is wrong when it goes on: another gateway has died meanwhile."""
        leader = self.leader()
        began = time.monotonic()
        terms = self.pause(leader)
        self.breathe(self.rng.uniform(0, 0.5))
        victim = self.kill_another(leader)
        self.wait_gone(leader)
        self.wait_gone(victim)
        self.breathe(max(0, began + (60 if self.options.long else 0) - time.monotonic()))
        self.resume_and_watch(leader, terms)
        self.start(victim)

    def fault_leader_stopped_while_publishing(self):
        """It has read what is in DNS, and is about to write."""
        if self.service.name != "powerdns":
            return
        leader = self.leader()
        door = self.service.doors[leader.number]
        door.has_held.clear()
        door.passes.clear()
        victim = self.kill_another(leader)
        self.wait_until(door.has_held.is_set, "the leader reads the records")
        terms = self.pause(leader)
        # Only from here on somebody else can know, once the leader's session has ended.
        self.records.note_dead(victim.address_alone)
        self.wait_gone(victim)
        self.wait_gone(leader)
        door.passes.set()
        self.resume_and_watch(leader, terms)
        self.start(victim)

    def resume_and_watch(self, leader, terms):
        """It writes nothing before somebody has elected it again."""
        self.leader()
        since = time.monotonic()
        self.note_living(leader)
        leader.resume()
        self.wait_recorded(leader)
        written = self.service.writes_of(leader.number, since)
        leads = leader.metric("presenter_balance_leader")
        if leader.metric("presenter_balance_terms_total") != terms:
            return  # on a starved machine the others' sessions may expire
        if self.options.broken == "stale":
            written = [since]
        assert not written, f"{leader.name} stood still, and then wrote records that are stale"
        assert leads == 0, f"{leader.name} leads again"

    def fault_zookeeper_away(self):
        """With a gateway that nobody knows to be dead."""
        self.records.note_hindrance()
        self.zookeeper.kill()
        for gateway in self.living():
            self.wait_until(lambda gateway=gateway:
                            gateway.metric("presenter_zookeeper_connected") == 0,
                            f"{gateway.name} misses ZooKeeper")
        before = self.records.known
        victim = self.kill_another(None)
        self.breathe(self.seconds(2, 60))
        assert self.records.known >= before, "a record went while nobody could know who lives"
        self.zookeeper.restart()
        self.records.note_end_of_hindrance()
        self.wait_gone(victim)
        self.start(victim)

    def fault_dns_away(self):
        self.hinder(lambda: self.service.go_away(self.rng), self.service.come_back, 60)

    def fault_dns_throttled(self):
        self.hinder(lambda: self.service.throttle(True), lambda: self.service.throttle(False), 300)

    def hinder(self, begin, end, long_seconds):
        """A gateway dies meanwhile, the leader as well as any other."""
        self.records.note_hindrance()
        failures = {each: self.failures_of(each) for each in self.living()}
        begin()
        victim = self.kill_another(None)
        self.wait_until(lambda: any(self.failures_of(each) > failures[each]
                                    for each in self.living()), "the leader tries, and fails")
        self.breathe(self.seconds(1, long_seconds))
        end()
        self.records.note_end_of_hindrance()
        self.wait_gone(victim)
        self.start(victim)

    @staticmethod
    def failures_of(gateway):
        counts = gateway.metrics().by_label("presenter_dns_publications_total", "result")
        return sum(count for result, count in counts.items() if result != "ok")

    def seconds(self, short, long):
        return self.rng.uniform(short, short + 1) if not self.options.long else long

    def fault_wall_clock_jumped(self):
        """To and fro, at the leader, while it is needed."""
        leader = self.leader()
        leader.faults.set_wall_clock(self.rng.choice(self.service.wall_jumps))
        self.need(leader)
        leader.faults.set_wall_clock(0)
        self.breathe(0.5)

    def fault_steady_clock_jumped(self):
        """As if the machine had stood still. It never goes back, so the gateway keeps it."""
        leader = self.leader()
        leader.faults.advance_steady_clock(self.rng.choice([10, 100, 1000]))
        self.need(leader)

    def need(self, leader):
        victim = self.kill_another(leader)
        self.wait_gone(victim)
        self.start(victim)

    # --- the run

    def run(self, rounds, only):
        names = sorted(name for name in dir(self) if name.startswith("fault_"))
        names = [name for name in names if only in (None, name.removeprefix("fault_"))]
        if is_sanitized():
            print("clocks are left alone: not under a sanitizer", flush=True)
            names = [name for name in names if "clock" not in name]
        start = time.monotonic()
        for _ in range(rounds):
            for name in self.rng.sample(names, len(names)):
                print(f"{time.monotonic() - start:6.1f} s  {name.removeprefix('fault_')}",
                      flush=True)
                self.wait_steady()
                getattr(self, name)()
        if self.options.broken == "records":
            self.service.remove_all()
            self.breathe(2)
        if self.options.broken == "clients":
            self.dead.add(self.backends[STABLE[0]])
            self.backends[STABLE[0]].kill()
            self.breathe(2)
        self.wait_until(lambda: min(each.rounds for each in self.clients.values()) > 0,
                        "the clients of those who have just started have talked")
        for witness in [*self.clients.values(), self.records]:
            witness.stop()
        self.check_witnesses()
        print(f"{time.monotonic() - start:6.1f} s  a dead gateway's record stayed for "
              f"{self.records.longest:.1f} s at the most, where nothing was in the way", flush=True)


def logs_of(cluster):
    return "\n".join(f"---- {process.name}\n{process.log_tail(30)}" for process in cluster.processes
                     if process.name != "zookeeper")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dns", choices=sorted(SERVICES), default="powerdns")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rounds", type=int, default=1, help="of all faults")
    parser.add_argument("--only", help="one fault")
    parser.add_argument("--long", action="store_true",
                        help="a leader stands still for a minute, the API throttles for five")
    parser.add_argument("--break", dest="broken", choices=("clients", "records", "stale"),
                        help="shows that the test can fail")
    parser.add_argument("--session", type=int, default=2,
                        help="seconds; more than 2 are more than the test allows for")
    options = parser.parse_args()
    options.allowed_session = 2
    return options


def main():
    options = parse_arguments()
    print(f"seed {options.seed}", flush=True)
    with WatchedCluster(PROGRAMS) as cluster:
        service = SERVICES[options.dns](cluster, GATEWAYS)
        try:
            fleet = Fleet(cluster, service, random.Random(options.seed), options)
            fleet.run(options.rounds, options.only)
        except (AssertionError, ClusterError, OSError) as error:
            print(f"{type(error).__name__}: {error}\nagain with --dns {options.dns} --seed "
                  f"{options.seed}\n{logs_of(cluster)}", file=sys.stderr)
            return 1
        finally:
            service.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
