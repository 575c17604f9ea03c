"""Gateways publish their records: weights by clients, who joins and who is gone, one leader at a
time, whatever becomes of it or of ZooKeeper."""

import json
import os
import subprocess
import time

from client_case import ClientCase
from faults import Faults
from processes import PROGRAMS, Gateway, is_sanitized, main, toml

SESSION = "2s"
# The blackout after a start, the report of a joiner, and an interval; several times, for busy
# machines.
PATIENCE = 60

# Notes what it was told, and by which gateway.
PROGRAM = """#!/usr/bin/python3
import json, os, sys
state = json.load(sys.stdin)
state["by"] = os.getppid()
with open(sys.argv[0] + ".log", "a", encoding="utf-8") as log:
    log.write(json.dumps(state) + "\\n")
"""


class BalanceTest(ClientCase):
    more = {}  # tables of all gateways

    def fleet(self, count, publisher, interval="1s"):
        self.publisher, self.interval = publisher, interval
        self.zookeeper = self.cluster.zookeeper()
        self.servers = self.chat_servers(["chat-a"], zookeeper=self.zookeeper.connect_string)
        self.gateways = {}
        for number in range(1, count + 1):
            self.join(number)

    def join(self, number, faults=None):
        own = {"gateway": {"name": f"g{number}"},
               "shards": {"session_timeout": SESSION},
               "dns": {"publisher": self.publisher, "record": "chat.example",
                       "interval": self.interval, "ttl": "1s", "addresses": [f"127.0.0.{number}"]},
               "dns.file": {"path": self.path("weights")}}
        if self.publisher == "exec":
            own["dns.exec"] = {"program": self.write_program()}
        gateway = Gateway(f"g{number}", self.cluster.folder, PROGRAMS, self.cluster.certificates,
                          {"zookeeper": self.zookeeper.connect_string}, {**own, **self.more})
        self.cluster.start(faults.preloaded(gateway) if faults else gateway).wait_ready()
        self.gateways[f"g{number}"] = gateway
        return gateway

    def write_program(self):
        path = self.path("publish")
        with open(path, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        os.chmod(path, 0o755)
        return path

    def weights(self):
        """{"g1": 100, …} of the file; {}: there is none yet."""
        try:
            with open(self.path("weights"), encoding="ascii") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return {}
        found, name = {}, None
        for line in lines:
            if line.startswith("# gateway "):
                name = line.removeprefix("# gateway ")
            elif " " in line and not line.startswith("#"):
                found[name] = int(line.split()[1])
        return found

    def publications(self):
        """What the program was told, in order."""
        try:
            with open(self.path("publish.log"), encoding="utf-8") as file:
                return [json.loads(line) for line in file.read().splitlines()]
        except FileNotFoundError:
            return []

    def names_published(self):
        publications = self.publications()
        return {each["gateway"] for each in publications[-1]["records"]} if publications else set()

    def wait_for_names(self, *names, read=None):
        read = read or (lambda: set(self.weights()))
        self.wait_until(lambda: read() == set(names), f"published are {names}", PATIENCE)

    def leader(self):
        return next((gateway for gateway in self.gateways.values() if gateway.is_running()
                     and gateway.metric("presenter_balance_leader") == 1), None)

    def others(self, leader):
        return [gateway for gateway in self.gateways.values() if gateway is not leader]

    def test_weights_follow_clients_and_the_list_follows_the_fleet(self):
        self.fleet(2, "file")
        self.wait_for_names("g1", "g2")
        for number in range(30):
            self.served_client(f"couple-{number}", gateway=self.gateways["g1"])
        self.wait_until(lambda: self.weights()["g1"] < 50 < 100 < self.weights()["g2"],
                        "who has more clients has less weight", PATIENCE)
        self.wait_until(lambda: self.gateways["g2"].metric("presenter_balance_published_weight")
                        > 1, "each knows what it was published with")
        self.join(3)
        self.wait_for_names("g1", "g2", "g3")
        status, page = self.gateways["g3"].get("/balance")
        self.assertEqual(status, 200)
        self.assertEqual({each["name"]: each["state"] for each in json.loads(page)["gateways"]},
                         {"g1": "up", "g2": "up", "g3": "up"})
        self.gateways.pop("g2").kill()
        self.wait_for_names("g1", "g3")
        leader = self.leader()
        name = next(name for name, gateway in self.gateways.items() if gateway is leader)
        self.gateways.pop(name).kill()
        self.wait_for_names(*self.gateways)
        self.assertEqual(self.leader(), *self.gateways.values())
        # The last living one is not removed, whatever becomes of its backends.
        self.assertEqual(len(self.weights()), 1)

    def test_a_leader_that_stood_still_publishes_nothing_stale(self):
        self.fleet(3, "exec", interval="3s")
        self.wait_for_names("g1", "g2", "g3", read=self.names_published)
        leader = self.leader()
        terms = leader.metric("presenter_balance_terms_total")
        # It has cause to publish when it is stopped, and so when it goes on.
        for number in range(10):
            self.served_client(f"couple-{number}", gateway=leader)
        leader.pause()
        name = next(name for name, gateway in self.gateways.items() if gateway is leader)
        rest = set(self.gateways) - {name}
        self.wait_for_names(*rest, read=self.names_published)
        del self.gateways[name]  # it cannot be asked while it stands still
        # While it stands still another one goes: what it knows is wrong by now.
        gone = next(other for other, gateway in self.gateways.items()
                    if gateway is not self.leader())
        self.gateways.pop(gone).kill()
        self.wait_for_names(*self.gateways, read=self.names_published)
        known = len(self.publications())
        leader.resume()
        self.gateways[name] = leader
        self.wait_for_names(*self.gateways, read=self.names_published)
        published = self.publications()[known:]
        for each in published:
            self.assertNotIn(gone, {record["gateway"] for record in each["records"]}, each)
        # On a starved machine the other's session may expire, and this one be elected once more.
        leads = leader.metric("presenter_balance_leader")
        if leader.metric("presenter_balance_terms_total") == terms:
            self.assertEqual(leads, 0)
            self.assertNotIn(leader.pid, {each["by"] for each in published})

    def test_while_zookeeper_is_away_the_records_stay(self):
        self.fleet(2, "file")
        self.wait_for_names("g1", "g2")
        self.zookeeper.kill()
        for gateway in self.gateways.values():
            self.wait_until(lambda gateway=gateway: gateway.metric("presenter_zookeeper_connected")
                            == 0, "it has noticed")
            self.assertEqual(gateway.metric("presenter_balance_leader"), 0)
        self.gateways.pop("g2").kill()
        self.assertEqual(set(self.weights()), {"g1", "g2"})
        self.zookeeper.restart()
        self.wait_for_names("g1")
        self.join(3)
        self.wait_for_names("g1", "g3")

    def two_of_which_one_has_its_own_clock(self, unready_after):
        """Both are published. Returns the second, and what sets its clock."""
        self.more = {"dns": {"publisher": "file", "record": "chat.example", "interval": "1s",
                             "addresses": ["127.0.0.1"], "unready_after": unready_after}}
        faults = Faults(self.path("faults"))
        self.addCleanup(faults.close)
        self.fleet(1, "file")
        gateway = self.join(2, faults)
        self.wait_for_names("g1", "g2")
        return gateway, faults

    def test_who_is_not_ready_any_more_loses_its_record_in_time(self):
        if is_sanitized():
            return  # a sanitizer has no room for the clock that is set here
        gateway, faults = self.two_of_which_one_has_its_own_clock("3s")
        client = self.served_client(gateway=gateway)
        begun = time.monotonic()
        faults.set_wall_clock(10 * 86400)  # its certificate has expired
        self.wait_for_names("g1")
        self.assertGreater(time.monotonic() - begun, 2.5, "a moment would have cost nothing")
        self.assertIn('"unready"', self.gateways["g1"].get("/balance")[1])
        other = self.served_client(user="ben", gateway=self.gateways["g1"])
        self.assert_talks(client, other)
        faults.set_wall_clock(0)
        self.wait_for_names("g1", "g2")

    def test_who_is_not_ready_yet_keeps_its_record_for_a_while(self):
        """All lack their backend. It comes back, and the second gateway is not ready for longer."""
        if is_sanitized():
            return  # as above
        gateway, faults = self.two_of_which_one_has_its_own_clock("1s")
        self.servers[0].kill()
        faults.set_wall_clock(10 * 86400)  # its certificate has expired
        for each in self.gateways.values():
            self.wait_until(lambda each=each: '"unready"' in each.get("/balance")[1],
                            "both are not ready")
        self.wait_until(lambda: all(each["state"] == "unready" for each in
                                    json.loads(self.gateways["g1"].get("/balance")[1])["gateways"]),
                        "the first knows of both")
        self.assertEqual(set(self.weights()), {"g1", "g2"}, "nobody else could serve")
        begun = time.monotonic()
        self.servers[0].start()
        self.wait_for_names("g1")
        self.assertGreater(time.monotonic() - begun, 9)
        self.assertIn('"unready"', gateway.get("/balance")[1])

    def test_alone_it_publishes_itself_when_it_is_ready(self):
        server = self.cluster.chat_server("chat-a")
        shards = self.cluster.static_shards([server])
        server.pause()
        gateway = self.cluster.gateway("gateway", shards, {
            "gateway": {"name": "g1"},
            "dns": {"publisher": "file", "record": "chat.example", "interval": "1s"},
            "dns.file": {"path": self.path("weights")}})
        self.assertEqual(gateway.get("/readyz")[0], 503)
        self.wait_until(lambda: gateway.metric("presenter_balance_reports") == 1, "it has looked")
        self.assertEqual(self.weights(), {})
        server.resume()
        gateway.wait_ready()
        self.wait_for_names("g1")
        self.wait_until(lambda: gateway.metric("presenter_balance_published_weight") == 1,
                        "it knows")
        self.assertEqual(gateway.metric("presenter_dns_publications_total", result="ok"), 1)

    def test_a_gateway_that_drains_leaves_the_list_first(self):
        self.fleet(2, "file")
        self.wait_for_names("g1", "g2")
        self.served_client("couple", gateway=self.gateways["g2"])
        self.order("drain")
        self.wait_for_names("g1")
        self.wait_until(lambda: json.loads(self.gateways["g2"].get("/drain")[1])["state"]
                        == "draining", "it knows that its record is gone")
        self.order("undrain")
        self.wait_for_names("g1", "g2")

    def test_the_last_gateway_keeps_its_record_and_ends_when_nobody_comes(self):
        self.more = {"drain": {"quiet": "1s"}}
        self.fleet(1, "file")
        self.wait_for_names("g1")
        gateway = self.gateways["g1"]
        ann = self.served_client(gateway=gateway)  # without her it would end within a second
        self.order("drain", "g1")
        gateway.wait_for_line("still in DNS: no other gateway could take its clients")
        status = self.cluster.presenterctl("gateway", "status", "--gateway", gateway.admin)
        self.assertIn("no other gateway could take its clients: the last record stays",
                      status.stdout)
        # Another one comes: now the record can go, and the rule is that of all others.
        self.join(2)
        self.wait_for_names("g2")
        self.wait_until(lambda: self.drain_page("g1")["state"] == "draining", "it is out")
        self.order("undrain", "g1")
        self.wait_for_names("g1", "g2")
        self.gateways.pop("g2").kill()
        self.wait_for_names("g1")
        self.order("drain", "g1")
        self.wait_until(lambda: self.drain_page("g1")["quiet_left_seconds"] == 0, "nobody came")
        self.assertEqual(set(self.weights()), {"g1"})
        self.assertTrue(gateway.is_running(), "a client is here")
        ann.tcp.close()
        self.assertEqual(gateway.wait(PATIENCE), 0)
        self.assertEqual(set(self.weights()), {"g1"})

    def test_a_rolling_restart_of_a_fleet(self):
        """As deploy/README.md has it. Whoever is closed comes back to a gateway that has a record,
        and every message arrives."""
        self.more = {"drain": {"quiet": "1s"}}
        self.fleet(2, "file")
        self.wait_for_names("g1", "g2")
        places = {"ann": "g1", "ben": "g2"}
        clients = {user: self.served_client(user=user, gateway=self.gateways[name])
                   for user, name in places.items()}
        for going, staying in (("g1", "g2"), ("g2", "g1")):
            gateway = self.gateways[going]
            order = subprocess.Popen(
                [f"{PROGRAMS}/presenterctl", "gateway", "drain", "--gateway", gateway.admin,
                 "--deadline", "4s", "--wait"], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL)
            self.addCleanup(order.wait)
            self.addCleanup(order.kill)
            self.wait_for_names(staying)
            for user in [user for user, place in places.items() if place == going]:
                self.assertEqual(clients[user].receive_to_end(), b"", "cleanly")
                clients[user].tcp.close()
                clients[user] = self.served_client(user=user, gateway=self.gateways[staying])
                places[user] = staying
            self.assert_talks(clients["ann"], clients["ben"])
            self.assertEqual((order.wait(30), gateway.wait(30)), (0, 0))
            gateway.start()
            gateway.wait_ready()
            self.wait_for_names("g1", "g2")
            self.assert_talks(clients["ben"], clients["ann"], b"and back")

    def drain_page(self, name):
        return json.loads(self.gateways[name].get("/drain")[1])

    def order(self, word, name="g2"):
        done = self.cluster.presenterctl("gateway", word, "--gateway", self.gateways[name].admin)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_order_shares_out_the_clients(self):
        self.fleet(2, "file")
        self.wait_for_names("g1", "g2")
        for number in range(40):
            self.served_client(f"couple-{number}", gateway=self.gateways["g1"])
        self.wait_until(lambda: self.weights()["g1"] < 50, "g1 is known to have too many")
        done = self.cluster.presenterctl(
            "gateway", "rebalance", "--zookeeper", self.zookeeper.connect_string,
            "--per-second", "50", "--until", "1.5")
        self.assertEqual(done.returncode, 0, done.stderr)
        # Nobody comes back here: so all go, and then the two have equally many, none.
        self.wait_closed(self.gateways["g1"], "rebalanced_away", 10)
        self.assertEqual(self.gateways["g2"].metric("presenter_closes_total"), 0)
        status = self.cluster.presenterctl("gateway", "status",
                                           "--gateway", self.gateways["g1"].admin)
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertIn("BALANCED IN", status.stdout)
        self.wait_until(lambda: not json.loads(self.gateways["g2"].get("/balance")[1])
                        ["shedding"]["by"], "the order is over by itself", PATIENCE)
        done = self.cluster.presenterctl("gateway", "rebalance", "--stop", "--zookeeper",
                                         self.zookeeper.connect_string)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_cannot_be_published_is_told(self):
        _, gateway = self.static_installation(tables={
            "dns": {"publisher": "exec", "record": "chat.example"},
            "dns.exec": {"program": "/bin/false"}})
        gateway.wait_for_line(r"error dns: exec did not publish: program_failed: ")
        self.wait_until(lambda: gateway.metric("presenter_dns_publications_total",
                                               result="program_failed") > 1, "it tries again")

    def test_mistakes_of_the_configuration(self):
        certificates = self.cluster.certificates
        right = {"publisher": "file", "record": "chat.example"}
        for dns, tables, mistake in (
                ({"publisher": "bind"}, {}, "dns.publisher: must be one of none, route53, "),
                ({"publisher": "file"}, {}, "dns.record: is required"),
                ({**right, "record": "chat..example"}, {}, "dns.record: 'chat..example' is not"),
                (right, {}, "dns.file.path: is required"),
                (right, {"listen": {"address": "0.0.0.0:443"}}, "dns.addresses: is required, for"),
                ({**right, "addresses": ["0.0.0.0"]}, {}, "dns.addresses: '0.0.0.0' is not an"),
                ({**right, "addresses": ["2001:db8::1"]}, {},
                 "dns.addresses: '2001:db8::1' finds nobody: listen.address is 127.0.0.1, which"),
                ({**right, "ttl": "2m"}, {"drain": {"quiet": "1m"}},
                 "drain.quiet: 1m is less than dns.ttl, 2m"),
                ({"publisher": "exec", "record": "a.example"},
                 {"dns.exec": {"program": "server.pem"}}, "dns.exec.program: "),
                ({"publisher": "route53", "record": "a.example"}, {},
                 "dns.route53.zone_id: is required"),
                ({"publisher": "powerdns", "record": "a.example"},
                 {"dns.powerdns": {"zone": "example.org"}},
                 "dns.powerdns.zone: dns.record 'a.example' is not in 'example.org'"),
                ({}, {"balance": {"floor": 2}}, "balance.floor: must be 0.01 to 1, not 2"),
                ({}, {"balance": {"shed": 1.0}}, "balance.shed: must be 1.05 to 10, not 1"),
                ({}, {"balance": {"shed": "on"}}, "balance.shed: must be \"off\" or 1.05 to 10")):
            with self.subTest(mistake=mistake):
                path = self.path("mistaken.toml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(toml({"tls": {"certificate": certificates.certificate,
                                             "private_key": certificates.private_key},
                                     "listen": {"address": "127.0.0.1:443"},
                                     "shards": {"zookeeper": "127.0.0.1:2181"},
                                     "dns": dns, **tables}))
                done = subprocess.run(
                    [os.path.join(PROGRAMS, "presenter"), "--config", path, "--check"],
                    capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(mistake, done.stderr)


if __name__ == "__main__":
    main()
