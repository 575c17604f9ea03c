package presenter.chatd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.presenter.chat.Message;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.thrift.TException;

/**
 * A couple's history in a file that several chat servers write and read, those in C++ as well:
 * bench/chat_backend/README.md. A lock is held for each look at it.
 */
final class HistoryFile {
  private static final long BYTES_MAX = 16 * 1_024 * 1_024;
  private static final int READ_BYTES = 64 * 1_024;
  private static final Set<OpenOption> OPTIONS = Set.of(StandardOpenOption.READ,
      StandardOpenOption.WRITE, StandardOpenOption.CREATE);
  private static final FileAttribute<?> OWNERS =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path path;
  private long end;  // of what has been read

  HistoryFile(Path path) {
    this.path = path;
  }

  private FileChannel open() throws IOException {
    return FileChannel.open(path, OPTIONS, OWNERS);
  }

  /** What has been added since the last time, by whomever, goes to {@code sink}. */
  void readNews(Consumer<Message> sink) throws IOException {
    // The kernel tells of this process's own records as well, and each look takes a lock.
    if (path.toFile().length() != end) {
      append(sink, () -> null);
    }
  }

  /**
   * The same; then, before anybody else can write, what {@code make} makes of it is added, and goes
   * to {@code sink} as well.
   */
  void append(Consumer<Message> sink, Supplier<Message> make) throws IOException {
    try (FileChannel file = open(); FileLock lock = file.lock()) {
      end = scan(file, end, file.size(), record -> {
        sink.accept(record);
        return true;
      });
      // Whoever has begun this record was killed over it, and has told nobody that it was there.
      cut(file);
      Message record = make.get();
      if (record != null) {
        write(file, record);
        sink.accept(record);
      }
    }
  }

  /** All records once more that a sink has had, until {@code visit} says no. */
  void readAgain(Predicate<Message> visit) throws IOException {
    try (FileChannel file = open(); FileLock lock = file.lock()) {
      scan(file, 0, end, visit);
    }
  }

  /** Where the last whole record ends. */
  private static long scan(FileChannel file, long from, long to, Predicate<Message> take)
      throws IOException {
    ByteBuf bytes = Unpooled.buffer();
    long scanned = from;
    while (from < to) {
      int n = bytes.writeBytes(file, from, (int) Math.min(READ_BYTES, to - from));
      if (n <= 0) {
        break;
      }
      from += n;
      while (bytes.readableBytes() >= Packets.HEADER_BYTES) {
        int size = bytes.getInt(bytes.readerIndex());
        if (size <= 0 || size > Packets.BYTES_MAX) {
          throw new IOException("not a history: a record of " + size + " bytes");
        }
        if (bytes.readableBytes() < Packets.HEADER_BYTES + size) {
          break;
        }
        Message record = decode(bytes.skipBytes(Packets.HEADER_BYTES).readSlice(size));
        scanned += Packets.HEADER_BYTES + size;
        if (!take.test(record)) {
          return scanned;
        }
      }
      bytes.discardReadBytes();
    }
    return scanned;
  }

  private static Message decode(ByteBuf record) throws IOException {
    try {
      return Packets.readDelivery(record);
    } catch (TException | RuntimeException malformed) {
      throw new IOException("not a history", malformed);
    }
  }

  private void cut(FileChannel file) throws IOException {
    if (file.size() > end) {
      file.truncate(end);
    }
  }

  private void write(FileChannel file, Message record) throws IOException {
    ByteBuf bytes;
    try {
      bytes = Packets.delivery(UnpooledByteBufAllocator.DEFAULT, true, record);
    } catch (TException impossible) {
      throw new IllegalStateException(impossible);
    }
    int size = bytes.readableBytes();
    try {
      if (end + size > BYTES_MAX) {
        throw new IOException("the history is full");
      }
      for (long at = end; bytes.isReadable(); ) {
        at += bytes.readBytes(file, at, bytes.readableBytes());
      }
      end += size;
    } finally {
      bytes.release();
      cut(file);  // a part of it must not stand in the way of the next
    }
  }
}
