"""Clients that die without a word are found by the kernel, and those that live on without one are
closed when the operator wants that, and only then."""

import concurrent.futures
import contextlib
import ctypes
import socket
import struct
import threading

from client_case import ClientCase
from processes import main

SO_ATTACH_FILTER = 26


def go_silent(tcp):
    """As if the phone had lost its network: no segment reaches the client's TCP any more, so it
    acknowledges nothing and answers no probe. It still could send."""
    drop_everything = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    tcp.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                   struct.pack("HL", 1, ctypes.addressof(drop_everything)))


class SilentClientsTest(ClientCase):
    def start(self, **clients):
        _, self.gateway = self.static_installation(tables={"clients": clients}, echo=True)

    @contextlib.contextmanager
    def talking(self, client):
        """Echoes, several a second, on a thread of their own; none may fail."""
        ended = threading.Event()

        def talk():
            while not ended.wait(0.2):
                self.assert_echoes(client)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            talk_ends = pool.submit(talk)
            try:
                yield
            finally:
                ended.set()
            talk_ends.result()

    def closes(self, reason):
        return self.gateway.metric("presenter_closes_total", reason=reason)

    def test_keep_alive_finds_who_died_while_nothing_was_said(self):
        self.start(keepalive_idle=1, keepalive_interval=1, keepalive_count=2, user_timeout=3)
        dead, alive = self.echo_client("dead"), self.echo_client("alive")
        go_silent(dead.tcp)
        self.wait_closed(self.gateway, "client_timeout")
        self.assert_echoes(alive)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1)

    def test_user_timeout_finds_who_died_with_bytes_on_their_way(self):
        self.start(keepalive=False, user_timeout=2)
        dead, alive = self.echo_client("dead"), self.echo_client("alive")
        go_silent(dead.tcp)
        dead.send(b"my last words")  # which are echoed to nobody
        self.wait_closed(self.gateway, "client_timeout")
        self.assert_echoes(alive)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1)

    def test_an_idle_client_is_closed_cleanly_and_bytes_either_way_are_life(self):
        self.start(idle_timeout=5)
        idle, busy = self.echo_client("idle"), self.echo_client("busy")
        with self.talking(busy):
            self.assertEqual(idle.receive_to_end(), b"", "with close_notify")
            self.wait_closed(self.gateway, "client_idle")
        self.assertEqual(self.closes("client_idle"), 1)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1)
        self.wait_closed(self.gateway, "client_idle", 2)


if __name__ == "__main__":
    main()
