package presenter.chatd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.ByteBufOutputStream;
import io.presenter.chat.Chat;
import io.presenter.chat.Message;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TIOStreamTransport;

/** chat.thrift's packets, in binary or compact: 4 bytes of length, and a Thrift message. */
final class Packets {
  static final int HEADER_BYTES = 4;
  static final int BYTES_MAX = 128 * 1_024;  // behind the header
  private static final byte COMPACT = (byte) 0x82;

  interface Content {
    void write(TProtocol out) throws TException;
  }

  private Packets() {}

  /** By its first byte; `packet` is one without its header. */
  static boolean isCompact(ByteBuf packet) {
    return packet.isReadable() && packet.getByte(packet.readerIndex()) == COMPACT;
  }

  /** Of a packet without its header. */
  static TProtocol reader(ByteBuf packet) throws TException {
    return protocol(new TIOStreamTransport(new ByteBufInputStream(packet)), isCompact(packet));
  }

  private static TProtocol protocol(TIOStreamTransport transport, boolean isCompact) {
    // A string is no longer than its packet, whose length is bounded.
    return isCompact ? new TCompactProtocol(transport, BYTES_MAX, BYTES_MAX)
        : new TBinaryProtocol(transport, BYTES_MAX, BYTES_MAX, true, true);
  }

  /** With its header; the caller's. */
  static ByteBuf encode(ByteBufAllocator allocator, boolean isCompact, TMessage head,
      Content content) throws TException {
    ByteBuf packet = allocator.buffer().writeInt(0);
    try {
      TProtocol out =
          protocol(new TIOStreamTransport(new ByteBufOutputStream(packet)), isCompact);
      out.writeMessageBegin(head);
      content.write(out);
      out.writeMessageEnd();
    } catch (TException | RuntimeException failed) {
      packet.release();
      throw failed;
    }
    return packet.setInt(0, packet.readableBytes() - HEADER_BYTES);
  }

  static ByteBuf delivery(ByteBufAllocator allocator, boolean isCompact, Message message)
      throws TException {
    return encode(allocator, isCompact, new TMessage("deliver", TMessageType.ONEWAY, 0),
        new Chat.deliver_args(message)::write);
  }

  /** What {@link #delivery} has written, without its header. */
  static Message readDelivery(ByteBuf packet) throws TException {
    TProtocol in = reader(packet);
    TMessage head = in.readMessageBegin();
    Chat.deliver_args delivered = new Chat.deliver_args();
    delivered.read(in);
    if (!head.name.equals("deliver") || !delivered.isSetMessage()) {
      throw new TException("not a delivery");
    }
    return delivered.getMessage();
  }
}
