"""Who serves a couple while the map is spreading: chat servers come, gateways are late, and no
client sees a refusal of it; a gateway with a map of its own is refused, and says so."""

import threading

from thrift.Thrift import TApplicationException

from chat_client import ChatClient, authenticate_message, framed
from client_case import ClientCase
from forwarder import Forwarder
from processes import main
from ring import Ring

NAMES = ("chat-a", "chat-b", "chat-c")
# How a client ends whose stream no backend accepted.
UNSERVED = ("no_shard", "backend_unreachable", "backend_full", "openings_exceeded", "open_timeout",
            "refused_not_owner", "refused_busy", "refused_denied")


class Visitors(threading.Thread):
    """One client after another at one gateway: each logs in as another couple, and leaves."""

    def __init__(self, gateway, certificates, prefix):
        super().__init__(name=f"visitors of {gateway.name}")
        self.gateway, self.certificates, self.prefix = gateway, certificates, prefix
        self.served = []    # (couple, server)
        self.moved = []     # couples whose stream was moved before they had their answer
        self.failures = []  # what a client saw that was no answer to its login
        self.ending = threading.Event()

    def run(self):
        number = 0
        while not self.ending.is_set():
            number += 1
            couple = f"{self.prefix}-{number}"
            try:
                client = ChatClient(self.gateway, self.certificates, couple, "ann")
                try:
                    self.served.append((couple, client.authenticate().server))
                finally:
                    client.tcp.close()
            except EOFError:
                self.moved.append(couple)
            except Exception as failure:  # pylint: disable=broad-except
                self.failures.append((couple, repr(failure)))


class FencingTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.zookeeper, self.servers, self.first = self.zookeeper_installation(NAMES)
        self.where = self.zookeeper.connect_string
        self.second = self.start_gateway("gateway-2", {"zookeeper": self.where})
        self.wait_for_servers(self.second, NAMES)

    def start_gateway(self, name, shards, tables=None):
        gateway = self.cluster.gateway(name, shards, tables)
        gateway.wait_ready()
        return gateway

    def visit(self, *gateways):
        visitors = [Visitors(gateway, self.cluster.certificates, gateway.name)
                    for gateway in gateways]
        for each in visitors:
            each.start()
            self.addCleanup(each.join)
            self.addCleanup(each.ending.set)
        return visitors

    def wait_served_by(self, visitors, name):
        for each in visitors:
            start = len(each.served)
            self.wait_until(lambda each=each, start=start: any(
                server == name for _, server in each.served[start:]), f"{each.name} at {name}")

    def end(self, visitors):
        for each in visitors:
            each.ending.set()
            each.join()
            self.assertEqual(each.failures, [])
            moved = each.gateway.metric("presenter_closes_total", reason="stream_moved")
            self.assertLessEqual(len(each.moved), moved)
            self.assertGreater(len(each.served), 10)

    def refused(self, gateway, reason):
        return gateway.metric("presenter_opens_refused_total", reason=reason)

    def test_servers_come_and_go_while_clients_connect(self):
        visitors = self.visit(self.first, self.second)
        for name in ("chat-d", "chat-e"):
            self.cluster.chat_server(name, zookeeper=self.where)
            self.wait_served_by(visitors, name)
        self.assertEqual(self.servers[0].stop(), 0)
        for gateway in (self.first, self.second):
            self.wait_for_servers(gateway, ["chat-b", "chat-c", "chat-d", "chat-e"])
        self.wait_served_by(visitors, "chat-b")
        self.end(visitors)
        for gateway in (self.first, self.second):
            closes = gateway.metrics().by_label("presenter_closes_total", "reason")
            self.assertEqual([reason for reason in UNSERVED if closes[reason]], [])

    def test_a_gateway_that_is_late_is_refused_and_its_clients_see_nothing(self):
        late, away = self.late_gateway()
        away.go_silent()
        self.cluster.chat_server("chat-d", zookeeper=self.where)
        self.wait_for_servers(self.first, [*NAMES, "chat-d"])
        *couples, another = Ring([*NAMES, "chat-d"]).keys_of("chat-d", 21)
        # Accepted only when the old owners must have the new map.
        self.assertEqual(self.served_client(another, gateway=self.first).server, "chat-d")
        waiting = {}
        for couple in couples:
            waiting[couple] = self.chat_client(couple, gateway=late)
            waiting[couple].send(framed(authenticate_message(couple, "ann")))
            waiting[couple].send_text_only(1, b"behind the first packet")
        self.wait_until(lambda: late.metric("presenter_opens_waiting") == len(couples),
                        "all of them wait for the map")
        self.assertEqual(self.refused(late, "not_owner"), len(couples))

        partners = {couple: self.served_client(couple, "ben", self.first) for couple in couples}
        for partner in partners.values():
            self.assertEqual(partner.server, "chat-d")
        for link in away.links:
            link.close()
        for couple, client in waiting.items():
            self.assertEqual(client.authenticated().server, "chat-d", couple)
            self.assertEqual(partners[couple].receive_deliver().body, b"behind the first packet")
        self.assertEqual(late.metric("presenter_open_retries_total", reason="not_owner"),
                         len(couples))
        self.assertEqual(late.metric("presenter_opens_waiting"), 0)

    def late_gateway(self):
        """A gateway, and what is between it and ZooKeeper."""
        away = Forwarder(self.zookeeper)
        self.addCleanup(away.close)
        # It must not find out by itself that nothing comes any more.
        shards = {"zookeeper": f"127.0.0.1:{away.port}/presenter", "session_timeout": "60s"}
        gateway = self.start_gateway("late", shards, {"upstream": {"opening_timeout": "60s"}})
        self.wait_for_servers(gateway, NAMES)
        return gateway, away

    def test_a_gateway_without_the_map_is_refused_and_says_so(self):
        stale = self.start_gateway("stale", self.cluster.static_shards(self.servers),
                                   {"upstream": {"opening_timeout": "2s"}})
        self.wait_until(lambda: stale.metric("presenter_links_up") == 3, "its links are up")
        self.cluster.chat_server("chat-d", zookeeper=self.where)
        self.wait_for_servers(self.first, [*NAMES, "chat-d"])
        before, after = Ring(NAMES), Ring([*NAMES, "chat-d"])
        couples = [f"couple-{number}" for number in range(200)]
        stays = next(c for c in couples if before.owner(c) == after.owner(c))
        moves = next(c for c in couples if after.owner(c) == "chat-d")
        self.assertEqual(self.served_client(stays, gateway=stale).server, before.owner(stays))
        self.assertEqual(self.served_client(moves, gateway=self.first).server, "chat-d")
        with self.assertRaises(TApplicationException) as told:
            self.served_client(moves, gateway=stale)
        self.assertIn("refused_not_owner", told.exception.message)
        self.assertGreaterEqual(self.refused(stale, "not_owner"), 1)
        self.wait_closed(stale, "refused_not_owner")


if __name__ == "__main__":
    main()
