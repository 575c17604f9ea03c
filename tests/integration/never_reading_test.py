"""A client that never reads costs a bounded amount of memory, slows nobody, and is closed when the
stall timeout has passed."""

import select
import socket

from chat_client import ChatClient, authenticate_message, framed
from processes import InstallationTest, is_sanitized, main
from tls_client import TlsClient

BODY = b"x" * 65536
MESSAGES = 1600  # 100 MB in all

# What the gateway may hold for one stalled client: its stream window (64 KiB), one gulp of its
# link, the records on their way, and what malloc keeps of each. A sixth of what is sent, many times
# what the windows add up to: a gateway that keeps the bytes cannot pass.
GROWTH_KIB_MAX = 16 * 1024


class NeverReadingTest(InstallationTest):
    def installation(self, stall_timeout, **options):
        _, gateway = self.static_installation(
            tables={"upstream": {"stall_timeout": stall_timeout}}, **options)
        return gateway

    def client(self, gateway, couple, user):
        client = ChatClient(gateway, self.cluster.certificates, couple, user)
        self.addCleanup(client.tcp.close)
        client.authenticate()
        return client

    def test_a_hundred_megabytes_for_one_that_does_not_read(self):
        gateway = self.installation("10m")
        deaf = self.client(gateway, "couple-1", "deaf")
        partner = self.client(gateway, "couple-1", "partner")
        ann, ben = (self.client(gateway, "couple-2", user) for user in ("ann", "ben"))
        before = most = gateway.resident_kib()
        for number in range(1, MESSAGES + 1):
            self.assertEqual(partner.send_text(number, BODY), number)
            if number % 50 == 0:
                ann.send_text(number, b"how are you")
                self.assertEqual(ben.receive_deliver().client_id, number)
                most = max(most, gateway.resident_kib())
        if not is_sanitized():
            self.assertLess(most - before, GROWTH_KIB_MAX)
        # It is still there: once it reads, it gets what its windows held, unbroken.
        self.assertEqual([deaf.receive_deliver().sequence for _ in range(2)], [1, 2])
        self.assertEqual(deaf.history(MESSAGES - 1, 1)[0].sequence, MESSAGES)

    def test_stall_timeout_closes_it_and_it_alone(self):
        gateway = self.installation("1s")
        deaf = self.client(gateway, "couple-1", "deaf")
        partner = self.client(gateway, "couple-1", "partner")

        # More than all buffers between the two hold; the kernel's count as well.
        number = 0
        while gateway.metric("presenter_closes_total", reason="client_stalled") == 0:
            number += 1
            partner.send_text(number, BODY)
        self.assertEqual(gateway.metric("presenter_clients_open"), 1)
        self.assertEqual(partner.send_text(0, b"still here"), number + 1)
        self.assertTrue(deaf.tcp.fileno() >= 0)

    def test_echo_client_that_only_sends_stalls_itself(self):
        gateway = self.installation("1s", echo=True)
        first = framed(authenticate_message("couple", "ann"))
        other = TlsClient(gateway.address, self.cluster.certificates)
        self.addCleanup(other.tcp.close)
        other.send(first)
        self.assertEqual(other.receive_exactly(len(first)), first)

        deaf = TlsClient(gateway.address, self.cluster.certificates)
        self.addCleanup(deaf.tcp.close)
        deaf.send(first)
        sent = self.send_until_stalled(deaf, other)
        self.assertLess(sent, 64 * 1024 * 1024, "the gateway went on reading")
        self.wait_closed(gateway, "client_stalled")
        other.send(b"y" * 1000)
        self.assertEqual(other.receive_exactly(1000), b"y" * 1000)
        self.assertEqual(gateway.metric("presenter_clients_open"), 1)

    def send_until_stalled(self, deaf, other):
        """Bytes that went in before the socket took no more; the other client is served all along.
        """
        deaf.tcp.settimeout(0.5)
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                deaf.send(BODY)
                sent += len(BODY)
                other.send(b"ping")
                self.assertEqual(other.receive_exactly(4), b"ping")
        except (socket.timeout, TimeoutError):
            pass
        except ConnectionError:
            # Closed while it sent: the stall was noticed first.
            pass
        self.assertEqual(select.select([other.tcp], [], [], 0)[0], [])
        return sent


if __name__ == "__main__":
    main()
