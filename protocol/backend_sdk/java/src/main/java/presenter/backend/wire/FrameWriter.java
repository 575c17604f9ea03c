package presenter.backend.wire;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import presenter.backend.wire.Frame.Checkpoint;
import presenter.backend.wire.Frame.Hello;
import presenter.backend.wire.Frame.Open;

/** Frames to bytes, the one encoding that protocol/README.md §3 allows. */
public final class FrameWriter {
  private static final int I32 = CompactReader.I32;
  private static final int I64 = CompactReader.I64;

  private FrameWriter() {}

  /** Appends {@code size} bytes of {@code from}, from its {@code index} on, as a Data frame. */
  public static void writeData(ByteBuf out, long stream, boolean more, ByteBuf from, int index,
      int size) {
    int begin = begin(out, 5);
    out.writeByte(0x16);
    varint(out, zigzag(stream));
    if (more) {
      out.writeByte(0x11);
    }
    out.writeByte(more ? 0x18 : 0x28);
    varint(out, size);
    out.writeBytes(from, index, size);
    end(out, begin);
  }

  public static void writeAccept(ByteBuf out, long stream) {
    writeNumbers(out, 3, I64, stream);
  }

  public static void writeFinish(ByteBuf out, long stream) {
    writeNumbers(out, 6, I64, stream);
  }

  public static void writeReset(ByteBuf out, long stream, int reason) {
    writeNumbers(out, 7, I64, stream, I32, reason);
  }

  public static void writeCredit(ByteBuf out, long stream, long bytes) {
    writeNumbers(out, 8, I64, stream, I64, bytes);
  }

  public static void writePing(ByteBuf out, long opaque) {
    writeNumbers(out, 9, I64, opaque);
  }

  public static void writePong(ByteBuf out, long opaque) {
    writeNumbers(out, 10, I64, opaque);
  }

  public static void writeGoAway(ByteBuf out, long last, int reason, int deadlineMs) {
    writeNumbers(out, 11, I64, last, I32, reason, I32, deadlineMs);
  }

  public static void write(ByteBuf out, Frame frame) {
    // In the order of their ids; a pattern switch would need a newer Java.
    if (frame instanceof Hello hello) {
      writeHello(out, hello);
    } else if (frame instanceof Open open) {
      writeOpen(out, open);
    } else if (frame instanceof Frame.Accept accept) {
      writeAccept(out, accept.stream());
    } else if (frame instanceof Frame.Refuse refuse) {
      writeRefuse(out, refuse);
    } else if (frame instanceof Frame.Finish finish) {
      writeFinish(out, finish.stream());
    } else if (frame instanceof Frame.Reset reset) {
      writeReset(out, reset.stream(), reset.reason());
    } else if (frame instanceof Frame.Credit credit) {
      writeCredit(out, credit.stream(), credit.bytes());
    } else if (frame instanceof Frame.Ping ping) {
      writePing(out, ping.opaque());
    } else if (frame instanceof Frame.Pong pong) {
      writePong(out, pong.opaque());
    } else if (frame instanceof Frame.GoAway away) {
      writeGoAway(out, away.lastStream(), away.reason(), away.deadlineMs());
    } else if (frame instanceof Frame.Handoff handoff) {
      writeNumbers(out, 12, I64, handoff.stream(), I32, handoff.reason(), I64, handoff.mapEpoch(),
          I32, handoff.deadlineMs());
    } else if (frame instanceof Checkpoint checkpoint) {
      writeCheckpoint(out, checkpoint);
    } else if (frame instanceof Frame.Notice notice) {
      writeNumbers(out, 15, I64, notice.stream(), I32, notice.reason(), I32, notice.withinMs());
    }
  }

  private static void writeHello(ByteBuf out, Hello hello) {
    int begin = begin(out, 1);
    number(out, 1, I32, hello.versionMin());
    number(out, 1, I32, hello.versionMax());
    number(out, 1, I32, hello.role());
    text(out, 1, hello.node());
    number(out, 1, I64, hello.mapEpoch());
    number(out, 1, I32, hello.frameBytesMax());
    number(out, 1, I32, hello.streamWindowBytes());
    number(out, 1, I64, hello.linkWindowBytes());
    number(out, 1, I32, hello.streamsOpenMax());
    number(out, 1, I32, hello.pingIntervalMs());
    number(out, 1, I64, hello.features());
    number(out, 1, I32, hello.streamsOpeningMax());
    if (hello.depositBytesMax() != 0) {
      number(out, 1, I32, hello.depositBytesMax());
    }
    end(out, begin);
  }

  private static void writeOpen(ByteBuf out, Open open) {
    int begin = begin(out, 2);
    number(out, 1, I64, open.stream());
    binary(out, 1, open.key(), open.key().length);
    number(out, 1, I64, open.mapEpoch());
    text(out, 1, open.clientAddress());
    number(out, 1, I32, open.clientPort());
    header(out, 1, CompactReader.STRUCT);
    text(out, 1, open.tls().version());
    text(out, 1, open.tls().suite());
    text(out, 1, open.tls().serverName());
    text(out, 1, open.tls().alpn());
    flag(out, 1, open.tls().resumed());
    if (!open.tls().clientSubject().isEmpty()) {
      text(out, 1, open.tls().clientSubject());
    }
    out.writeByte(0);
    text(out, 1, open.tag());
    if (open.earlyData()) {
      flag(out, 1, true);
    }
    if (open.continued() != null) {
      header(out, open.earlyData() ? 1 : 2, CompactReader.STRUCT);
      number(out, 1, I32, open.continued().cause());
      text(out, 1, open.continued().node());
      out.writeByte(0);
    }
    end(out, begin);
  }

  private static void writeRefuse(ByteBuf out, Frame.Refuse refuse) {
    int begin = begin(out, 4);
    number(out, 1, I64, refuse.stream());
    number(out, 1, I32, refuse.reason());
    if (refuse.mapEpoch() != null) {
      number(out, 1, I64, refuse.mapEpoch());
    }
    if (refuse.retryAfterMs() != null) {
      number(out, refuse.mapEpoch() != null ? 1 : 2, I32, refuse.retryAfterMs());
    }
    end(out, begin);
  }

  private static void writeCheckpoint(ByteBuf out, Checkpoint checkpoint) {
    int begin = begin(out, 13);
    number(out, 1, I64, checkpoint.stream());
    number(out, 1, I64, checkpoint.consumed());
    number(out, 1, I64, checkpoint.produced());
    binary(out, 1, checkpoint.state(), checkpoint.state().length);
    binary(out, 1, checkpoint.unread(), checkpoint.unread().length);
    if (checkpoint.last()) {
      flag(out, 1, true);
    }
    if (checkpoint.finished()) {
      flag(out, checkpoint.last() ? 1 : 2, true);
    }
    end(out, begin);
  }

  // --- the parts of TCompactProtocol

  private static int begin(ByteBuf out, int frame) {
    int begin = out.writerIndex();
    out.writeInt(0);
    out.writeByte(frame << 4 | CompactReader.STRUCT);
    return begin;
  }

  private static void end(ByteBuf out, int begin) {
    out.writeShort(0);  // the stops of the struct and of the union
    out.setInt(begin, out.writerIndex() - begin - FrameReader.LENGTH_BYTES);
  }

  private static void writeNumbers(ByteBuf out, int frame, int type, long value) {
    int begin = begin(out, frame);
    number(out, 1, type, value);
    end(out, begin);
  }

  private static void writeNumbers(ByteBuf out, int frame, int type, long value, int type2,
      long value2) {
    int begin = begin(out, frame);
    number(out, 1, type, value);
    number(out, 1, type2, value2);
    end(out, begin);
  }

  private static void writeNumbers(ByteBuf out, int frame, int type, long value, int type2,
      long value2, int type3, long value3) {
    int begin = begin(out, frame);
    number(out, 1, type, value);
    number(out, 1, type2, value2);
    number(out, 1, type3, value3);
    end(out, begin);
  }

  private static void writeNumbers(ByteBuf out, int frame, int type, long value, int type2,
      long value2, int type3, long value3, int type4, long value4) {
    int begin = begin(out, frame);
    number(out, 1, type, value);
    number(out, 1, type2, value2);
    number(out, 1, type3, value3);
    number(out, 1, type4, value4);
    end(out, begin);
  }

  private static void header(ByteBuf out, int delta, int type) {
    out.writeByte(delta << 4 | type);
  }

  private static void number(ByteBuf out, int delta, int type, long value) {
    header(out, delta, type);
    varint(out, zigzag(value));
  }

  private static void flag(ByteBuf out, int delta, boolean value) {
    header(out, delta, value ? CompactReader.TRUE : CompactReader.FALSE);
  }

  private static void text(ByteBuf out, int delta, String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    binary(out, delta, bytes, bytes.length);
  }

  private static void binary(ByteBuf out, int delta, byte[] value, int size) {
    header(out, delta, CompactReader.BINARY);
    varint(out, size);
    out.writeBytes(value, 0, size);
  }

  static long zigzag(long value) {
    return (value << 1) ^ (value >> 63);
  }

  private static void varint(ByteBuf out, long value) {
    while ((value & ~0x7fL) != 0) {
      out.writeByte((int) (value & 0x7f) | 0x80);
      value >>>= 7;
    }
    out.writeByte((int) value);
  }
}
