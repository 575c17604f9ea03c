package presenter.chatd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;

/**
 * Whole packets, one after the other, for as long as the client reads what it asks for. It can be
 * asked for what it has not passed on: that goes along to another chat server.
 */
final class PacketDecoder extends LengthFieldBasedFrameDecoder {
  private ChannelHandlerContext context;
  private boolean isStopped;

  PacketDecoder() {
    super(Packets.HEADER_BYTES + Packets.BYTES_MAX, 0, Packets.HEADER_BYTES, 0,
        Packets.HEADER_BYTES);
  }

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    context = added;
  }

  @Override
  protected Object decode(ChannelHandlerContext read, ByteBuf in) throws Exception {
    // An answer may be a thousand times as long as its call.
    return isStopped || !read.channel().isWritable() ? null : super.decode(read, in);
  }

  boolean isEmpty() {
    return actualReadableBytes() == 0;
  }

  /** The client reads again. */
  void goOn() throws Exception {
    if (!isStopped && !isEmpty()) {
      channelRead(context, Unpooled.EMPTY_BUFFER);
      channelReadComplete(context);
    }
  }

  /** What has come and was not passed on; no more is. */
  byte[] stop() {
    isStopped = true;
    return ByteBufUtil.getBytes(internalBuffer());
  }
}
