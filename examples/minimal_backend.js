#!/usr/bin/env node
// A backend from the specification alone, which echoes: `node minimal_backend.js ADDRESS PORT [NAME]`
//
// Node's standard library and nothing else. protocol/from_the_specification.md explains it, and
// examples/minimal_backend.py is the same in another language. A program of yours replaces `Echo`,
// which is what this backend does with its clients' bytes.
'use strict';

const net = require('net');

const DATA_BYTES_MAX = 16384; // README §7, as are the others
const FRAME_BYTES_MAX = 16448;
const STREAM_WINDOW = 65536;
const LINK_WINDOW = 33554432;
const ACKNOWLEDGED = 1; // reasons of Reset, §8
const CANCELLED = 2;
const WINDOW_EXCEEDED = 7;
const INTERNAL = 11;

// Ids of frames, §4.
const HELLO = 1, OPEN = 2, ACCEPT = 3, DATA = 5, FINISH = 6, RESET = 7, CREDIT = 8, PING = 9,
  PONG = 10, GO_AWAY = 11;

// --- frames as bytes, §3: a union with one struct in Thrift's compact protocol, behind its length

const BOOL_TRUE = 1, BOOL_FALSE = 2, I8 = 3, I16 = 4, I32 = 5, I64 = 6, DOUBLE = 7, BINARY = 8,
  LIST = 9, SET = 10, MAP = 11, STRUCT = 12;

const i32 = (value) => ({ value }); // beside plain numbers and BigInts, which are i64

function varint(value) {
  const out = [];
  for (; value > 0x7fn; value >>= 7n) out.push(Number(value & 0x7fn) | 0x80);
  out.push(Number(value));
  return Buffer.from(out);
}

// `fields`: [id, value] in the order of their ids.
function encode(frame, ...fields) {
  const parts = [Buffer.alloc(4), Buffer.from([frame << 4 | STRUCT])];
  let last = 0;
  for (const [id, value] of fields) {
    const isBytes = Buffer.isBuffer(value);
    const isShort = !isBytes && typeof value === 'object';
    parts.push(Buffer.from([(id - last) << 4 | (isBytes ? BINARY : isShort ? I32 : I64)]));
    if (isBytes) {
      parts.push(varint(BigInt(value.length)), value);
    } else {
      const integer = BigInt(isShort ? value.value : value);
      parts.push(varint(integer >= 0n ? integer << 1n : ~(integer << 1n)));
    }
    last = id;
  }
  parts.push(Buffer.from([0, 0]));
  const whole = Buffer.concat(parts);
  whole.writeUInt32BE(whole.length - 4);
  return whole;
}

// Reads a body; what it does not know it skips, as §3 asks for. Integers are BigInts: an i64 has
// more bits than a number of JavaScript.
class Reader {
  constructor(body) {
    this.body = body;
    this.at = 0;
  }

  byte() {
    if (this.at >= this.body.length) throw new Error('a frame that ends early');
    return this.body[this.at++];
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  integer() {
    const value = this.varint();
    return value >> 1n ^ -(value & 1n);
  }

  value(kind) {
    switch (kind) {
      case BOOL_TRUE:
      case BOOL_FALSE:
        return kind === BOOL_TRUE;
      case I8:
        return this.byte();
      case I16:
      case I32:
      case I64:
        return this.integer();
      case DOUBLE:
      case BINARY: {
        const size = kind === DOUBLE ? 8 : Number(this.varint());
        if (size > this.body.length - this.at) throw new Error('a frame that ends early');
        this.at += size;
        return this.body.subarray(this.at - size, this.at);
      }
      case LIST:
      case SET: {
        const head = this.byte();
        const count = head >> 4 < 15 ? head >> 4 : Number(this.varint());
        for (let i = 0; i < count; ++i) this.element(head & 15);
        return undefined;
      }
      case MAP: {
        const count = Number(this.varint());
        const kinds = count ? this.byte() : 0;
        for (let i = 0; i < count; ++i) {
          this.element(kinds >> 4);
          this.element(kinds & 15);
        }
        return undefined;
      }
      case STRUCT:
        return this.struct();
      default:
        throw new Error('a type that Thrift does not have');
    }
  }

  element(kind) {
    // In a list a bool is a byte of its own.
    return kind === BOOL_TRUE || kind === BOOL_FALSE ? this.byte() : this.value(kind);
  }

  // Map of id → value.
  struct() {
    const fields = new Map();
    let id = 0;
    for (let head = this.byte(); head !== 0; head = this.byte()) {
      id = head >> 4 ? id + (head >> 4) : Number(this.integer());
      fields.set(id, this.value(head & 15));
    }
    return fields;
  }
}

// --- windows, §6

// What the gateway may still send, and what was consumed and not granted back yet.
class ReceiveWindow {
  constructor(size) {
    this.size = this.left = size;
    this.consumed = 0;
  }

  // Bytes to grant now; mostly 0, for crumbs are an error.
  due() {
    const least = Math.min(this.size / 4, DATA_BYTES_MAX);
    if (this.left >= this.size / 2 || this.consumed < least) return 0;
    const granted = this.consumed;
    this.consumed = 0;
    this.left += granted;
    return granted;
  }
}

// The application's part of one client. What it throws costs this client only.
class Echo {
  constructor(stream) {
    this.stream = stream;
  }

  // The next bytes; first of all the packet that the gateway took the key from, a Thrift call (§9),
  // which a program with a protocol of its own skips.
  onData(data) {
    this.stream.send(data);
  }

  // So many bytes of `send` have left. To an echo they are done with only now: so a client that
  // does not read is not read from either. Who is done with them in onData consumes there, and
  // bounds what waits: by `close`, if its client reads too slowly.
  onSent(size) {
    this.stream.consume(size);
  }

  // The client sends no more, and still reads.
  onFinish() {
    this.stream.finish();
  }

  // The client, its stream or its link is gone.
  onClosed() {}
}

// One client, as the link sees it. For the application: send, consume, finish, close.
class Stream {
  constructor(link, number, opened) {
    this.link = link;
    this.number = number; // a BigInt
    this.key = opened.get(2);
    this.window = new ReceiveWindow(STREAM_WINDOW);
    this.sendLeft = link.streamWindow;
    this.unconsumed = 0; // no more than the window
    this.unsent = []; // Buffers that wait for credit
    this.peerFinished = this.isFinishing = this.hasFinished = false;
    this.application = undefined; // set behind Accept
  }

  isOpen() {
    return this.link.streams.get(this.number) === this;
  }

  // At any time, whether something has come or not: what the windows do not allow waits.
  send(data) {
    if (data.length === 0 || !this.isOpen()) return;
    this.unsent.push(data);
    this.pump();
  }

  // The application is done with so many of the bytes that have come.
  consume(size) {
    const counted = Math.min(size, this.unconsumed); // 0 if the stream is over
    if (counted === 0) return;
    this.unconsumed -= counted;
    this.link.consumed(counted, this);
  }

  // Nothing more will be sent, behind what still waits.
  finish() {
    this.isFinishing = true;
    this.pump();
  }

  // Ends it at once. What waits is not sent; the client is closed.
  close(reason = CANCELLED) {
    if (!this.isOpen()) return;
    this.link.send(RESET, [1, this.number], [2, i32(reason)]);
    this.link.forget(this);
  }

  // Sends what waits, as far as both sending windows allow.
  pump() {
    while (this.unsent.length !== 0 && this.isOpen()) {
      const first = this.unsent[0];
      const size = Math.min(first.length, DATA_BYTES_MAX, this.link.frameBytesMax - 19,
        this.sendLeft, this.link.sendLeft);
      if (size <= 0) return; // a Credit will call this again
      this.link.send(DATA, [1, this.number], [3, first.subarray(0, size)]);
      this.sendLeft -= size;
      this.link.sendLeft -= size;
      if (size === first.length) this.unsent.shift();
      else this.unsent[0] = first.subarray(size);
      this.application.onSent(size);
    }
    if (!this.isFinishing || this.hasFinished || !this.isOpen()) return;
    this.hasFinished = true;
    this.link.send(FINISH, [1, this.number]);
    this.endIfFinished();
  }

  // Both have finished: it is over, without another frame.
  endIfFinished() {
    if (this.peerFinished && this.hasFinished && this.isOpen()) this.link.forget(this);
  }
}

// One TCP connection of a gateway.
class Link {
  constructor(socket, name) {
    this.socket = socket;
    this.streams = new Map();
    this.highest = 0n;
    this.window = new ReceiveWindow(LINK_WINDOW);
    this.streamWindow = undefined; // the gateway's Hello says it, sendLeft and frameBytesMax
    this.input = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.onBytes(bytes));
    let how = 'has ended';
    socket.on('end', () => { how = 'was closed by the gateway'; });
    socket.on('error', (fault) => { how = `has ended: ${fault.message}`; }); // 'close' follows
    socket.on('close', () => {
      console.log(`a link ${how}`);
      for (const each of [...this.streams.values()]) this.forget(each);
    });
    this.send(HELLO, [1, i32(1)], [2, i32(1)], [3, i32(2)], [4, Buffer.from(name)], [5, 0],
      [6, i32(FRAME_BYTES_MAX)], [7, i32(STREAM_WINDOW)], [8, LINK_WINDOW], [9, i32(1000000)],
      [10, i32(5000)], [11, 0], [12, i32(16384)]);
  }

  send(frame, ...fields) {
    this.socket.write(encode(frame, ...fields));
  }

  // Gives credit back for the link, and for the stream if it goes on.
  consumed(size, stream) {
    this.window.consumed += size;
    this.grant(0n, this.window);
    if (!stream || stream.peerFinished) return;
    stream.window.consumed += size;
    this.grant(stream.number, stream.window);
  }

  grant(number, window) {
    const granted = window.due();
    if (granted !== 0) this.send(CREDIT, [1, number], [2, granted]);
  }

  // Calls the application: a fault in it ends one stream, and not the link of all.
  tell(stream, call) {
    try {
      call();
    } catch (fault) {
      console.log(fault.stack);
      stream.close(INTERNAL);
    }
  }

  onBytes(bytes) {
    this.input = this.input.length === 0 ? bytes : Buffer.concat([this.input, bytes]);
    this.socket.cork(); // one system call for all answers
    try {
      while (this.input.length >= 4) {
        const size = this.input.readUInt32BE();
        if (size === 0 || size > FRAME_BYTES_MAX) throw new Error('a frame of a wrong size');
        if (this.input.length < 4 + size) break;
        const body = this.input.subarray(4, 4 + size);
        this.input = this.input.subarray(4 + size);
        for (const [frame, fields] of new Reader(body).struct()) this.onFrame(frame, fields);
      }
    } catch (fault) {
      console.log(`a link has failed: ${fault.message}`);
      this.socket.destroy();
    }
    process.nextTick(() => this.socket.uncork());
  }

  onFrame(frame, fields) {
    if (this.streamWindow === undefined && frame !== HELLO && frame !== GO_AWAY) {
      throw new Error('no Hello');
    }
    const number = fields.get(1) ?? 0n;
    if ([DATA, FINISH, RESET].includes(frame) && number > this.highest) {
      throw new Error('a stream that was never opened');
    }
    const stream = this.streams.get(number); // undefined: it is over, late frames are ignored
    if (frame === HELLO) {
      this.frameBytesMax = Number(fields.get(6) ?? FRAME_BYTES_MAX);
      this.streamWindow = Number(fields.get(7) ?? STREAM_WINDOW);
      this.sendLeft = Number(fields.get(8) ?? LINK_WINDOW);
    } else if (frame === OPEN) {
      if (number <= this.highest) throw new Error('a stream that was opened before');
      this.highest = number;
      const opened = new Stream(this, number, fields);
      this.streams.set(number, opened);
      this.send(ACCEPT, [1, number]);
      opened.application = new Echo(opened);
    } else if (frame === DATA) {
      this.onData(stream, fields.get(3));
    } else if (frame === FINISH && stream) {
      stream.peerFinished = true;
      this.tell(stream, () => stream.application.onFinish());
      stream.endIfFinished();
    } else if (frame === RESET && stream) {
      this.send(RESET, [1, number], [2, i32(ACKNOWLEDGED)]);
      this.forget(stream);
    } else if (frame === CREDIT) {
      this.onCredit(stream, number, Number(fields.get(2)));
    } else if (frame === PING) {
      this.send(PONG, [1, number]);
    }
  }

  onData(stream, payload) {
    this.window.left -= payload.length;
    if (this.window.left < 0) throw new Error("more than the link's window");
    if (!stream) return this.consumed(payload.length); // nobody will
    stream.window.left -= payload.length;
    if (stream.window.left < 0) {
      this.send(RESET, [1, stream.number], [2, i32(WINDOW_EXCEEDED)]);
      this.consumed(payload.length);
      return this.forget(stream);
    }
    stream.unconsumed += payload.length;
    this.tell(stream, () => stream.application.onData(payload));
    this.grant(0n, this.window); // what others have consumed may be due by what has come
  }

  onCredit(stream, number, granted) {
    if (number === 0n) {
      this.sendLeft += granted;
      for (const each of [...this.streams.values()]) { // whoever waits for the link
        this.tell(each, () => each.pump());
      }
    } else if (stream) {
      stream.sendLeft += granted;
      this.tell(stream, () => stream.pump());
    }
  }

  // What it has not read counts as consumed: a dead stream keeps nothing of the link's.
  forget(stream) {
    this.streams.delete(stream.number);
    const unread = stream.unconsumed;
    stream.unconsumed = 0;
    this.consumed(unread);
    this.tell(stream, () => stream.application.onClosed());
  }
}

const [address, port, name = 'node'] = process.argv.slice(2);
net.createServer((socket) => new Link(socket, name)).listen(Number(port), address);
