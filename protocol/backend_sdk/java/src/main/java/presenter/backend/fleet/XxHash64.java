package presenter.backend.fleet;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** XXH64 with seed 0, by which keys and points lie on the ring. */
final class XxHash64 {
  private static final long P1 = 0x9E3779B185EBCA87L;
  private static final long P2 = 0xC2B2AE3D27D4EB4FL;
  private static final long P3 = 0x165667B19E3779F9L;
  private static final long P4 = 0x85EBCA77C2B2AE63L;
  private static final long P5 = 0x27D4EB2F165667C5L;
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private XxHash64() {}

  static long hash(byte[] bytes, int size) {
    int at = 0;
    long hash;
    if (size >= 32) {
      long[] lane = {P1 + P2, P2, 0, -P1};
      for (; at + 32 <= size; at += 32) {
        for (int i = 0; i < 4; ++i) {
          lane[i] = round(lane[i], (long) LONG.get(bytes, at + 8 * i));
        }
      }
      hash = Long.rotateLeft(lane[0], 1) + Long.rotateLeft(lane[1], 7)
          + Long.rotateLeft(lane[2], 12) + Long.rotateLeft(lane[3], 18);
      for (long each : lane) {
        hash = (hash ^ round(0, each)) * P1 + P4;
      }
    } else {
      hash = P5;
    }
    return avalanche(rest(bytes, at, size, hash + size));
  }

  private static long round(long lane, long input) {
    return Long.rotateLeft(lane + input * P2, 31) * P1;
  }

  private static long rest(byte[] bytes, int begin, int size, long hash) {
    int at = begin;
    for (; at + 8 <= size; at += 8) {
      hash ^= round(0, (long) LONG.get(bytes, at));
      hash = Long.rotateLeft(hash, 27) * P1 + P4;
    }
    if (at + 4 <= size) {
      hash ^= ((int) INT.get(bytes, at) & 0xffffffffL) * P1;
      hash = Long.rotateLeft(hash, 23) * P2 + P3;
      at += 4;
    }
    for (; at < size; ++at) {
      hash = Long.rotateLeft(hash ^ (bytes[at] & 0xff) * P5, 11) * P1;
    }
    return hash;
  }

  private static long avalanche(long hash) {
    hash = (hash ^ hash >>> 33) * P2;
    hash = (hash ^ hash >>> 29) * P3;
    return hash ^ hash >>> 32;
  }
}
