"""Backends in Python give streams up and take them over behind the real gateway, README §4.11 and
§4.12: orderly ones, whose clients notice nothing, and hostile ones, who hurt nobody else."""

import json
import socket
import struct
import types

from conformance_case import GatewayCase
from mux_peer import Backend, accept, accept_and_echo
from mux_wire import DATA_BYTES_MAX, HANDOFF, LinkError, RefuseReason, ResetReason, encode
from processes import main
from ring import Ring
from tls_client import Truncated
from zookeeper_wire import CREATE, ZooKeeperClient, buffer_of

BYTES = bytes(range(256)) * 220  # less than a window, more than three frames
STATE_BYTES_MAX = 16_384


class Moving(GatewayCase):
    """Two backends in a map of ZooKeeper, of which one has everything."""

    on_open = staticmethod(accept_and_echo)
    removes_dead = False

    def setUp(self):
        super().setUp()
        zookeeper = self.cluster.zookeeper()
        self.map = self.session(zookeeper.port)
        self.addCleanup(self.map.tcp.close)
        self.ann = Backend("ann", self.on_open, features=HANDOFF)
        self.ben = Backend("ben", self.on_open, features=HANDOFF)
        self.backends += [self.ann, self.ben]
        for path in ("/presenter", "/presenter/servers"):
            self.create(path, b"")
        self.create("/presenter/servers/ann", self.entry(self.ann, "up"))
        self.create("/presenter/servers/ben", self.entry(self.ben, "draining"))
        self.gateway = self.cluster.gateway(
            "gateway", {"zookeeper": zookeeper.connect_string, "remove_dead": self.removes_dead},
            {"moves": {"handoff_deadline": "60s"}, "upstream": {"opening_timeout": "20s",
                                                               "ping_interval": "50ms"}})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, ["ann", "ben"])

    def session(self, port):
        """ZooKeeper answers before it takes sessions."""
        def is_serving():
            with socket.create_connection(("127.0.0.1", port), 20) as tcp:
                tcp.sendall(b"srvr")
                return b"Mode" in tcp.recv(4096)
        self.wait_until(is_serving, "ZooKeeper takes sessions")
        return ZooKeeperClient(port, timeout_ms=60_000)

    def create(self, path, data):
        # pylint: disable=protected-access
        anybody = struct.pack(">ii", 1, 31) + buffer_of(b"world") + buffer_of(b"anyone")
        self.map._call(CREATE, buffer_of(path.encode()) + buffer_of(data) + anybody + bytes(4))

    def entry(self, backend, state):
        return json.dumps({"host": "127.0.0.1", "port": backend.port, "state": state,
                           "instance": "life-of-" + backend.name}).encode()

    def move_to(self, new):
        """All keys are this one's, and the gateway knows."""
        self.set_states((new, "up"), (self.other_than(new), "draining"))

    def set_states(self, *states):
        for backend, state in states:
            path = "/presenter/servers/" + backend.name
            self.map.set(path, self.entry(backend, state))
        epoch = self.map.get(path)[1].mzxid
        self.wait_until(lambda: self.gateway.metric("presenter_worker_map_epoch") >= epoch,
                        f"the gateway's map has epoch {epoch}")

    def other_than(self, backend):
        return self.ben if backend is self.ann else self.ann

    @staticmethod
    def answer(backend, on_open):
        """What this one does with streams from now on."""
        for each in (backend, *backend.links):
            each.on_open = on_open

    def newest(self, backend):
        """The stream that was opened last, once there is one that lives."""
        def find():
            for link in reversed(backend.links):
                for number in sorted(link.streams, reverse=True):
                    if not link.streams[number].is_over and not link.closed:
                        return link.streams[number]
            return None
        self.wait_until(find, f"a stream of {backend.name}")
        return find()

    def results(self):
        results = self.gateway.metrics().by_label("presenter_handoffs_total", "result")
        return {result: int(count) for result, count in results.items() if count}

    def wait_result(self, result, count=1):
        self.wait_until(lambda: self.results().get(result) == count, f"{result}: {self.results()}")


class HandingOver(Moving):
    def hand_over(self, old, state=b"what it has to know"):
        """The stream at the new backend, and its first Checkpoint."""
        new = self.other_than(old)
        stream = self.newest(old)
        self.move_to(new)
        handoff = stream.wait_handoff().handoff
        self.assertIn(handoff.reason, (1, 2))
        self.assertGreater(handoff.map_epoch, 0)
        self.assertEqual(handoff.deadline_ms, 60_000)
        stream.give_up(state)
        taken = self.newest(new)
        taken.link.wait(lambda: taken.checkpoints, "its first Checkpoint")
        [first] = taken.checkpoints
        self.assertEqual((taken.opened.key, taken.opened.tls, taken.opened.tag),
                         (stream.opened.key, stream.opened.tls, stream.opened.tag))
        self.assertEqual(taken.opened.continued.node, old.name)
        self.assertIn(taken.opened.continued.cause, (1, 2))
        self.assertGreaterEqual(taken.opened.map_epoch, handoff.map_epoch)
        self.assertEqual((first.consumed, first.produced, first.state),
                         (stream.consumed, stream.produced, state))
        return taken

    def test_there_and_back(self):
        client = self.echo_client()
        self.hand_over(self.ann, b"")
        self.assert_echoes(client, b"ben has it")
        stream = self.hand_over(self.ben, b"s" * STATE_BYTES_MAX)
        self.assert_echoes(client, b"ann has it again")
        whole = len(client.first) + len(b"ben has itann has it again")
        self.assertEqual((stream.consumed, stream.produced), (whole, whole))
        client.finish()
        self.assertEqual(client.receive_to_end(), b"")
        self.assertEqual(self.results(), {"done": 2})

    def test_who_cannot_be_reached_is_given_nothing(self):
        client = self.echo_client()
        stream = self.newest(self.ann)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            cyd = types.SimpleNamespace(name="cyd", port=silent.getsockname()[1])
            self.create("/presenter/servers/cyd", self.entry(cyd, "up"))
            self.set_states((self.ann, "draining"))
            self.wait_until(lambda: self.gateway.metric("presenter_handoffs_pending") == 1,
                            "the stream is cyd's")
            self.assert_echoes(client, b"ann has it still")
            self.assertEqual((stream.handoff, self.results()), (None, {}))
        self.set_states((cyd, "draining"), (self.ben, "up"))
        stream.wait_handoff().give_up()
        self.wait_result("done")
        self.assert_echoes(client, b"ben has it")

    def test_a_client_that_has_finished(self):
        for backend in (self.ann, self.ben):
            self.answer(backend, accept)
        client = self.waiting_client()
        stream = self.newest(self.ann)
        client.send(BYTES)
        client.finish()
        stream.link.wait(lambda: stream.peer == "finished", "its Finish")
        self.assertEqual(stream.take(10), client.first[:10])
        taken = self.hand_over(self.ann)
        with taken.link.acting():
            taken.echo = True
        self.assertEqual(client.receive_to_end(), (client.first + BYTES)[10:])
        self.assertEqual(taken.wait_over().peer, "finished")

    def test_a_backend_that_has_finished(self):
        for backend in (self.ann, self.ben):
            self.answer(backend, accept)
        client = self.waiting_client()
        stream = self.newest(self.ann)
        stream.receive_exactly(len(client.first))
        stream.send(b"that was all")
        stream.finish()
        stream.link.wait(lambda: stream.own == "finished", "our Finish left")
        taken = self.hand_over(self.ann)
        self.assertEqual((taken.checkpoints[0].finished, taken.own), (True, "finished"))
        self.assertEqual(client.receive_to_end(), b"that was all")
        client.send(b"and of the client")
        self.assertEqual(taken.receive_exactly(17), b"and of the client")
        client.finish()
        self.assertEqual(taken.receive_to_end(), b"")
        self.wait_nobody_left(self.gateway)

    def test_unread_bytes_go_to_the_third_who_is_asked(self):
        self.answer(self.ann, accept)
        refusals = [RefuseReason.busy, RefuseReason.shutting_down]

        def on_open(stream):
            stream.seen = stream.checkpoints[0]
            if refusals:
                stream.refuse(refusals.pop())
            else:
                accept_and_echo(stream)
        self.answer(self.ben, on_open)
        client = self.waiting_client()
        stream = self.newest(self.ann)
        client.send(BYTES)
        stream.link.wait(lambda: stream.bytes_received == len(client.first + BYTES), "all of it")
        stream.take(10)
        self.move_to(self.ben)
        stream.wait_handoff().give_up(b"state")
        self.assertEqual(client.receive_exactly(len(client.first + BYTES) - 10),
                         (client.first + BYTES)[10:])
        seen = [each.seen for link in self.ben.links for each in link.streams.values()]
        self.assertEqual({(each.consumed, each.produced, each.state) for each in seen},
                         {(10, 0, b"state")})
        self.assertEqual(len(seen), 3)
        self.assertEqual(self.results(), {"done": 1})

    def test_nobody_else_is_given_what_a_lost_link_had(self):
        self.answer(self.ben, lambda stream: None)
        client = self.echo_client()
        stream = self.newest(self.ann)
        self.move_to(self.ben)
        stream.wait_handoff().give_up()
        taken = self.newest(self.ben)
        self.answer(self.ben, accept_and_echo)
        taken.link.close()
        self.wait_result("link_lost")
        with self.assertRaises((Truncated, ConnectionError)):
            client.receive()
        self.echo_client()
        self.newest(self.ben)
        opened = [each.opened.continued for link in self.ben.links
                  for each in link.streams.values()]
        self.assertEqual([each is not None for each in opened], [True, False])

    def test_a_backend_that_declines(self):
        client = self.echo_client()
        stream = self.newest(self.ann)
        self.move_to(self.ben)
        stream.wait_handoff().send(b"farewell")
        stream.link.wait(lambda: not stream.outbox, "it is sent")
        stream.reset(ResetReason.moved)
        self.assertEqual(client.receive_to_end(), b"farewell")
        self.assertEqual(self.results(), {"declined": 1})


class Dying(Moving):
    """`ann` is gone, and what has been deposited of her streams goes on at `ben`."""

    removes_dead = True

    def setUp(self):
        super().setUp()
        self.set_states((self.ann, "up"), (self.ben, "up"))
        ring = Ring(["ann", "ben"])
        self.keys = [key for key in (f"couple-{number}" for number in range(100))
                     if ring.owner(key) == "ann"]

    def test_only_what_was_exact_goes_on(self):
        exact, silent, behind = [self.echo_client(key) for key in self.keys[:3]]
        streams = {stream.opened.key: stream for stream in self.ann.links[0].streams.values()}
        self.assertEqual(list(streams), [key.encode() for key in self.keys[:3]])
        for key in (self.keys[0], self.keys[2]):
            streams[key.encode()].deposit(b"an older one")
            streams[key.encode()].deposit(b"of " + key.encode())
        self.assert_echoes(behind, b"which no deposit knows")
        self.ann.links[0].ping(1)
        self.ann.close()
        self.assert_echoes(exact, b"ben has it")
        [taken] = self.ben.links[0].streams.values()
        [first] = taken.checkpoints
        size = len(exact.first)
        self.assertEqual((first.consumed, first.produced, first.state),
                         (size, size, b"of " + self.keys[0].encode()))
        self.assertEqual((taken.opened.continued.cause, taken.opened.continued.node), (3, "ann"))
        self.assertEqual(taken.opened.key, self.keys[0].encode())
        for client in (silent, behind):
            with self.assertRaises((Truncated, ConnectionError)):
                client.receive()
        self.assertEqual(self.map.children("/presenter/servers"), ["ben"])


def checkpoint(**fields):
    return ("checkpoint", {"stream": 1, "consumed": 0, "produced": 0, "state": b"", "unread": b"",
                           **fields})


# What a backend says of a stream that nobody has asked for, and what that is called.
UNASKED = {
    "a last Checkpoint": (ResetReason.bad_state, [("accept", {}), checkpoint(last=True)]),
    "unread bytes": (ResetReason.bad_state, [("accept", {}), checkpoint(unread=b"x")]),
    "a deposit before Accept": (ResetReason.bad_state, [checkpoint(state=b"x")]),
    "a deposit behind Finish": (ResetReason.bad_state, [
        ("accept", {}), ("finish", {}), checkpoint(state=b"x", finished=True)]),
    "a deposit that says it has finished": (ResetReason.position_mismatch, [
        ("accept", {}), checkpoint(state=b"x", finished=True)]),
    "a deposit above what the gateway takes": (ResetReason.state_too_large, [
        ("accept", {}), checkpoint(state=b"x" * STATE_BYTES_MAX)]),
}

LINK_ERRORS = {
    "a state above its limit": (LinkError.field_invalid, checkpoint(state=bytes(16_385))),
    "more unread bytes than a frame has": (LinkError.field_invalid,
                                           checkpoint(unread=bytes(DATA_BYTES_MAX + 1))),
    "both together": (LinkError.field_invalid,
                      checkpoint(state=bytes(8_192), unread=bytes(8_200))),
    "a negative position": (LinkError.field_invalid, checkpoint(consumed=-1)),
    "a stream that was never opened": (LinkError.stream_never_opened, checkpoint(stream=77)),
    "a Handoff": (LinkError.wrong_direction, ("handoff", {
        "stream": 1, "reason": 1, "map_epoch": 1, "deadline_ms": 1})),
}

# What it answers when it is asked; `self` is the stream, of which 10 bytes have been taken.
ANSWERS = {
    "says it has taken more": (ResetReason.position_mismatch,
                               lambda stream: [stream.checkpoint(consumed=11)]),
    "says it has taken less": (ResetReason.position_mismatch,
                               lambda stream: [stream.checkpoint(consumed=9)]),
    "says it has said more": (ResetReason.position_mismatch,
                              lambda stream: [stream.checkpoint(produced=1)]),
    "is off by 2 to the 31st": (ResetReason.position_mismatch,
                                lambda stream: [stream.checkpoint(consumed=10 + 2**31)]),
    "keeps a byte": (ResetReason.position_mismatch,
                     lambda stream: [stream.checkpoint(unread=bytes(stream.received)[1:])]),
    "makes one up": (ResetReason.position_mismatch,
                     lambda stream: [stream.checkpoint(unread=bytes(stream.received) + b"x")]),
    "gives the same piece twice": (ResetReason.position_mismatch, lambda stream: [
        stream.checkpoint(last=None), stream.checkpoint()]),
    "gives pieces without end": (ResetReason.position_mismatch,
                                 lambda stream: [stream.checkpoint(last=None, unread=bytes(16_384))]
                                 * 10),
    "says that it has finished": (ResetReason.position_mismatch,
                                  lambda stream: [stream.checkpoint(finished=True)]),
    "has a deposit on its way that is too large": (ResetReason.state_too_large, lambda stream: [
        stream.checkpoint(unread=b"", state=b"x" * STATE_BYTES_MAX, last=None)]),
    "gives a piece with a state": (ResetReason.bad_state,
                                   lambda stream: [stream.checkpoint(last=None, state=b"s")]),
    "talks on behind a piece": (ResetReason.bad_state, lambda stream: [
        stream.checkpoint(last=None), ("data", {"stream": stream.id, "payload": b"x"})]),
    "finishes behind a piece": (ResetReason.bad_state, lambda stream: [
        stream.checkpoint(last=None), ("finish", {"stream": stream.id})]),
    "gives a deposit behind a piece": (ResetReason.bad_state, lambda stream: [
        stream.checkpoint(last=None),
        stream.checkpoint(consumed=10 + len(stream.received), unread=b"", last=None)]),
}


class Hostile(Moving):
    """`ann` is; a client of hers is the one who suffers, and one of `ben` never does."""

    on_open = staticmethod(accept)

    def setUp(self):
        super().setUp()
        self.script = []
        self.answer(self.ben, accept_and_echo)

    def say(self, link, frames):
        link.send_raw(b"".join(encode(name, **fields) for name, fields in frames))

    def errors(self, reason):
        return self.gateway.metric("presenter_stream_errors_total", reason=reason.name)

    def assert_serving(self):
        """Others are served: `ben`'s clients, and new ones of the same link."""
        self.move_to(self.ben)
        self.wait_until(lambda: self.gateway.metric("presenter_moves_pending") == 0, "all moved")
        self.echo_client()

    def test_what_nobody_has_asked_for(self):
        [link] = self.ann.links
        for number, (what, (reason, frames)) in enumerate(UNASKED.items(), 1):
            with self.subTest(what):
                before = self.errors(reason)
                self.answer(self.ann, lambda stream, frames=frames: self.say(stream.link, [
                    (name, {**fields, "stream": stream.id}) for name, fields in frames]))
                client = self.waiting_client()
                self.wait_until(lambda: self.errors(reason) == before + 1,
                                f"{reason.name} is counted")
                self.assertEqual(link.wait_stream(number).wait_over().reset_reason, reason)
                client.tcp.close()
        self.assertIsNone(link.go_away)
        self.assert_serving()

    def test_link_errors(self):
        for index, (what, (error, frame)) in enumerate(LINK_ERRORS.items()):
            with self.subTest(what):
                link = self.ann.wait_link(index)
                link.wait(lambda link=link: link.pings, "a Ping: it has been up for a while")
                client = self.waiting_client()
                link.wait_stream(1)
                self.say(link, [frame])
                self.assertEqual(link.wait_go_away().reason, error)
                link.wait_closed()
                client.tcp.close()
        self.assert_serving()

    def test_wrong_answers(self):
        """They all end in a stream error of their name, counted, and the client is closed; many
        clients of one link, so that only the one it is about is hurt."""
        clients = {}
        for what in ANSWERS:
            clients[what] = self.waiting_client(what)
            clients[what].send(b"x" * 100)
        [link] = self.ann.links
        streams = {}
        for what, client in clients.items():
            def find(what=what):
                return [stream for stream in list(link.streams.values())
                        if stream.opened.key == what.encode()]
            link.wait(find, what)
            [streams[what]] = find()
            link.wait(lambda stream=streams[what], client=client:
                      stream.bytes_received == len(client.first) + 100, "what was sent")
            streams[what].take(10)
        orderly = self.waiting_client("orderly")
        link.wait(lambda: len(link.streams) == len(ANSWERS) + 1, "the orderly one")
        self.move_to(self.ben)
        for what, (reason, answer) in ANSWERS.items():
            with self.subTest(what):
                before = self.errors(reason)
                stream = streams[what].wait_handoff()
                with link.acting():
                    frames = answer(stream)
                    stream.own = "reset"
                    self.say(link, [frame if isinstance(frame, tuple) else ("checkpoint", frame)
                                    for frame in frames])
                self.wait_until(lambda: self.errors(reason) == before + 1,
                                f"{reason.name} is counted")
                with self.assertRaises((Truncated, ConnectionError)):
                    clients[what].receive()
        link.streams[max(link.streams)].wait_handoff().give_up()
        self.assertEqual(orderly.receive_exactly(len(orderly.first)), orderly.first)
        self.assertIsNone(link.go_away)
        results = self.results()
        self.assertEqual((results["done"], sum(results.values())), (1, len(ANSWERS) + 1))
        wrong = [reason for reason, _ in ANSWERS.values()]
        for reason in (ResetReason.position_mismatch, ResetReason.state_too_large):
            self.assertEqual(results[reason.name], wrong.count(reason))
        self.assertEqual(results["reset"], wrong.count(ResetReason.bad_state))

    def test_two_last_ones(self):
        client = self.waiting_client()
        stream = self.newest(self.ann)
        stream.take()
        self.move_to(self.ben)
        stream.wait_handoff()
        twice = [("checkpoint", stream.checkpoint()), ("checkpoint", stream.checkpoint())]
        with stream.link.acting():
            stream.own = stream.peer = "reset"
            self.say(stream.link, twice + [("data", {"stream": stream.id, "payload": b"late"})])
        self.wait_result("done")
        self.assert_echoes(client, b"the second was late, and ignored")
        self.assertIsNone(stream.link.go_away)

    def test_a_flood_of_deposits(self):
        beside = self.waiting_client("beside")
        self.newest(self.ann).echo = True
        client = self.waiting_client("flooded")
        link = self.ann.links[0]
        stream = link.wait_stream(2)
        one = encode("checkpoint", stream=2, consumed=0, produced=0, state=b"d" * 200, unread=b"")
        for _ in range(20):
            link.send_raw(one * 5_000)
            with link.acting():
                link.streams[1].echo = True
            self.assertEqual(beside.receive_exactly(len(beside.first)), beside.first)
            beside.send(beside.first)
        link.ping(1)
        self.assertIsNone(link.go_away)
        self.assertIn(stream.reset_reason, (None, ResetReason.state_too_large))
        self.assertLess(len(self.gateway.output().splitlines()), 40)
        for each in (client, beside):
            each.tcp.close()
        self.assert_serving()


if __name__ == "__main__":
    main()
