"""A static shards.toml: no ZooKeeper anywhere, and every client lands where the ring says."""

import json

from chat_client import ChatClient
from processes import InstallationTest, main
from ring import Ring

WEIGHTS = {"chat-a": 100, "chat-b": 300, "chat-c": 1}


class MapFileTest(InstallationTest):
    def setUp(self):
        super().setUp()
        shards = self.cluster.static_shards(self.chat_servers(WEIGHTS), WEIGHTS)
        self.gateway = self.cluster.gateway("gateway", shards)
        self.gateway.wait_ready()

    def test_clients_land_where_the_ring_says(self):
        ring = Ring(WEIGHTS)
        keys = [f"couple-{number}" for number in range(200)] + ring.keys_of("chat-c", 1)
        keys += ["paar-ü-日本", "x" * 1000]
        for key in keys:
            with self.subTest(key=key):
                with ChatClient(self.gateway, self.cluster.certificates, key, "ann") as client:
                    self.assertEqual(client.authenticate().server, ring.owner(key))

    def test_shards_page_shows_the_map(self):
        status, body = self.gateway.get("/shards")
        self.assertEqual(status, 200)
        shown = {server["name"]: server["weight"] for server in json.loads(body)["servers"]}
        self.assertEqual(shown, WEIGHTS)

    def test_health_pages(self):
        self.assertEqual(self.gateway.get("/healthz")[0], 200)
        self.assertEqual(self.gateway.get("/readyz")[0], 200)
        self.assertEqual(self.gateway.get("/nothing-here")[0], 404)


if __name__ == "__main__":
    main()
