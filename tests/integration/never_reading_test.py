"""A client that never reads costs a bounded amount of memory, slows nobody, and is closed when the
stall timeout has passed."""

import itertools
import select

from client_case import ClientCase
from processes import is_sanitized, main
from tls_client import Truncated

BODY = b"x" * 65536
MESSAGES = 1600  # 100 MB in all

# What the gateway may hold for one stalled client: its stream window (64 KiB), one gulp of its
# link, the records on their way, and what malloc keeps of each. A sixth of what is sent, many times
# what the windows add up to: a gateway that keeps the bytes cannot pass.
GROWTH_KIB_MAX = 16 * 1024


class NeverReadingTest(ClientCase):
    def start(self, stall_timeout, **options):
        _, self.gateway = self.static_installation(
            tables={"upstream": {"stall_timeout": stall_timeout}}, **options)

    def test_a_hundred_megabytes_for_one_that_does_not_read(self):
        self.start("10m")
        deaf, partner = (self.served_client("couple-1", user) for user in ("deaf", "partner"))
        ann, ben = (self.served_client("couple-2", user) for user in ("ann", "ben"))
        before = most = self.gateway.resident_kib()
        for number in range(1, MESSAGES + 1):
            self.assertEqual(partner.send_text(number, BODY), number)
            if number % 50 == 0:
                ann.send_text(number, b"how are you")
                self.assertEqual(ben.receive_deliver().client_id, number)
                most = max(most, self.gateway.resident_kib())
        if not is_sanitized():
            self.assertLess(most - before, GROWTH_KIB_MAX)
        # It is still there: once it reads, it gets what its windows held, unbroken.
        self.assertEqual([deaf.receive_deliver().sequence for _ in range(2)], [1, 2])
        self.assertEqual(deaf.history(MESSAGES - 1, 1)[0].sequence, MESSAGES)

    def test_stall_timeout_closes_it_and_it_alone(self):
        self.start("1s")
        deaf, partner = (self.served_client("couple-1", user) for user in ("deaf", "partner"))
        numbers = itertools.count(1)

        def is_stalled():
            # More than all buffers between the two hold; the kernel's count as well.
            for number in itertools.islice(numbers, 10):
                self.assertEqual(partner.send_text(number, BODY), number)
            return self.gateway.metric("presenter_closes_total", reason="client_stalled")
        self.wait_until(is_stalled, "the deaf one is closed")
        self.assertEqual(self.gateway.metric("presenter_clients_open"), 1)
        self.assertEqual(partner.send_text(0, b"still here"), next(numbers))
        with self.assertRaises((Truncated, ConnectionError)):
            deaf.receive_to_end()

    def test_echo_client_that_only_sends_stalls_itself(self):
        self.start("1s", echo=True)
        other, deaf = self.echo_client(), self.waiting_client()
        sent = self.send_until_stalled(deaf, other)
        self.assertLess(sent, 64 * 1024 * 1024, "the gateway went on reading")
        self.wait_closed(self.gateway, "client_stalled")
        self.assert_echoes(other, b"y" * 1000)
        self.assertEqual(self.gateway.metric("presenter_clients_open"), 1)

    def send_until_stalled(self, deaf, other):
        """Bytes that went in before the socket took no more; the other client is served all along.
        """
        deaf.tcp.settimeout(0.5)
        sent = 0
        while sent < 64 * 1024 * 1024:
            try:
                deaf.send(BODY)
            except (TimeoutError, ConnectionError):
                break  # ConnectionError: the stall was noticed first
            sent += len(BODY)
            self.assert_echoes(other, b"ping")
        self.assertEqual(select.select([other.tcp], [], [], 0)[0], [])
        return sent


if __name__ == "__main__":
    main()
