package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayDeque;

/** What came for a stream that nobody reads. Bounds: the stream's window, whatever the pieces. */
final class StreamInput {
  private static final int PIECE_BYTES = 4_096;

  private final ArrayDeque<ByteBuf> pieces = new ArrayDeque<>(4);
  private int bytes;

  boolean isEmpty() {
    return pieces.isEmpty();
  }

  int size() {
    return bytes;
  }

  // Copied: a slice would keep a whole gulp of the link for as long as one client is not read.
  void add(ByteBufAllocator allocator, ByteBuf from, int index, int size) {
    bytes += size;
    ByteBuf last = pieces.peekLast();
    int fits = last == null ? 0 : Math.min(size, last.writableBytes());
    if (fits != 0) {
      last.writeBytes(from, index, fits);
    }
    if (fits != size) {
      int rest = size - fits;
      int room = pieces.isEmpty() ? rest : Math.max(rest, PIECE_BYTES);
      pieces.add(allocator.buffer(room).writeBytes(from, index + fits, rest));
    }
  }

  ByteBuf poll() {
    ByteBuf first = pieces.poll();
    bytes -= first.readableBytes();
    return first;
  }

  /** Up to {@code max} bytes, taken out. */
  byte[] take(int max) {
    byte[] taken = new byte[Math.min(max, bytes)];
    for (int done = 0; done < taken.length; ) {
      ByteBuf first = pieces.peek();
      int n = Math.min(taken.length - done, first.readableBytes());
      first.readBytes(taken, done, n);
      done += n;
      if (!first.isReadable()) {
        pieces.poll().release();
      }
    }
    bytes -= taken.length;
    return taken;
  }

  /** Drops all of it; how much that was. */
  int clear() {
    int dropped = bytes;
    for (ByteBuf each; (each = pieces.poll()) != null; ) {
      each.release();
    }
    bytes = 0;
    return dropped;
  }
}
