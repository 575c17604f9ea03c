package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A pipeline's end that writes down what it is told. */
class Seen extends ChannelInboundHandlerAdapter {
  final List<String> events = new ArrayList<>();
  MuxChannel channel;

  /** As any server has it: for sockets. */
  ChannelInitializer<SocketChannel> initializer() {
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(SocketChannel stream) {
        channel = (MuxChannel) stream;
        stream.pipeline().addLast(Seen.this);
      }
    };
  }

  List<String> take() {
    List<String> taken = new ArrayList<>(events);
    events.clear();
    return taken;
  }

  @Override
  public boolean isSharable() {
    return true;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    events.add("active");
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    events.add("inactive");
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    ByteBuf bytes = (ByteBuf) message;
    events.add("read " + bytes.toString(StandardCharsets.UTF_8));
    bytes.release();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    events.add("readComplete");
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    events.add("writable " + context.channel().isWritable());
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    events.add(event.getClass().getSimpleName());
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    events.add(cause.getMessage());
  }
}
