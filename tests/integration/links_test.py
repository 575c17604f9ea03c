"""A thousand clients ride on exactly links_per_worker × workers × backends links."""

import contextlib

from chat_client import ChatClient
from processes import InstallationTest, main, tcp_established_to

BACKENDS = ("chat-a", "chat-b", "chat-c")
CLIENTS = 1000


class LinksTest(InstallationTest):
    def connect_all(self, stack, gateway, count):
        clients = []
        for number in range(count):
            client = stack.enter_context(ChatClient(
                gateway, self.cluster.certificates, f"couple-{number // 2}", f"user-{number % 2}"))
            client.authenticate()
            clients.append(client)
        return clients

    def assert_links(self, servers, gateway, expected):
        self.assertEqual(gateway.metric("presenter_links_up"), expected)
        ports = [server.port for server in servers]
        self.assertEqual(tcp_established_to(gateway.pid, ports), expected)

    def installation(self, workers, links_per_worker):
        servers = self.chat_servers(BACKENDS)
        gateway = self.cluster.gateway(
            "gateway", self.cluster.static_shards(servers),
            {"workers": {"count": workers}, "upstream": {"links_per_worker": links_per_worker}})
        gateway.wait_ready()
        self.wait_for_servers(gateway, BACKENDS)
        return servers, gateway

    def test_a_thousand_clients_on_few_links(self):
        servers, gateway = self.installation(workers=2, links_per_worker=2)
        expected = 2 * 2 * len(BACKENDS)
        self.assert_links(servers, gateway, expected)
        with contextlib.ExitStack() as stack:
            clients = self.connect_all(stack, gateway, CLIENTS)
            self.assertEqual(gateway.metric("presenter_clients_open"), CLIENTS)
            self.assertEqual(gateway.metric("presenter_streams_open"), CLIENTS)
            self.assert_links(servers, gateway, expected)
            for ann, ben in zip(clients[::2], clients[1::2]):
                ann.send_text(1, b"hello")
                self.assertEqual(ben.receive_deliver().body, b"hello")
            self.assert_links(servers, gateway, expected)
        self.wait_nobody_left(gateway)
        self.assert_links(servers, gateway, expected)

    def test_one_link_each_by_default(self):
        servers, gateway = self.installation(workers=1, links_per_worker=1)
        with contextlib.ExitStack() as stack:
            self.connect_all(stack, gateway, 50)
            self.assert_links(servers, gateway, len(BACKENDS))


if __name__ == "__main__":
    main()
