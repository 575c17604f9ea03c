"""A gateway in Python takes streams from one real chat server to another, README §4.11 to §4.12."""

from conformance_case import SdkCase
from mux_wire import DATA_BYTES_MAX, HANDOFF, LinkError, ResetReason, T, encode
from processes import main

BYTES = bytes(range(256)) * 240  # less than a window, more than three frames


class Handoffs(SdkCase):
    hand_over = True

    def setUp(self):
        super().setUp()
        self.other = self.chat_server("chat-b", echo=True, hand_over=True)

    def link(self, **hello):
        return self.link_to(self.server, **{"features": HANDOFF, **hello})

    def link_to_other(self):
        return self.link_to(self.other, features=HANDOFF)

    def assert_goes_on(self, stream, sent, is_finished=False):
        """It is given up; the other server echoes the rest, and no byte is lost or doubled."""
        echoed, unread = stream.receive_given_up()
        last = stream.checkpoints[-1]
        self.assertEqual((last.consumed + len(unread), last.produced), (len(sent), len(echoed)))
        self.assertEqual(sent[last.consumed:], unread)
        for piece in stream.checkpoints[:-1]:
            self.assertEqual((piece.state, piece.last, len(piece.unread)),
                             (b"", None, DATA_BYTES_MAX))
        further = self.link_to_other().open_continued(b"key", last)
        further.send(unread if is_finished else unread + b"and on")
        further.finish()
        echoed += further.receive_to_end()
        self.assertEqual(echoed, sent if is_finished else sent + b"and on")
        further.wait_over()

    def test_an_idle_stream(self):
        stream = self.link().open(data=b"x")
        self.assertEqual(stream.receive_exactly(1), b"x")
        stream.hand_off()
        echoed, unread = stream.receive_given_up()
        [last] = stream.checkpoints
        self.assertEqual((echoed, unread, last.consumed, last.produced, last.finished),
                         (b"", b"", 1, 1, None))
        further = self.link_to_other().open_continued(b"key", last)
        further.send(b"y")
        self.assertEqual(further.receive_exactly(1), b"y")
        further.hand_off()
        further.receive_given_up()
        last = further.checkpoints[-1]
        self.assertEqual((last.consumed, last.produced), (2, 2))  # counted over all streams

    def test_unread_bytes_longer_than_a_frame(self):
        link = self.link(stream_window_bytes=1024)
        stream = link.open(data=BYTES)
        link.wait(lambda: stream.bytes_received == 1024, "the server cannot write on")
        stream.hand_off()
        self.assert_goes_on(stream, BYTES)
        self.assertGreater(len(stream.checkpoints), 1)

    def test_a_client_that_has_finished(self):
        link = self.link(stream_window_bytes=1024)
        stream = link.open(data=BYTES)
        stream.finish()
        link.wait(lambda: stream.own == "finished", "our Finish left")
        stream.hand_off()
        self.assert_goes_on(stream, BYTES, is_finished=True)

    def test_many_on_one_link(self):
        link = self.link()
        streams = [link.open(b"key-%d" % number, BYTES) for number in range(50)]
        for stream in streams:
            stream.hand_off()
        for stream in streams:
            self.assert_goes_on(stream, BYTES)

    def test_a_reset_crosses_the_handoff(self):
        link = self.link()
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        link.send_raw(encode("handoff", stream=stream.id, reason=2, map_epoch=2, deadline_ms=1)
                      + encode("reset", stream=stream.id, reason=ResetReason.moved))
        link.ping(1)
        self.assert_serving()

    def test_two_handoffs_are_a_stream_error(self):
        link = self.link(stream_window_bytes=1024)
        stream = link.open(data=BYTES)
        link.wait(lambda: stream.bytes_received == 1024, "the server cannot write on")
        stream.hand_off()
        stream.hand_off()
        stream.wait_reset(ResetReason.bad_state)

    def test_continued_without_its_checkpoint(self):
        link = self.link()
        stream = link.open(data=b"x", continued=T.Continued(cause=1, node="chat-b"))
        stream.wait_reset(ResetReason.bad_state)


class WithoutTheFeature(SdkCase):
    def test_a_handoff_is_an_unknown_frame(self):
        link = self.link(features=HANDOFF)
        self.assertEqual(link.peer_hello.features & HANDOFF, 0)
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        stream.hand_off()
        self.assert_link_error(link, LinkError.frame_unknown)
        self.assert_serving()


if __name__ == "__main__":
    main()
