"""kill -9 of a chat server ends its own clients and nobody else; they come back where the new ring
says, and a chat server that joins takes its share of the new clients."""

from client_case import ClientCase
from processes import main
from ring import Ring
from thrift.Thrift import TApplicationException
from tls_client import Truncated

NAMES = ("chat-a", "chat-b", "chat-c")
COUPLES = [f"couple-{number}" for number in range(60)]


class BackendCrashTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.zookeeper, self.servers, self.gateway = self.zookeeper_installation(NAMES)
        self.by_name = {server.name: server for server in self.servers}

    def client_that_insists(self, couple, user="ann"):
        """Comes again until it is served, as a real one does."""
        def attempt():
            try:
                return self.served_client(couple, user)
            except (TApplicationException, Truncated, EOFError, ConnectionError):
                return None
        return self.wait_until(attempt, f"{couple} is served again")

    def test_only_its_own_clients_end_and_come_back_by_the_new_ring(self):
        before, after = Ring(NAMES), Ring(["chat-a", "chat-c"])
        couples = {couple: (self.served_client(couple), self.served_client(couple, "ben"))
                   for couple in COUPLES}
        for couple, (ann, ben) in couples.items():
            self.assertEqual((ann.server, ben.server), (before.owner(couple),) * 2)
        lost = [couple for couple in COUPLES if before.owner(couple) == "chat-b"]
        self.assertTrue(lost, "the keys of the test reach every server")

        self.by_name["chat-b"].kill()
        for couple in lost:
            for client in couples[couple]:
                # No close_notify: what happened is not a clean end, and the client can tell.
                self.assertRaises(Truncated, client.receive_to_end)
                client.tcp.close()  # its side, for which the gateway would wait
        self.wait_closed(self.gateway, "link_lost", 2 * len(lost))
        for couple in set(COUPLES) - set(lost):
            self.assert_talks(*couples[couple], b"still here")
        left = 2 * (len(COUPLES) - len(lost))
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open") == left,
                        f"{left} clients are left")

        self.wait_for_servers(self.gateway, ["chat-a", "chat-c"])
        for couple in lost:
            pair = self.client_that_insists(couple), self.client_that_insists(couple, "ben")
            self.assertEqual({client.server for client in pair}, {after.owner(couple)})
            self.assert_talks(*pair, b"back again")

    def test_join_moves_new_clients_by_the_new_ring(self):
        self.cluster.chat_server("chat-d", zookeeper=self.zookeeper.connect_string)
        self.wait_for_servers(self.gateway, [*NAMES, "chat-d"])
        ring = Ring([*NAMES, "chat-d"])
        self.assertIn("chat-d", {ring.owner(couple) for couple in COUPLES})
        for couple in COUPLES:
            self.assertEqual(self.served_client(couple).server, ring.owner(couple), couple)

    def test_leave_without_a_crash(self):
        self.assertEqual(self.by_name["chat-b"].stop(), 0)
        self.wait_for_servers(self.gateway, ["chat-a", "chat-c"])
        ring = Ring(["chat-a", "chat-c"])
        for couple in COUPLES:
            self.assertEqual(self.client_that_insists(couple).server, ring.owner(couple), couple)


if __name__ == "__main__":
    main()
