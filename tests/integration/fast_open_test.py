"""TCP Fast Open: a client's first TLS bytes come in its SYN, in a network of the test's own."""

from client_case import ClientCase
from early_client import was_syn_data_taken
from own_network import allow_fast_open, enter_own_network, tcp_counter
from processes import main


class FastOpen(ClientCase):
    def setUp(self):
        super().setUp()
        enter_own_network()  # where the kernel has no cookie of a test before
        allow_fast_open(3)

    def chat(self, gateway, resume=None):
        """A client that sends its ClientHello in the SYN if it has a cookie, and is answered."""
        client = self.served_client(gateway=gateway, fast_open=True, resume=resume)
        self.assertEqual(client.server, "chat-a")
        return client

    def test_the_second_time_the_client_hello_comes_in_the_syn(self):
        _, gateway = self.static_installation()
        passive = tcp_counter("TCPFastOpenPassive")
        first = self.chat(gateway)
        self.assertFalse(was_syn_data_taken(first.tcp))
        self.assertEqual(tcp_counter("TCPFastOpenPassive"), passive)
        second = self.chat(gateway, resume=first)
        self.assertTrue(was_syn_data_taken(second.tcp))
        self.assertTrue(second.tls.session_reused)
        self.assertEqual(tcp_counter("TCPFastOpenPassive"), passive + 1)

    def test_every_worker_takes_it(self):
        _, gateway = self.static_installation(tables={"workers": {"count": 4}})
        self.chat(gateway)
        for _ in range(16):
            self.assertTrue(was_syn_data_taken(self.chat(gateway).tcp))

    def test_switched_off_clients_come_as_ever(self):
        _, gateway = self.static_installation(tables={"listen": {"fast_open": 0}})
        for _ in range(2):
            self.assertFalse(was_syn_data_taken(self.chat(gateway).tcp))

    def test_a_kernel_that_does_not_allow_it_is_named(self):
        allow_fast_open(1)
        _, gateway = self.static_installation()
        gateway.wait_for_line(r"info .*net\.ipv4\.tcp_fastopen")
        for _ in range(2):
            self.assertFalse(was_syn_data_taken(self.chat(gateway).tcp))


if __name__ == "__main__":
    main()
