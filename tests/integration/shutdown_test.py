"""SIGTERM: the gateway stops accepting, ends every client cleanly and exits 0 in time."""

import signal
import socket

from client_case import ClientCase
from processes import main
from tls_client import address_of


class ShutdownTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.servers, self.gateway = self.static_installation(
            tables={"shutdown": {"timeout": "5s"}, "auth": {"timeout": "60s"}})

    def test_clients_end_cleanly_and_the_exit_status_is_0(self):
        ann, ben = self.served_client(), self.served_client(user="ben")
        ann.send_text(1, b"before the end")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(ben.receive_deliver().body, b"before the end")
        self.assertEqual(ann.receive_to_end(), b"", "close_notify, not a truncation")
        self.assertEqual(ben.receive_to_end(), b"")
        self.assertEqual(self.gateway.wait(30), 0)

    def test_nobody_gets_in_any_more(self):
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(address_of(self.gateway.address), 5).close()

    def test_clients_in_every_phase_do_not_hold_it_up(self):
        silent = socket.create_connection(address_of(self.gateway.address), 30)
        self.addCleanup(silent.close)
        self.tls_client().send(b"\x00\x00")
        self.served_client()
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open") == 3, "three clients")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)

    def test_interrupt_is_the_same(self):
        ann = self.served_client()
        self.gateway.signal(signal.SIGINT)
        self.assertEqual(ann.receive_to_end(), b"")
        self.assertEqual(self.gateway.wait(30), 0)

    def test_chat_server_ends_by_itself_too(self):
        self.served_client()
        self.servers[0].signal(signal.SIGTERM)
        self.assertEqual(self.servers[0].wait(30), 0)

    def test_a_chat_server_has_nothing_to_do_with_a_hangup(self):
        ann, ben = self.served_client(), self.served_client(user="ben")
        self.servers[0].signal(signal.SIGHUP)
        self.assert_talks(ann, ben)
        self.assertEqual(self.servers[0].stop(), 0)


if __name__ == "__main__":
    main()
