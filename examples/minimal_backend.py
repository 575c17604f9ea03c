#!/usr/bin/env python3
"""A backend from the specification alone, which echoes: `minimal_backend.py ADDRESS PORT [NAME]`.

Python's standard library and nothing else. protocol/from_the_specification.md explains it, and
examples/minimal_backend.js is the same in another language. A program of yours replaces `Echo`,
which is what this backend does with its clients' bytes.
"""

import asyncio
import sys
import traceback

DATA_BYTES_MAX = 16_384  # README §7, as are the others
FRAME_BYTES_MAX = 16_448
STREAM_WINDOW = 65_536
LINK_WINDOW = 33_554_432
ACKNOWLEDGED, CANCELLED, WINDOW_EXCEEDED, INTERNAL = 1, 2, 7, 11  # reasons of Reset, §8

# Ids of frames, §4.
HELLO, OPEN, ACCEPT, DATA, FINISH = 1, 2, 3, 5, 6
RESET, CREDIT, PING, PONG, GO_AWAY = 7, 8, 9, 10, 11

# --- frames as bytes, §3: a union with one struct in Thrift's compact protocol, behind its length

BOOL_TRUE, BOOL_FALSE, I8, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def encode(frame, *fields):
    """`fields`: (id, value) in the order of their ids; an int is an i64, (int,) an i32."""
    body, last = bytearray([frame << 4 | STRUCT]), 0
    for number, value in fields:
        if isinstance(value, bytes):
            kind, written = BINARY, varint(len(value)) + value
        else:
            kind, integer = (I32, value[0]) if isinstance(value, tuple) else (I64, value)
            written = varint(integer << 1 if integer >= 0 else ~(integer << 1))
        body += bytes([(number - last) << 4 | kind]) + written
        last = number
    body += b"\0\0"
    return len(body).to_bytes(4, "big") + body


class Reader:
    """Reads a body; what it does not know it skips, as §3 asks for."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def byte(self):
        self.at += 1
        return self.body[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def integer(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def value(self, kind):
        if kind in (BOOL_TRUE, BOOL_FALSE):
            return kind == BOOL_TRUE
        if kind == I8:
            return self.byte()
        if kind in (I16, I32, I64):
            return self.integer()
        if kind in (DOUBLE, BINARY):
            size = 8 if kind == DOUBLE else self.varint()
            self.at += size
            return bytes(self.body[self.at - size:self.at])
        if kind in (LIST, SET):
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.element(head & 15) for _ in range(count)]
        if kind == MAP:
            count = self.varint()
            kinds = self.byte() if count else 0
            return [(self.element(kinds >> 4), self.element(kinds & 15)) for _ in range(count)]
        return self.struct()

    def element(self, kind):
        # In a list a bool is a byte of its own.
        return self.byte() == BOOL_TRUE if kind in (BOOL_TRUE, BOOL_FALSE) else self.value(kind)

    def struct(self):
        """{id: value}"""
        fields, number = {}, 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            fields[number] = self.value(head & 15)
        return fields


# --- windows, §6

class ReceiveWindow:
    """What the gateway may still send, and what was consumed and not granted back yet."""

    def __init__(self, size):
        self.size = self.left = size
        self.consumed = 0

    def due(self):
        """Bytes to grant now; mostly 0, for crumbs are an error."""
        if self.left >= self.size // 2 or self.consumed < min(self.size // 4, DATA_BYTES_MAX):
            return 0
        granted, self.consumed = self.consumed, 0
        self.left += granted
        return granted


class Echo:
    """The application's part of one client. What it throws costs this client only."""

    def __init__(self, stream):
        self.stream = stream

    def on_data(self, data):
        """The next bytes; first of all the packet that the gateway took the key from, a Thrift call
        (§9), which a program with a protocol of its own skips."""
        self.stream.send(data)

    def on_sent(self, size):
        """So many bytes of `send` have left. To an echo they are done with only now: so a client
        that does not read is not read from either. Who is done with them in on_data consumes there,
        and bounds `stream.unsent`: by `close`, if its client reads too slowly."""
        self.stream.consume(size)

    def on_finish(self):
        """The client sends no more, and still reads."""
        self.stream.finish()

    def on_closed(self):
        """The client, its stream or its link is gone."""


class Stream:
    """One client, as the link sees it. For the application: send, consume, finish, close."""

    application = None  # set behind Accept

    def __init__(self, link, number, opened):
        self.link, self.number = link, number
        self.key, self.address = opened[2], opened.get(4, b"").decode()
        self.window = ReceiveWindow(STREAM_WINDOW)
        self.send_left = link.stream_window
        self.unconsumed = 0  # no more than the window
        self.unsent = bytearray()  # waits for credit
        self.peer_finished = self.is_finishing = self.has_finished = False

    def is_open(self):
        return self.link.streams.get(self.number) is self

    def send(self, data):
        """At any time, whether something has come or not: what the windows do not allow waits."""
        if self.is_open():
            self.unsent += data
            self.pump()

    def consume(self, size):
        """The application is done with so many of the bytes that have come."""
        size = min(size, self.unconsumed)  # 0 if the stream is over
        if size > 0:
            self.unconsumed -= size
            self.link.consumed(size, self)

    def finish(self):
        """Nothing more will be sent, behind what still waits."""
        self.is_finishing = True
        self.pump()

    def close(self, reason=CANCELLED):
        """Ends it at once. What waits is not sent; the client is closed."""
        if self.is_open():
            self.link.send(RESET, (1, self.number), (2, (reason,)))
            self.link.forget(self)

    def pump(self):
        """Sends what waits, as far as both sending windows allow."""
        while self.unsent and self.is_open():
            size = min(len(self.unsent), DATA_BYTES_MAX, self.link.frame_bytes_max - 19,
                       self.send_left, self.link.send_left)
            if size <= 0:
                return  # a Credit will call this again
            self.link.send(DATA, (1, self.number), (3, bytes(self.unsent[:size])))
            self.send_left -= size
            self.link.send_left -= size
            del self.unsent[:size]
            self.application.on_sent(size)
        if self.is_finishing and not self.has_finished and self.is_open():
            self.has_finished = True
            self.link.send(FINISH, (1, self.number))
            self.end_if_finished()

    def end_if_finished(self):
        """Both have finished: it is over, without another frame."""
        if self.peer_finished and self.has_finished and self.is_open():
            self.link.forget(self)


class Link:
    """One TCP connection of a gateway."""

    def __init__(self, writer, name, application=Echo):
        self.writer, self.application = writer, application
        self.streams, self.highest = {}, 0
        self.window = ReceiveWindow(LINK_WINDOW)
        self.stream_window = self.send_left = self.frame_bytes_max = None  # its Hello says them
        self.send(HELLO, (1, (1,)), (2, (1,)), (3, (2,)), (4, name.encode()), (5, 0),
                  (6, (FRAME_BYTES_MAX,)), (7, (STREAM_WINDOW,)), (8, LINK_WINDOW),
                  (9, (1_000_000,)), (10, (5_000,)), (11, 0), (12, (16_384,)))

    def send(self, frame, *fields):
        self.writer.write(encode(frame, *fields))

    def consumed(self, size, stream=None):
        """Gives credit back for the link, and for the stream if it goes on."""
        self.window.consumed += size
        self.grant(0, self.window)
        if stream and not stream.peer_finished:
            stream.window.consumed += size
            self.grant(stream.number, stream.window)

    def grant(self, number, window):
        if granted := window.due():
            self.send(CREDIT, (1, number), (2, granted))

    def fail(self, what):
        raise ConnectionError(what)

    def tell(self, stream, call, *arguments):
        """Calls the application: a fault in it ends one stream, and not the link of all."""
        try:
            call(*arguments)
        except Exception:  # whatever it is
            traceback.print_exc()
            stream.close(INTERNAL)

    def on_frame(self, frame, fields):
        if self.stream_window is None and frame not in (HELLO, GO_AWAY):
            self.fail("no Hello")
        number = fields.get(1, 0)
        if frame in (DATA, FINISH, RESET) and number > self.highest:
            self.fail("a stream that was never opened")
        stream = self.streams.get(number)  # None: it is over, and late frames are ignored
        if frame == HELLO:
            self.frame_bytes_max = fields.get(6, FRAME_BYTES_MAX)
            self.stream_window = fields.get(7, STREAM_WINDOW)
            self.send_left = fields.get(8, LINK_WINDOW)
        elif frame == OPEN:
            if number <= self.highest:
                self.fail("a stream that was opened before")
            self.highest = number
            stream = self.streams[number] = Stream(self, number, fields)
            self.send(ACCEPT, (1, number))
            stream.application = self.application(stream)
        elif frame == DATA:
            self.on_data(stream, fields[3])
        elif frame == FINISH and stream:
            stream.peer_finished = True
            self.tell(stream, stream.application.on_finish)
            stream.end_if_finished()
        elif frame == RESET and stream:
            self.send(RESET, (1, number), (2, (ACKNOWLEDGED,)))
            self.forget(stream)
        elif frame == CREDIT:
            self.on_credit(stream, number, fields[2])
        elif frame == PING:
            self.send(PONG, (1, number))

    def on_data(self, stream, payload):
        self.window.left -= len(payload)
        if self.window.left < 0:
            self.fail("more than the link's window")
        if stream is None:
            return self.consumed(len(payload))  # nobody will
        stream.window.left -= len(payload)
        if stream.window.left < 0:
            self.send(RESET, (1, stream.number), (2, (WINDOW_EXCEEDED,)))
            self.consumed(len(payload))
            return self.forget(stream)
        stream.unconsumed += len(payload)
        self.tell(stream, stream.application.on_data, payload)
        self.grant(0, self.window)  # what others have consumed may be due by what has come

    def on_credit(self, stream, number, granted):
        if number == 0:
            self.send_left += granted
            for each in list(self.streams.values()):  # whoever waits for the link
                self.tell(each, each.pump)
        elif stream:
            stream.send_left += granted
            self.tell(stream, stream.pump)

    def forget(self, stream):
        """What it has not read counts as consumed: a dead stream keeps nothing of the link's."""
        del self.streams[stream.number]
        unread, stream.unconsumed = stream.unconsumed, 0
        self.consumed(unread)
        self.tell(stream, stream.application.on_closed)


async def serve_link(reader, writer, name, application=Echo):
    link = Link(writer, name, application)
    try:
        while head := await reader.read(1):
            size = int.from_bytes(head + await reader.readexactly(3), "big")
            if not 0 < size <= FRAME_BYTES_MAX:
                link.fail("a frame of a wrong size")
            body = await reader.readexactly(size)
            for frame, fields in Reader(body).struct().items():
                link.on_frame(frame, fields)
            await writer.drain()
        print("a link was closed by the gateway", flush=True)
    except (asyncio.IncompleteReadError, OSError, IndexError, KeyError) as ended:
        print(f"a link has ended: {ended!r}", flush=True)
    finally:
        for stream in list(link.streams.values()):
            link.forget(stream)
        writer.close()


async def main(address, port, name="python", application=Echo):
    async def on_link(reader, writer):
        await serve_link(reader, writer, name, application)

    server = await asyncio.start_server(on_link, address, int(port))
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        pass
