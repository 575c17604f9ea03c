"""TLS 1.3 early data through the real gateway: in front of chat servers in C++, and of a backend in
Python that sees what is in an Open."""

import os
import socket
import time

from chat_client import Received, authenticate_message, framed
from conformance_case import GatewayCase
from early_client import (EARLY_ACCEPTED, EARLY_REJECTED, TLS1_2, TLS1_3, EarlyClient,
                          TlsEnded)
from mux_peer import accept, accept_and_echo
from mux_wire import EARLY_DATA, RefuseReason, ResetReason
from processes import main
from tls_client import address_of

CLOCK_REALTIME_COARSE = 5  # linux/time.h

PACKET = framed(authenticate_message("couple", "ann"))
EARLY_TLS = {"tls": {"early_data": True}}


class EarlyCase(GatewayCase):
    def gateway_before(self, servers, name="gateway", **tls):
        gateway = self.cluster.gateway(name, self.cluster.static_shards(servers),
                                       {"tls": {"early_data": True, **tls}})
        gateway.wait_ready()
        self.settle()
        return gateway

    def settle(self):
        """A gateway takes no early data under tickets as old as itself, to the second. By the
        clock of time(3), from which OpenSSL has a ticket's age: it is behind by up to a tick."""
        started = int(time.time())
        self.wait_until(lambda: int(time.clock_gettime(CLOCK_REALTIME_COARSE)) > started,
                        "the next second")

    def client(self, gateway, **options):
        client = EarlyClient(gateway.address, **options)
        self.addCleanup(client.close)
        return client

    def session(self, gateway, packet=PACKET, version=TLS1_3):
        """Of a client that has been served."""
        client = self.client(gateway, version=version).handshake()
        client.write(packet)
        client.read()
        session = client.session()
        client.close()
        return session

    def early(self, gateway, packet=PACKET, session=None):
        return self.client(gateway, resume=session or self.session(gateway), early=packet)

    def counted(self, gateway, result, count=1):
        self.wait_until(lambda: gateway.metric("presenter_early_data_total", result=result)
                        == count, f"{count} times early data {result}")


class ChatServers(EarlyCase):
    """presenter-chatd, on the backend SDK."""

    def answer(self, packet):
        answer = Received(packet, compact=False)
        self.assertEqual(answer.name, "authenticate")

    def test_one_that_takes_it_answers_before_the_handshake_has_ended(self):
        gateway = self.gateway_before(self.chat_servers(["chat-a"], early_data=True))
        client = self.early(gateway)
        client.start()
        self.answer(client.read_packet(sending=False))
        self.counted(gateway, "forwarded")
        self.assertEqual(client.early_status, EARLY_ACCEPTED)
        client.handshake()
        client.write(PACKET)  # a second one is refused: that session has begun
        self.assertTrue(client.read())

    def test_one_that_does_not_is_asked_when_it_has(self):
        gateway = self.gateway_before(self.chat_servers(["chat-a"]))
        client = self.early(gateway)
        client.read_server_flight()
        client.handshake()
        self.answer(client.read_packet())
        self.counted(gateway, "held")
        self.assertEqual(client.early_status, EARLY_ACCEPTED)

    def test_many_times(self):
        servers = self.chat_servers(["chat-a"], early_data=True, echo=True)
        gateway = self.gateway_before(servers)
        session = self.session(gateway)
        for _ in range(50):
            client = self.early(gateway, session=session)
            client.handshake()
            self.answer(client.read_packet())
            client.write(PACKET)
            self.answer(client.read_packet())  # by then the next ticket has come
            session = client.session()
            client.close()
        self.counted(gateway, "forwarded", 50)
        self.wait_nobody_left(gateway)


class Marks(EarlyCase):
    """What a backend is told, and when."""

    def serving(self, on_open=accept_and_echo, features=EARLY_DATA, **tls):
        backend = self.backend(on_open, features=features)
        self.backends.append(backend)
        gateway = self.gateway_before([backend], **tls)
        self.link = backend.wait_link()
        return gateway

    def opened(self, *marks):  # pylint: disable=arguments-differ
        streams = sorted(self.link.streams.values(), key=lambda stream: stream.id)
        self.assertEqual([bool(stream.opened.early_data) for stream in streams], list(marks))

    def test_the_gateway_announces_what_it_may_do(self):
        self.serving()
        self.assertEqual(self.link.peer_hello.features & EARLY_DATA, EARLY_DATA)

    def test_a_stream_of_early_data_is_marked(self):
        gateway = self.serving()
        more = b"more of it" * 100
        client = self.early(gateway, PACKET + more)
        client.handshake()
        client.write(b"and the rest")
        expected = PACKET + more + b"and the rest"
        received = b""
        while len(received) < len(expected):
            received += client.read()
        self.assertEqual(received, expected)
        self.opened(False, True)

    def test_a_backend_that_does_not_take_it_sees_no_mark(self):
        gateway = self.serving(features=0)
        client = self.early(gateway).handshake()
        self.assertEqual(client.read(), PACKET)
        self.opened(False, False)
        self.counted(gateway, "held")

    def test_a_packet_that_is_not_whole_waits_for_its_rest(self):
        gateway = self.serving()
        client = self.early(gateway, PACKET[:20]).handshake()
        client.write(PACKET[20:])
        received = b""
        while len(received) < len(PACKET):
            received += client.read()
        self.assertEqual(received, PACKET)
        self.opened(False, False)
        self.counted(gateway, "held")

    def test_a_packet_that_is_none_is_answered_after_the_handshake(self):
        gateway = self.serving()
        client = self.early(gateway, framed(b"\x80\x01\x00\x01\0\0\0\1x\0\0\0\1\0"))
        client.handshake()
        Received(client.read_packet(), compact=False).exception()
        self.wait_closed(gateway, "packet_method")

    def refusing_marked(self):
        """A gateway before a backend that leaves it to the test to refuse the marked stream; a
        client whose early data has been given to that backend; and that stream."""
        marked = []
        gateway = self.serving(lambda stream: marked.append(stream) if stream.opened.early_data
                               else accept_and_echo(stream))
        client = self.early(gateway)
        client.start()
        self.link.wait(lambda: marked, "the early stream")
        return gateway, client, marked[0]

    def test_who_refuses_a_marked_stream_is_asked_again_without_the_mark(self):
        for reason in (RefuseReason.denied, RefuseReason.busy):
            with self.subTest(reason):
                gateway, client, marked = self.refusing_marked()
                marked.refuse(reason)
                self.wait_until(lambda gateway=gateway: gateway.metric(
                    "presenter_opens_refused_total") == 1, "the gateway knows")
                client.handshake()
                self.assertEqual(client.read(), PACKET)
                self.opened(False, True, False)
                gateway.stop()

    def test_so_is_who_refuses_it_when_the_handshake_has_ended(self):
        for reason in (RefuseReason.denied, RefuseReason.busy):
            with self.subTest(reason):
                gateway, client, marked = self.refusing_marked()
                client.handshake()
                self.wait_until(lambda gateway=gateway: gateway.metric(
                    "presenter_clients_open", phase="opening") == 1, "the handshake has ended")
                marked.refuse(reason)
                self.assertEqual(client.read(), PACKET)
                self.opened(False, True, False)
                gateway.stop()

    def test_the_end_of_an_early_answer_comes_when_the_handshake_has_ended(self):
        self.check_early_end(PACKET, "relaying")
        larger_than_its_window = framed(authenticate_message("couple", "a" * 2000))
        self.check_early_end(larger_than_its_window, "opening")

    def check_early_end(self, packet, phase):
        """The backend says everything at once, whatever it has taken of the packet. `phase`: in
        which the client is when the handshake has ended."""
        def on_open(stream):
            if not stream.opened.early_data:
                return accept_and_echo(stream)
            stream.accept()
            stream.send(b"bye")
            stream.finish()
            return ended.append(stream)
        ended = []
        backend = self.backend(on_open, features=EARLY_DATA, stream_window_bytes=1024)
        self.backends.append(backend)
        gateway = self.gateway_before([backend])
        client = self.early(gateway, packet)
        client.start()
        self.assertEqual(client.read(sending=False), b"bye")
        client.handshake()
        self.wait_until(lambda: gateway.metric("presenter_clients_open", phase=phase) == 1,
                        "the handshake has ended")
        self.assertEqual(ended[0].receive_exactly(len(packet)), packet)
        self.assertEqual(client.read(), b"")
        gateway.stop()

    # --- the same bytes again

    def test_a_replay_is_a_handshake_without_early_data(self):
        gateway = self.serving(handshake_timeout="2s")
        flight = self.early(gateway).start()
        self.counted(gateway, "forwarded")
        for times in range(1, 5):
            with socket.create_connection(address_of(gateway.address)) as tcp:
                tcp.sendall(flight)
                self.assertEqual(tcp.recv(1), b"\x16")  # ServerHello's record
                self.counted(gateway, "replayed", times)
        self.wait_closed(gateway, "handshake_failed", 4)
        self.opened(False, True)

    def test_no_worker_takes_what_another_took(self):
        backend = self.backend(accept_and_echo, features=EARLY_DATA)
        self.backends.append(backend)
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards([backend]),
                                       {**EARLY_TLS, "workers": {"count": 4}})
        gateway.wait_ready()
        self.settle()
        self.wait_until(lambda: gateway.metric("presenter_links_up") == 4, "all links")
        session = self.session(gateway)
        flight = self.early(gateway, session=session).start()
        self.counted(gateway, "forwarded")
        for times in range(1, 17):
            with socket.create_connection(address_of(gateway.address)) as tcp:
                tcp.sendall(flight)
                self.assertEqual(tcp.recv(1), b"\x16")
                self.counted(gateway, "replayed", times)

    # --- switched off

    def test_without_the_switch_tickets_allow_none(self):
        gateway = self.serving(early_data=False)
        self.assertEqual(self.link.peer_hello.features & EARLY_DATA, 0)
        self.assertEqual(self.session(gateway).early_bytes_max, 0)

    def test_tls_1_2_goes_on_as_ever(self):
        gateway = self.serving()
        session = self.session(gateway, version=TLS1_2)
        client = self.client(gateway, version=TLS1_2, resume=session).handshake()
        self.assertTrue(client.is_resumed)
        client.write(PACKET)
        self.assertEqual(client.read(), PACKET)

    def test_a_gateway_without_the_switch_refuses_what_another_allowed(self):
        keys = self.write_private("ticket.keys", os.urandom(80))
        gateway = self.serving(ticket_key_file=keys)
        session = self.session(gateway)
        other = self.cluster.gateway("other", self.cluster.static_shards(self.backends),
                                     {"tls": {"ticket_key_file": keys}})
        other.wait_ready()
        client = self.early(other, session=session).handshake()
        self.assertEqual((client.is_resumed, client.early_status), (True, EARLY_REJECTED))
        client.write(PACKET)
        self.assertEqual(client.read(), PACKET)
        self.counted(other, "rejected")

    # --- early data, and then not what should follow

    def session_unanswered(self, gateway):
        """Where the backend says nothing, but the gateway's ticket comes with its last flight."""
        client = self.client(gateway).handshake()
        client.write(framed(b"\x80\x01\0\x01\0\0\0\1x\0\0\0\1\0"))  # the gateway answers that
        client.read()
        session = client.session()
        client.close()
        return session

    def abandoned(self, then, reason, **tls):
        """The stream is reset when the handshake comes to nothing."""
        gateway = self.serving(accept, **tls)
        client = self.early(gateway, session=self.session_unanswered(gateway))
        client.start()
        self.link.wait_stream(1)
        then(client)
        self.link.streams[1].wait_reset(ResetReason.client_gone)
        self.wait_closed(gateway, reason)
        self.wait_until(lambda: gateway.metric("presenter_streams_open") == 0, "no stream")

    def test_garbage(self):
        self.abandoned(lambda client: client.send_raw(b"\x17\x03\x03\x00\x20" + b"g" * 32),
                       "handshake_failed")

    def test_nothing(self):
        self.abandoned(lambda client: None, "handshake_timeout", handshake_timeout="1s")

    def test_a_fin(self):
        self.abandoned(lambda client: client.tcp.shutdown(socket.SHUT_WR), "handshake_failed")

    def test_a_reset(self):
        self.abandoned(lambda client: client.close(), "handshake_failed")

    def test_more_than_the_ticket_allows(self):
        gateway = self.serving()
        session = self.session(gateway)
        self.assertEqual(session.early_bytes_max, 4096 + 4)
        session.allow_early_bytes(1 << 20)
        client = self.early(gateway, b"\0\0\x20\0" + b"x" * 8192, session)
        with self.assertRaises(TlsEnded):
            client.handshake()
            client.read()
        self.wait_closed(gateway, "handshake_failed")
        self.opened(False)

    def test_an_answer_larger_than_the_client_takes_before_it_goes_on(self):
        answer = bytes(range(256)) * 4096

        def on_open(stream):
            stream.accept()
            stream.send(answer)
        gateway = self.serving(on_open)
        client = self.early(gateway)
        client.start()
        received = b""
        while len(received) < 30_000:
            received += client.read(sending=False)
        client.handshake()
        while len(received) < len(answer):
            received += client.read()
        self.assertEqual(received, answer)


if __name__ == "__main__":
    main()
