"""A chat client of protocol/chat.thrift: Thrift's generated Python over tls_client.TlsClient."""

import struct

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer

import thrift_python
from tls_client import TlsClient


def generated():
    """(Chat, ttypes) of protocol/chat.thrift."""
    return thrift_python.generated("chat.thrift", "presenter_chat.Chat", "presenter_chat.ttypes")


def protocol_over(buffer, compact=False):
    return TCompactProtocol(buffer) if compact else TBinaryProtocol(buffer, True, True)


def message(name, arguments, kind=TMessageType.CALL, sequence=1, compact=False):
    """The bytes of one Thrift message, without the length before it."""
    buffer = TMemoryBuffer()
    protocol = protocol_over(buffer, compact)
    protocol.writeMessageBegin(name, kind, sequence)
    arguments.write(protocol)
    protocol.writeMessageEnd()
    return buffer.getvalue()


def framed(payload):
    return struct.pack(">I", len(payload)) + payload


def authenticate_message(couple, user, compact=False, **options):
    chat, types = generated()
    request = types.AuthRequest(couple_id=couple, user_id=user, token=b"token")
    return message("authenticate", chat.authenticate_args(request=request), compact=compact,
                   **options)


class Received:
    """One Thrift message that came in: its envelope, and `read` for what is inside."""

    def __init__(self, payload, compact):
        self.protocol = protocol_over(TMemoryBuffer(payload), compact)
        self.name, self.kind, self.sequence = self.protocol.readMessageBegin()

    def read(self, structure):
        structure.read(self.protocol)
        return structure

    def exception(self):
        if self.kind != TMessageType.EXCEPTION:
            raise AssertionError(f"{self.name} is no exception but of kind {self.kind}")
        return self.read(TApplicationException())


class ChatClient(TlsClient):
    """A client of one couple. `deliver` calls that come in meanwhile are kept in `delivered`."""

    def __init__(self, gateway, certificates, couple, user, compact=False, **options):
        super().__init__(gateway.address, certificates, **options)
        self.couple, self.user, self.compact = couple, user, compact
        self.delivered = []
        self._sequence = 0

    def send_message(self, name, arguments, kind=TMessageType.CALL):
        self._sequence += 1
        self.send(framed(message(name, arguments, kind, self._sequence, self.compact)))

    def receive_message(self):
        size = struct.unpack(">I", self.receive_exactly(4))[0]
        return Received(self.receive_exactly(size), self.compact)

    def authenticate(self):
        """The AuthResult: which chat server answered, and the couple's last sequence."""
        self.send(framed(authenticate_message(self.couple, self.user, self.compact)))
        return self.authenticated()

    def authenticated(self):
        """The result of an authentication that has been sent."""
        return self._result("authenticate", generated()[0].authenticate_result)

    def send_text(self, client_id, body):
        """The sequence that the message got."""
        self.send_text_only(client_id, body)
        return self._result("send", generated()[0].send_result)

    def send_text_only(self, client_id, body):
        self.send_message("send", generated()[0].send_args(client_id=client_id, body=body))

    def history(self, after, limit):
        arguments = generated()[0].history_args(after=after, limit=limit)
        self.send_message("history", arguments)
        return self._result("history", generated()[0].history_result)

    def receive_deliver(self):
        """The next message that the partner sent."""
        while not self.delivered:
            self._keep_deliver(self.receive_message())
        return self.delivered.pop(0)

    def _result(self, name, result_type):
        while True:
            received = self.receive_message()
            if received.name == name:
                break
            self._keep_deliver(received)
        if received.kind == TMessageType.EXCEPTION:
            raise received.exception()
        result = received.read(result_type())
        if getattr(result, "refused", None):
            raise result.refused
        return result.success

    def _keep_deliver(self, received):
        if received.name != "deliver":
            raise AssertionError(f"{received.name} came instead of deliver")
        self.delivered.append(received.read(generated()[0].deliver_args()).message)
