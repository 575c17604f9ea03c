"""Backends hear ahead of time that a gateway will close a client, protocol/README.md §4.13."""

import json

from conformance_case import GatewayCase
from mux_peer import accept_and_echo
from mux_wire import NOTICE, ResetReason
from processes import main

DRAINING = 1


class Notices(GatewayCase):
    def start(self, *backends):
        self.installation(*backends, notice="4s")

    def drain(self, *words):
        done = self.cluster.presenterctl("gateway", *words, "--gateway", self.gateway.admin)
        self.assertEqual(done.returncode, 0, done.stderr)

    def announced(self):
        return self.gateway.metric("presenter_clients_announced")

    def test_a_drain_announces_each_client_and_closes_it_in_time(self):
        backend = self.backend(accept_and_echo, features=NOTICE)
        self.start(backend)
        client = self.echo_client()
        stream = self.opened(backend)
        self.assertEqual(stream.notices, [])
        self.drain("drain", "--deadline", "16s")
        stream.link.wait(lambda: stream.notices, "a Notice")
        [notice] = stream.notices
        self.assertEqual((notice.stream, notice.reason, notice.within_ms), (1, DRAINING, 4000))
        self.assert_echoes(client, b"it is served until then")
        self.assertEqual(self.announced(), 1)
        stream.wait_reset(ResetReason.shutting_down)
        self.assertEqual(client.receive_to_end(), b"")
        self.assertEqual(len(stream.notices), 1)
        self.wait_until(lambda: self.gateway.metric("presenter_notices_total") == 1, "counted")
        self.wait_until(lambda: self.announced() == 0, "nobody else is to go")

    def test_who_is_announced_stays_when_the_drain_is_taken_back(self):
        backend = self.backend(accept_and_echo, features=NOTICE)
        self.start(backend)
        client = self.echo_client()
        stream = self.opened(backend)
        self.drain("drain", "--deadline", "16s")
        stream.link.wait(lambda: stream.notices, "a Notice")
        self.drain("undrain")
        self.wait_until(lambda: self.announced() == 0, "it stays")
        self.drain("drain", "--deadline", "30m")
        self.wait_until(lambda: json.loads(self.gateway.get("/drain")[1])["draining_seconds"] > 4,
                        "the first one's time is over")
        self.assert_echoes(client)

    def test_a_client_that_goes_by_itself_is_forgotten(self):
        backend = self.backend(accept_and_echo, features=NOTICE)
        self.start(backend)
        client = self.echo_client()
        self.drain("drain", "--deadline", "16s")
        self.wait_until(lambda: self.announced() == 1, "it is announced")
        client.tcp.close()
        self.wait_until(lambda: self.announced() == 0, "it is forgotten")

    def test_a_backend_that_takes_none_gets_none(self):
        backend = self.backend(accept_and_echo)
        self.start(backend)
        client = self.echo_client()
        self.drain("drain", "--deadline", "16s")
        self.assertEqual(client.receive_to_end(), b"")
        self.assertEqual(self.opened(backend).notices, [])
        self.assertEqual(self.gateway.metric("presenter_notices_total"), 0)


if __name__ == "__main__":
    main()
