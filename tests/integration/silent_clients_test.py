"""Clients that die without a word are found by the kernel, and those that live on without one are
closed when the operator wants that, and only then."""

import ctypes
import socket
import struct
import threading


from chat_client import authenticate_message, framed
from processes import InstallationTest, main
from tls_client import TlsClient

SO_ATTACH_FILTER = 26


def go_silent(tcp):
    """As if the phone had lost its network: no segment reaches the client's TCP any more, so it
    acknowledges nothing and answers no probe. It still could send."""
    drop_everything = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    tcp.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                   struct.pack("HL", 1, ctypes.addressof(drop_everything)))


class SilentClientsTest(InstallationTest):
    def start(self, **clients):
        _, self.gateway = self.static_installation(tables={"clients": clients}, echo=True)

    def client(self, couple="couple"):
        """Served by the chat server."""
        client = TlsClient(self.gateway.address, self.cluster.certificates)
        self.addCleanup(client.tcp.close)
        first = framed(authenticate_message(couple, "ann"))
        client.send(first)
        self.assertEqual(client.receive_exactly(len(first)), first)
        return client

    def assert_echoes(self, client):
        client.send(b"still here")
        self.assertEqual(client.receive_exactly(10), b"still here")

    def closes(self, reason):
        return self.gateway.metric("presenter_closes_total", reason=reason)

    def test_keep_alive_finds_who_died_while_nothing_was_said(self):
        self.start(keepalive_idle=1, keepalive_interval=1, keepalive_count=2, user_timeout=3)
        dead, alive = self.client("dead"), self.client("alive")
        go_silent(dead.tcp)
        self.wait_closed(self.gateway, "client_timeout")
        self.assert_echoes(alive)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1)

    def test_user_timeout_finds_who_died_with_bytes_on_their_way(self):
        self.start(keepalive=False, user_timeout=2)
        dead, alive = self.client("dead"), self.client("alive")
        go_silent(dead.tcp)
        dead.send(b"my last words")  # which are echoed to nobody
        self.wait_closed(self.gateway, "client_timeout")
        self.assert_echoes(alive)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1)

    def test_an_idle_client_is_closed_cleanly_and_bytes_either_way_are_life(self):
        self.start(idle_timeout=2)
        idle, busy = self.client("idle"), self.client("busy")
        ended = threading.Event()
        self.addCleanup(ended.set)

        def talk():
            while not ended.wait(0.2):
                self.assert_echoes(busy)

        talker = threading.Thread(target=talk)
        talker.start()
        idle.tcp.settimeout(60)
        self.assertEqual(idle.receive_to_end(), b"", "with close_notify")
        self.wait_closed(self.gateway, "client_idle")
        ended.set()
        talker.join()
        self.assertEqual(self.closes("client_idle"), 1)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1)
        self.wait_closed(self.gateway, "client_idle", 2)


if __name__ == "__main__":
    main()
