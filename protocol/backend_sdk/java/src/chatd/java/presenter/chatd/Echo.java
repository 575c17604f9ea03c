package presenter.chatd;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import presenter.backend.HandoffEvent;
import presenter.backend.MuxChannel;

/**
 * Sends every byte back, and reads only when it has: back-pressure is carried through. Nothing but
 * what is on its way goes along to another server, and the SDK takes that. So a deposit, for the
 * day this process dies, says no more than how far it has come.
 */
final class Echo extends ChannelInboundHandlerAdapter {
  private static final byte[] NOTHING = new byte[0];

  @Override
  public void channelActive(ChannelHandlerContext context) {
    context.channel().config().setAutoRead(false);
    if (context.channel() instanceof MuxChannel stream && stream.info().continued() != null) {
      stream.deposit(NOTHING);
    }
    context.read();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    context.writeAndFlush((ByteBuf) message).addListener(done -> {
      if (done.isSuccess()) {
        if (context.channel() instanceof MuxChannel stream) {
          stream.deposit(NOTHING);
        }
        context.read();
      } else {
        context.close();
      }
    });
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event instanceof HandoffEvent) {
      ((MuxChannel) context.channel()).handOver(NOTHING);
    } else if (event instanceof ChannelInputShutdownEvent) {
      ((DuplexChannel) context.channel()).shutdownOutput()
          .addListener(ChannelFutureListener.CLOSE);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    context.close();
  }
}
