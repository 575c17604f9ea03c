"""One stream of the Python peer: its state, its windows, and what a test does with it."""

from mux_wire import DATA_BYTES_MAX, ResetReason


class NotSeen(AssertionError):
    """Something did not happen on a link in time."""


class ReceiveWindow:
    """What a peer may still send, and what was consumed but not granted back (README §6)."""

    def __init__(self, size):
        self.size = self.left = size
        self.consumed = 0

    def grant(self):
        """Bytes to give back now, or 0."""
        if self.left >= self.size // 2 or self.consumed < min(self.size // 4, DATA_BYTES_MAX):
            return 0
        granted, self.consumed = self.consumed, 0
        self.left += granted
        return granted


class Stream:
    """One stream as this side sees it. `own` and `peer` are its directions, README §5."""

    def __init__(self, link, number, opened):
        self.link, self.id, self.opened = link, number, opened
        self.own = self.peer = "open"
        self.accepted = False
        self.refused = None        # the Refuse frame
        self.reset_reason = None   # of the peer's Reset
        self.error = None          # stream error found here: the reason of our Reset
        self.lost = False          # the link ended first
        self.notices = []          # the frames
        self.handoff = None        # the frame, of a gateway
        self.checkpoints = []      # the frames
        self.received = bytearray()
        self.bytes_received = 0
        self.bytes_sent = 0
        self.credit_granted = 0    # by the peer, all in all
        self.send_left = link.peer_hello.stream_window_bytes
        self.window = ReceiveWindow(link.hello["stream_window_bytes"])
        self.outbox = bytearray()
        self.finishing = False
        self.echo = False
        # Of the client, with what other backends had of it before: README §4.12.
        self.consumed = self.produced = 0

    @property
    def is_over(self):
        return self.refused is not None or (self.own != "open" and self.peer != "open")

    @property
    def is_reset(self):
        return "reset" in (self.own, self.peer)

    def hand_off(self, map_epoch=2, within_ms=20_000):
        """A gateway's wish for the stream, behind all that was sent; nothing more may be sent."""
        self.link.wait(lambda: self.accepted and not self.outbox,
                       f"stream {self.id} is served and all is sent")
        self.link.send_frame("handoff", stream=self.id, reason=1, map_epoch=map_epoch,
                             deadline_ms=within_ms)

    def wait_handoff(self):
        self.link.wait(lambda: self.handoff, f"Handoff of stream {self.id}")
        return self

    def checkpoint(self, **fields):
        """The last Checkpoint as it is right; as a keyword what is to be different."""
        unread = bytes(self.received)
        finished = True if self.own == "finished" else None
        return {"stream": self.id, "consumed": self.consumed, "produced": self.produced,
                "state": b"", "unread": unread, "last": True, "finished": finished, **fields}

    def give_up(self, state=b""):
        """A backend's answer to Handoff, behind its Data; the unread bytes in pieces."""
        self.link.wait(lambda: not self.outbox and not (self.finishing and self.own == "open"),
                       f"all of stream {self.id} is sent")
        with self.link.acting():
            unread, room = bytes(self.received), DATA_BYTES_MAX - len(state)
            while len(unread) > room:
                self.link.behind_data("checkpoint", **self.checkpoint(
                    unread=unread[:DATA_BYTES_MAX], last=None))
                unread = unread[DATA_BYTES_MAX:]
            self.link.behind_data("checkpoint", **self.checkpoint(state=state, unread=unread))
            self.own = self.peer = "reset"
            self.link.consume_dead(len(self.received))
            self.received.clear()

    def deposit(self, state):
        self.link.wait(lambda: not self.outbox, f"all of stream {self.id} is sent")
        with self.link.acting():
            self.link.behind_data("checkpoint", **self.checkpoint(state=state, unread=b"",
                                                                  last=None))

    def receive_given_up(self):
        """What the old backend still had to say, and the unread bytes that came back. The last
        Checkpoint is the end of `checkpoints`."""
        parts = bytearray()
        while not self.is_over:
            self.link.wait(lambda: self.received or self.is_over or self.lost,
                           f"stream {self.id} is given up")
            parts += self.take()
        parts += self.take()
        if not self.checkpoints or not self.checkpoints[-1].last:
            raise NotSeen(f"stream {self.id} ends without a last Checkpoint: own {self.own}, "
                          f"peer {self.peer}, reset {self.reset_reason}")
        return bytes(parts), b"".join(frame.unread for frame in self.checkpoints)

    def send(self, data):
        """Queues data; it leaves as the windows allow."""
        with self.link.acting():
            self.outbox += data

    def finish(self):
        with self.link.acting():
            self.finishing = True

    def reset(self, reason=ResetReason.cancelled):
        with self.link.acting():
            self.link.reset(self, reason)

    def accept(self):
        with self.link.acting():
            self.accepted = True
            self.link.control("accept", stream=self.id)

    def refuse(self, reason, **fields):
        with self.link.acting():
            self.refused = reason
            self.link.control("refuse", stream=self.id, reason=reason, **fields)

    def take(self, size=None):
        """Consumes what was received, which is what gives credit back."""
        with self.link.acting():
            data = bytes(self.received[:size])
            del self.received[:len(data)]
            self.link.consume(self, len(data))
            return data

    def receive_exactly(self, size):
        parts = bytearray()
        while len(parts) < size:
            self.link.wait(lambda: self.received or self.peer != "open" or self.lost,
                           f"stream {self.id}: {size} bytes")
            data = self.take(size - len(parts))
            if not data:
                raise NotSeen(f"stream {self.id}: {len(parts)} of {size} bytes, then the end")
            parts += data
        return bytes(parts)

    def receive_to_end(self):
        parts = bytearray()
        while True:
            self.link.wait(lambda: self.received or self.peer != "open" or self.lost,
                           f"stream {self.id}: bytes or the end")
            data = self.take()
            parts += data
            if not data:
                return bytes(parts)

    def wait_answered(self):
        self.link.wait(lambda: self.accepted or self.refused, f"stream {self.id} is answered")
        return self

    def wait_over(self):
        self.link.wait(lambda: self.is_over, f"stream {self.id} is over")
        return self

    def wait_reset(self, reason):
        self.link.wait(lambda: self.reset_reason is not None, f"stream {self.id} is reset")
        if self.reset_reason != reason:
            raise NotSeen(f"stream {self.id} is reset with {self.reset_reason}, not {reason!r}")
        return self
