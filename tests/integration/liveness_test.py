"""Links whose other end says nothing any more are found, by the gateway and by the chat server;
busy ones are left alone; and what connects again does not come in step."""

import itertools
import socket
import time
import types

from conformance_case import PeerCase
from forwarder import Forwarder
from mux_peer import Backend, accept
from mux_wire import BACKEND, encode, hello_fields
from processes import PATIENCE, main, tcp_established_to
from ring import Ring
from tls_client import Truncated

# Short, for a test; and yet long enough that a busy machine is no silent peer.
DEAD_SECONDS = 4
GATEWAY_FINDS = {"ping_interval": "200ms", "dead_after": f"{DEAD_SECONDS * 1000:.0f}ms",
                 "opening_timeout": "60s"}
SERVER_FINDS = ("--ping-seconds", 0.2, "--dead-seconds", DEAD_SECONDS)


class LivenessCase(PeerCase):
    def assert_cut(self, client):
        """It ended, and not as if the chat server had wanted it so."""
        with self.assertRaises((Truncated, ConnectionError)):
            client.receive()

    def start_gateway(self, servers, **upstream):
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards(servers),
                                            {"upstream": upstream})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, [server.name for server in servers])

    def periods(self, count, dead_seconds=DEAD_SECONDS):
        """Numbers, until `count` times the silence that is death has passed."""
        end = time.monotonic() + count * dead_seconds
        return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())

    def timeouts(self):
        return self.gateway.metric("presenter_link_errors_total", error="link_timeout")

    def wait_metric(self, name, value):
        self.wait_until(lambda: self.gateway.metric(name) == value, f"{name} is {value}")


class Silence(LivenessCase):
    def test_a_chat_server_that_stands_still_is_suspected_given_up_and_found_again(self):
        server = self.cluster.chat_server("chat-a", echo=True)
        self.start_gateway([server], **GATEWAY_FINDS)
        client = self.echo_client()

        server.pause()
        self.gateway.wait_for_line("link to chat-a is silent or without credit: no new", PATIENCE)
        waiting = self.waiting_client()
        self.wait_until(lambda: self.timeouts() == 1, "the link is given up")
        self.assert_cut(client)
        self.wait_closed(self.gateway, "link_lost")
        self.wait_metric("presenter_links_up", 0)
        self.assertEqual(self.gateway.metric("presenter_links_suspect"), 0)
        self.assertEqual(self.gateway.metric("presenter_streams_opened_total"), 1,
                         "a stream on a suspect link")

        server.resume()
        self.assertEqual(waiting.receive_exactly(len(waiting.first)), waiting.first)
        self.assert_echoes(self.echo_client("another"))
        self.wait_metric("presenter_links_up", 1)

    def test_a_link_that_was_only_suspect_goes_on(self):
        server = self.cluster.chat_server("chat-a", echo=True)
        self.start_gateway([server], **{**GATEWAY_FINDS, "dead_after": "1h"})
        client = self.echo_client()
        server.pause()
        self.gateway.wait_for_line("link to chat-a is silent", PATIENCE)
        self.wait_metric("presenter_links_suspect", 1)
        waiting = self.waiting_client()
        server.resume()
        self.assertEqual(waiting.receive_exactly(len(waiting.first)), waiting.first)
        self.assert_echoes(client)
        self.wait_metric("presenter_links_suspect", 0)
        self.assertEqual(self.gateway.metric("presenter_links_opened_total"), 1)

    def test_a_gateway_that_stands_still_is_given_up_by_the_chat_server(self):
        server = self.cluster.chat_server("chat-a", echo=True, extra=SERVER_FINDS)
        self.start_gateway([server])
        client = self.echo_client()
        self.assertEqual(tcp_established_to(self.gateway.pid, [server.port]), 1)

        self.gateway.pause()
        self.wait_until(lambda: tcp_established_to(self.gateway.pid, [server.port]) == 0,
                        "the chat server closes the link")
        beside = self.link_to(server)
        beside.ping(1)

        self.gateway.resume()
        self.assert_cut(client)
        self.assert_echoes(self.echo_client())
        self.wait_metric("presenter_links_opened_total", 2)

    def test_a_gateway_that_stood_still_itself_accuses_nobody(self):
        server = self.cluster.chat_server(
            "chat-a", echo=True, extra=("--ping-seconds", 0.2, "--dead-seconds", 3600))
        self.start_gateway([server], **GATEWAY_FINDS)
        client = self.echo_client()
        beside = self.link_to(server)
        self.gateway.pause()
        for number in self.periods(2):
            beside.ping(number)
        self.gateway.resume()
        self.assert_echoes(client)
        self.assertEqual(self.gateway.metric("presenter_links_opened_total"), 1)

    def test_a_peer_that_vanished_without_a_word_is_found_from_both_ends(self):
        servers = self.chat_servers(("chat-a", "chat-b"), echo=True, extra=SERVER_FINDS)
        hole = Forwarder(servers[0])
        self.addCleanup(hole.close)
        self.start_gateway([hole, servers[1]], **GATEWAY_FINDS)
        ring = Ring(["chat-a", "chat-b"])
        couples = [f"couple-{number}" for number in range(20)]
        lost, others = ([self.echo_client(couple) for couple in couples
                         if ring.owner(couple) == name] for name in ("chat-a", "chat-b"))
        self.assertTrue(lost and others, "the couples reach both")

        hole.go_silent()
        for client in lost:
            self.assert_cut(client)
        self.wait_until(lambda: self.timeouts() == 1, "the link's end is counted")
        self.assertTrue(hole.links[0].wait_ended_by("near", PATIENCE), "the gateway closes")
        self.assertTrue(hole.links[0].wait_ended_by("far", PATIENCE), "the chat server closes")
        for client in others:
            self.assert_echoes(client)
        for couple in couples:
            self.assert_echoes(self.echo_client(couple))
        self.assertEqual(self.gateway.metric("presenter_links_opened_total"), 3)


class Busy(LivenessCase):
    """Bytes one way only, and no Pong to any Ping: for twice the silence that is death."""

    # The bytes come from this process, which a busy machine may hold up for some seconds.
    DEAD_SECONDS = 6
    # Who reads nothing learns of no credit: one byte at a time, what there is must last.
    GATEWAY_FINDS = {"ping_interval": "2s", "dead_after": f"{DEAD_SECONDS}s",
                     "opening_timeout": "60s", "stream_window_bytes": 1 << 20}

    def start(self):
        backend = Backend(on_open=accept)
        self.backends.append(backend)
        self.start_gateway([backend], **self.GATEWAY_FINDS)
        client = self.waiting_client()
        link = backend.wait_link()
        stream = link.wait_stream(1)
        self.assertEqual(stream.receive_exactly(len(client.first)), client.first)
        return link, stream, client

    def assert_undisturbed(self):
        self.assertNotIn("is silent", self.gateway.output())
        self.assertEqual(self.gateway.metric("presenter_links_opened_total"), 1)
        self.assertEqual(self.timeouts(), 0)

    def test_a_backend_that_only_sends_and_reads_nothing(self):
        link, stream, client = self.start()
        link.answering_pings = False
        link.stop_reading()
        for _ in self.periods(2, self.DEAD_SECONDS):
            stream.send(b"x")
            self.assertEqual(client.receive_exactly(1), b"x")
        self.assert_undisturbed()
        link.stop_reading(False)
        link.ping(1)
        self.assertIsNone(link.go_away)

    def test_a_backend_that_only_takes_and_grants(self):
        link, stream, client = self.start()
        link.answering_pings = False
        piece = bytes(range(256)) * 256
        for _ in self.periods(2, self.DEAD_SECONDS):
            client.send(piece)
            self.assertEqual(stream.receive_exactly(len(piece)), piece)
        self.assert_undisturbed()


class Reconnects(LivenessCase):
    """A listener that takes each link and drops it soon; when each came is what is looked at."""

    LINKS = 8

    def arrivals(self, count, end=socket.socket.close):
        """When the first `count` links came, in seconds from the first of them."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(listener.close)
        listener.settimeout(PATIENCE)
        server = types.SimpleNamespace(name="chat-a", port=listener.getsockname()[1])
        self.cluster.gateway("gateway", self.cluster.static_shards([server]),
                             {"upstream": {"links_per_worker": self.LINKS}})
        times = []
        while len(times) < count:
            link, _ = listener.accept()
            times.append(time.monotonic())  # before the close, from which the pause is counted
            end(link)
        return [at - times[0] for at in times]

    def test_pauses_grow_and_no_two_links_stay_in_step(self):
        self.assert_pauses_grow(socket.socket.close)

    def test_pauses_grow_also_if_each_link_is_up_for_a_moment(self):
        def say_hello_and_close(link):
            link.sendall(encode("hello", **hello_fields(BACKEND)))
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass
            link.close()
        self.assert_pauses_grow(say_hello_and_close)

    def test_pauses_grow_also_if_each_link_is_left_at_once(self):
        links = []
        self.addCleanup(lambda: [link.close() for link in links])

        def say_go_away(link):
            links.append(link)
            link.sendall(encode("hello", **hello_fields(BACKEND))
                         + encode("go_away", last_stream=0, reason=0, deadline_ms=0))
        self.assert_pauses_grow(say_go_away)

    def assert_pauses_grow(self, end):
        rounds = 6
        times = self.arrivals(rounds * self.LINKS, end)
        # Pauses are 100 ms at first and double; each is drawn from half of it to the whole. So
        # before these moments no link, however it was drawn, can have come once more:
        for round_number in range(1, rounds):
            earliest = sum(0.05 * 2**number for number in range(round_number))
            self.assertGreaterEqual(times[round_number * self.LINKS], earliest, times)
        # In step, eight links would come within a moment of each other, and again much later.
        last = times[-self.LINKS:]
        self.assertGreater(last[-1] - last[0], 0.1, last)


if __name__ == "__main__":
    main()
