"""`ClientCase`: a test case whose TLS clients end with the test."""

from chat_client import ChatClient, authenticate_message, framed
from processes import InstallationTest
from tls_client import TlsClient


class ClientCase(InstallationTest):
    """Clients of `self.gateway`, which a test case sets up, or of the gateway that is named."""

    gateway = None

    def tls_client(self, gateway=None, **options):
        """It has said nothing yet."""
        return self._ending(TlsClient((gateway or self.gateway).address, self.cluster.certificates,
                                      **options))

    def chat_client(self, couple="couple", user="ann", gateway=None, **options):
        """It has said nothing yet."""
        return self._ending(ChatClient(gateway or self.gateway, self.cluster.certificates, couple,
                                       user, **options))

    def served_client(self, couple="couple", user="ann", gateway=None, **options):
        """A chat client that has authenticated; `server` is who serves it."""
        client = self.chat_client(couple, user, gateway, **options)
        client.server = client.authenticate().server
        return client

    def waiting_client(self, couple="couple", gateway=None, **options):
        """It has sent a first packet, `first`."""
        client = self.tls_client(gateway, **options)
        client.first = framed(authenticate_message(couple, "ann"))
        client.send(client.first)
        return client

    def echo_client(self, couple="couple", gateway=None, **options):
        """Of a chat server that echoes: its first packet has come back."""
        client = self.waiting_client(couple, gateway, **options)
        self.assertEqual(client.receive_exactly(len(client.first)), client.first)
        return client

    def assert_echoes(self, client, text=b"still here"):
        client.send(text)
        self.assertEqual(client.receive_exactly(len(text)), text)

    def assert_talks(self, ann, ben, body=b"hello"):
        """From one served client of a couple to the other."""
        ann.send_text(1, body)
        self.assertEqual(ben.receive_deliver().body, body)

    def _ending(self, client):
        self.addCleanup(client.tcp.close)
        return client
