"""Each direction ends by itself; a truncated, a reset and a clean end are told apart."""

import ssl

from client_case import ClientCase
from processes import main
from tls_client import TlsClient

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class HalfCloseTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.servers, self.gateway = self.static_installation(echo=True)

    def test_what_the_backend_still_sends_comes_after_the_clients_end(self):
        payload = bytes(range(256)) * 100
        for number, version in enumerate(VERSIONS, 1):
            with self.subTest(version=version):
                client = self.echo_client(version=version)
                client.send(payload)
                client.finish()
                self.assertEqual(client.receive_to_end(), payload)
                self.wait_closed(self.gateway, "client_finished", number)

    def test_end_in_the_same_breath_as_the_first_packet(self):
        client = self.waiting_client()
        client.finish()
        self.assertEqual(client.receive_to_end(), client.first)
        self.wait_closed(self.gateway, "client_finished")

    def test_truncation_is_no_clean_end(self):
        for number, version in enumerate(VERSIONS, 1):
            with self.subTest(version=version):
                self.echo_client(version=version).truncate()
                self.wait_closed(self.gateway, "tls_truncated", number)
        self.assertEqual(self.gateway.metric("presenter_closes_total", reason="client_finished"),
                         0)

    def test_reset(self):
        self.echo_client().reset()
        self.wait_closed(self.gateway, "client_reset")

    def test_streams_are_gone_afterwards(self):
        for end in (TlsClient.finish, TlsClient.truncate, TlsClient.reset):
            end(self.echo_client())
        self.wait_nobody_left(self.gateway)


if __name__ == "__main__":
    main()
