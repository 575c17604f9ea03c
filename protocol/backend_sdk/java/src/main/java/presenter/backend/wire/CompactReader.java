package presenter.backend.wire;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/**
 * The part of TCompactProtocol that frames need, over a run of bytes. Takes no memory but for the
 * values that are asked for, whose sizes are held against what is there first. What is impossible
 * throws {@link FrameFault} as frame_malformed.
 */
final class CompactReader {
  static final int TRUE = 1;
  static final int FALSE = 2;
  static final int I32 = 5;
  static final int I64 = 6;
  static final int BINARY = 8;
  static final int STRUCT = 12;
  private static final int UUID = 13;
  private static final int DEPTH_MAX = 32;

  private ByteBuf bytes;
  private int at;
  private int end;
  /** Structs entered, the frame's own included. */
  private int level;
  /** Of the field that {@link #next} found. */
  private int type;
  private int lastSize;

  void reset(ByteBuf from, int begin, int length) {
    bytes = from;
    at = begin;
    end = begin + length;
    level = 1;
  }

  int remaining() {
    return end - at;
  }

  int position() {
    return at;
  }

  int type() {
    return type;
  }

  int readByte() {
    if (at == end) {
      throw FrameFault.malformed();
    }
    return bytes.getByte(at++) & 0xff;
  }

  long varint() {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      int next = readByte();
      if (shift == 63 && next > 1) {
        break;  // more than 64 bits
      }
      value |= (long) (next & 0x7f) << shift;
      if (next < 0x80) {
        return value;
      }
    }
    throw FrameFault.malformed();
  }

  /** A size or a count: no more than what remains can hold. */
  private int size() {
    long value = varint();
    if (value < 0 || value > remaining()) {
      throw FrameFault.malformed();
    }
    return (int) value;
  }

  private long integer(long min, long max) {
    long value = unzigzag(varint());
    if (value < min || value > max) {
      throw FrameFault.malformed();
    }
    return value;
  }

  static long unzigzag(long value) {
    return (value >>> 1) ^ -(value & 1);
  }

  /** The id of the struct's next field behind {@code last}; Integer.MIN_VALUE at its end. */
  int next(int last) {
    int header = readByte();
    if (header == 0) {
      return Integer.MIN_VALUE;
    }
    type = header & 0x0f;
    if (type == 0 || type > UUID) {
      throw FrameFault.malformed();
    }
    int delta = header >> 4;
    if (delta == 0) {
      return (int) integer(Short.MIN_VALUE, Short.MAX_VALUE);
    }
    if (last + delta > Short.MAX_VALUE) {
      throw FrameFault.malformed();
    }
    return last + delta;
  }

  void enter() {
    ++level;
  }

  void leave() {
    --level;
  }

  // --- the value of the field that next() found: true if it has the type, else it is skipped

  boolean is(int wanted) {
    boolean fits = type == wanted || wanted == TRUE && type == FALSE;
    if (!fits) {
      skip();
    }
    return fits;
  }

  int readI32() {
    return (int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE);
  }

  long readI64() {
    return unzigzag(varint());
  }

  boolean readBool() {
    return type == TRUE;
  }

  /** Goes behind a string or binary and returns its size. */
  int passBinary() {
    lastSize = size();
    if (lastSize > remaining()) {
      throw FrameFault.malformed();
    }
    at += lastSize;
    return lastSize;
  }

  /**
   * Of the last string or binary, in bytes: text that is not UTF-8 has another length as a String.
   */
  int lastSize() {
    return lastSize;
  }

  byte[] readBinary() {
    int size = passBinary();
    byte[] value = new byte[size];
    bytes.getBytes(at - size, value);
    return value;
  }

  String readString() {
    int size = passBinary();
    return size == 0 ? "" : bytes.toString(at - size, size, StandardCharsets.UTF_8);
  }

  // --- what is not known

  void skip() {
    skip(type, true, level);
  }

  private void skipBytes(int count) {
    if (count > remaining()) {
      throw FrameFault.malformed();
    }
    at += count;
  }

  private void skip(int kind, boolean inHeader, int depth) {
    switch (kind) {
      case TRUE, FALSE -> skipBytes(inHeader ? 0 : 1);
      case 3 -> skipBytes(1);
      case 4, I32, I64 -> varint();
      case 7 -> skipBytes(8);
      case BINARY -> passBinary();
      case 9, 10 -> skipList(depth + 1);
      case 11 -> skipMap(depth + 1);
      case STRUCT -> skipStruct(depth + 1);
      case UUID -> skipBytes(16);
      default -> throw FrameFault.malformed();
    }
  }

  private static void checkDepth(int depth) {
    if (depth > DEPTH_MAX) {
      throw FrameFault.malformed();
    }
  }

  /** Every element takes a byte at least, so the loop is linear in the bytes. */
  private void skipList(int depth) {
    checkDepth(depth);
    int header = readByte();
    int count = header >> 4 == 15 ? size() : header >> 4;
    if (count > remaining()) {
      throw FrameFault.malformed();
    }
    for (; count != 0; --count) {
      skip(header & 0x0f, false, depth);
    }
  }

  private void skipMap(int depth) {
    checkDepth(depth);
    int count = size();
    if (count == 0) {
      return;  // an empty map has no byte for its types
    }
    int types = readByte();
    if (count > remaining() / 2) {
      throw FrameFault.malformed();
    }
    for (; count != 0; --count) {
      skip(types >> 4, false, depth);
      skip(types & 0x0f, false, depth);
    }
  }

  private void skipStruct(int depth) {
    checkDepth(depth);
    for (int id = next(0); id != Integer.MIN_VALUE; id = next(id)) {
      skip(type, true, depth);
    }
  }
}
