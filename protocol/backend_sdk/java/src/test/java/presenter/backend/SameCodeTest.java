package presenter.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * One server, as it would be written for sockets, over a socket and over a stream: every test runs
 * over both, and the server cannot tell which it is.
 */
class SameCodeTest {
  /** Answers a message by its reverse; "bye" by closing. Says how much it had at the end. */
  private static final class Service extends SimpleChannelInboundHandler<ByteBuf> {
    private long bytes;

    @Override
    protected void channelRead0(ChannelHandlerContext context, ByteBuf message) {
      bytes += message.readableBytes();
      byte[] text = new byte[message.readableBytes()];
      message.readBytes(text);
      for (int i = 0, j = text.length - 1; i < j; ++i, --j) {
        byte swapped = text[i];
        text[i] = text[j];
        text[j] = swapped;
      }
      var written = context.writeAndFlush(context.alloc().buffer().writeBytes(text));
      if (new String(text, StandardCharsets.UTF_8).equals("eyb")) {
        written.addListener(ChannelFutureListener.CLOSE);
      }
    }

    // As proxies do: who cannot write does not read.
    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
      context.channel().config().setAutoRead(context.channel().isWritable());
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
      if (event instanceof ChannelInputShutdownEvent) {
        byte[] last = ("had " + bytes).getBytes(StandardCharsets.UTF_8);
        context.writeAndFlush(context.alloc().buffer().writeBytes(last))
            .addListener(ChannelFutureListener.CLOSE);
      }
    }
  }

  private static final class Initializer extends ChannelInitializer<SocketChannel> {
    @Override
    protected void initChannel(SocketChannel channel) {
      channel.pipeline().addLast(new LengthFieldBasedFrameDecoder(1 << 20, 0, 4, 0, 4),
          new LengthFieldPrepender(4), new Service());
    }
  }

  private static NioEventLoopGroup group;
  private static Channel tcp;
  private static MuxServer mux;

  @BeforeAll
  static void start() throws Exception {
    group = new NioEventLoopGroup(1);
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    tcp = new ServerBootstrap().group(group, group).channel(NioServerSocketChannel.class)
        .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
        .childHandler(new Initializer()).bind(any).sync().channel();
    mux = new MuxServerBootstrap().group(group, group)
        .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
        .childHandler(new Initializer()).bind(any).sync().getNow();
  }

  @AfterAll
  static void stop() throws Exception {
    mux.close();
    group.shutdownGracefully(0, 5, java.util.concurrent.TimeUnit.SECONDS).sync();
  }

  private static List<Client> clients() throws IOException {
    return List.of(new Client.Tcp(((InetSocketAddress) tcp.localAddress()).getPort()),
        new Client.Stream(mux.localAddress().getPort()));
  }

  private static byte[] framed(byte[] body) {
    return ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array();
  }

  private static byte[] answer(Client client) throws IOException {
    return client.read(ByteBuffer.wrap(client.read(4)).getInt());
  }

  private static byte[] reversed(byte[] body) {
    byte[] other = new byte[body.length];
    for (int i = 0; i < body.length; ++i) {
      other[i] = body[body.length - 1 - i];
    }
    return other;
  }

  @Test
  void messagesInAllPieces() throws IOException {
    Random random = new Random(7);
    for (Client client : clients()) {
      for (int size : new int[] {0, 1, 5, 1_000, 16_384, 70_000, 300_000}) {
        byte[] body = new byte[size];
        random.nextBytes(body);
        byte[] all = framed(body);
        int cut = random.nextInt(all.length + 1);
        client.write(Arrays.copyOf(all, cut));
        client.write(Arrays.copyOfRange(all, cut, all.length));
        assertArrayEquals(reversed(body), answer(client), client + ", " + size);
      }
      client.close();
    }
  }

  @Test
  void aClientThatDoesNotReadHoldsUpItselfOnly() throws Exception {
    for (Client client : clients()) {
      byte[] body = new byte[500_000];
      Thread writer = new Thread(() -> {
        try {
          for (int i = 0; i < 10; ++i) {
            client.write(framed(body));
          }
        } catch (IOException broken) {
          throw new java.io.UncheckedIOException(broken);
        }
      });
      writer.start();
      for (int i = 0; i < 10; ++i) {
        assertEquals(body.length, answer(client).length, client.toString());
      }
      writer.join();
      client.close();
    }
  }

  @Test
  void halfOfAConnectionCloses() throws IOException {
    for (Client client : clients()) {
      client.write(framed(new byte[100]));
      assertEquals(100, answer(client).length);
      client.finish();
      assertEquals("had 100", new String(answer(client), StandardCharsets.UTF_8));
      assertThrows(EOFException.class, () -> client.read(1), client.toString());
      client.close();
    }
  }

  @Test
  void theServerCloses() throws IOException {
    for (Client client : clients()) {
      client.write(framed("bye".getBytes(StandardCharsets.UTF_8)));
      assertEquals("eyb", new String(answer(client), StandardCharsets.UTF_8));
      assertThrows(EOFException.class, () -> client.read(1), client.toString());
      client.close();
    }
  }

  @Test
  void allIsGoneAtTheEnd() throws Exception {
    for (Client client : clients()) {
      client.write(framed(new byte[10]));
      answer(client);
      client.close();
    }
    for (int i = 0; i < 1_000 && mux.counters().values().get("streams_open") != 0; ++i) {
      group.next().submit(() -> {}).sync();
      Thread.onSpinWait();
    }
    assertTrue(mux.counters().values().get("streams_accepted") >= 1);
  }
}
