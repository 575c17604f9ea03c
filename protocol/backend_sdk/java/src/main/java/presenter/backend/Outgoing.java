package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.util.concurrent.FastThreadLocal;
import presenter.backend.mux.MuxCore;
import presenter.backend.mux.StreamState;
import presenter.backend.wire.Limits;

/** What a stream has flushed, on its way into the link's frames. */
final class Outgoing {
  private static final FastThreadLocal<byte[]> GATHERED = new FastThreadLocal<>() {
    @Override
    protected byte[] initialValue() {
      return new byte[Limits.STREAM_TURN_BYTES];
    }
  };

  private Outgoing() {}

  /** One frame's worth, which is left in {@code from}: how much; 0: there is no room now. */
  static int submit(MuxCore core, StreamState state, ChannelOutboundBuffer from, ByteBuf first) {
    int room = core.sendable(state);
    int size = Math.min(first.readableBytes(), room);
    if (room == 0 || from.size() == 1 || size == room) {
      boolean more = from.size() > 1 || size < first.readableBytes();
      if (size != 0) {
        core.submitData(state, first, first.readerIndex(), size, more);
      }
      return size;
    }
    // Several short messages, a length and its body for example, leave as one frame.
    byte[] gathered = GATHERED.get();
    size = gather(from, gathered, room);
    core.submitData(state, Unpooled.wrappedBuffer(gathered), 0, size, size == room);
    return size;
  }

  private static int gather(ChannelOutboundBuffer from, byte[] to, int room) {
    int[] size = {0};
    forEach(from, each -> {
      int n = Math.min(each.readableBytes(), room - size[0]);
      each.getBytes(each.readerIndex(), to, size[0], n);
      size[0] += n;
      return size[0] < room;
    });
    return size[0];
  }

  static long flushedBytes(ChannelOutboundBuffer of) {
    long[] size = {0};
    forEach(of, each -> {
      size[0] += each.readableBytes();
      return true;
    });
    return size[0];
  }

  /** All that is flushed, taken out as if it had been sent. */
  static byte[] take(ChannelOutboundBuffer from) {
    byte[] taken = new byte[(int) flushedBytes(from)];
    ByteBuf all = Unpooled.wrappedBuffer(taken).clear();
    while (from.current() instanceof ByteBuf each) {
      all.writeBytes(each, each.readerIndex(), each.readableBytes());
      from.remove();
    }
    return taken;
  }

  private interface Look {
    boolean goesOn(ByteBuf message);
  }

  private static void forEach(ChannelOutboundBuffer buffer, Look look) {
    try {
      buffer.forEachFlushedMessage(message -> look.goesOn((ByteBuf) message));
    } catch (Exception impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
