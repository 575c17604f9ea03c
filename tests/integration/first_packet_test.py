"""First packets that cannot be served: each ends for its own named reason, counted, and answered
with a TApplicationException of the client's own protocol wherever the client spoke Thrift."""

import contextlib
import socket
import ssl
import struct

from chat_client import authenticate_message, framed, generated, message
from client_case import ClientCase
from processes import main
from thrift.Thrift import TApplicationException, TMessageType, TType
from tls_client import Alerted, Truncated, address_of

PACKET_BYTES_MAX = 1024
SEQUENCE = 77


class Arguments:
    """authenticate(1: AuthRequest) whose field 1 is what `write_key` writes: any type, or none."""

    def __init__(self, write_key):
        self.write_key = write_key

    def write(self, protocol):
        protocol.writeStructBegin("arguments")
        protocol.writeFieldBegin("request", TType.STRUCT, 1)
        protocol.writeStructBegin("AuthRequest")
        self.write_key(protocol)
        protocol.writeFieldStop()
        protocol.writeStructEnd()
        protocol.writeFieldEnd()
        protocol.writeFieldStop()
        protocol.writeStructEnd()


def double_key(protocol):
    protocol.writeFieldBegin("couple_id", TType.DOUBLE, 1)
    protocol.writeDouble(1.5)
    protocol.writeFieldEnd()


def list_key(protocol):
    protocol.writeFieldBegin("couple_id", TType.LIST, 1)
    protocol.writeListBegin(TType.I32, 1)
    protocol.writeI32(5)
    protocol.writeListEnd()
    protocol.writeFieldEnd()


def integer_key(protocol):
    protocol.writeFieldBegin("couple_id", TType.I64, 1)
    protocol.writeI64(42)
    protocol.writeFieldEnd()


class FirstPacketTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.servers, self.gateway = self.static_installation(
            tables={"auth": {"timeout": "60s", "packet_bytes_max": PACKET_BYTES_MAX},
                    "tls": {"handshake_timeout": "60s"}, "log": {"level": "debug"}})

    def restart(self, table, **keys):
        self.gateway.tables.setdefault(table, {}).update(keys)
        self.gateway.stop()
        self.gateway.start()

    def end_of(self, client):
        """What came before the end, however it came."""
        received = b""
        with contextlib.suppress(Truncated, ConnectionError, ssl.SSLError):
            while more := client.receive():
                received += more
        return received

    def count(self, reason):
        return self.gateway.metric("presenter_closes_total", reason=reason)

    def assert_closed_in_silence(self, packet, reason):
        before = self.count(reason)
        client = self.tls_client()
        client.send(packet)
        self.assertEqual(client.receive(), b"", "close_notify")
        self.wait_closed(self.gateway, reason, before + 1)

    def assert_answered(self, payload, reason, kind, method="authenticate", compact=False):
        before = self.count(reason)
        client = self.chat_client(compact=compact)
        client.send(framed(payload))
        answer = client.receive_message()
        self.assertEqual((answer.name, answer.sequence), (method, SEQUENCE))
        exception = answer.exception()
        self.assertEqual(exception.type, kind)
        self.assertTrue(exception.message.startswith(reason), exception.message)
        self.assertEqual(client.receive(), b"", "a clean end follows")
        self.wait_closed(self.gateway, reason, before + 1)

    def both_protocols(self, make, reason, kind, **options):
        for compact in (False, True):
            with self.subTest(compact=compact):
                self.assert_answered(make(compact), reason, kind, compact=compact, **options)

    def test_garbage(self):
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", framed(b"\x00" * 16), framed(b"{}")):
            with self.subTest(garbage=garbage):
                self.assert_closed_in_silence(garbage, "packet_not_thrift")

    def test_garbage_that_begins_like_thrift(self):
        for garbage in (b"\x80\x02\x00\x01abcdefgh", b"\x80\x01" + b"\xff" * 20, b"\x82\x3f"):
            with self.subTest(garbage=garbage):
                self.assert_closed_in_silence(framed(garbage), "packet_malformed")

    def test_oversize_is_closed_before_its_bytes_come(self):
        for length in (PACKET_BYTES_MAX + 1, 0x7FFFFFFF, 0xFFFFFFFF):
            for first in (b"\x80", b"\x82"):
                with self.subTest(length=length, first=first):
                    self.assert_closed_in_silence(struct.pack(">I", length) + first,
                                                  "packet_oversize")

    def test_largest_packet_is_served(self):
        spare = PACKET_BYTES_MAX - len(authenticate_message("couple", ""))
        self.assertEqual(self.served_client(user="u" * spare).server, "chat-a")

    def test_slow_drip_runs_out_of_time(self):
        self.restart("auth", timeout="1s")
        client = self.tls_client()
        client.tcp.settimeout(0.05)
        packet = framed(b"\x80\x01\x00\x01" + b"x" * (PACKET_BYTES_MAX - 4))
        ended = False
        for byte in packet:
            try:
                client.send(bytes([byte]))
                ended = client.receive() == b""
            except (socket.timeout, TimeoutError):
                continue
            except (Truncated, ConnectionError):
                ended = True
            if ended:
                break
        self.assertTrue(ended, "the gateway took a whole packet byte by byte")
        self.wait_closed(self.gateway, "packet_timeout")

    def test_silence_after_the_handshake_runs_out_of_time(self):
        self.restart("auth", timeout="1s")
        self.assertEqual(self.tls_client().receive(), b"", "close_notify")
        self.wait_closed(self.gateway, "packet_timeout")

    def test_silence_before_the_handshake_runs_out_of_time(self):
        self.restart("tls", handshake_timeout="1s")
        with socket.create_connection(address_of(self.gateway.address), 30) as silent:
            self.assertEqual(silent.recv(1), b"")
        self.wait_closed(self.gateway, "handshake_timeout")

    def test_no_tls_at_all(self):
        with socket.create_connection(address_of(self.gateway.address), 30) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while plain.recv(4096):
                pass
        self.wait_closed(self.gateway, "handshake_failed")

    def test_half_open_packet(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for begun in (b"", framed(b"\x80\x01" + b"x" * 100)[:20]):
                with self.subTest(version=version, begun=begun):
                    before = self.count("packet_truncated")
                    client = self.tls_client(version=version)
                    client.send(begun or b"\0")
                    client.finish()
                    self.assertEqual(client.receive(), b"", "close_notify is answered")
                    client = self.tls_client(version=version)
                    client.send(begun or b"\0")
                    client.truncate()
                    with self.assertRaisesRegex(Alerted, "decode_error"):
                        client.receive()
                    self.wait_closed(self.gateway, "packet_truncated", before + 2)

    def test_client_hello_above_the_limit(self):
        before = self.count("handshake_failed")
        with socket.create_connection(address_of(self.gateway.address), 30) as client:
            # Ten records of 2,000 bytes, all of them one ClientHello.
            hello = b"\x01" + (20_000).to_bytes(3, "big") + b"\x03\x03" + bytes(19_994)
            for at in range(0, len(hello), 2_000):
                client.sendall(b"\x16\x03\x01\x07\xd0" + hello[at:at + 2_000])
            self.assertEqual(client.recv(100), bytes([21, 3, 3, 0, 2, 2, 47]), "illegal_parameter")
            self.assertEqual(client.recv(100), b"", "FIN, no reset")
        self.wait_closed(self.gateway, "handshake_failed", before + 1)
        self.gateway.wait_for_line("closed: handshake_failed: excessive message size")

    def test_link_that_is_lost(self):
        client = self.served_client()
        for server in self.servers:
            server.kill()
        # OpenSSL has no call for an alert; the missing close_notify tells.
        detaches = self.gateway.tables["tls"]["detach_records"]
        with self.assertRaisesRegex(Truncated, "^internal_error$" if detaches else "^$"):
            client.receive()
        self.wait_closed(self.gateway, "link_lost")

    def test_wrong_method(self):
        def make(compact):
            return message("login", Arguments(integer_key), sequence=SEQUENCE, compact=compact)
        self.both_protocols(make, "packet_method", TApplicationException.UNKNOWN_METHOD,
                            method="login")

    def test_not_a_call(self):
        def make(compact):
            return authenticate_message("c", "u", compact, kind=TMessageType.REPLY,
                                        sequence=SEQUENCE)
        self.both_protocols(make, "packet_not_call", TApplicationException.INVALID_MESSAGE_TYPE)

    def test_key_missing(self):
        def make(compact):
            return authenticate_message(None, "u", compact, sequence=SEQUENCE)
        self.both_protocols(make, "packet_key_missing", TApplicationException.PROTOCOL_ERROR)

    def test_key_of_another_type(self):
        for write_key in (double_key, list_key):
            def make(compact, write_key=write_key):
                return message("authenticate", Arguments(write_key), sequence=SEQUENCE,
                               compact=compact)
            with self.subTest(key=write_key.__name__):
                self.both_protocols(make, "packet_key_type", TApplicationException.PROTOCOL_ERROR)

    def test_key_empty(self):
        def make(compact):
            return authenticate_message("", "u", compact, sequence=SEQUENCE)
        self.both_protocols(make, "packet_key_size", TApplicationException.PROTOCOL_ERROR)

    def test_message_that_ends_early(self):
        def make(compact):
            return authenticate_message("couple", "u", compact, sequence=SEQUENCE)[:24]
        self.both_protocols(make, "packet_malformed", TApplicationException.PROTOCOL_ERROR)

    def test_backend_gone(self):
        for server in self.servers:
            server.kill()
        self.restart("upstream", opening_timeout="1s")
        self.both_protocols(
            lambda compact: authenticate_message("c", "u", compact, sequence=SEQUENCE),
            "backend_unreachable", TApplicationException.INTERNAL_ERROR)

    def test_others_are_served_meanwhile(self):
        broken = [self.tls_client() for _ in range(20)]
        for client in broken:
            client.send(b"\x00\x00")
        self.assertEqual(self.chat_client().authenticate(), generated()[1].AuthResult("chat-a", 0))


if __name__ == "__main__":
    main()
