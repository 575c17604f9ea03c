"""An off-the-shelf Thrift client, with no code of ours, works through the gateway.

Debian's python3-thrift as it is: generated code, TSSLSocket, TFramedTransport, and both protocols.
"""

import ssl

from chat_client import generated
from processes import InstallationTest, main
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TSSLSocket import TSSLSocket
from thrift.transport.TTransport import TFramedTransport


class ThriftClientTest(InstallationTest):
    def setUp(self):
        super().setUp()
        _, self.gateway = self.static_installation()
        self.chat, self.types = generated()

    def client(self, protocol_type, user, couple="couple-1"):
        # By its name: without ssl.match_hostname, which Python 3.12 has not, TSSLSocket knows no
        # names but the subject's.
        port = self.gateway.address.rpartition(":")[2]
        socket = TSSLSocket("localhost", int(port), cert_reqs=ssl.CERT_REQUIRED,
                            ca_certs=self.cluster.certificates.authority)
        socket.setTimeout(30_000)
        transport = TFramedTransport(socket)
        transport.open()
        self.addCleanup(transport.close)
        client = self.chat.Client(protocol_type(transport))
        request = self.types.AuthRequest(couple_id=couple, user_id=user, token=b"token")
        self.assertEqual(client.authenticate(request).server, "chat-a")
        return client

    def receive_deliver(self, client):
        """The call that the server makes on the client's connection."""
        protocol = client._iprot  # pylint: disable=protected-access
        name, kind, _ = protocol.readMessageBegin()
        self.assertEqual(name, "deliver")
        self.assertIn(kind, (TMessageType.CALL, TMessageType.ONEWAY))
        arguments = self.chat.deliver_args()
        arguments.read(protocol)
        protocol.readMessageEnd()
        return arguments.message

    def talk(self, protocol_type):
        ann, ben = self.client(protocol_type, "ann"), self.client(protocol_type, "ben")
        bodies = [b"hello", b"", bytes(range(256)) * 200]
        for number, body in enumerate(bodies, 1):
            self.assertEqual(ann.send(number, body), number)
            message = self.receive_deliver(ben)
            self.assertEqual((message.sequence, message.sender, message.client_id, message.body),
                             (number, "ann", number, body))
        self.assertEqual([message.body for message in ben.history(0, 10)], bodies)
        self.assertEqual([message.sequence for message in ben.history(1, 1)], [2])

    def test_binary_protocol(self):
        self.talk(TBinaryProtocol)

    def test_compact_protocol(self):
        self.talk(TCompactProtocol)

    def test_one_couple_in_both_protocols(self):
        ann, ben = self.client(TBinaryProtocol, "ann"), self.client(TCompactProtocol, "ben")
        self.assertEqual(ann.send(1, b"from binary"), 1)
        self.assertEqual(self.receive_deliver(ben).body, b"from binary")
        self.assertEqual(ben.send(1, b"from compact"), 2)
        self.assertEqual(self.receive_deliver(ann).body, b"from compact")

    def test_declared_exception_comes_through(self):
        self.client(TBinaryProtocol, "ann")
        self.client(TBinaryProtocol, "ben")
        with self.assertRaises(self.types.NotAuthenticated):
            self.client(TBinaryProtocol, "somebody else")


if __name__ == "__main__":
    main()
