package presenter.backend;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.handler.codec.string.StringEncoder;
import java.net.InetSocketAddress;

/** Numbers the lines of each client. Only main() knows that it stands behind Presenter. */
public final class LineServer {
  private static final class Initializer extends ChannelInitializer<SocketChannel> {
    @Override
    protected void initChannel(SocketChannel client) {
      client.pipeline().addLast(new LineBasedFrameDecoder(8_192), new StringDecoder(),
          new StringEncoder(), new SimpleChannelInboundHandler<String>() {
            private int lines;

            @Override
            protected void channelRead0(ChannelHandlerContext context, String line) {
              context.writeAndFlush(++lines + " " + line + "\n");
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
              context.close();  // a StreamResetException says why the stream ended
            }
          });
    }
  }

  public static void main(String[] arguments) throws InterruptedException {
    NioEventLoopGroup group = new NioEventLoopGroup();
    MuxServer server = new MuxServerBootstrap()  // instead of ServerBootstrap
        .group(group, group)
        .node("line-a")  // the backend's name in the shard map
        .childHandler(new Initializer())
        .bind(new InetSocketAddress("127.0.0.1", 7000)).sync().getNow();
    Runtime.getRuntime().addShutdownHook(new Thread(
        () -> server.drain(30_000).awaitUninterruptibly()));
  }
}
