package presenter.backend.wire;

import io.netty.buffer.ByteBuf;
import presenter.backend.Continued;
import presenter.backend.LinkError;
import presenter.backend.TlsFacts;
import presenter.backend.wire.Frame.Checkpoint;
import presenter.backend.wire.Frame.Hello;
import presenter.backend.wire.Frame.Open;

/**
 * Bytes to frames, protocol/README.md §3 and §4. One of a link: {@link #slice} finds a whole frame,
 * then {@link #isData} says which of {@link #readData} and {@link #readControl} reads it. What no
 * peer may send throws {@link FrameFault}.
 */
public final class FrameReader {
  public static final int LENGTH_BYTES = 4;

  private static final int DATA = 0x5c;
  private static final int CHECKPOINT = 0xdc;
  private static final int OPEN = 0x2c;
  private static final int END = Integer.MIN_VALUE;
  private static final byte[] NOTHING = {};

  private final CompactReader in = new CompactReader();

  /** Of the last {@link #readData}. */
  public long stream;
  public boolean more;
  public int payloadIndex;
  public int payloadSize;

  /**
   * The size of the whole frame at {@code index}, its length included; 0 if it is not all there.
   * Refuses a frame that is too long as soon as its length and its type are there.
   */
  public static int slice(ByteBuf from, int index, int available) {
    if (available < LENGTH_BYTES) {
      return 0;
    }
    int length = from.getInt(index);
    if (length == 0) {
      throw new FrameFault(LinkError.FRAME_EMPTY);
    }
    if (length < 0 || length > Limits.FRAME_BYTES_MAX) {
      throw new FrameFault(LinkError.FRAME_OVERSIZE);
    }
    if (available == LENGTH_BYTES) {
      return 0;
    }
    int first = from.getByte(index + LENGTH_BYTES) & 0xff;
    if (length > Limits.CONTROL_BYTES_MAX && first != DATA && first != CHECKPOINT
        && (first != OPEN || length > Limits.OPEN_BYTES_MAX)) {
      throw new FrameFault(LinkError.FRAME_OVERSIZE);
    }
    return available - LENGTH_BYTES < length ? 0 : LENGTH_BYTES + length;
  }

  public static boolean isData(ByteBuf from, int body) {
    return (from.getByte(body) & 0xff) == DATA;
  }

  /** Into the fields of this object: the payload stays where it is. */
  public void readData(ByteBuf from, int body, int length) {
    more = false;
    payloadSize = -1;
    boolean hasStream = false;
    in.reset(from, body + 1, length - 1);
    for (int id = in.next(0); id != END; id = in.next(id)) {
      switch (id) {
        case 1 -> {
          if (in.is(CompactReader.I64)) {
            stream = in.readI64();
            hasStream = true;
          }
        }
        case 2 -> {
          if (in.is(CompactReader.TRUE)) {
            more = in.readBool();
          }
        }
        case 3 -> {
          if (in.is(CompactReader.BINARY)) {
            payloadSize = in.passBinary();
            payloadIndex = in.position() - payloadSize;
          }
        }
        default -> in.skip();
      }
    }
    end();
    require(hasStream, "Data.stream");
    require(payloadSize >= 0, "Data.payload");
    check(stream >= 1, "Data.stream");
    check(payloadSize <= Limits.DATA_BYTES_MAX, "Data.payload");
  }

  public Frame readControl(ByteBuf from, int body, int length) {
    in.reset(from, body, length);
    int id = in.next(0);
    if (id == END) {
      throw FrameFault.malformed();
    }
    if (id < 1 || id > 15 || id == 14) {
      throw new FrameFault(LinkError.FRAME_UNKNOWN);
    }
    if ((from.getByte(body) & 0xff) != (id << 4 | CompactReader.STRUCT) || id == 5) {
      throw FrameFault.malformed();
    }
    return switch (id) {
      case 1 -> readHello();
      case 2 -> readOpen();
      case 12 -> readHandoff();
      case 13 -> readCheckpoint();
      default -> readNumbers(id);
    };
  }

  /** The union's stop behind the struct, and nothing else. */
  private void end() {
    if (in.readByte() != 0 || in.remaining() != 0) {
      throw FrameFault.malformed();
    }
  }

  private static void require(boolean isThere, String field) {
    if (!isThere) {
      throw new FrameFault(LinkError.FRAME_MALFORMED, field);
    }
  }

  private static void check(boolean holds, String field) {
    if (!holds) {
      throw new FrameFault(LinkError.FIELD_INVALID, field);
    }
  }

  // --- the frames that are a few numbers. The first field is an i64, the second may be one of two.

  private final long[] numbers = new long[5];
  private int taken;

  private boolean has(int id) {
    return (taken & 1 << id) != 0;
  }

  /** Fields 1 to {@code last} into {@code numbers}; a bit of {@code longs}: that one is an i64. */
  private void walkNumbers(int last, int longs) {
    taken = 0;
    java.util.Arrays.fill(numbers, 0);
    for (int id = in.next(0); id != END; id = in.next(id)) {
      if (id < 1 || id > last) {
        in.skip();
        continue;
      }
      boolean isLong = (longs & 1 << id) != 0;
      if (in.is(isLong ? CompactReader.I64 : CompactReader.I32)) {
        numbers[id] = isLong ? in.readI64() : in.readI32();
        taken |= 1 << id;
      }
    }
    end();
  }

  private Frame readNumbers(int frame) {
    switch (frame) {
      case 3, 6, 9, 10 -> walkNumbers(1, 0b10);
      case 4 -> walkNumbers(4, 0b1010);
      case 8 -> walkNumbers(2, 0b110);
      default -> walkNumbers(3, 0b10);
    }
    require(has(1), "stream");
    if (frame == 9) {
      return new Frame.Ping(numbers[1]);
    }
    if (frame == 10) {
      return new Frame.Pong(numbers[1]);
    }
    boolean hasTwo = frame != 3 && frame != 6;
    require(!hasTwo || has(2), frame == 8 ? "Credit.bytes" : "reason");
    check(numbers[1] >= (frame == 8 || frame == 11 ? 0 : 1), "stream");
    check(!hasTwo || numbers[2] >= (frame == 11 ? 0 : 1), frame == 8 ? "Credit.bytes" : "reason");
    return switch (frame) {
      case 3 -> new Frame.Accept(numbers[1]);
      case 4 -> refuse();
      case 6 -> new Frame.Finish(numbers[1]);
      case 7 -> new Frame.Reset(numbers[1], (int) numbers[2]);
      case 8 -> new Frame.Credit(numbers[1], numbers[2]);
      case 11 -> {
        check(numbers[3] >= 0, "GoAway.deadline_ms");
        yield new Frame.GoAway(numbers[1], (int) numbers[2], (int) numbers[3]);
      }
      default -> {
        require(has(3), "Notice.within_ms");
        check(numbers[3] >= 1, "Notice.within_ms");
        yield new Frame.Notice(numbers[1], (int) numbers[2], (int) numbers[3]);
      }
    };
  }

  private Frame refuse() {
    check(numbers[3] >= 0, "Refuse.map_epoch");
    check(numbers[4] >= 0, "Refuse.retry_after_ms");
    // A newer peer's reason reads as denied.
    int reason = numbers[2] > 4 ? 3 : (int) numbers[2];
    return new Frame.Refuse(numbers[1], reason, has(3) ? numbers[3] : null,
        has(4) ? (int) numbers[4] : null);
  }

  private Frame readHandoff() {
    walkNumbers(4, 0b1010);
    require(has(1), "Handoff.stream");
    require(has(2), "Handoff.reason");
    require(has(4), "Handoff.deadline_ms");
    check(numbers[1] >= 1, "Handoff.stream");
    check(numbers[2] >= 1, "Handoff.reason");
    check(numbers[3] >= 0, "Handoff.map_epoch");
    check(numbers[4] >= 1, "Handoff.deadline_ms");
    return new Frame.Handoff(numbers[1], (int) numbers[2], numbers[3], (int) numbers[4]);
  }

  // --- the others

  private Hello readHello() {
    long[] value = {0, 0, 0, 0, 0, 0, Limits.FRAME_BYTES_MAX, Limits.STREAM_WINDOW_BYTES_DEFAULT,
        Limits.LINK_WINDOW_BYTES_DEFAULT, Limits.STREAMS_OPEN_MAX_DEFAULT,
        Limits.PING_INTERVAL_MS_DEFAULT, 0, Limits.STREAMS_OPENING_MAX_DEFAULT, 0};
    String node = "";
    int nodeSize = 0;
    int there = 0;
    for (int id = in.next(0); id != END; id = in.next(id)) {
      if (id < 1 || id > 13) {
        in.skip();
      } else if (id == 4) {
        if (in.is(CompactReader.BINARY)) {
          node = in.readString();
          nodeSize = in.lastSize();
        }
      } else {
        boolean isLong = id == 5 || id == 8 || id == 11;
        if (in.is(isLong ? CompactReader.I64 : CompactReader.I32)) {
          value[id] = isLong ? in.readI64() : in.readI32();
          there |= 1 << id;
        }
      }
    }
    end();
    require((there & 1 << 1) != 0, "Hello.version_min");
    require((there & 1 << 2) != 0, "Hello.version_max");
    require((there & 1 << 3) != 0, "Hello.role");
    check(value[1] >= 1, "Hello.version_min");
    check(value[2] >= value[1], "Hello.version_max");
    check(value[3] == Frame.GATEWAY || value[3] == Frame.BACKEND, "Hello.role");
    check(nodeSize <= Limits.NODE_BYTES_MAX, "Hello.node");
    check(value[5] >= 0, "Hello.map_epoch");
    check(value[6] >= Limits.FRAME_BYTES_MIN, "Hello.frame_bytes_max");
    check(value[7] >= Limits.STREAM_WINDOW_BYTES_MIN
        && value[7] <= Limits.STREAM_WINDOW_BYTES_MAX, "Hello.stream_window_bytes");
    check(value[8] >= Limits.LINK_WINDOW_BYTES_MIN && value[8] <= Limits.LINK_WINDOW_BYTES_MAX
        && value[8] >= Limits.LINK_WINDOWS_PER_STREAM * value[7], "Hello.link_window_bytes");
    check(value[9] >= 1, "Hello.streams_open_max");
    check(value[10] >= 1, "Hello.ping_interval_ms");
    check(value[12] >= 1, "Hello.streams_opening_max");
    check(value[13] >= 0 && value[13] <= Limits.STATE_BYTES_MAX, "Hello.deposit_bytes_max");
    // Else a state could not be given to every peer that takes states.
    check((value[11] & Frame.HANDOFF) == 0 || value[6] >= Limits.FRAME_BYTES_MAX,
        "Hello.frame_bytes_max");
    return new Hello((int) value[1], (int) value[2], (int) value[3], node, value[5],
        (int) value[6], (int) value[7], value[8], (int) value[9], (int) value[10], value[11],
        (int) value[12], (int) value[13]);
  }

  /** Of the Open that is being read: strings whose bytes are limited. */
  private int subjectSize;
  private int beforeSize;

  private Open readOpen() {
    subjectSize = 0;
    beforeSize = 0;
    long number = 0;
    byte[] key = null;
    long epoch = 0;
    String address = "";
    int port = 0;
    TlsFacts tls = TlsFacts.NONE;
    String tag = "";
    boolean early = false;
    Continued continued = null;
    boolean hasStream = false;
    for (int id = in.next(0); id != END; id = in.next(id)) {
      switch (id) {
        case 1 -> {
          if (in.is(CompactReader.I64)) {
            number = in.readI64();
            hasStream = true;
          }
        }
        case 2 -> key = in.is(CompactReader.BINARY) ? in.readBinary() : key;
        case 3 -> epoch = in.is(CompactReader.I64) ? in.readI64() : epoch;
        case 4 -> address = in.is(CompactReader.BINARY) ? in.readString() : address;
        case 5 -> port = in.is(CompactReader.I32) ? in.readI32() : port;
        case 6 -> tls = in.is(CompactReader.STRUCT) ? readTls() : tls;
        case 7 -> tag = in.is(CompactReader.BINARY) ? in.readString() : tag;
        case 8 -> early = in.is(CompactReader.TRUE) ? in.readBool() : early;
        case 9 -> continued = in.is(CompactReader.STRUCT) ? readContinued() : continued;
        default -> in.skip();
      }
    }
    end();
    require(hasStream, "Open.stream");
    require(key != null, "Open.key");
    require(continued == null || continued.cause() != NO_CAUSE, "Open.continued.cause");
    check(number >= 1, "Open.stream");
    check(key.length >= 1 && key.length <= Limits.KEY_BYTES_MAX, "Open.key");
    check(epoch >= 0, "Open.map_epoch");
    check(port >= 0 && port <= 65_535, "Open.client_port");
    check(subjectSize <= Limits.CLIENT_SUBJECT_BYTES_MAX,
        "Open.tls.client_subject");
    check(continued == null || continued.cause() >= 1
        && beforeSize <= Limits.NODE_BYTES_MAX, "Open.continued");
    return new Open(number, key, epoch, address, port, tls, tag, early, continued);
  }

  private TlsFacts readTls() {
    String[] text = {"", "", "", "", "", "", ""};
    boolean resumed = false;
    in.enter();
    for (int id = in.next(0); id != END; id = in.next(id)) {
      if (id == 5) {
        resumed = in.is(CompactReader.TRUE) ? in.readBool() : resumed;
      } else if (id >= 1 && id <= 6) {
        text[id] = in.is(CompactReader.BINARY) ? in.readString() : text[id];
        subjectSize = id == 6 ? in.lastSize() : subjectSize;
      } else {
        in.skip();
      }
    }
    in.leave();
    return new TlsFacts(text[1], text[2], text[3], text[4], resumed, text[6]);
  }

  private static final int NO_CAUSE = Integer.MIN_VALUE;

  private Continued readContinued() {
    int cause = NO_CAUSE;
    String node = "";
    in.enter();
    for (int id = in.next(0); id != END; id = in.next(id)) {
      switch (id) {
        case 1 -> cause = in.is(CompactReader.I32) ? in.readI32() : cause;
        case 2 -> {
          if (in.is(CompactReader.BINARY)) {
            node = in.readString();
            beforeSize = in.lastSize();
          }
        }
        default -> in.skip();
      }
    }
    in.leave();
    return new Continued(cause, node);
  }

  private Checkpoint readCheckpoint() {
    long[] value = new long[4];
    byte[] state = NOTHING;
    byte[] unread = NOTHING;
    boolean last = false;
    boolean finished = false;
    boolean hasStream = false;
    for (int id = in.next(0); id != END; id = in.next(id)) {
      switch (id) {
        case 1, 2, 3 -> {
          if (in.is(CompactReader.I64)) {
            value[id] = in.readI64();
            hasStream |= id == 1;
          }
        }
        case 4 -> state = in.is(CompactReader.BINARY) ? in.readBinary() : state;
        case 5 -> unread = in.is(CompactReader.BINARY) ? in.readBinary() : unread;
        case 6 -> last = in.is(CompactReader.TRUE) ? in.readBool() : last;
        case 7 -> finished = in.is(CompactReader.TRUE) ? in.readBool() : finished;
        default -> in.skip();
      }
    }
    end();
    require(hasStream, "Checkpoint.stream");
    check(value[1] >= 1, "Checkpoint.stream");
    check(value[2] >= 0, "Checkpoint.consumed");
    check(value[3] >= 0, "Checkpoint.produced");
    check(state.length <= Limits.STATE_BYTES_MAX, "Checkpoint.state");
    check(state.length + unread.length <= Limits.DATA_BYTES_MAX, "Checkpoint.unread");
    return new Checkpoint(value[1], value[2], value[3], state, unread, last, finished);
  }
}
