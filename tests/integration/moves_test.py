"""Streams follow the ring: when a chat server joins, drains or dies, exactly its share of the
clients is closed, one after the other at the configured pace, and nobody else notices."""

import json
import signal

from client_case import ClientCase
from processes import PATIENCE, main
from ring import Ring
from tls_client import Truncated

NAMES = ("chat-a", "chat-b", "chat-c")
COUPLES = [f"couple-{number}" for number in range(100)]
# Slow enough that a scrape of the metrics finds the moves half done.
PACE = 20


class MovesTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.zookeeper, self.servers, self.gateway = self.zookeeper_installation(
            NAMES, {"moves": {"streams_per_second": PACE, "handoffs_per_second": 0},
                    "workers": {"count": 2}})
        self.by_name = {server.name: server for server in self.servers}
        self.pairs = {couple: (self.served_client(couple), self.served_client(couple, "ben"))
                      for couple in COUPLES}

    def owned_by(self, name):
        return {couple for couple in COUPLES if Ring(NAMES).owner(couple) == name}

    def assert_all_talk(self, couples):
        for couple in couples:
            self.assert_talks(*self.pairs[couple])

    def moves(self, what, cause):
        return self.gateway.metric(f"presenter_moves_{what}", cause=cause)

    def shards(self):
        status, page = self.gateway.get("/shards")
        self.assertEqual(status, 200)
        return json.loads(page)

    def assert_spread(self, cause, count, meanwhile=lambda: None):
        """Until so many have been moved; some were seen to wait while others had been moved."""
        seen = set()

        def is_done():
            # Of an earlier page: whoever is moved between the two is in neither. Nor is a page of
            # one moment: the crowd may still be found while it is written.
            total = self.moves("total", cause)
            scrape = self.gateway.metrics()
            pending = scrape.metric("presenter_moves_pending", cause=cause)
            eta = scrape.metric("presenter_moves_eta_seconds")
            self.assertLessEqual(total + pending, count)
            if pending:
                # The last may have moved between the two.
                self.assertTrue(eta > 0 or self.moves("pending", cause) == 0)
            self.assertLessEqual(eta, (count - total) / (PACE / 2) + 0.001)
            seen.add(total)
            meanwhile()
            return total == count
        self.wait_until(is_done, f"{count} are moved: {cause}")
        self.assertGreater(len(seen - {0, count}), 3, "they were closed one after the other")
        self.assertEqual(self.moves("pending", cause), 0)

    def assert_closed(self, couples, cleanly=True):
        for couple in couples:
            for client in self.pairs[couple]:
                if cleanly:
                    self.assertEqual(client.receive_to_end(), b"")
                else:
                    self.assertRaises(Truncated, client.receive_to_end)

    def assert_only_these_moved(self, couples, reason):
        self.wait_closed(self.gateway, reason, 2 * len(couples))
        self.assertEqual(self.gateway.metric("presenter_closes_total"), 2 * len(couples))
        self.assert_all_talk(set(COUPLES) - set(couples))

    def test_a_chat_server_that_joins_gets_its_share(self):
        after = Ring([*NAMES, "chat-d"])
        moving = {couple for couple in COUPLES if after.owner(couple) == "chat-d"}
        self.assertGreater(len(moving), 10, "the keys of the test reach the new server")
        self.cluster.chat_server("chat-d", zookeeper=self.zookeeper.connect_string)
        staying = sorted(set(COUPLES) - moving)
        self.assert_spread("rebalanced", 2 * len(moving),
                           lambda: self.assert_all_talk(staying[:3]))
        self.assert_closed(moving)
        self.assert_only_these_moved(moving, "stream_moved")
        for couple in moving:
            self.assertEqual(self.served_client(couple).server, "chat-d")
        self.assertEqual(self.gateway.metric("presenter_closes_total"), 2 * len(moving))

    def test_a_chat_server_that_is_killed_gives_its_clients_back_one_by_one(self):
        lost = self.owned_by("chat-b")
        self.by_name["chat-b"].kill()
        self.assert_spread("link_lost", 2 * len(lost))
        self.assert_closed(lost, cleanly=False)
        self.assert_only_these_moved(lost, "link_lost")
        self.assertEqual(self.moves("total", "left"), 0)

    def order(self, command, name):
        run = self.cluster.presenterctl(command, name, "--zookeeper",
                                        self.zookeeper.connect_string)
        self.assertEqual(run.returncode, 0, run.stderr)

    def state_of(self, name):
        return {server["name"]: server["state"] for server in self.shards()["servers"]}.get(name)

    def test_a_chat_server_that_is_drained_is_emptied_and_ends(self):
        leaving = self.owned_by("chat-b")
        self.order("drain", "chat-b")
        seen = []

        def look():
            # It may have ended and left by the last look.
            seen.append({server["name"]: server["streams"]
                         for server in self.shards()["servers"]}.get("chat-b", 0))
            # Nobody new goes there, although its process still serves.
            couple = f"meanwhile-{len(seen)}"
            self.assertEqual(self.served_client(couple).server,
                             Ring(["chat-a", "chat-c"]).owner(couple))
        self.wait_until(lambda: self.state_of("chat-b") == "draining", "the gateway knows")
        self.assert_spread("drained", 2 * len(leaving), look)
        self.assertEqual(seen, sorted(seen, reverse=True), "it only ever gets emptier")
        self.assertEqual(self.by_name["chat-b"].wait(PATIENCE), 0)
        self.assert_closed(leaving)
        self.assert_only_these_moved(leaving, "stream_moved")
        self.wait_until(lambda: self.state_of("chat-b") is None, "it has left the map")

    def test_a_chat_server_that_is_told_to_end_drains_first(self):
        leaving = self.owned_by("chat-b")
        self.by_name["chat-b"].signal(signal.SIGTERM)
        self.assert_spread("drained", 2 * len(leaving))
        self.assertEqual(self.by_name["chat-b"].wait(PATIENCE), 0)
        self.assert_closed(leaving)
        self.assert_only_these_moved(leaving, "stream_moved")

    def test_who_has_not_been_moved_stays_when_the_drain_is_taken_back(self):
        leaving = self.owned_by("chat-b")
        self.order("drain", "chat-b")
        self.wait_until(lambda: self.moves("total", "drained") > 0, "it has begun")
        self.order("undrain", "chat-b")
        self.wait_until(lambda: self.moves("pending", "drained") == 0, "nobody waits any more")
        moved = self.moves("total", "drained")
        self.assertLess(moved, 2 * len(leaving))
        self.wait_closed(self.gateway, "stream_moved", moved)
        self.assertTrue(self.by_name["chat-b"].is_running())
        self.assert_all_talk(set(COUPLES) - leaving)
        # Of each client that was drained: closed, or as if nothing had been.
        couple = Ring(NAMES).keys_of("chat-b", 1, "afterwards")[0]
        self.assertEqual(self.served_client(couple).server, "chat-b")
        self.assertEqual(self.gateway.metric("presenter_closes_total"), moved)

    def test_a_stranded_client_may_leave_before_its_turn(self):
        lost = self.owned_by("chat-b")
        self.by_name["chat-b"].kill()
        self.wait_until(lambda: self.moves("pending", "link_lost") > 0, "some are stranded")
        for couple in lost:
            for client in self.pairs[couple]:
                client.tcp.close()
        self.assert_only_these_moved(lost, "link_lost")
        self.assertEqual(self.moves("pending", "link_lost"), 0)
        self.assertEqual(self.gateway.metric("presenter_clients_open", phase="stranded"), 0)


if __name__ == "__main__":
    main()
