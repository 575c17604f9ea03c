"""One address cannot fill a gateway: its unauthenticated clients are bounded, its handshakes are,
and so are descriptors; whoever is there already, or comes from elsewhere, notices nothing."""

import contextlib
import resource
import socket
import time

from client_case import ClientCase
from processes import PATIENCE, main
from tls_client import address_of


class AddressLimitsTest(ClientCase):
    def start(self, **limits):
        limits.setdefault("address_exempt", [])
        _, self.gateway = self.static_installation(tables={"limits": limits}, echo=True)

    def connect(self, source="127.0.0.1"):
        """TCP alone."""
        tcp = socket.socket()
        self.addCleanup(tcp.close)
        tcp.bind((source, 0))
        # The RST of a refusal may come before connect has returned.
        with contextlib.suppress(ConnectionResetError):
            tcp.connect(address_of(self.gateway.address))
        return tcp

    def is_refused(self, tcp, seconds=0.5):
        """Closed within this time, or left to speak."""
        tcp.settimeout(seconds)
        try:
            return tcp.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:  # reset, or not connected any more
            return True

    def refused(self, limit):
        return self.gateway.metric("presenter_clients_refused_total", limit=limit)

    def wait_accepted(self, count):
        self.wait_until(lambda: self.gateway.metric("presenter_clients_accepted_total") >= count,
                        f"{count} accepted")

    def test_unauthenticated_clients_of_an_address_are_bounded_and_others_are_not(self):
        self.start(address_unauthenticated_max=5)
        # One after the other: each gives its place up.
        served = [self.echo_client() for _ in range(10)]
        waiting = [self.connect() for _ in range(5)]
        self.wait_accepted(15)
        self.assertTrue(all(self.is_refused(self.connect(), PATIENCE) for _ in range(3)))
        self.assertEqual(self.refused("address_unauthenticated"), 3)
        self.assertEqual(self.gateway.metric("presenter_clients_open", phase="handshake"), 5)
        self.assertFalse(self.is_refused(self.connect("127.0.0.2")))
        self.gateway.wait_for_line("refused: limits.address_unauthenticated_max", 10)
        self.assertEqual(self.gateway.output().count("refused: limits."), 1, "one line for three")

        waiting.pop().close()
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open", phase="handshake")
                        == 5, "one has left, one of another address is there")
        served.append(self.echo_client())
        for client in served:
            self.assert_echoes(client)

    def test_handshakes_of_an_address_have_a_rate(self):
        self.start(address_handshakes_per_second=1, address_handshakes_burst=20)
        sockets = [self.connect() for _ in range(60)]
        self.wait_until(lambda: self.refused("address_rate")
                        + self.gateway.metric("presenter_clients_accepted_total") == 60,
                        "all are decided")
        # The bucket fills while they come.
        self.assertIn(self.gateway.metric("presenter_clients_accepted_total"), range(20, 50))
        self.assertFalse(self.is_refused(self.connect("127.0.0.2")))
        for tcp in sockets:
            tcp.close()
        self.wait_nobody_left(self.gateway)

    def test_this_machine_is_exempt_unless_it_is_taken_off_the_list(self):
        self.start(address_exempt=["127.0.0.0/8"], address_unauthenticated_max=1,
                   address_handshakes_per_second=1, address_handshakes_burst=1)
        for _ in range(10):
            self.connect()
        self.wait_accepted(10)

    def test_without_descriptors_it_neither_spins_nor_forgets_who_waits(self):
        self.start()
        client = self.echo_client()
        used = int(self.gateway.metric("process_open_fds"))
        # As if something else in the process had taken nearly all of them.
        _, hard = resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (used + 2, hard))
        crowd = [self.connect() for _ in range(20)]  # into the kernel's queue
        self.wait_until(lambda: self.gateway.output().count("clients wait to be accepted") == 1,
                        "it says so, once")
        before, since = self.gateway.cpu_seconds(), time.monotonic()
        self.assert_echoes(client)
        self.wait_until(lambda: time.monotonic() - since >= 2, "there was time to spin in")
        self.assertLess(self.gateway.cpu_seconds() - before, 1,
                        "a spin would take all of two seconds")

        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (hard, hard))
        self.wait_accepted(21)
        self.assertEqual(self.gateway.metric("presenter_accept_paused", limit="descriptors"), 0)
        self.assertGreaterEqual(self.gateway.metric("presenter_accept_pauses_total",
                                                    limit="descriptors"), 1)
        for tcp in crowd:
            tcp.close()


if __name__ == "__main__":
    main()
