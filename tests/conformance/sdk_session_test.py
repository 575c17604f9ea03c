"""A gateway in Python in front of the real SDK: what an honest gateway does."""

import json
import struct

from chat_client import Received, authenticate_message, framed, generated, message
from conformance_case import SdkCase
from mux_wire import EARLY_DATA, STREAM_WINDOW, RefuseReason, ResetReason, T
from processes import main

MEGABYTE = bytes(range(256)) * 4096


class EchoSession(SdkCase):
    def test_hello_says_who_it_is(self):
        hello = self.link().peer_hello
        self.assertEqual((hello.role, hello.node, hello.version_min), (T.Role.BACKEND, "chat-a", 1))
        self.assertEqual(hello.stream_window_bytes, STREAM_WINDOW)

    def test_megabytes_both_ways_beyond_every_window(self):
        link = self.link()
        stream = link.open(data=MEGABYTE * 3)
        stream.finish()
        self.assertEqual(stream.receive_to_end(), MEGABYTE * 3)
        stream.wait_over()
        self.assertGreater(stream.credit_granted, 2 * len(MEGABYTE))

    def test_small_windows_of_ours_are_respected(self):
        link = self.link(stream_window_bytes=1024, link_window_bytes=16_384, frame_bytes_max=4160)
        streams = [link.open(data=MEGABYTE[:40_000]) for _ in range(12)]
        for stream in streams:
            stream.finish()
            self.assertEqual(stream.receive_to_end(), MEGABYTE[:40_000])

    def test_windows_fill_exactly_and_wait(self):
        link = self.link(stream_window_bytes=1024)
        stream = link.open(data=MEGABYTE[:10_000])
        link.wait(lambda: stream.bytes_received == 1024, "the whole window")
        link.ping(1)
        self.assertEqual(stream.bytes_received, 1024)
        self.assertEqual(stream.receive_exactly(10_000), MEGABYTE[:10_000])

    def test_a_link_window_that_streams_hold_whole_stops_the_others(self):
        link = self.link(link_window_bytes=2 * STREAM_WINDOW)
        held, other = [link.open(data=MEGABYTE[:100_000]) for _ in range(2)], link.open()
        for stream in held:
            link.wait(lambda: stream.bytes_received == STREAM_WINDOW, "a whole window")
        other.send(b"waits")
        link.ping(1)
        self.assertEqual(other.bytes_received, 0)
        for stream in held:
            self.assertEqual(stream.receive_exactly(100_000), MEGABYTE[:100_000])
        self.assertEqual(other.receive_exactly(5), b"waits")

    def test_one_stream_never_stops_the_smallest_link(self):
        link = self.link(link_window_bytes=2 * STREAM_WINDOW)
        held, other = link.open(data=MEGABYTE), link.open()
        link.wait(lambda: held.bytes_received == STREAM_WINDOW, "a whole window")
        other.send(MEGABYTE)
        self.assertEqual(other.receive_exactly(len(MEGABYTE)), MEGABYTE)
        self.assertEqual(held.bytes_received, STREAM_WINDOW)

    def test_a_stream_without_credit_holds_up_nobody(self):
        link = self.link()
        held, other = link.open(data=MEGABYTE), link.open()
        link.wait(lambda: held.bytes_received == STREAM_WINDOW, "one window")
        other.send(MEGABYTE)
        self.assertEqual(other.receive_exactly(len(MEGABYTE)), MEGABYTE)
        self.assertEqual(held.bytes_received, STREAM_WINDOW)
        self.assertEqual(held.receive_exactly(len(MEGABYTE)), MEGABYTE)

    def test_stalled_streams_that_hold_the_link_nearly_whole_hold_up_nobody(self):
        link = self.link(stream_window_bytes=1024)
        pinned = link.peer_hello.link_window_bytes // STREAM_WINDOW - 8
        stalled = [link.open(data=MEGABYTE[:3 * STREAM_WINDOW]) for _ in range(pinned)]
        other = link.open()
        # None of them gets credit for its echo, so that what the server still takes is little.
        link.wait(lambda: all(stream.send_left == 0 for stream in stalled), "full windows")
        other.send(MEGABYTE[:600_000])  # more than is free
        self.assertEqual(other.receive_exactly(600_000), MEGABYTE[:600_000])
        self.assertTrue(all(stream.outbox for stream in stalled))

    def test_many_streams_on_one_link(self):
        link = self.link()
        streams = [link.open(b"key-%d" % number, b"%d" % number * 100) for number in range(500)]
        for number, stream in enumerate(streams):
            stream.finish()
            self.assertEqual(stream.receive_to_end(), b"%d" % number * 100)
        for stream in streams:
            self.assertTrue(stream.wait_over().accepted)

    def test_metadata_up_to_its_limit(self):
        tls = T.TlsFacts(version="TLSv1.3", suite="TLS_AES_128_GCM_SHA256",
                         server_name="chat.example.org", alpn="chat", resumed=True)
        link = self.link()
        stream = link.open(bytes(range(256)) * 4, b"x", map_epoch=7, client_address="2001:db8::1",
                           client_port=65_535, tls=tls, tag="t" * 2900)
        self.assertEqual(stream.receive_exactly(1), b"x")

    def test_ids_may_have_gaps_up_to_the_largest(self):
        link = self.link()
        for number in (5, 1000, 2**40, 2**63 - 1):
            self.assertEqual(link.open(data=b"x", number=number).receive_exactly(1), b"x")

    def test_early_data_is_taken_by_who_says_so(self):
        taking = self.link_to(self.chat_server("chat-b", echo=True, early_data=True))
        self.assertEqual(self.link().peer_hello.features & EARLY_DATA, 0)
        self.assertEqual(taking.peer_hello.features & EARLY_DATA, EARLY_DATA)
        stream = taking.open(data=b"early", early_data=True)
        self.assertEqual(stream.receive_exactly(5), b"early")

    def test_finish_is_answered_by_finish(self):
        stream = self.link().open()
        stream.finish()
        self.assertEqual(stream.receive_to_end(), b"")
        self.assertEqual((stream.wait_over().own, stream.peer), ("finished", "finished"))

    def test_reset_is_acknowledged_once(self):
        link = self.link()
        stream = link.open(data=MEGABYTE)
        link.wait(lambda: stream.received, "an echo")
        stream.reset()
        stream.wait_reset(ResetReason.acknowledged)
        link.ping(1)
        self.assertIsNone(link.go_away)

    def test_reset_after_our_finish(self):
        link = self.link()
        stream = link.open(data=MEGABYTE)
        link.wait(lambda: stream.bytes_received == STREAM_WINDOW, "one window")
        stream.outbox.clear()
        stream.finish()
        link.wait(lambda: stream.own == "finished", "our Finish left")
        stream.own = "open"  # Reset may follow one's own Finish, README §5
        stream.reset()
        stream.wait_reset(ResetReason.acknowledged)

    def test_resets_give_the_links_credit_back(self):
        link = self.link(stream_window_bytes=1024)
        window = link.peer_hello.link_window_bytes
        sent = 0
        while sent <= 2 * window:
            streams = [link.open(data=MEGABYTE[:STREAM_WINDOW]) for _ in range(100)]
            for stream in streams:
                link.wait(lambda: stream.bytes_sent == STREAM_WINDOW, "it left")
                sent += stream.bytes_sent
                stream.reset()
        self.assertEqual(link.open(data=b"x").receive_exactly(1), b"x")
        self.assertGreaterEqual(link.link_credit_granted, sent - window)

    def test_ping_is_answered_in_the_midst_of_data(self):
        link = self.link()
        stream = link.open(data=MEGABYTE)
        for opaque in (0, 1, -1, 2**63 - 1, -2**63):
            link.ping(opaque)
        self.assertEqual(link.pongs, [0, 1, -1, 2**63 - 1, -2**63])
        self.assertEqual(stream.receive_exactly(len(MEGABYTE)), MEGABYTE)

    def test_drain_at_sigterm(self):
        link = self.link()
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        self.server.signal(15)
        go_away = link.wait_go_away()
        self.assertEqual((go_away.reason, go_away.last_stream), (0, 1))
        late = link.open(number=2)
        late.wait_over()
        self.assertEqual(getattr(late.refused, "reason", late.refused), RefuseReason.shutting_down)
        stream.send(b"goes on")
        self.assertEqual(stream.receive_exactly(7), b"goes on")
        stream.finish()
        self.assertEqual(stream.receive_to_end(), b"")
        self.beside.finish()
        link.wait_closed()
        self.assertEqual(self.server.wait(20), 0)


class ChatSession(SdkCase):
    """The Thrift chat over streams: two people of one couple, each on a link of their own."""

    echo = False

    def call(self, stream, name, arguments, sequence=1):
        stream.send(framed(message(name, arguments, sequence=sequence)))

    def receive_message(self, stream):
        size = struct.unpack(">I", stream.receive_exactly(4))[0]
        return Received(stream.receive_exactly(size), False)

    def join(self, link, user):
        stream = link.open(b"couple", framed(authenticate_message("couple", user)),
                           client_address="192.0.2.7", client_port=4711, tag="python/1")
        answer = self.receive_message(stream)
        result = answer.read(generated()[0].authenticate_result())
        self.assertEqual(result.success.server, "chat-a", json.dumps(answer.name))
        return stream

    def test_messages_go_between_two_links(self):
        chat = generated()[0]
        ann, ben = self.join(self.bystander, "ann"), self.join(self.link(), "ben")
        for number in range(1, 101):
            self.call(ann, "send", chat.send_args(client_id=number, body=b"%d" % number), number)
            sent = self.receive_message(ann).read(chat.send_result())
            self.assertEqual(sent.success, number)
            deliver = self.receive_message(ben).read(chat.deliver_args()).message
            self.assertEqual((deliver.sender, deliver.body), ("ann", b"%d" % number))
        self.call(ben, "history", chat.history_args(after=98, limit=10))
        history = self.receive_message(ben).read(chat.history_result())
        self.assertEqual([entry.client_id for entry in history.success], [99, 100])
        for stream in (ann, ben):
            stream.finish()
            self.assertEqual(stream.receive_to_end(), b"")
            stream.wait_over()


if __name__ == "__main__":
    main()
