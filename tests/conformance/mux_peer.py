"""The multiplexing protocol in Python, either role, written from protocol/README.md alone.

A `Link` has one thread that reads, decides and writes; every public member may be used from any
thread. A test acts (`open`, `Stream.send`, `Link.send_raw`) and waits for what it means to see
(`Link.wait`). What the other side does against the specification is kept in `Link.violations`;
`Link.fault` is the link error that ended the link from here.
"""

import collections
import contextlib
import selectors
import socket
import threading
import time
import traceback

from mux_stream import NotSeen, ReceiveWindow, Stream
from mux_wire import (BACKEND, EARLY_DATA, GATEWAY, HANDOFF, NOTICE, DATA_BYTES_MAX,
                      LINK_CREDIT_MIN, LINK_WINDOW_MAX, STREAM_CREDIT_MIN, STREAM_WINDOW_MAX,
                      FrameFault, FrameReader, LinkError, RefuseReason, ResetReason, T, encode,
                      hello_fields, is_canonical, open_fields)

PATIENCE = 120  # seconds; for a broken run, nothing is measured by it
OUTPUT_BYTES = 131_072  # frames are laid out while less than this waits for the socket


class Link:
    """One end of a link on a connected socket. `hello` changes fields of this side's Hello;
    `on_open(stream)` is called on the link's thread for each new stream of a backend; of one that
    another backend had before, when its Checkpoint is there."""

    def __init__(self, sock, role, on_open=None, say_hello=True, **hello):
        self.hello = hello_fields(role, **hello)
        self.role, self.on_open = role, on_open
        self.peer_hello = None
        self.streams = {}
        self.opened_highest = 0
        self.violations = []
        self.fault = None            # LinkError found here
        self.go_away = None          # the peer's GoAway
        self.go_away_sent = None     # last_stream of ours
        self.closed = False
        self.pongs, self.pings = [], []
        self.refusals = collections.Counter()  # by reason, of streams not known here as well
        self.reading = True          # False: takes nothing from the socket
        self.answering_pings = True
        self.any_pong = False        # after Pings that `ping` did not send
        self.link_credit_granted = 0
        self.window = ReceiveWindow(self.hello["link_window_bytes"])
        self.send_left = 0
        self._ping_outstanding = None
        self._pong_due = None
        self._control, self._output = bytearray(), bytearray()
        self._turns = collections.deque()
        self._closing = False
        self._reader = FrameReader(self.hello["frame_bytes_max"])
        self._changed = threading.Condition(threading.RLock())
        self._socket = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        if say_hello:
            self._control += encode("hello", **self.hello)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # --- for tests

    @contextlib.contextmanager
    def acting(self):
        """The lock; the link's thread looks again afterwards."""
        with self._changed:
            yield
            self._wake()
            self._changed.notify_all()

    def wait(self, predicate, what, seconds=PATIENCE):
        """The first true value of `predicate()`, tried after each thing that happens."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0 or (self.closed and not predicate()):
                    raise NotSeen(f"not seen{' before the close' if self.closed else ''}: {what}; "
                                  f"{self}")
                self._changed.wait(left)
            return value

    def __str__(self):
        return (f"link(closed={self.closed}, fault={self.fault!r}, go_away={self.go_away}, "
                f"violations={self.violations}, streams={len(self.streams)})")

    def wait_hello(self):
        self.wait(lambda: self.peer_hello, "the peer's Hello")
        return self

    def wait_stream(self, number):
        return self.wait(lambda: self.streams.get(number), f"stream {number} is opened")

    def wait_go_away(self):
        return self.wait(lambda: self.go_away, "GoAway")

    def wait_closed(self):
        self.wait(lambda: self.closed, "the end of the link")
        return self

    def send_raw(self, data):
        """Bytes as they are, behind what is laid out already; no state here changes."""
        with self.acting():
            self._control += data

    def send_frame(self, name, **fields):
        self.send_raw(encode(name, **fields))

    def send_data(self, number, payload, times=1):
        """Data whatever the windows say; they are kept right all the same."""
        with self.acting():
            self._control += encode("data", stream=number, payload=payload) * times
            self.send_left -= len(payload) * times
            if number in self.streams:
                self.streams[number].send_left -= len(payload) * times

    def wait_sent(self):
        """Until the socket has taken everything, or the link has ended."""
        self.wait(lambda: self.closed or not self._control and not self._output, "all is sent")

    def open(self, key=b"key", data=b"", number=None, **metadata):
        """A new stream of a gateway, with Data right behind its Open."""
        with self.acting():
            number = number or self.opened_highest + 1
            fields = open_fields(number, key, **metadata)
            self._control += encode("open", **fields)
            self.opened_highest = number
            stream = self.streams[number] = Stream(self, number, fields)
            self._turns.append(stream)
            stream.outbox += data
            return stream

    def open_continued(self, key, checkpoint, cause=1, node="chat-a"):
        """A new stream that goes on where another backend's last Checkpoint, or deposit, ends."""
        with self.acting():
            stream = self.open(key, continued=T.Continued(cause=cause, node=node))
            self.control("checkpoint", stream=stream.id, consumed=checkpoint.consumed,
                         produced=checkpoint.produced, state=checkpoint.state, unread=b"",
                         finished=checkpoint.finished)
            if checkpoint.finished:
                stream.peer = "finished"
            return stream

    def ping(self, opaque):
        with self.acting():
            self._ping_outstanding = opaque
            self.control("ping", opaque=opaque)
        self.wait(lambda: opaque in self.pongs, "the Pong")

    def say_go_away(self, last_stream=None, reason=0, deadline_ms=0):
        with self.acting():
            self.go_away_sent = self.opened_highest if last_stream is None else last_stream
            self.control("go_away", last_stream=self.go_away_sent, reason=reason,
                         deadline_ms=deadline_ms)

    def stop_reading(self, stopped=True):
        with self.acting():
            self.reading = not stopped

    def close(self):
        with self.acting():
            self._closing = True
        join(self._thread)

    # --- commands, with the lock held

    def control(self, name, **fields):
        self._control += encode(name, **fields)

    def behind_data(self, name, **fields):
        """Behind the Data that is laid out already."""
        self._lay_out()
        self._output += encode(name, **fields)

    def reset(self, stream, reason):
        if stream.is_over or stream.own == "reset":
            return
        stream.own = "reset"
        stream.outbox.clear()
        self.control("reset", stream=stream.id, reason=reason)
        self.consume_dead(len(stream.received))
        stream.received.clear()

    def consume(self, stream, size):
        self.consume_dead(size)
        stream.consumed += size
        stream.window.consumed += size
        if stream.peer == "open" and stream.own != "reset" and not stream.is_over:
            self._grant(stream.id, stream.window)

    def consume_dead(self, size):
        self.window.consumed += size
        self._grant(0, self.window)

    def _grant(self, number, window):
        if granted := window.grant():
            self.control("credit", stream=number, bytes=granted)

    # --- the thread

    def _wake(self):
        with contextlib.suppress(OSError):  # full: it wakes anyway; broken: it has ended
            self._wake_out.send(b"!")

    def _run(self):
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake_in, selectors.EVENT_READ)
                selector.register(self._socket, selectors.EVENT_READ)
                while self._turn(selector):
                    pass
        except OSError:
            pass  # the other side broke it off
        except Exception as failure:  # pylint: disable=broad-except
            # Of this peer, or of the test's own `on_open`: nobody else would hear of it.
            self.violations.append(f"not handled here: {failure!r}")
            traceback.print_exc()
        with self._changed:
            self._socket.close()
            self._wake_in.close()
            self._wake_out.close()
            self.closed = True
            for stream in self.streams.values():
                stream.lost = not stream.is_over
            self._changed.notify_all()

    def _turn(self, selector):
        with self._changed:
            self._lay_out()
            events = selectors.EVENT_READ if self.reading and not self._closing else 0
            if self._output:
                events |= selectors.EVENT_WRITE
            elif self._closing:
                return False
        self._watch(selector, events)
        ready = {key.fileobj: mask for key, mask in selector.select()}
        with self._changed:
            if self._wake_in in ready:
                self._wake_in.recv(4096)
            mask = ready.get(self._socket, 0)
            if mask & selectors.EVENT_READ and not self._read():
                return False
            if mask & selectors.EVENT_WRITE:
                del self._output[:self._socket.send(self._output)]
            self._changed.notify_all()
        return True

    def _watch(self, selector, events):
        watched = selector.get_map().get(self._socket)
        if watched and not events:
            selector.unregister(self._socket)
        elif events and not watched:
            selector.register(self._socket, events)
        elif events and watched.events != events:
            selector.modify(self._socket, events)

    def _read(self):
        """False at the end of the TCP connection."""
        data = self._socket.recv(262_144)
        if not data:
            return False
        self._reader.feed(data)
        try:
            while self.fault is None and (frame := self._reader.next()):
                self._on_frame(*frame)
        except FrameFault as fault:
            self._fail(fault.error)
        return True

    def _fail(self, error):
        self.fault = error
        self.control("go_away", last_stream=self.opened_highest, reason=error, deadline_ms=0)
        self._closing = True

    # --- output: control first, then Data in turns

    def _lay_out(self):
        if self._pong_due is not None:
            self.control("pong", opaque=self._pong_due)
            self._pong_due = None
        self._output += self._control
        self._control.clear()
        if self.peer_hello is None:
            return
        idle = 0
        while idle < len(self._turns) and len(self._output) < OUTPUT_BYTES:
            stream = self._turns.popleft()
            moved = self._echo(stream) | self._lay_out_data(stream)
            idle = 0 if moved else idle
            # One that is over leaves the queue, and does not count as a turn without effect.
            if stream.own == "open" and not stream.is_over:
                self._turns.append(stream)
                idle += not moved
        # Grants that the echoing above made due.
        self._output += self._control
        self._control.clear()

    def _echo(self, stream):
        if not stream.echo or stream.own != "open" or len(stream.outbox) >= DATA_BYTES_MAX:
            return False
        if stream.peer == "finished" and not stream.received:
            stream.finishing = True
        data = bytes(stream.received[:DATA_BYTES_MAX])
        del stream.received[:len(data)]
        stream.outbox += data
        self.consume(stream, len(data))
        return bool(data)

    def _lay_out_data(self, stream):
        if stream.own != "open" or stream.is_over:
            return False
        if not stream.outbox:
            if stream.finishing:
                stream.own = "finished"
                self._output += encode("finish", stream=stream.id)
            return False
        size = min(len(stream.outbox), DATA_BYTES_MAX, stream.send_left, self.send_left,
                   self.peer_hello.frame_bytes_max - 19)
        if size <= 0:
            return False
        self._output += encode("data", stream=stream.id, payload=bytes(stream.outbox[:size]))
        del stream.outbox[:size]
        stream.send_left -= size
        self.send_left -= size
        stream.bytes_sent += size
        stream.produced += size
        return True

    # --- input

    def _on_frame(self, framed, name, frame):
        if not is_canonical(framed, name, frame):
            self.violations.append(f"{name} is not written as README §3 says: {framed.hex()}")
        if self.peer_hello is None and name != "hello":
            raise FrameFault(LinkError.hello_expected)
        if name == "notice" and not self.hello["features"] & NOTICE:
            raise FrameFault(LinkError.frame_unknown)
        if name in ("handoff", "checkpoint") and not self.hello["features"] & HANDOFF:
            raise FrameFault(LinkError.frame_unknown)
        by_gateway = name in ("open", "notice", "handoff")
        if by_gateway != (self.role == BACKEND) and (by_gateway or name in ("accept", "refuse")):
            raise FrameFault(LinkError.wrong_direction)
        getattr(self, "_on_" + name)(frame)

    def _on_hello(self, hello):
        if self.peer_hello is not None:
            raise FrameFault(LinkError.hello_repeated)
        if hello.role == self.role:
            raise FrameFault(LinkError.hello_role)
        if hello.version_min > 1 or hello.version_max < 1:
            raise FrameFault(LinkError.hello_version)
        self.peer_hello = hello
        self.send_left = hello.link_window_bytes

    def _on_open(self, opened):
        if opened.stream <= self.opened_highest:
            raise FrameFault(LinkError.stream_not_increasing)
        if opened.early_data and not self.hello["features"] & EARLY_DATA:
            raise FrameFault(LinkError.field_invalid)
        living = [stream for stream in self.streams.values() if not stream.is_over]
        opening = sum(not stream.accepted for stream in living)
        if (len(living) >= self.hello["streams_open_max"]
                or opening >= self.hello["streams_opening_max"]):
            raise FrameFault(LinkError.streams_exceeded)
        self.opened_highest = opened.stream
        stream = self.streams[opened.stream] = Stream(self, opened.stream, opened)
        if self.go_away_sent is not None and opened.stream > self.go_away_sent:
            stream.refused = RefuseReason.shutting_down
            return self.control("refuse", stream=stream.id, reason=RefuseReason.shutting_down)
        self._turns.append(stream)
        if opened.continued and not self.hello["features"] & HANDOFF:
            raise FrameFault(LinkError.field_invalid)
        if self.on_open and not opened.continued:
            self.on_open(stream)

    def _on_accept(self, frame):
        if (stream := self._stream(frame)) and stream.own != "reset" and stream.peer != "reset":
            if stream.accepted:
                return self._stream_error(stream, ResetReason.bad_state)
            stream.accepted = True

    def _on_refuse(self, frame):
        self.refusals[frame.reason] += 1
        if (stream := self._stream(frame)) and stream.peer != "reset":
            if stream.accepted and stream.own != "reset":
                return self._stream_error(stream, ResetReason.bad_state)
            stream.refused = frame

    def _on_data(self, frame):
        size = len(frame.payload)
        stream = self._stream(frame)
        self.window.left -= size
        if self.window.left < 0:
            raise FrameFault(LinkError.link_window_exceeded)
        if size > DATA_BYTES_MAX:
            raise FrameFault(LinkError.field_invalid)
        if not stream or stream.own == "reset" or stream.peer == "reset":
            return self.consume_dead(size)
        stream.window.left -= size
        error = self._data_error(stream, size)
        if error:
            self._stream_error(stream, error)
            return self.consume_dead(size)
        stream.received += frame.payload
        stream.bytes_received += size
        return None

    def _data_error(self, stream, size):
        if stream.peer == "finished" or (self.role == GATEWAY and not stream.accepted):
            return ResetReason.bad_state
        if self._is_silenced(stream):
            return ResetReason.bad_state
        if not size:
            return ResetReason.data_empty
        return ResetReason.window_exceeded if stream.window.left < 0 else None

    def _is_silenced(self, stream):
        """At a backend: the peer has asked for it, or owes its first Checkpoint."""
        if self.role == GATEWAY:
            return False
        return stream.handoff or (stream.opened.continued and not stream.checkpoints)

    def _on_finish(self, frame):
        stream = self._stream(frame)
        if not stream or stream.peer == "reset":
            return
        early = self.role == GATEWAY and not stream.accepted and stream.own != "reset"
        if stream.own != "reset" and (stream.peer == "finished" or early
                                      or self._is_silenced(stream)):
            return self._stream_error(stream, ResetReason.bad_state)
        stream.peer = "finished"

    def _on_reset(self, frame):
        stream = self._stream(frame)
        if not stream or stream.peer == "reset":
            return
        stream.peer = "reset"
        stream.reset_reason = frame.reason
        if stream.own == "open":
            self.reset(stream, ResetReason.acknowledged)
            stream.own = "reset"

    def _on_credit(self, frame):
        if frame.stream == 0:
            if frame.bytes < LINK_CREDIT_MIN:
                raise FrameFault(LinkError.link_credit_too_small)
            self.link_credit_granted += frame.bytes
            self.send_left += frame.bytes
            if self.send_left > LINK_WINDOW_MAX:
                raise FrameFault(LinkError.link_credit_overflow)
            if self.send_left > self.peer_hello.link_window_bytes:
                self.violations.append("the link's window is larger than it began")
            return
        stream = self._stream(frame)
        if not stream or stream.own != "open" or stream.peer == "reset":
            return
        if frame.bytes < STREAM_CREDIT_MIN:
            return self._stream_error(stream, ResetReason.credit_too_small)
        stream.credit_granted += frame.bytes
        stream.send_left += frame.bytes
        if stream.send_left > STREAM_WINDOW_MAX:
            self._stream_error(stream, ResetReason.credit_overflow)
        elif stream.send_left > self.peer_hello.stream_window_bytes:
            self.violations.append(f"window of stream {stream.id} is larger than it began")

    def _on_ping(self, frame):
        self.pings.append(frame.opaque)
        if self.answering_pings:
            self._pong_due = frame.opaque

    def _on_pong(self, frame):
        self.pongs.append(frame.opaque)
        if self._ping_outstanding != frame.opaque and not self.any_pong:
            raise FrameFault(LinkError.pong_unexpected)
        self._ping_outstanding = None

    def _on_go_away(self, frame):
        self.go_away = frame
        for stream in self.streams.values():
            if self.role == GATEWAY and stream.id > frame.last_stream and not stream.accepted:
                stream.refused = RefuseReason.shutting_down

    def _on_notice(self, frame):
        if not self.peer_hello.features & NOTICE:
            self.violations.append("a Notice of a gateway that did not announce it")
        if stream := self._stream(frame):
            stream.notices.append(frame)

    def _on_handoff(self, frame):
        if stream := self._stream(frame):
            if not stream.accepted or stream.handoff:
                return self._stream_error(stream, ResetReason.bad_state)
            stream.handoff = frame
        return None

    def _on_checkpoint(self, frame):
        stream = self._stream(frame)
        if not stream or stream.is_reset:
            return
        stream.checkpoints.append(frame)
        if self.role == BACKEND:
            return self._take_over(stream, frame)
        if frame.last:
            stream.own = stream.peer = "reset"  # over both ways, and not answered

    def _take_over(self, stream, first):
        """Of a stream that goes on where another backend's ended."""
        if len(stream.checkpoints) > 1 or not stream.opened.continued:
            return self._stream_error(stream, ResetReason.bad_state)
        if first.unread or first.last or stream.bytes_received or stream.peer != "open":
            return self._stream_error(stream, ResetReason.bad_state)
        stream.consumed, stream.produced = first.consumed, first.produced
        if first.finished:
            stream.own = "finished"
        if self.on_open:
            self.on_open(stream)
        return None

    def _stream(self, frame):
        """The stream a frame is for; None if it is to be ignored."""
        if frame.stream > self.opened_highest:
            raise FrameFault(LinkError.stream_never_opened)
        stream = self.streams.get(frame.stream)
        return None if stream is None or stream.is_over else stream

    def _stream_error(self, stream, reason):
        self.violations.append(f"stream {stream.id}: {reason.name}")
        stream.error = reason
        self.reset(stream, reason)


def join(thread):
    thread.join(PATIENCE)
    if thread.is_alive():
        raise NotSeen(f"{thread.name} does not end")


def connect(port, **hello):
    """A gateway's link to 127.0.0.1:port, up once its peer has said Hello."""
    return Link(socket.create_connection(("127.0.0.1", port), PATIENCE), GATEWAY,
                **hello).wait_hello()


class Backend:
    """Listens like a chat server and takes every link; `name` and `port` stand in a shard map."""

    def __init__(self, name="python", on_open=None, **hello):
        self.name, self.on_open, self.hello = name, on_open, hello
        self.links = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.links.append(Link(accepted, BACKEND, self.on_open, node=self.name,
                                       **self.hello))
                self._changed.notify_all()

    def wait_link(self, index=0, hello=True):
        """The link that came as number `index`, after its peer's Hello."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.links) > index, PATIENCE):
                raise NotSeen(f"link {index} to {self.name}")
        return self.links[index].wait_hello() if hello else self.links[index]

    def close(self):
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        join(self._thread)
        for link in self.links:
            link.close()


def accept_and_echo(stream):
    """An `on_open` of a backend."""
    stream.accept()
    stream.echo = True


def accept(stream):
    stream.accept()
