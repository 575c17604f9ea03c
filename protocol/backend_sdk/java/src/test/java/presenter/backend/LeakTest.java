package presenter.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import java.util.List;
import org.junit.jupiter.api.Test;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameWriter;

/** Streams by the hundred thousand come and go, in every way there is, and nothing stays. */
class LeakTest {
  private static final int STREAMS = 100_000;
  private static final int AT_ONCE = 500;

  /** Echoes; every third stream it closes itself, and every fifth is not read for a while. */
  private static final class Echo extends ChannelInboundHandlerAdapter {
    @Override
    public void channelActive(ChannelHandlerContext context) {
      long stream = ((MuxChannel) context.channel()).info().stream();
      context.channel().config().setAutoRead(stream % 5 != 0);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      context.write(message);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      context.flush();
      if (((MuxChannel) context.channel()).info().stream() % 3 == 0) {
        context.close();
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }

  @Test
  void nothingIsLeftOfHundredThousandStreams() throws Exception {
    MuxServerBootstrap options = FakeGateway.options(new ChannelInitializer<SocketChannel>() {
      @Override
      protected void initChannel(SocketChannel stream) {
        stream.pipeline().addLast(new Echo());
      }
    }).streams(1_000_000, 16_384, 1_000_000);
    FakeGateway gateway = new FakeGateway(options).say(FakeGateway.hello(1_024, 0, 0));
    for (int first = 1; first <= STREAMS; first += AT_ONCE) {
      play(gateway, first);
    }
    assertEquals(STREAMS, gateway.server.counters().values().get("streams_accepted"));
    assertEquals(0, gateway.server.counters().values().get("stream_errors"));
    assertTrue(gateway.link.isActive());
    gateway.close();
    assertEquals(0, gateway.server.counters().values().get("streams_open"));
    assertEquals(0, RunTests.leaksFound());
  }

  private static void play(FakeGateway gateway, int first) {
    ByteBuf out = gateway.link.alloc().buffer();
    ByteBuf payload = gateway.link.alloc().buffer().writeZero(2_500);
    for (int stream = first; stream < first + AT_ONCE; ++stream) {
      FrameWriter.write(out, FakeGateway.open(stream));
      FrameWriter.writeData(out, stream, false, payload, 0, stream % 2_500 + 1);
    }
    gateway.gulp(out);
    out = gateway.link.alloc().buffer();
    for (int stream = first; stream < first + AT_ONCE; ++stream) {
      FrameWriter.writeData(out, stream, false, payload, 0, 10);
      if (stream % 2 == 0) {
        FrameWriter.writeFinish(out, stream);
      } else {
        FrameWriter.writeReset(out, stream, 2);
      }
    }
    payload.release();
    gateway.gulp(out);
    out = gateway.link.alloc().buffer();
    for (FakeGateway.Said each : gateway.heard()) {
      if (each.frame() instanceof Frame.Credit credit && credit.stream() == 0) {
        continue;
      }
      if (each.frame() instanceof Frame.Finish finish) {
        FrameWriter.writeReset(out, finish.stream(), 1);
      }
    }
    // Data of the link's window, which echoes have used.
    FrameWriter.writeCredit(out, 0, 1_024 * AT_ONCE);
    gateway.gulp(out);
    gateway.heard();
  }

  /** Streams that nobody has ended go with their link. */
  @Test
  void aLinkThatIsCutTakesAllWithIt() throws Exception {
    FakeGateway gateway =
        new FakeGateway(FakeGateway.options(new Seen().initializer())).greet();
    for (int stream = 1; stream <= 1_000; ++stream) {
      gateway.say(FakeGateway.open(stream));
    }
    gateway.data(7, "x");
    assertEquals(List.of(1_000L),
        List.of(gateway.server.counters().values().get("streams_open")));
    gateway.close();
    assertEquals(0, gateway.server.counters().values().get("streams_open"));
  }
}
