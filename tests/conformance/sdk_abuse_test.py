"""A hostile gateway in Python in front of the real SDK: each offence ends in the stream error or
link error that protocol/README.md §5 and §8 name, and a link beside it goes on being served."""

import socket
import time

from conformance_case import IS_JAVA, SdkCase
from mux_peer import PATIENCE, Link
from mux_wire import (BACKEND, GATEWAY, LINK_WINDOW_MAX, STREAM_WINDOW, STREAM_WINDOW_MAX,
                      LinkError, RefuseReason, ResetReason, encode, hello_fields, open_fields)
from processes import is_sanitized, main

FULL = b"x" * 16_384
OPENS_PER_SECOND, OPENS_BURST_SECONDS = 10_000, 2  # protocol/README.md §7

# What is said right after Hello, and what it is called.
LINK_ERRORS = {
    "Open with a lower id": (LinkError.stream_not_increasing,
                             [("open", open_fields(2)), ("open", open_fields(1))]),
    "Open with the same id": (LinkError.stream_not_increasing,
                              [("open", open_fields(1)), ("open", open_fields(1))]),
    "Open of a stream that is over": (LinkError.stream_not_increasing,
                                      [("open", open_fields(1)), ("finish", {"stream": 1}),
                                       ("reset", {"stream": 1, "reason": 2}),
                                       ("open", open_fields(1))]),
    "Data on a stream never opened": (LinkError.stream_never_opened,
                                      [("data", {"stream": 9, "payload": b"x"})]),
    "Finish on a stream never opened": (LinkError.stream_never_opened, [("finish", {"stream": 9})]),
    "Reset on a stream never opened": (LinkError.stream_never_opened,
                                       [("reset", {"stream": 9, "reason": 2})]),
    "Credit on a stream never opened": (LinkError.stream_never_opened,
                                        [("credit", {"stream": 9, "bytes": 1})]),
    "Accept from a gateway": (LinkError.wrong_direction, [("accept", {"stream": 1})]),
    "Refuse from a gateway": (LinkError.wrong_direction,
                              [("refuse", {"stream": 1, "reason": 3})]),
    "a second Hello": (LinkError.hello_repeated, [("hello", hello_fields(GATEWAY))]),
    "a Pong to no Ping": (LinkError.pong_unexpected, [("pong", {"opaque": 1})]),
    "link credit above its maximum": (LinkError.link_credit_overflow,
                                      [("credit", {"stream": 0, "bytes": LINK_WINDOW_MAX})]),
    "link credit of 63 bits": (LinkError.link_credit_overflow,
                               [("credit", {"stream": 0, "bytes": 2**63 - 1})]),
    "link credit in crumbs": (LinkError.link_credit_too_small,
                              [("credit", {"stream": 0, "bytes": 4095})]),
    "Credit of nothing": (LinkError.field_invalid, [("credit", {"stream": 0, "bytes": 0})]),
    "Credit below nothing": (LinkError.field_invalid, [("credit", {"stream": 0, "bytes": -1})]),
    "Open of stream 0": (LinkError.field_invalid, [("open", open_fields(0))]),
    "Open with an empty key": (LinkError.field_invalid, [("open", open_fields(1, b""))]),
    "Open with a long key": (LinkError.field_invalid, [("open", open_fields(1, b"k" * 1025))]),
    "Open with a port too high": (LinkError.field_invalid,
                                  [("open", open_fields(1, client_port=65_536))]),
    "Open with an epoch below 0": (LinkError.field_invalid,
                                   [("open", open_fields(1, map_epoch=-1))]),
    "Open of early data that was not asked for": (LinkError.field_invalid,
                                                  [("open", open_fields(1, early_data=True))]),
    "Open with metadata above its limit": (LinkError.frame_oversize,
                                           [("open", open_fields(1, tag="t" * 4090))]),
    "Reset for reason 0": (LinkError.field_invalid,
                           [("open", open_fields(1)), ("reset", {"stream": 1, "reason": 0})]),
    "GoAway below 0": (LinkError.field_invalid,
                       [("go_away", {"last_stream": -1, "reason": 0, "deadline_ms": 0})]),
    "Data above its limit": (LinkError.field_invalid,
                             [("open", open_fields(1)),
                              ("data", {"stream": 1, "payload": FULL + b"x"})]),
    "Data above the frame": (LinkError.frame_oversize,
                             [("open", open_fields(1)),
                              ("data", {"stream": 1, "payload": FULL + b"x" * 64})]),
}

FIRST_FRAMES = {
    "Open": (LinkError.hello_expected, encode("open", **open_fields(1))),
    "Ping": (LinkError.hello_expected, encode("ping", opaque=1)),
    "Data": (LinkError.hello_expected, encode("data", stream=1, payload=b"x")),
    "Pong": (LinkError.hello_expected, encode("pong", opaque=1)),
    **{f"Hello with {changes}": (error, encode("hello", **hello_fields(role, **changes)))
       for error, role, changes in (
           (LinkError.hello_role, BACKEND, {}),
           (LinkError.hello_version, GATEWAY, {"version_min": 2, "version_max": 3}),
           (LinkError.field_invalid, GATEWAY, {"version_min": 0}),
           (LinkError.field_invalid, GATEWAY, {"version_min": 3, "version_max": 2}),
           (LinkError.field_invalid, 3, {}),
           (LinkError.field_invalid, GATEWAY, {"node": "n" * 256}),
           (LinkError.frame_oversize, GATEWAY, {"node": "n" * 512}),
           (LinkError.field_invalid, GATEWAY, {"frame_bytes_max": 4159}),
           (LinkError.field_invalid, GATEWAY, {"stream_window_bytes": 1023}),
           (LinkError.field_invalid, GATEWAY, {"stream_window_bytes": STREAM_WINDOW_MAX + 1}),
           (LinkError.field_invalid, GATEWAY, {"link_window_bytes": 16_383}),
           (LinkError.field_invalid, GATEWAY, {"link_window_bytes": LINK_WINDOW_MAX + 1}),
           (LinkError.field_invalid, GATEWAY, {"stream_window_bytes": 65_536,
                                               "link_window_bytes": 131_071}),
           (LinkError.field_invalid, GATEWAY, {"streams_open_max": 0}),
           (LinkError.field_invalid, GATEWAY, {"streams_opening_max": 0}),
           (LinkError.field_invalid, GATEWAY, {"ping_interval_ms": 0}),
           (LinkError.field_invalid, GATEWAY, {"map_epoch": -1}))},
}


def varint(number):
    number = number << 1  # zigzag of what is not negative
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def opened_and_reset(first, count):
    """Open and Reset of `count` streams; ids are all written in four bytes."""
    mark = 2**20 + 12_345
    opened, reset = encode("open", **open_fields(mark)), encode("reset", stream=mark, reason=2)
    parts = (opened + reset).split(varint(mark))
    return b"".join(parts[0] + number + parts[1] + number + parts[2]
                    for number in map(varint, range(first, first + count)))


class LinkErrors(SdkCase):
    def test_each_offence_has_its_name(self):
        for what, (error, frames) in LINK_ERRORS.items():
            with self.subTest(what):
                link = self.link()
                link.opened_highest = 2
                link.send_raw(b"".join(encode(name, **fields) for name, fields in frames))
                self.assert_link_error(link, error)
        self.assert_serving()

    def test_each_wrong_beginning_has_its_name(self):
        for what, (error, first) in FIRST_FRAMES.items():
            with self.subTest(what):
                link = self.silent_link()
                link.send_raw(first)
                self.assert_link_error(link, error)
        self.assert_serving()

    def test_a_newer_gateway_that_also_speaks_our_version_is_welcome(self):
        link = self.link(version_max=7, features=-1)
        self.assertEqual(link.open(data=b"x").receive_exactly(1), b"x")

    def test_silence_before_hello_and_after_it(self):
        """The one ends by hello_timeout; the other is asked by Ping, and lives as it answers."""
        silent, quiet = self.silent_link(), self.link()
        self.assert_link_error(silent, LinkError.hello_timeout)
        quiet.wait(lambda: quiet.pings, "a Ping")
        self.assertEqual(quiet.open(data=b"x").receive_exactly(1), b"x")
        self.assert_serving()

    def test_more_than_the_links_window(self):
        # Echoes find no credit here, so the server reads little of each stream. A frame above the
        # window either ends the link or was covered by a grant still on its way.
        link = self.link(stream_window_bytes=1024)
        while not link.go_away:
            stream = link.open()
            for _ in range(STREAM_WINDOW // len(FULL)):
                link.send_data(stream.id, FULL)
                link.wait(lambda: link.go_away or link.send_left >= 0, "GoAway, or credit")
                if link.go_away:
                    break
        self.assert_link_error(link, LinkError.link_window_exceeded)
        self.assert_serving()

    def silent_link(self):
        link = Link(socket.create_connection(("127.0.0.1", self.server.port), PATIENCE), GATEWAY,
                    say_hello=False)
        self.links.append(link)
        return link


class StreamErrors(SdkCase):
    def assert_stream_error(self, link, stream, reason):
        """That stream alone is reset; the link it is on goes on."""
        stream.wait_reset(reason)
        self.assertEqual(link.open(data=b"on").receive_exactly(2), b"on")
        self.assertIsNone(link.go_away)
        self.assert_serving()

    def opened(self):
        link = self.link(stream_window_bytes=1024)
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        return link, stream

    def test_empty_data(self):
        link, stream = self.opened()
        link.send_data(1, b"")
        self.assert_stream_error(link, stream, ResetReason.data_empty)

    def test_data_after_finish(self):
        link, stream = self.held_open()
        link.send_frame("finish", stream=1)
        link.send_frame("data", stream=1, payload=b"x")
        self.assert_stream_error(link, stream, ResetReason.bad_state)

    def test_two_finishes(self):
        link, stream = self.held_open()
        link.send_raw(encode("finish", stream=1) * 2)
        self.assert_stream_error(link, stream, ResetReason.bad_state)

    def held_open(self):
        """Echo waits for credit, so the server's own direction stays open."""
        link = self.link(stream_window_bytes=1024)
        stream = link.open(data=b"x" * 4096)
        link.wait(lambda: stream.bytes_received == 1024, "the whole window")
        return link, stream

    def test_more_than_the_streams_window(self):
        link, stream = self.opened()
        link.send_data(1, FULL, 32)
        self.assert_stream_error(link, stream, ResetReason.window_exceeded)

    def test_what_is_dropped_gives_the_links_credit_back(self):
        link = self.link(stream_window_bytes=1024)
        window, sent, number = link.peer_hello.link_window_bytes, 0, 0
        while sent < 2 * window:
            number += 1
            stream = link.open()
            link.send_data(number, FULL, 64)
            stream.wait_reset(ResetReason.window_exceeded)
            sent += 64 * len(FULL)
        self.assertEqual(link.open(data=b"on").receive_exactly(2), b"on")

    def test_credit_above_its_maximum(self):
        link, stream = self.opened()
        link.send_frame("credit", stream=1, bytes=STREAM_WINDOW_MAX)
        self.assert_stream_error(link, stream, ResetReason.credit_overflow)

    def test_credit_in_crumbs(self):
        link, stream = self.opened()
        link.send_frame("credit", stream=1, bytes=255)
        self.assert_stream_error(link, stream, ResetReason.credit_too_small)

    def test_credit_up_to_its_maximum(self):
        link, stream = self.opened()
        link.send_frame("credit", stream=1, bytes=STREAM_WINDOW_MAX - 1023)
        stream.window.left = stream.window.size = STREAM_WINDOW_MAX
        stream.send(FULL * 8)
        self.assertEqual(stream.receive_exactly(8 * len(FULL)), FULL * 8)


class Ignored(SdkCase):
    def test_frames_for_streams_that_are_over(self):
        link = self.link()
        stream = link.open()
        stream.finish()
        stream.wait_over()
        link.send_raw(encode("data", stream=1, payload=FULL) + encode("finish", stream=1)
                      + encode("credit", stream=1, bytes=2**63 - 1)
                      + encode("reset", stream=1, reason=2)
                      + encode("data", stream=1, payload=b""))
        self.assertEqual(link.open(data=b"on").receive_exactly(2), b"on")
        self.assertEqual((stream.reset_reason, link.go_away), (None, None))

    def test_their_payload_comes_back_as_credit(self):
        link = self.link()
        link.open().finish()
        link.streams[1].wait_over()
        window = link.peer_hello.link_window_bytes
        for _ in range(3 * window // (64 * len(FULL))):
            link.wait(lambda: link.send_left >= 64 * len(FULL), "the link's credit")
            link.send_data(1, FULL, 64)
        self.assertEqual(link.open(data=b"on").receive_exactly(2), b"on")

    def test_ids_that_were_left_out(self):
        link = self.link()
        link.open(data=b"x", number=10).receive_exactly(1)
        link.send_raw(encode("data", stream=5, payload=b"x") + encode("finish", stream=5)
                      + encode("reset", stream=5, reason=2))
        self.assertEqual(link.open(data=b"on").receive_exactly(2), b"on")

    def test_reset_reasons_of_the_future(self):
        link = self.link()
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        stream.reset(2**31 - 1)
        stream.wait_reset(ResetReason.acknowledged)

    def test_streams_go_on_after_our_go_away(self):
        link = self.link()
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        link.say_go_away()
        stream.send(b"goes on")
        self.assertEqual(stream.receive_exactly(7), b"goes on")
        stream.finish()
        self.assertEqual(stream.receive_to_end(), b"")
        self.assert_serving()

    def test_frames_behind_a_go_away_that_names_an_error(self):
        """It is its sender who closes; until then the link is as before."""
        link = self.link()
        stream = link.open(data=b"x")
        stream.receive_exactly(1)
        link.say_go_away(reason=LinkError.frame_malformed)
        stream.send(b"as before")
        self.assertEqual(stream.receive_exactly(9), b"as before")
        link.ping(1)
        link.close()
        self.assert_serving()


class Floods(SdkCase):
    # What a flood may cost: queues, tables, what malloc keeps; what a JVM collects when it likes.
    MEMORY_KIB = (160 if IS_JAVA else 24) * 1024

    def setUp(self):
        super().setUp()
        self.before = self.server.resident_kib()

    def assert_bounded(self):
        self.assert_serving()
        if not is_sanitized():
            self.assertLess(self.server.resident_kib() - self.before, self.MEMORY_KIB)

    def test_pings_are_answered_together(self):
        link = self.link()
        link.any_pong = True
        link.send_raw(b"".join(encode("ping", opaque=number) for number in range(20_000)))
        link.wait(lambda: 19_999 in link.pongs, "the last Pong")
        self.assertLess(len(link.pongs), 20_000)
        self.assertEqual(link.pongs, sorted(set(link.pongs)))
        self.assert_bounded()

    def test_pings_of_a_peer_that_does_not_read(self):
        link = self.link()
        link.any_pong = True
        link.stop_reading()
        self.send_in_parts(link, encode("ping", opaque=2**62) * 10_000, 100)
        link.stop_reading(False)
        link.send_frame("ping", opaque=7)
        link.wait(lambda: 7 in link.pongs, "the last Pong")
        self.assert_bounded()

    def test_opens_and_resets(self):
        """Those beyond the rate are refused as busy, and the link goes on."""
        link = self.link()
        count, first = 50_000, 2**20
        link.opened_highest = first + count
        began = time.monotonic()
        link.send_raw(opened_and_reset(first, count))
        link.ping(1)
        taken = OPENS_PER_SECOND * (OPENS_BURST_SECONDS + time.monotonic() - began)
        self.assertLessEqual(set(link.refusals), {RefuseReason.busy})
        self.assertGreaterEqual(link.refusals[RefuseReason.busy], count - taken)
        stream = link.open(data=b"on")
        while stream.wait_answered().refused:
            self.assertGreater(stream.refused.retry_after_ms, 0)
            stream = link.open(data=b"on")
        self.assertEqual(stream.receive_exactly(2), b"on")
        self.assert_bounded()

    def test_opens_and_resets_of_a_peer_that_does_not_read(self):
        link = self.link()
        link.stop_reading()
        count = 50_000
        for part in range(30):
            link.send_raw(opened_and_reset(2**20 + part * count, count))
            link.wait_sent()
            if link.closed:
                break
        self.assertTrue(link.closed)
        self.assert_bounded()

    def test_stream_errors(self):
        """Each costs one stream; a peer that goes on and on loses the link."""
        link = self.link()
        count = 5_000
        link.send_raw(b"".join(
            encode("open", **open_fields(number)) + encode("data", stream=number, payload=b"")
            for number in range(1, count + 1)))
        link.opened_highest = count
        self.assert_link_error(link, LinkError.stream_errors_exceeded)
        self.assert_bounded()

    def send_in_parts(self, link, part, times):
        for _ in range(times):
            link.send_raw(part)
            link.wait_sent()


if __name__ == "__main__":
    main()
