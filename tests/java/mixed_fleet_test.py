"""A fleet of servers in C++ and in Java: they agree on who owns a key, on epochs and on fences, and
streams go from one to the other, also those of couples that chat. These tests are those of a fleet
in C++ alone. And a thousand clients of one server in Java."""

import fencing_test
import handoff_test
import processes
from client_case import ClientCase


class MixedCluster(processes.WatchedCluster):
    """Every second chat server is in Java."""

    def chat_server(self, name, **options):
        is_java = name[-1] in "bd24"
        return super().chat_server(name, program="presenter-chatd" + ("-java" if is_java else ""),
                                   **options)


processes.WatchedCluster = MixedCluster


class MixedHandoffs(handoff_test.EchoHandoffTest):
    pass


class MixedChatHandoffs(handoff_test.ChatHandoffTest):
    pass


class MixedFencing(fencing_test.FencingTest):
    pass


class ThousandClients(ClientCase):
    def test_each_couple_of_them_talks(self):
        _, self.gateway = self.static_installation(["chat-b"], {"workers": {"count": 2}})
        clients = [self.served_client(f"couple-{number // 2}", f"user-{number % 2}")
                   for number in range(1_000)]
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1_000)
        for ann, ben in zip(clients[::2], clients[1::2]):
            self.assert_talks(ann, ben)
        for client in clients:
            client.tcp.close()
        self.wait_nobody_left(self.gateway)


if __name__ == "__main__":
    processes.main()
