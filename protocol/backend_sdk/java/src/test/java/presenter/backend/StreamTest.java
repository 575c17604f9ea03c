package presenter.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelOutputShutdownException;
import io.netty.channel.socket.SocketChannel;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import presenter.backend.wire.Frame;

/** One stream as a channel; each mistake that Netty's own child channels have had is a case. */
class StreamTest {
  private final Seen seen = new Seen();
  private MuxServerBootstrap options = FakeGateway.options(seen.initializer());
  private FakeGateway gateway;

  private MuxChannel open() {
    return open(FakeGateway.hello(65_536, 0, 0));
  }

  private MuxChannel open(Frame.Hello hello) {
    gateway = new FakeGateway(options).say(hello, FakeGateway.open(1));
    assertInstanceOf(Frame.Hello.class, gateway.frames().get(0));
    assertEquals(List.of("active"), seen.take());
    return seen.channel;
  }

  @AfterEach
  void close() {
    gateway.close();
  }

  private static ByteBuf text(String text) {
    return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
  }

  private static String times(String text, int count) {
    return text.repeat(count);
  }

  private List<Frame> rest = new ArrayList<>();

  private String heard() {
    rest = new ArrayList<>();
    return gateway.text(rest);
  }

  // --- what it is

  @Test
  void aStreamIsItsClientsConnection() {
    MuxChannel stream = open();
    assertEquals(new InetSocketAddress("192.0.2.7", 50_123), stream.remoteAddress());
    assertEquals("key", stream.info().keyText());
    assertTrue(stream.isActive() && stream.isOpen() && stream.isWritable());
    assertTrue(stream.config().setOption(ChannelOption.TCP_NODELAY, true));
  }

  @Test
  void acceptGoesBeforeAnythingThatAHandlerWrites() {
    options = FakeGateway.options(new ChannelInitializer<SocketChannel>() {
      @Override
      protected void initChannel(SocketChannel stream) {
        stream.pipeline().addLast(new Seen() {
          @Override
          public void channelActive(ChannelHandlerContext context) {
            context.writeAndFlush(text("hello"));
          }
        });
      }
    });
    gateway = new FakeGateway(options).greet().say(FakeGateway.open(1));
    List<FakeGateway.Said> all = gateway.heard();
    assertInstanceOf(Frame.Accept.class, all.get(1).frame());
    assertEquals("hello", all.get(2).payload());
  }

  @Test
  void anInitializerThatThrowsRefusesTheStream() {
    options = FakeGateway.options(new ChannelInitializer<SocketChannel>() {
      @Override
      protected void initChannel(SocketChannel stream) {
        throw new IllegalStateException("on purpose");
      }
    });
    gateway = new FakeGateway(options).greet().say(FakeGateway.open(1));
    List<Frame> frames = gateway.frames();
    assertEquals(new Frame.Refuse(1, RefuseReason.DENIED.number(), null, null), frames.get(1));
    assertEquals(0, gateway.server.counters().values().get("streams_open"));
  }

  @Test
  void opensAboveTheRateAreRefusedAsBusy() {
    options = options.streams(1_000, 1_000, 10);
    gateway = new FakeGateway(options).greet();
    Frame[] opens = new Frame[30];
    for (int i = 0; i < opens.length; ++i) {
      opens[i] = FakeGateway.open(i + 1);
    }
    gateway.say(opens);
    long refused = gateway.frames().stream().filter(each -> each instanceof Frame.Refuse refuse
        && refuse.reason() == 2 && refuse.retryAfterMs() > 0).count();
    assertEquals(10, refused);
  }

  // --- reading and credit

  @Test
  void readCompleteComesOnceForAGulp() {
    open();
    gateway.data(1, "a", "b", "c");
    assertEquals(List.of("read a", "read b", "read c", "readComplete"), seen.take());
  }

  @Test
  void creditGoesBackWhenThePipelineTookTheBytes() {
    open();
    gateway.data(1, times("x", 16_384), times("x", 16_384));
    assertEquals("", heard());
    assertEquals(List.of(), rest);  // half of the window is left
    gateway.data(1, times("x", 10));
    heard();
    assertEquals(List.of(new Frame.Credit(1, 32_778)), rest);
  }

  @Test
  void creditOfAStreamThatIsNotReadStaysAway() {
    MuxChannel stream = open();
    stream.config().setAutoRead(false);
    gateway.data(1, times("x", 16_384), times("x", 16_384), times("y", 10));
    heard();
    assertEquals(List.of(), rest);
    stream.config().setAutoRead(true);
    gateway.settle();
    heard();
    assertEquals(List.of(new Frame.Credit(1, 32_778)), rest);
  }

  @Test
  void inManualModeTheApplicationGivesTheCredit() {
    MuxChannel stream = open();
    stream.config().setOption(MuxChannelOption.MANUAL_CREDIT, true);
    gateway.data(1, times("x", 16_384), times("x", 16_384), times("y", 10));
    heard();
    assertEquals(List.of(), rest);
    stream.consume(20_000);
    gateway.settle();
    heard();
    assertEquals(List.of(new Frame.Credit(1, 20_000)), rest);
    stream.consume(1_000_000);  // more than it was given: no more than that goes back
    gateway.data(1, times("x", 16_384), times("x", 16_384));
    stream.consume(40_000);
    gateway.settle();
    heard();
    assertEquals(List.of(new Frame.Credit(1, 12_778 + 32_768)), rest);
  }

  @Test
  void withAutoReadOffEachReadGivesOneBuffer() {
    MuxChannel stream = open();
    stream.config().setAutoRead(false);
    gateway.data(1, "a");
    assertEquals(List.of("read a", "readComplete"), seen.take());  // the read of channelActive
    gateway.data(1, times("b", 3_000), times("c", 3_000));
    assertEquals(List.of(), seen.take());
    stream.read();
    gateway.settle();
    assertEquals(2, seen.take().size());
  }

  // --- writing

  @Test
  void whatIsWrittenInPiecesLeavesAsOneFrameWithOneFlush() {
    MuxChannel stream = open();
    int before = gateway.flushes();
    ChannelFuture first = stream.write(text("len"));
    ChannelFuture second = stream.write(text("body"));
    stream.flush();
    assertTrue(first.isSuccess() && second.isSuccess());
    List<FakeGateway.Said> all = gateway.heard();
    assertEquals(List.of(new FakeGateway.Said(null, 1, "lenbody")), all);
    assertEquals(before + 1, gateway.flushes());
  }

  @Test
  void oneFlushOfTheLinkForAllStreamsOfAGulp() {
    options = FakeGateway.options(new ChannelInitializer<SocketChannel>() {
      @Override
      protected void initChannel(SocketChannel stream) {
        stream.pipeline().addLast(new Seen() {
          @Override
          public void channelRead(ChannelHandlerContext context, Object message) {
            context.writeAndFlush(message);
          }
        });
      }
    });
    gateway = new FakeGateway(options).greet();
    gateway.say(FakeGateway.open(1), FakeGateway.open(2), FakeGateway.open(3));
    int before = gateway.flushes();
    ByteBuf out = Unpooled.buffer();
    for (int stream = 1; stream <= 3; ++stream) {
      presenter.backend.wire.FrameWriter.writeData(out, stream, false, text("x"), 0, 1);
    }
    gateway.gulp(out);
    assertEquals("xxx", heard());
    assertEquals(before + 1, gateway.flushes());
  }

  @Test
  void aPromiseCompletesWhenTheLinkHasTakenTheBytes() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    ChannelFuture fits = stream.writeAndFlush(text(times("a", 1_000)));
    ChannelFuture waits = stream.writeAndFlush(text(times("b", 1_000)));
    assertTrue(fits.isSuccess());
    assertFalse(waits.isDone());
    assertEquals(1_024, heard().length());
    gateway.say(new Frame.Credit(1, 1_024));
    assertTrue(waits.isSuccess());
    assertEquals(976, heard().length());
  }

  @Test
  void writableIsToldOnceAfterTheTurnAndNotBeforeThereIsCredit() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    stream.writeAndFlush(text(times("a", 1_024)));
    gateway.settle();
    assertEquals(List.of("writable false"), seen.take());  // all has left, the credit is used up
    stream.config().setWriteBufferWaterMark(new io.netty.channel.WriteBufferWaterMark(10, 20));
    stream.writeAndFlush(text(times("b", 600)));
    gateway.settle();
    assertEquals(List.of(), seen.take());
    gateway.say(new Frame.Credit(1, 600));  // what waits takes all of it
    assertEquals(List.of(), seen.take());
    assertFalse(stream.isWritable());
    gateway.say(new Frame.Credit(1, 256), new Frame.Credit(1, 256));
    assertEquals(List.of("writable true"), seen.take());
    assertTrue(stream.isWritable());
  }

  // --- ends

  @Test
  void finishGoesBehindQueuedWrites() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    stream.writeAndFlush(text(times("a", 1_500)));
    ChannelFuture shut = stream.shutdownOutput();
    assertEquals(1_024, heard().length());
    assertEquals(List.of(), rest);
    assertFalse(shut.isDone());
    assertInstanceOf(ChannelOutputShutdownException.class, stream.write(text("late")).cause());
    gateway.say(new Frame.Credit(1, 1_024));
    assertTrue(shut.isSuccess());
    assertEquals(476, heard().length());
    assertEquals(List.of(new Frame.Finish(1)), rest);
    assertTrue(stream.isActive() && !stream.isInputShutdown());
    gateway.data(1, "still read");
    assertEquals(List.of("read still read", "readComplete"), seen.take());
  }

  @Test
  void closeSendsWhatWasFlushedThenFinish() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    ChannelFuture written = stream.writeAndFlush(text(times("a", 1_500)));
    ChannelFuture closed = stream.close();
    assertFalse(closed.isDone());
    heard();
    assertEquals(List.of(), rest);
    gateway.say(new Frame.Credit(1, 1_024));
    assertTrue(written.isSuccess() && closed.isSuccess());
    assertEquals(476, heard().length());
    assertEquals(List.of(new Frame.Finish(1)), rest);
    assertEquals("inactive", seen.take().get(0));
    // What still comes is dropped, and its credit goes back until the gateway finishes.
    for (int i = 0; i < 10; ++i) {
      gateway.data(1, times("x", 16_384), times("x", 16_384));
      gateway.data(1, "x");
      heard();
      assertEquals(1, rest.size());
    }
    gateway.say(new Frame.Finish(1));
    assertEquals(0, gateway.server.counters().values().get("streams_open"));
    assertTrue(gateway.link.isActive());
  }

  @Test
  void theClientsEndClosesTheChannel() {
    open();
    gateway.data(1, "last");
    gateway.say(new Frame.Finish(1));
    assertEquals(List.of("read last", "readComplete", "inactive"), seen.take());
    heard();
    assertEquals(List.of(new Frame.Finish(1)), rest);
  }

  @Test
  void withHalfClosureItIsAnEventAndTheOtherDirectionGoesOn() {
    MuxChannel stream = open();
    stream.config().setAllowHalfClosure(true);
    gateway.say(new Frame.Finish(1));
    assertEquals(List.of("ChannelInputShutdownEvent", "ChannelInputShutdownReadComplete"),
        seen.take());
    assertTrue(stream.isInputShutdown() && stream.isActive());
    stream.writeAndFlush(text("answer"));
    assertEquals("answer", heard());
    stream.close();
    heard();
    assertEquals(List.of(new Frame.Finish(1)), rest);
  }

  @Test
  void withAutoReadOffNothingIsLostAtTheEnd() {
    MuxChannel stream = open();
    stream.config().setAutoRead(false);
    gateway.data(1, "a");
    gateway.data(1, "b", "c");
    gateway.say(new Frame.Finish(1));
    assertEquals(List.of("read a", "readComplete"), seen.take());
    assertTrue(stream.isActive());
    stream.config().setAutoRead(true);
    gateway.settle();
    assertEquals(List.of("read b", "read c", "readComplete", "inactive"), seen.take());
  }

  @Test
  void aResetIsATypedExceptionAndThenInactive() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    ChannelFuture waits = stream.writeAndFlush(text(times("b", 2_000)));
    gateway.settle();
    seen.take();
    gateway.say(new Frame.Reset(1, ResetReason.CLIENT_GONE.number()));
    assertEquals(List.of("stream reset: client_gone", "inactive"), seen.take());
    StreamResetException why = assertInstanceOf(StreamResetException.class, waits.cause());
    assertEquals(ResetReason.CLIENT_GONE, why.reason());
    heard();
    assertEquals(List.of(new Frame.Reset(1, ResetReason.ACKNOWLEDGED.number())), rest);
  }

  @Test
  void aResetComesBehindWhatIsNotReadYet() {
    MuxChannel stream = open();
    stream.config().setAutoRead(false);
    gateway.data(1, "a");
    gateway.data(1, "b");
    gateway.say(new Frame.Reset(1, 2));
    assertEquals(List.of("read a", "readComplete"), seen.take());
    assertInstanceOf(StreamResetException.class, stream.writeAndFlush(text("late")).cause());
    stream.read();
    gateway.settle();
    assertEquals(
        List.of("read b", "readComplete", "stream reset: cancelled", "inactive"), seen.take());
  }

  @Test
  void aLostLinkEndsItsStreams() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    ChannelFuture waits = stream.writeAndFlush(text(times("b", 2_000)));
    gateway.settle();
    seen.take();
    gateway.link.close();
    gateway.settle();
    assertEquals(List.of("link lost", "inactive"), seen.take());
    assertInstanceOf(LinkLostException.class, waits.cause());
    assertEquals(0, gateway.server.counters().values().get("streams_open"));
  }

  @Test
  void allQueuesAreReleasedAtClose() {
    MuxChannel stream = open(FakeGateway.hello(1_024, 0, 0));
    stream.config().setAutoRead(false);
    gateway.data(1, "a", "b");
    ByteBuf flushed = text(times("b", 2_000));
    ByteBuf written = text("not flushed");
    stream.writeAndFlush(flushed);
    ChannelFuture never = stream.write(written);
    stream.config().setSoLinger(0);
    stream.close();
    gateway.settle();
    assertEquals(0, flushed.refCnt() + written.refCnt());
    assertInstanceOf(ClosedChannelException.class, never.cause());
    heard();
    assertEquals(new Frame.Reset(1, ResetReason.CANCELLED.number()), rest.get(rest.size() - 1));
  }

  @Test
  void onlyBytesCanBeWritten() {
    MuxChannel stream = open();
    assertInstanceOf(UnsupportedOperationException.class, stream.write("text").cause());
    assertThrows(UnsupportedOperationException.class,
        () -> stream.connect(new InetSocketAddress(1)).syncUninterruptibly());
  }

  // --- handing over

  private static final long HANDOFF = Frame.HANDOFF;

  private MuxChannel openWithHandoff() {
    options = options.handsOver(true);
    return open(FakeGateway.hello(65_536, HANDOFF, 100));
  }

  @Test
  void aStreamIsGivenUpWithItsStateAndWhatIsUnread() {
    MuxChannel stream = openWithHandoff();
    stream.pipeline().addFirst(new io.netty.channel.ChannelInboundHandlerAdapter() {
      @Override
      public void userEventTriggered(ChannelHandlerContext context, Object event) {
        seen.events.add(event.toString());
      }
    });
    stream.config().setAutoRead(false);
    gateway.data(1, "abc");
    gateway.data(1, times("x", 16_384), times("y", 100));
    stream.writeAndFlush(text("written"));
    gateway.say(new Frame.Handoff(1, 1, 43, 5_000));
    seen.take().forEach(each -> assertFalse(each.startsWith("inactive")));
    ChannelFuture given = stream.handOver("state".getBytes(StandardCharsets.UTF_8));
    assertTrue(given.isSuccess());
    assertEquals("written", heard());
    Frame.Checkpoint piece = (Frame.Checkpoint) rest.get(0);
    Frame.Checkpoint last = (Frame.Checkpoint) rest.get(1);
    assertEquals(16_384, piece.unread().length);
    assertFalse(piece.last());
    assertTrue(last.last() && !last.finished());
    assertEquals(100, last.unread().length);
    assertEquals(3, last.consumed());
    assertEquals(7, last.produced());
    assertEquals("state", new String(last.state(), StandardCharsets.UTF_8));
    assertFalse(stream.isOpen());
    assertEquals(1, gateway.server.counters().values().get("streams_handed_over"));
  }

  @Test
  void whatCannotLeaveIsTakenBack() {
    options = options.handsOver(true);
    MuxChannel stream = open(FakeGateway.hello(1_024, HANDOFF, 100));
    assertThrows(IllegalStateException.class, stream::takeUnsent);
    ChannelFuture written = stream.writeAndFlush(text(times("a", 1_500)));
    gateway.say(new Frame.Handoff(1, 1, 43, 5_000));
    assertFalse(written.isDone());
    assertEquals(476, stream.takeUnsent().length);
    assertTrue(written.isSuccess());
    assertTrue(stream.handOver(new byte[0]).isSuccess());
    assertEquals(1_024, heard().length());
    assertEquals(1_024, ((Frame.Checkpoint) rest.get(0)).produced());
  }

  @Test
  void whoDoesNotKnowOfHandingOverIsMovedAtOnce() {
    options = FakeGateway.options(new ChannelInitializer<SocketChannel>() {
      @Override
      protected void initChannel(SocketChannel stream) {}
    }).handsOver(true);
    gateway = new FakeGateway(options);
    gateway.say(FakeGateway.hello(65_536, HANDOFF, 0), FakeGateway.open(1));
    gateway.say(new Frame.Handoff(1, 1, 43, 5_000));
    List<Frame> frames = gateway.frames();
    assertEquals(new Frame.Reset(1, ResetReason.MOVED.number()), frames.get(frames.size() - 1));
  }

  @Test
  void aContinuedStreamBeginsWithTheStateOfTheOneBefore() {
    options = options.handsOver(true);
    gateway = new FakeGateway(options);
    gateway.say(FakeGateway.hello(65_536, HANDOFF, 100),
        FakeGateway.open(1, "key", new Continued(2, "chat-b")));
    assertEquals(List.of(), seen.take());
    gateway.say(new Frame.Checkpoint(1, 4, 5, text("ok").array(), new byte[0], false, false));
    assertEquals(List.of("active"), seen.take());
    ContinuedStream before = seen.channel.info().continued();
    assertEquals("chat-b", before.node());
    assertEquals(4, before.consumed());
    gateway.data(1, "!");
    seen.channel.writeAndFlush(text("??"));
    seen.channel.deposit(text("deposit").array());
    gateway.settle();
    assertEquals("??", heard());
    Frame.Checkpoint deposit = (Frame.Checkpoint) rest.get(rest.size() - 1);
    assertEquals(5, deposit.consumed());
    assertEquals(7, deposit.produced());
    assertFalse(deposit.last());
    assertNotNull(seen.channel);
  }

  @Test
  void aDepositWaitsForWhatWasWrittenBeforeIt() {
    options = options.handsOver(true);
    MuxChannel stream = open(FakeGateway.hello(1_024, HANDOFF, 100));
    stream.writeAndFlush(text(times("a", 1_500)));
    stream.deposit(text("state").array());
    gateway.settle();
    assertEquals(1_024, heard().length());
    assertEquals(List.of(), rest);
    gateway.say(new Frame.Credit(1, 1_024));
    assertEquals(476, heard().length());
    assertEquals(1_500, ((Frame.Checkpoint) rest.get(0)).produced());
  }

  // --- the fence

  private void openAtFence(StreamFence.Answer first) {
    options = options.fence(new StreamFence() {
      private boolean wasAsked;

      @Override
      public Answer ask(StreamInfo stream, long now) {
        Answer answer = wasAsked ? new Serve() : first;
        wasAsked = true;
        return answer;
      }

      @Override
      public boolean stillServes(StreamInfo stream) {
        return false;
      }
    }).moves(0, 0);
    gateway = new FakeGateway(options).greet().say(FakeGateway.open(1));
    gateway.data(1, "waits");
  }

  private long count(String name) {
    return gateway.server.counters().values().get(name);
  }

  @Test
  void whatTheFenceHoldsBeginsWhenItKnows() {
    openAtFence(new StreamFence.Hold(null));
    assertEquals(List.of(), seen.take());
    assertEquals(1, count("streams_held"));
    gateway.link.pipeline().get(MuxLink.class).onFenceChanged();
    gateway.settle();
    assertEquals(List.of("active", "read waits", "readComplete"), seen.take().subList(0, 3));
    assertEquals(0, count("streams_held"));
  }

  @Test
  void whatTheFenceHoldsMayEndMeanwhile() {
    openAtFence(new StreamFence.Hold(null));
    gateway.say(new Frame.Reset(1, 2));
    assertEquals(0, count("streams_held") + count("streams_open"));
    heard();
    assertEquals(new Frame.Reset(1, ResetReason.ACKNOWLEDGED.number()), rest.get(rest.size() - 1));
  }

  @Test
  void whatIsAnothersIsRefused() {
    openAtFence(new StreamFence.Refuse(Refusal.notOwner(43)));
    heard();
    assertEquals(new Frame.Refuse(1, 1, 43L, null), rest.get(1));
    assertEquals(1, count("streams_not_owned"));
    assertEquals(0, count("streams_open"));
  }

  @Test
  void whatIsNotServedAnyMoreIsMoved() throws Exception {
    openAtFence(new StreamFence.Serve());
    seen.take();
    gateway.link.pipeline().get(MuxLink.class).onFenceChanged();
    gateway.link.runScheduledPendingTasks();
    gateway.settle();
    assertEquals(List.of("stream reset: moved", "inactive"), seen.take());
    heard();
    assertEquals(new Frame.Reset(1, ResetReason.MOVED.number()), rest.get(rest.size() - 1));
  }

  @Test
  void aNoticeIsAUserEvent() {
    options = options.handsOver(true);
    open(FakeGateway.hello(65_536, Frame.NOTICE, 0));
    gateway.say(new Frame.Notice(1, 1, 30_000));
    assertEquals(List.of("NoticeEvent"), seen.take());
  }
}
