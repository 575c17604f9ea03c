"""Backends in Python behind the real gateway, with real TLS clients: what honest backends do."""

import threading

from chat_client import Received
from conformance_case import GatewayCase, first_packet
from mux_peer import accept, accept_and_echo
from mux_wire import STREAM_WINDOW, GATEWAY, RefuseReason, ResetReason
from processes import main
from tls_client import Truncated

MEGABYTE = bytes(range(256)) * 4096
FIRST = first_packet()


class Relay(GatewayCase):
    def test_open_says_who_comes(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        client = self.echo_client("couple-7")
        hello, opened = backend.links[0].peer_hello, self.opened(backend).opened
        self.assertEqual(hello.role, GATEWAY)
        self.assertEqual(opened.key, b"couple-7")
        self.assertEqual((opened.client_address, opened.client_port), client.tcp.getsockname())
        self.assertEqual((opened.tls.version, opened.tls.suite, opened.tls.server_name),
                         (client.version, client.tls.cipher()[0], "localhost"))
        self.assertTrue(opened.tag)
        self.assertFalse(opened.tls.resumed)

    def test_megabytes_both_ways_beyond_every_window(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        client, payload = self.echo_client(), MEGABYTE * 4
        received = bytearray()
        # One thread must own the TLS state: what is sent is encrypted before the reading begins.
        client.tls.write(payload)
        sealed = client._out.read()
        sender = threading.Thread(target=client.tcp.sendall, args=(sealed,))
        sender.start()
        while len(received) < len(payload):
            received += client.receive_exactly(min(65536, len(payload) - len(received)))
        sender.join()
        self.assertEqual(received, payload)
        self.assertGreater(self.opened(backend).credit_granted, 3 * len(MEGABYTE))

    def test_windows_of_the_smallest_size(self):
        backend = self.backend(accept_and_echo, stream_window_bytes=1024, link_window_bytes=16_384,
                               frame_bytes_max=4160)
        self.installation(backend)
        clients = [self.echo_client(f"couple-{number}") for number in range(4)]
        for client in clients:
            client.send(MEGABYTE[:100_000])
        for client in clients:
            self.assertEqual(client.receive_exactly(100_000), MEGABYTE[:100_000])

    def test_many_streams_on_one_link(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        clients = [self.echo_client(f"couple-{number}") for number in range(100)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number * 1000)
        for number, client in enumerate(clients):
            payload = b"%d" % number * 1000
            self.assertEqual(client.receive_exactly(len(payload)), payload)
        self.assertEqual((len(backend.links), len(backend.links[0].streams)), (1, 100))
        for client in clients:
            client.finish()
        for client in clients:
            self.assertEqual(client.receive_to_end(), b"")
        self.wait_nobody_left(self.gateway)

    def test_no_more_streams_than_the_backend_takes(self):
        backend = self.backend(accept_and_echo, streams_open_max=2)
        self.installation(backend)
        first, _ = self.echo_client("couple-1"), self.echo_client("couple-2")
        waiting, packet = self.waiting_client("couple-3"), first_packet("couple-3")
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open") == 3, "three clients")
        backend.links[0].ping(1)
        self.assertEqual(len(backend.links[0].streams), 2)
        first.finish()
        self.assertEqual(first.receive_to_end(), b"")
        self.assertEqual(waiting.receive_exactly(len(packet)), packet)

    def test_the_client_finishes_first(self):
        backend = self.backend(accept)
        self.installation(backend)
        client = self.waiting_client()
        client.send(b"last words")
        client.finish()
        stream = self.opened(backend)
        self.assertEqual(stream.receive_to_end(), FIRST + b"last words")
        stream.send(MEGABYTE)
        stream.finish()
        self.assertEqual(client.receive_to_end(), MEGABYTE)
        self.assertEqual((stream.wait_over().own, stream.peer), ("finished", "finished"))
        self.wait_closed(self.gateway, "client_finished")

    def test_the_backend_finishes_first(self):
        backend = self.backend(accept)
        self.installation(backend)
        client, stream = self.waiting_client(), self.opened(backend)
        stream.send(b"last words")
        stream.finish()
        self.assertEqual(client.receive_to_end(), b"last words")
        client.send(MEGABYTE)
        client.finish()
        self.assertEqual(stream.receive_to_end(), FIRST + MEGABYTE)
        stream.wait_over()
        self.wait_closed(self.gateway, "backend_finished")

    def test_a_late_accept(self):
        backend = self.backend()
        self.installation(backend)
        client, stream = self.waiting_client(), self.opened(backend)
        client.send(b"behind the first packet")
        self.assertEqual(stream.receive_exactly(len(FIRST)), FIRST)
        backend.links[0].ping(1)
        stream.accept()
        stream.send(b"at last")
        self.assertEqual(client.receive_exactly(7), b"at last")
        self.assertEqual(stream.receive_exactly(23), b"behind the first packet")

    def test_an_accept_for_a_client_that_has_gone(self):
        backend = self.backend()
        self.installation(backend)
        client, stream = self.waiting_client(), self.opened(backend)
        client.reset()
        backend.links[0].wait(lambda: stream.reset_reason, "Reset")
        self.assertEqual(stream.reset_reason, ResetReason.client_gone)
        backend.links[0].send_frame("accept", stream=1)
        backend.links[0].ping(1)
        self.wait_nobody_left(self.gateway)

    def test_truncation_becomes_reset_and_not_finish(self):
        backend = self.backend(accept)
        self.installation(backend)
        client, stream = self.waiting_client(), self.opened(backend)
        self.assertEqual(stream.receive_exactly(len(FIRST)), FIRST)
        client.truncate()
        stream.wait_reset(ResetReason.client_gone)

    def test_reset_ends_the_client_without_a_clean_close(self):
        backend = self.backend(accept)
        self.installation(backend)
        client, stream = self.waiting_client(), self.opened(backend)
        stream.receive_exactly(len(FIRST))
        stream.reset()
        with self.assertRaises((Truncated, ConnectionError)):
            client.receive()
        stream.wait_reset(ResetReason.acknowledged)
        self.wait_closed(self.gateway, "stream_reset_by_backend")

    def test_ping_is_answered(self):
        backend = self.backend()
        self.installation(backend)
        for opaque in (0, -1, 2**63 - 1):
            backend.wait_link().ping(opaque)


class BackPressure(GatewayCase):
    def test_no_credit_stops_the_reading_of_that_client_alone(self):
        backend = self.backend(accept)
        self.installation(backend)
        deaf, stream = self.waiting_client("deaf"), self.opened(backend, 1)
        other = self.waiting_client("other")
        link = backend.links[0]
        self.opened(backend, 2).echo = True
        packet = first_packet("other")
        deaf.tls.write(MEGABYTE * 8)
        sealed = deaf._out.read()
        sender = threading.Thread(target=deaf.tcp.sendall, args=(sealed,))
        sender.start()
        link.wait(lambda: stream.bytes_received == STREAM_WINDOW, "the whole window")
        self.assertEqual(other.receive_exactly(len(packet)), packet)
        self.assert_echoes(other, MEGABYTE)
        self.assertTrue(sender.is_alive())
        self.assertEqual(stream.bytes_received, STREAM_WINDOW)
        whole = first_packet("deaf") + MEGABYTE * 8
        self.assertEqual(stream.receive_exactly(len(whole)), whole)
        sender.join()

    def test_a_client_that_does_not_read_stops_its_stream_alone(self):
        backend = self.backend(accept)
        self.installation(backend)
        deaf, stream = self.waiting_client("deaf"), self.opened(backend, 1)
        other, echoed = self.waiting_client("other"), self.opened(backend, 2)
        stream.send(MEGABYTE * 16)
        echoed.send(MEGABYTE)
        self.assertEqual(other.receive_exactly(len(MEGABYTE)), MEGABYTE)
        self.assertLess(stream.bytes_sent, 16 * len(MEGABYTE))
        self.assertEqual(deaf.receive_exactly(16 * len(MEGABYTE)), MEGABYTE * 16)

    def test_a_stalled_stream_is_reset(self):
        backend = self.backend(accept)
        self.installation(backend, stall_timeout="1s")
        deaf, stream = self.waiting_client("deaf"), self.opened(backend)
        deaf.send(MEGABYTE[:STREAM_WINDOW])
        stream.wait_reset(ResetReason.stalled)
        self.wait_closed(self.gateway, "backend_stalled")


class Refusals(GatewayCase):
    def refused(self, reason, **fields):
        """What the client is told when every Open is refused so."""
        backend = self.backend(lambda stream: stream.refuse(reason, **fields))
        self.installation(backend, opening_timeout="5s")
        client = self.waiting_client()
        size = int.from_bytes(client.receive_exactly(4), "big")
        answer = Received(client.receive_exactly(size), False)
        self.assertEqual((answer.name, answer.sequence), ("authenticate", 1))
        self.assertEqual(client.receive_to_end(), b"")
        return backend, answer.exception().message

    def test_denied_is_told_at_once(self):
        backend, said = self.refused(RefuseReason.denied)
        self.assertIn("refused_denied", said)
        self.assertEqual(len(backend.links[0].streams), 1)
        self.wait_closed(self.gateway, "refused_denied")

    def test_a_reason_of_the_future_is_denied(self):
        backend, said = self.refused(77)
        self.assertIn("refused_denied", said)
        self.assertEqual(len(backend.links[0].streams), 1)

    def test_not_owner_is_told_when_no_newer_map_comes(self):
        _, said = self.refused(RefuseReason.not_owner, map_epoch=2**40)
        self.assertIn("refused_not_owner", said)
        self.wait_closed(self.gateway, "refused_not_owner")

    def test_busy_is_told_when_it_stays_so(self):
        _, said = self.refused(RefuseReason.busy, retry_after_ms=200)
        self.assertIn("refused_busy", said)
        self.wait_closed(self.gateway, "refused_busy")

    def test_shutting_down_is_told_when_there_is_no_other(self):
        _, said = self.refused(RefuseReason.shutting_down)
        self.assertRegex(said, "backend_shutting_down|backend_unreachable")


class Retries(GatewayCase):
    """A backend that refuses before it serves; no client sees anything of it."""

    def served_after(self, *refusals):
        left = list(refusals)

        def on_open(stream):
            if left:
                reason, fields = left.pop(0)
                stream.refuse(reason, **fields)
            else:
                accept_and_echo(stream)

        backend = self.backend(on_open)
        self.installation(backend)
        client = self.waiting_client()
        # What is behind the packet waits as well, and comes once.
        client.send(MEGABYTE)
        whole = FIRST + MEGABYTE
        self.assertEqual(client.receive_exactly(len(whole)), whole)
        streams = list(backend.links[0].streams.values())
        self.assertEqual(len(streams), len(refusals) + 1)
        self.assertEqual({stream.opened.key for stream in streams}, {b"couple"})
        for stream in streams[:-1]:
            self.assertLessEqual(stream.bytes_received, len(FIRST))
        self.assertEqual(streams[-1].bytes_received, len(whole))
        closes = self.gateway.metrics().by_label("presenter_closes_total", "reason")
        self.assertEqual({reason for reason, count in closes.items() if count}, set())
        self.assertEqual(self.gateway.metric("presenter_opens_waiting"), 0)

    def retries(self, reason):
        return self.gateway.metric("presenter_open_retries_total", reason=reason)

    def test_busy_is_tried_again(self):
        self.served_after((RefuseReason.busy, {"retry_after_ms": 150}), (RefuseReason.busy, {}))
        self.assertEqual(self.retries("busy"), 2)
        self.assertEqual(self.gateway.metric("presenter_opens_refused_total", reason="busy"), 2)

    def test_another_opinion_of_the_same_epoch_is_tried_again(self):
        self.served_after((RefuseReason.not_owner, {"map_epoch": 0}), (RefuseReason.not_owner, {}))
        self.assertEqual(self.retries("not_owner"), 2)

    def test_shutting_down_without_an_end_is_tried_again(self):
        self.served_after((RefuseReason.shutting_down, {}))
        self.assertEqual(self.retries("shutting_down"), 1)

    def test_all_kinds_in_turn(self):
        self.served_after((RefuseReason.busy, {"retry_after_ms": 0}),
                          (RefuseReason.not_owner, {"map_epoch": 0}),
                          (RefuseReason.shutting_down, {}))

    def test_a_backend_without_end_is_not_asked_without_end(self):
        backend = self.backend(lambda stream: stream.refuse(RefuseReason.busy, retry_after_ms=1))
        self.installation(backend, opening_timeout="3s")
        client = self.waiting_client()
        self.wait_closed(self.gateway, "refused_busy")
        self.assertLessEqual(len(backend.links[0].streams), 16)
        self.assertGreater(len(backend.links[0].streams), 2)
        client.receive_to_end()

    def test_a_client_that_leaves_while_it_waits(self):
        backend = self.backend(lambda stream: stream.refuse(RefuseReason.not_owner,
                                                            map_epoch=2**40))
        self.installation(backend)
        client = self.waiting_client()
        self.wait_until(lambda: self.gateway.metric("presenter_opens_waiting") == 1, "it waits")
        client.reset()
        self.wait_nobody_left(self.gateway)
        self.assertEqual(self.gateway.metric("presenter_opens_waiting"), 0)

    def test_no_room_is_called_so(self):
        backend = self.backend(accept_and_echo, streams_open_max=1)
        self.installation(backend, opening_timeout="5s")
        first, late = self.waiting_client("first"), self.waiting_client("late")
        packet = first_packet("first")
        self.assertEqual(first.receive_exactly(len(packet)), packet)
        self.wait_closed(self.gateway, "backend_full")
        self.assertIn(b"backend_full", late.receive_to_end())


class LinkLife(GatewayCase):
    def test_go_away_leaves_streams_alone_and_brings_a_new_link(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        old = self.echo_client()
        first = backend.wait_link()
        first.say_go_away(deadline_ms=60_000)
        second = backend.wait_link(1)
        new = self.echo_client()
        self.assertEqual((len(first.streams), len(second.streams)), (1, 1))
        self.assert_echoes(old, b"goes on")
        old.finish()
        self.assertEqual(old.receive_to_end(), b"")
        first.close()
        self.assert_echoes(new, b"as well")

    def test_nobody_is_turned_away_while_a_link_is_replaced(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        old = self.echo_client()
        for number in range(4):
            backend.wait_link(number).say_go_away(deadline_ms=60_000)
            # They come whether the next link is up already or not.
            for client in [self.waiting_client() for _ in range(5)]:
                self.assertEqual(client.receive_exactly(len(FIRST)), FIRST)
            self.assert_echoes(old, b"goes on")
        self.assertFalse(backend.links[0].closed, "closed before its last stream was over")
        closes = self.gateway.metrics().by_label("presenter_closes_total", "reason")
        self.assertEqual({reason for reason, count in closes.items() if count}, set())

    def test_an_open_that_crosses_go_away_is_opened_elsewhere(self):
        backend = self.backend()
        self.installation(backend)
        client, stream = self.waiting_client(), self.opened(backend)
        backend.on_open = accept_and_echo  # of the links to come, and one comes soon
        with backend.links[0].acting():
            backend.links[0].say_go_away(last_stream=0, deadline_ms=60_000)
            stream.refuse(RefuseReason.shutting_down)
        backend.links[0].close()
        self.assertEqual(client.receive_exactly(len(FIRST)), FIRST)
        self.opened(backend, 1, link=1)
        self.assertEqual(len(backend.links), 2)

    def test_a_lost_link_loses_its_streams_and_is_replaced(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        client = self.echo_client()
        backend.links[0].close()
        with self.assertRaises((Truncated, ConnectionError)):
            client.receive()
        self.wait_closed(self.gateway, "link_lost")
        self.echo_client()

    def test_shutdown_resets_streams_and_says_go_away(self):
        backend = self.backend(accept_and_echo)
        self.installation(backend)
        client = self.echo_client()
        self.gateway.signal(15)
        stream = self.opened(backend)
        stream.wait_reset(ResetReason.shutting_down)
        go_away = backend.links[0].wait_go_away()
        self.assertEqual((go_away.reason, go_away.last_stream), (0, 1))
        client.receive_to_end()
        client.tcp.close()
        self.assertEqual(self.gateway.wait(20), 0)


if __name__ == "__main__":
    main()
