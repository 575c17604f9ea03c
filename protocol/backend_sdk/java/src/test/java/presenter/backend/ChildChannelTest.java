package presenter.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import presenter.backend.wire.Frame;
import presenter.backend.wire.Limits;

/**
 * Mistakes that the child channels of Netty's HTTP/2 have had in reading and in telling, by the
 * numbers of their reports; those about ends, credit and half-closing are in StreamTest.
 */
class ChildChannelTest {
  private static final String PIECE = "x".repeat(5_000);  // not joined with its neighbours

  private FakeGateway gateway;

  private MuxChannel open(Seen seen) {
    gateway = new FakeGateway(FakeGateway.options(seen.initializer())).greet()
        .say(FakeGateway.open(1));
    seen.take();
    return seen.channel;
  }

  @AfterEach
  void close() {
    gateway.close();
  }

  // netty#8209, netty#8617: it was forgotten, and the stream stood still.
  @Test
  void aReadAskedForWhileOneIsReadIsKept() {
    Seen seen = new Seen() {
      @Override
      public void channelRead(ChannelHandlerContext context, Object message) {
        super.channelRead(context, message);
        context.read();
      }
    };
    open(seen).config().setAutoRead(false);
    gateway.data(1, "a", PIECE, PIECE, "b");
    gateway.data(1, "c");
    assertEquals(5, seen.take().stream().filter(each -> each.startsWith("read ")).count());
  }

  // netty#13779: each read went one call deeper.
  @Test
  void aReadAskedForAtTheEndOfATurnIsKept() {
    int[] depth = {0, 0};
    Seen seen = new Seen() {
      @Override
      public void channelReadComplete(ChannelHandlerContext context) {
        depth[1] = Math.max(depth[1], ++depth[0]);
        context.read();
        --depth[0];
      }
    };
    MuxChannel stream = open(seen);
    stream.config().setAutoRead(false);
    gateway.data(1, "a");
    gateway.data(1, PIECE, PIECE, PIECE, "b");
    gateway.say(new Frame.Finish(1));
    List<String> events = seen.take();
    assertEquals(List.of("read b", "inactive"), events.subList(events.size() - 2, events.size()));
    assertEquals(6, events.size());
    assertEquals(1, depth[1]);
  }

  // netty#9387: what came while the rest was read overtook it.
  @Test
  void theOrderIsKeptHoweverItIsRead() {
    StringBuilder all = new StringBuilder();
    Seen seen = new Seen() {
      @Override
      public void channelRead(ChannelHandlerContext context, Object message) {
        all.append(((ByteBuf) message).toString(StandardCharsets.UTF_8));
        super.channelRead(context, message);
        context.channel().config().setAutoRead(all.length() % 2 == 0);
      }
    };
    MuxChannel stream = open(seen);
    StringBuilder sent = new StringBuilder();
    for (int i = 0; i < 200; ++i) {
      String piece = (char) ('a' + i % 26) + "y".repeat(i % 7);
      sent.append(piece);
      gateway.data(1, piece, piece);
      sent.append(piece);
      stream.read();
      gateway.data(1, "!");
      sent.append("!");
    }
    stream.config().setAutoRead(true);
    gateway.settle();
    for (int i = 0; all.length() < sent.length() && i < 1_000; ++i) {
      stream.read();
      gateway.settle();
    }
    assertEquals(sent.toString(), all.toString());
  }

  // netty#8147, netty#8632: the gulp went on.
  @Test
  void autoReadSwitchedOffWhileReadingHoldsTheRestOfTheGulp() {
    Seen seen = new Seen() {
      @Override
      public void channelRead(ChannelHandlerContext context, Object message) {
        super.channelRead(context, message);
        context.channel().config().setAutoRead(false);
      }
    };
    MuxChannel stream = open(seen);
    gateway.data(1, "a", "b", "c");
    assertEquals(List.of("read a", "readComplete"), seen.take());
    stream.read();
    gateway.settle();
    assertEquals(List.of("read b", "readComplete"), seen.take());
  }

  // netty#13779: with autoRead off nobody heard of it.
  @Test
  void aResetIsToldThoughNobodyReads() {
    Seen seen = new Seen();
    MuxChannel stream = open(seen);
    stream.config().setAutoRead(false);
    gateway.data(1, "a");
    gateway.say(new Frame.Reset(1, ResetReason.CLIENT_GONE.number()));
    assertEquals(List.of("read a", "readComplete", "stream reset: client_gone", "inactive"),
        seen.take());
  }

  @Test
  void nothingIsReadAfterAHandlerHasClosed() {
    Seen seen = new Seen() {
      @Override
      public void channelRead(ChannelHandlerContext context, Object message) {
        super.channelRead(context, message);
        context.close();
      }
    };
    open(seen);
    gateway.data(1, "a", "b", "c");
    assertEquals(List.of("read a", "inactive"), seen.take());
  }

  // netty#9636, netty#9642: what is common to all had room again, and some were never told.
  @Test
  void streamsAreToldWhenTheLinkHasCreditAgain() {
    Seen seen = new Seen();
    int window = 16_384;
    gateway = new FakeGateway(FakeGateway.options(seen.initializer())).say(
        new Frame.Hello(1, 1, Frame.GATEWAY, "gw", 0, Limits.FRAME_BYTES_MAX, window, 2 * window,
            1_000_000, 5_000, 0, 16_384, 0), FakeGateway.open(1));
    MuxChannel stream = seen.channel;
    seen.take();
    stream.writeAndFlush(Unpooled.wrappedBuffer(new byte[2 * window]));
    gateway.say(new Frame.Credit(1, window));
    gateway.say(new Frame.Credit(1, window));
    gateway.heard();
    seen.take();
    assertFalse(stream.isWritable());  // its own window is whole, and the link's used up
    gateway.say(new Frame.Credit(0, window));
    assertEquals(List.of("writable true"), seen.take());
    stream.writeAndFlush(Unpooled.copiedBuffer("more", StandardCharsets.UTF_8));
    assertTrue(gateway.heard().stream().anyMatch(each -> "more".equals(each.payload())));
  }
}
