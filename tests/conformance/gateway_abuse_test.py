"""Hostile and broken backends in Python behind the real gateway: each offence ends in the stream
error or link error that protocol/README.md §5 and §8 name; a client of another backend never
notices, and the link comes up again."""

import itertools
import json
import os

from conformance_case import GatewayCase
from mux_peer import Backend, accept_and_echo
from mux_wire import (BACKEND, LINK_WINDOW_MAX, ROOT, STREAM_WINDOW_MAX, LinkError, ResetReason,
                      encode, hello_fields, open_fields)
from processes import main

FULL = b"x" * 16_384
ACCEPT = ("accept", {"stream": 1})

# What a backend says when stream 1 is opened, and what that is called.
LINK_ERRORS = {
    "Open from a backend": (LinkError.wrong_direction, [("open", open_fields(1))]),
    "Accept of a stream never opened": (LinkError.stream_never_opened, [("accept", {"stream": 9})]),
    "Refuse of a stream never opened": (LinkError.stream_never_opened,
                                        [("refuse", {"stream": 9, "reason": 3})]),
    "Data on a stream never opened": (LinkError.stream_never_opened,
                                      [("data", {"stream": 9, "payload": b"x"})]),
    "Credit on a stream never opened": (LinkError.stream_never_opened,
                                        [("credit", {"stream": 9, "bytes": 1})]),
    "Notice from a backend": (LinkError.wrong_direction, [
        ("notice", {"stream": 1, "reason": 1, "within_ms": 1})]),
    "a second Hello": (LinkError.hello_repeated, [("hello", hello_fields(BACKEND))]),
    "a Pong to no Ping": (LinkError.pong_unexpected, [("pong", {"opaque": 1})]),
    "link credit above its maximum": (LinkError.link_credit_overflow,
                                      [("credit", {"stream": 0, "bytes": LINK_WINDOW_MAX})]),
    "link credit in crumbs": (LinkError.link_credit_too_small,
                              [("credit", {"stream": 0, "bytes": 4095})]),
    "Credit of nothing": (LinkError.field_invalid, [("credit", {"stream": 1, "bytes": 0})]),
    "Refuse for reason 0": (LinkError.field_invalid, [("refuse", {"stream": 1, "reason": 0})]),
    "Data above its limit": (LinkError.field_invalid,
                             [ACCEPT, ("data", {"stream": 1, "payload": FULL + b"x"})]),
}

STREAM_ERRORS = {
    "Data before Accept": (ResetReason.bad_state, [("data", {"stream": 1, "payload": b"x"})]),
    "Finish before Accept": (ResetReason.bad_state, [("finish", {"stream": 1})]),
    "two Accepts": (ResetReason.bad_state, [ACCEPT, ACCEPT]),
    "Refuse after Accept": (ResetReason.bad_state,
                            [ACCEPT, ("refuse", {"stream": 1, "reason": 3})]),
    "Data after Finish": (ResetReason.bad_state,
                          [ACCEPT, ("finish", {"stream": 1}),
                           ("data", {"stream": 1, "payload": b"x"})]),
    "two Finishes": (ResetReason.bad_state,
                     [ACCEPT, ("finish", {"stream": 1}), ("finish", {"stream": 1})]),
    "empty Data": (ResetReason.data_empty, [ACCEPT, ("data", {"stream": 1, "payload": b""})]),
    "more than the stream's window": (ResetReason.window_exceeded,
                                      [ACCEPT] + [("data", {"stream": 1, "payload": FULL})] * 1000),
    "stream credit above its maximum": (ResetReason.credit_overflow,
                                        [ACCEPT,
                                         ("credit", {"stream": 1, "bytes": STREAM_WINDOW_MAX})]),
    "stream credit in crumbs": (ResetReason.credit_too_small,
                                [ACCEPT, ("credit", {"stream": 1, "bytes": 255})]),
}

with open(os.path.join(ROOT, "protocol/vectors/frames.json"), encoding="utf-8") as file:
    REJECTED = json.load(file)["rejected"]

FIRST_FRAMES = {
    "two gateways": (LinkError.hello_role, encode("hello", **hello_fields(1))),
    "a version of the future": (LinkError.hello_version, encode("hello", **hello_fields(
        BACKEND, version_min=2, version_max=3))),
    "Accept before Hello": (LinkError.hello_expected, encode("accept", stream=1)),
}


class Offences(GatewayCase):
    """Two backends, one of them hostile; which couples go to which is tried out."""

    def setUp(self):
        super().setUp()
        self.script = b""
        self.bad = Backend("bad", self.on_open_at_bad)
        self.good = Backend("good", accept_and_echo)

    def on_open_at_bad(self, stream):
        stream.link.send_raw(self.script)
        # No window is looked at above; what comes back as credit is to fit all the same.
        stream.send_left -= len(self.script)
        stream.link.send_left -= len(self.script)

    def start(self):
        # A link that has been up for so long is followed by the next without a long pause.
        self.installation(self.bad, self.good, ping_interval="50ms")
        self.beside = self.client_of(self.good)
        self.couple_of_bad = self.find_couple(self.bad)
        self.assert_serving()

    def find_couple(self, backend):
        """A couple whose shard is this backend's, as the gateway itself shows."""
        for number in range(100):
            couple = f"couple-{number}"
            with self.waiting_client(couple):
                self.wait_until(lambda: self.opened_at(couple), "it is opened somewhere")
                if self.opened_at(couple) is backend:
                    return couple
        raise AssertionError(f"no couple for {backend.name}")

    def opened_at(self, couple):
        for backend in (self.good, self.bad):
            for link in backend.links:
                for stream in list(link.streams.values()):
                    if stream.opened.key == couple.encode():
                        return backend
        return None

    def client_of(self, backend):
        return self.echo_client(self.find_couple(backend))

    def assert_serving(self):
        self.assert_echoes(self.beside)

    def next_link(self):
        """The bad backend's newest link, once it is up, with no stream on it yet."""
        for index in itertools.count(len(self.bad.links) - 1):
            link = self.bad.wait_link(index)
            if not link.streams and not link.closed:
                link.wait(lambda: link.pings, "a Ping: it has been up for ping_interval")
                return link
            link.close()

    def provoke(self, frames):
        link = self.next_link()
        self.script = b"".join(encode(name, **fields) for name, fields in frames)
        client = self.waiting_client(self.couple_of_bad)
        return link, client

    def test_stream_errors(self):
        self.start()
        for what, (reason, frames) in STREAM_ERRORS.items():
            with self.subTest(what):
                before, ended = self.counted(reason), self.violations()
                link, client = self.provoke(frames)
                link.any_pong = True
                link.wait_stream(1).wait_reset(reason)
                link.ping(1)
                self.assertEqual(self.counted(reason), before + 1)
                self.assertEqual(self.violations(), ended + 1)
                self.assertIsNone(link.go_away)
                client.tcp.close()
                self.assert_serving()
        self.assertRegex(self.gateway.output(), "warning client .* closed: backend_violation: "
                                                r"bad_state \(fault: backend\) backend bad ")

    def violations(self):
        return self.gateway.metric("presenter_closes_total", reason="backend_violation")

    def counted(self, reason):
        return self.gateway.metric("presenter_stream_errors_total", reason=reason.name)

    def test_link_errors(self):
        self.start()
        for what, (error, frames) in LINK_ERRORS.items():
            with self.subTest(what):
                link, client = self.provoke(frames)
                self.assertEqual(link.wait_go_away().reason, error)
                link.wait_closed()
                client.tcp.close()
                self.assert_serving()

    def test_a_link_error_names_the_field(self):
        self.start()
        link, _ = self.provoke(LINK_ERRORS["Credit of nothing"][1])
        link.wait_closed()
        self.gateway.wait_for_line("warning link to bad lost: value of a field is out of range: "
                                   "Credit.bytes$")

    def test_broken_frames(self):
        self.start()
        for vector in REJECTED:
            with self.subTest(vector["name"]):
                link = self.next_link()
                link.send_raw(bytes.fromhex(vector["hex"]))
                self.assertEqual(link.wait_go_away().reason, LinkError[vector["error"]])
                link.wait_closed()
        self.assert_serving()


class Beginnings(GatewayCase):
    def test_each_wrong_hello_has_its_name(self):
        good = Backend("good", accept_and_echo)
        bad = Backend("bad", say_hello=False)
        self.backends += [good, bad]
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards([good, bad]))
        good.wait_link()
        for index, (what, (error, first)) in enumerate(FIRST_FRAMES.items()):
            with self.subTest(what):
                link = bad.wait_link(index, hello=False)
                link.send_raw(first)
                self.assertEqual(link.wait_go_away().reason, error)
                link.wait_closed()
        self.assertTrue(gateway.is_running())


class Floods(GatewayCase):
    def setUp(self):
        super().setUp()
        self.hostile = self.backend(accept_and_echo)
        self.installation(self.hostile)
        self.link = self.hostile.links[0]

    def test_pings_are_answered_together(self):
        self.link.any_pong = True
        self.link.send_raw(b"".join(encode("ping", opaque=number) for number in range(20_000)))
        self.link.wait(lambda: 19_999 in self.link.pongs, "the last Pong")
        self.assertLess(len(self.link.pongs), 20_000)
        self.echo_client()

    def test_go_aways_are_acted_on_once(self):
        client = self.echo_client()
        self.link.send_raw(encode("go_away", last_stream=0, reason=0, deadline_ms=0) * 100_000)
        self.assert_echoes(client, b"goes on")
        self.link.ping(1)
        self.assertLess(len(self.gateway.output().splitlines()), 20)
        self.hostile.wait_link(1)
        self.echo_client()

    def test_frames_for_streams_that_are_over_give_their_credit_back(self):
        client = self.echo_client()
        client.finish()
        self.assertEqual(client.receive_to_end(), b"")
        self.link.streams[1].wait_over()
        for _ in range(3 * self.link.peer_hello.link_window_bytes // (64 * len(FULL))):
            self.link.wait(lambda: self.link.send_left >= 64 * len(FULL), "the link's credit")
            self.link.send_data(1, FULL, 64)
        self.link.send_raw(encode("finish", stream=1) + encode("accept", stream=1)
                           + encode("refuse", stream=1, reason=3)
                           + encode("reset", stream=1, reason=2)
                           + encode("credit", stream=1, bytes=2**63 - 1))
        self.link.ping(1)
        self.echo_client()


class Starved(GatewayCase):
    def test_a_link_that_is_granted_nothing_is_replaced(self):
        backend = Backend(on_open=self.on_open, stream_window_bytes=8_192, link_window_bytes=16_384)
        self.installation(backend, stall_timeout="1s")
        self.first = backend.wait_link()
        self.first.consume_dead = lambda size: None  # keeps what streams that are reset owe
        for number in range(2):
            self.waiting_client(f"couple-{number}").send(FULL)
        self.first.wait(lambda: self.first.window.left == 0, "the link's window is used up")
        # It waits to be opened, which is longer than one that is relayed may wait for credit, and
        # longer than the link takes to look.
        self.waiting_client("couple-2")
        self.assertEqual(self.first.wait_go_away().reason, LinkError.link_stalled)
        self.first.wait_closed()
        backend.wait_link(1)
        self.echo_client()

    def on_open(self, stream):
        stream.accept()
        stream.echo = stream.link is not self.first


if __name__ == "__main__":
    main()
