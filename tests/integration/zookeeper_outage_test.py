"""ZooKeeper goes away: who is talking notices nothing, new clients are served from the last map,
and the map follows again once ZooKeeper is back."""

from client_case import ClientCase
from processes import main
from ring import Ring

NAMES = ("chat-a", "chat-b", "chat-c")
COUPLES = [f"couple-{number}" for number in range(30)]


class ZooKeeperOutageTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.zookeeper, self.servers, self.gateway = self.zookeeper_installation(
            NAMES, {"shards": {"session_timeout": "1s"}})
        self.pairs = {couple: (self.served_client(couple), self.served_client(couple, "ben"))
                      for couple in COUPLES}

    def assert_everybody_talks(self):
        for ann, ben in self.pairs.values():
            self.assert_talks(ann, ben)

    def assert_new_clients_are_served(self, names, round_name):
        ring = Ring(names)
        for number in range(30):
            couple = f"{round_name}-{number}"
            self.assertEqual(self.served_client(couple).server, ring.owner(couple))

    def wait_session_lost(self):
        self.wait_until(lambda: self.gateway.metric("presenter_zookeeper_connected") == 0,
                        "the gateway has noticed")

    def test_killed_and_back_with_its_data(self):
        self.zookeeper.kill()
        self.wait_session_lost()
        self.assert_everybody_talks()
        self.assert_new_clients_are_served(NAMES, "during")
        self.assertEqual(self.gateway.get("/readyz")[0], 200)

        self.zookeeper.restart()
        self.cluster.chat_server("chat-d", zookeeper=self.zookeeper.connect_string)
        self.wait_for_servers(self.gateway, [*NAMES, "chat-d"])
        ring = Ring([*NAMES, "chat-d"])
        moved = [couple for couple in COUPLES if ring.owner(couple) == "chat-d"]
        closed = 2 * len(moved) + sum(ring.owner(f"during-{number}") == "chat-d"
                                      for number in range(30))
        for couple in moved:
            for client in self.pairs.pop(couple):
                self.assertEqual(client.receive_to_end(), b"", "moved, so closed cleanly")
                client.tcp.close()
        self.wait_closed(self.gateway, "stream_moved", closed)
        self.assert_everybody_talks()
        self.assert_new_clients_are_served([*NAMES, "chat-d"], "after")
        self.assertEqual(self.gateway.metric("presenter_closes_total"), closed)

    def test_frozen_instead_of_dead(self):
        self.zookeeper.pause()
        self.wait_session_lost()
        self.assert_everybody_talks()
        self.assert_new_clients_are_served(NAMES, "during")
        self.zookeeper.resume()
        self.wait_until(lambda: self.gateway.metric("presenter_zookeeper_connected") == 1,
                        "the gateway is back")
        self.wait_for_servers(self.gateway, NAMES)
        self.assert_everybody_talks()
        self.assert_new_clients_are_served(NAMES, "after")


if __name__ == "__main__":
    main()
