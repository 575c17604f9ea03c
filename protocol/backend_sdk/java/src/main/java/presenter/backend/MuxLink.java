package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.DuplexChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import presenter.backend.mux.LinkHandler;
import presenter.backend.mux.MuxCore;
import presenter.backend.mux.StreamHandler;
import presenter.backend.mux.StreamState;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameReader;

/**
 * The last handler of a link's channel: its core, and the streams' channels on the same event loop.
 *
 * <p>A turn is one gulp of the socket. In it frames are delivered; then each stream that had some
 * is told channelReadComplete, then all output leaves with one flush, and then the streams whose
 * room has changed are told. Output that arises between turns is collected into one as well.
 */
final class MuxLink extends ChannelInboundHandlerAdapter implements LinkHandler {
  // How long a peer that broke a rule is still read, and ignored: to close a socket with unread
  // input would destroy the GoAway on its way.
  private static final long OFFENDER_LINGER_MS = 1_000;
  private static final int OFFENDER_BYTES_MAX = 16 * 1_024 * 1_024;
  private static final long CLOSE_LINGER_MS = 5_000;

  private record Lingering(long deadline, Runnable giveUp) {}

  private final MuxServer server;
  private final HeldStreams held;
  private final StreamSweeper sweeper;
  private Channel channel;
  private EventLoop loop;
  private MuxCore core;
  private ByteBuf partial;
  private final ArrayList<MuxChannel> touched = new ArrayList<>();
  private final ArrayList<MuxChannel> roomChanged = new ArrayList<>();
  private final ArrayList<ByteBuf> output = new ArrayList<>(2);
  private final Set<MuxChannel> unreadEnds = new HashSet<>();
  // In the order of their deadlines, for all have the same time.
  private final ArrayDeque<Lingering> lingering = new ArrayDeque<>();
  private boolean isInTurn;
  private boolean isTurnPosted;
  private boolean isOutputWaiting;
  private boolean isDraining;
  private boolean isClosing;
  private boolean isLost;
  private int offenderBytes = -1;  // read since the link failed; -1: it has not

  MuxLink(MuxServer server) {
    this.server = server;
    held = new HeldStreams(server, this);
    sweeper = new StreamSweeper(server, this);
  }

  Channel channel() {
    return channel;
  }

  EventLoop loop() {
    return loop;
  }

  MuxCore core() {
    return core;
  }

  // --- the socket

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    channel = context.channel();
    if (channel.isActive()) {
      begin();
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    begin();
  }

  private void begin() {
    if (core != null) {
      return;
    }
    loop = channel.eventLoop();
    MuxServerBootstrap options = server.options();
    core = new MuxCore(server.hello(), options.deadAfterMs, options.opensPerSecond, this,
        channel.alloc(), System.nanoTime());
    server.onLink(this);
    long tick = Math.max(Math.min(options.pingIntervalMs, 5_000) / 2, 1);
    schedule(tick);
    onOutput();
    postTurn();
  }

  private void schedule(long tick) {
    loop.schedule(() -> {
      if (!isLost && !isClosing) {
        core.onTime(System.nanoTime());
        giveUpLingering(System.nanoTime());
        schedule(tick);
      }
    }, tick, TimeUnit.MILLISECONDS);
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    ByteBuf gulp = (ByteBuf) message;
    try {
      if (offenderBytes >= 0) {
        offenderBytes += gulp.readableBytes();
        if (offenderBytes > OFFENDER_BYTES_MAX) {
          channel.close();
        }
        return;
      }
      isInTurn = true;
      long now = System.nanoTime();
      while (partial != null && gulp.isReadable()) {
        completePartial(gulp, now);
      }
      core.onInput(gulp, now);
      if (gulp.isReadable()) {
        partial = channel.alloc().buffer(gulp.readableBytes()).writeBytes(gulp);
      }
    } finally {
      gulp.release();
    }
  }

  // Only as much of the next gulp as the frame lacks: the rest need not be copied.
  private void completePartial(ByteBuf gulp, long now) {
    int have = partial.readableBytes();
    int known = FrameReader.LENGTH_BYTES + 1;  // a frame that is too long is found by these
    int wanted = have < known ? known
        : FrameReader.LENGTH_BYTES + partial.getInt(partial.readerIndex());
    partial.writeBytes(gulp, Math.min(wanted - have, gulp.readableBytes()));
    core.onInput(partial, now);
    if (!partial.isReadable()) {
      dropPartial();
    }
  }

  private void dropPartial() {
    if (partial != null) {
      partial.release();
      partial = null;
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    if (core != null) {
      endTurn();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    if (channel.isWritable() && isOutputWaiting) {
      postTurn();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    // The socket's own errors; a fault of ours may have left the core in the middle of a change.
    if (!(cause instanceof java.io.IOException)) {
      server.logFault(channel, cause);
    }
    channel.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (core == null || isLost) {
      return;
    }
    isLost = true;
    dropPartial();
    boolean wasExpected = core.isOver() || core.isGoingAway();
    core.close();
    unreadEnds.forEach(MuxChannel::endUnread);
    endTurn();
    while (!lingering.isEmpty()) {
      lingering.poll().giveUp().run();
    }
    server.onLinkClosed(this, wasExpected);
  }

  // --- turns

  /** It has something to be told at the end of this turn. */
  void touch(MuxChannel stream) {
    touched.add(stream);
    postTurn();
  }

  void onRoomChanged(MuxChannel stream) {
    roomChanged.add(stream);
    postTurn();
  }

  @Override
  public void onOutput() {
    isOutputWaiting = true;
    postTurn();
  }

  private void postTurn() {
    if (!isInTurn && !isTurnPosted) {
      isTurnPosted = true;
      loop.execute(this::endTurn);
    }
  }

  private void endTurn() {
    isTurnPosted = false;
    isInTurn = true;
    for (int i = 0; i < touched.size(); ++i) {
      touched.get(i).endTurn();
    }
    touched.clear();
    flush();
    for (int i = 0; i < roomChanged.size(); ++i) {
      roomChanged.get(i).room().tell();
    }
    roomChanged.clear();
    isInTurn = false;
    // What the streams did meanwhile; what waits for the socket waits.
    boolean hasMore = isOutputWaiting && mayWrite();
    if (hasMore || !touched.isEmpty() || !roomChanged.isEmpty()) {
      postTurn();
    }
    closeIfDrained();
  }

  /** Writes as long as the socket's buffer takes it, and flushes once. */
  private void flush() {
    boolean wrote = false;
    while (isOutputWaiting && mayWrite()) {
      isOutputWaiting = false;
      core.takeOutput(output);
      wrote |= writeOutput() != null;
    }
    if (wrote) {
      channel.flush();
    }
  }

  private boolean mayWrite() {
    return channel.isWritable() && !isLost && offenderBytes < 0;
  }

  private ChannelFuture writeOutput() {
    ChannelFuture last = null;
    for (ByteBuf each : output) {
      last = channel.write(each);
    }
    output.clear();
    return last;
  }

  // --- what the core tells

  @Override
  public void onReady(Frame.Hello peer) {}

  @Override
  public StreamHandler onOpen(StreamState state, Frame.Open open) {
    server.counters().streamsOpened.increment();
    StreamInfo info = StreamInfo.of(open);
    Refusal refused = server.admit(info);
    StreamFence.Answer answer =
        refused != null ? new StreamFence.Refuse(refused) : server.ask(info);
    if (answer instanceof StreamFence.Refuse refuse) {
      refuse(state, refuse.refusal());
      return null;
    }
    MuxChannel stream = server.newStream(this, state, info);
    server.counters().streamsOpen.increment();
    if (open.continued() != null) {
      held.addIncomplete(stream, open.continued());
    } else if (answer instanceof StreamFence.Hold hold) {
      held.hold(stream, hold);
    } else {
      stream.start();
    }
    return stream.handler();
  }

  private void refuse(StreamState state, Refusal why) {
    server.counters().streamsRefused.increment();
    if (why.reason() == RefuseReason.NOT_OWNER) {
      server.counters().streamsNotOwned.increment();
    }
    core.refuse(state, why.reason().number(), why.mapEpoch(), why.retryAfterMs());
  }

  /** Of one that waits, neither accepted nor refused yet. */
  void refuse(MuxChannel stream, Refusal why) {
    refuse(stream.state(), why);
    stream.drop();
    onStreamReleased();
  }

  ContinuedStream continuedBy(MuxChannel stream, Frame.Checkpoint checkpoint) {
    Continued from = held.continuedFrom(stream);
    return new ContinuedStream(from.cause(), from.node(), checkpoint.state(),
        checkpoint.consumed(), checkpoint.produced(), checkpoint.finished());
  }

  /** The application is to have its state with it. */
  void onWhole(MuxChannel stream) {
    held.forget(stream);
    StreamFence.Answer answer = server.ask(stream.info());
    if (answer instanceof StreamFence.Refuse refuse) {
      refuse(stream, refuse.refusal());
    } else if (answer instanceof StreamFence.Hold hold) {
      held.hold(stream, hold);
    } else {
      stream.start();
    }
  }

  /** It has been reset, and its application has not read all yet. */
  void onUnreadEnd(MuxChannel stream) {
    unreadEnds.add(stream);
  }

  void onHeldInput(MuxChannel stream, int bytes) {
    held.onInput(stream, bytes);
  }

  void onStarted(MuxChannel stream) {
    server.counters().streamsAccepted.increment();
    if (stream.info().continued() != null) {
      server.counters().streamsContinued.increment();
    }
    sweeper.add(stream);
  }

  void onHandedOver() {
    server.counters().streamsHandedOver.increment();
  }

  void forget(MuxChannel stream) {
    held.forget(stream);
    sweeper.remove(stream);
    unreadEnds.remove(stream);
  }

  void onStreamReleased() {
    server.counters().streamsOpen.decrement();
    if (isDraining) {
      postTurn();
    }
  }

  @Override
  public void onGoAway(Frame.GoAway goAway) {}

  @Override
  public void onStreamError(int reason) {
    server.counters().streamErrors.increment();
  }

  @Override
  public void onFailed(LinkError error, String field) {
    server.onLinkFailed(channel, field);
    // The GoAway leaves if the socket takes it now; who breaks rules is not waited for.
    boolean takes = channel.unsafe().outboundBuffer() != null
        && channel.unsafe().outboundBuffer().totalPendingWriteBytes() == 0;
    offenderBytes = 0;
    if (!takes) {
      loop.execute(channel::close);
      return;
    }
    core.takeOutput(output);
    ChannelFuture sent = writeOutput();
    channel.flush();
    if (channel instanceof DuplexChannel duplex && sent != null) {
      sent.addListener(done -> duplex.shutdownOutput());
    }
    loop.schedule(() -> channel.close(), OFFENDER_LINGER_MS, TimeUnit.MILLISECONDS);
  }

  // --- streams that their applications have closed

  void linger(StreamState state) {
    core.linger(state);
    lingerFor(() -> core.release(state));
  }

  void lingerFor(Runnable giveUp) {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(server.options().lingerMs);
    lingering.add(new Lingering(deadline, giveUp));
  }

  private void giveUpLingering(long now) {
    while (!lingering.isEmpty() && lingering.peek().deadline() - now <= 0) {
      lingering.poll().giveUp().run();
    }
  }

  // --- the end, and the map

  void onFenceChanged() {
    held.askAll();
    sweeper.start();
  }

  void drain(int deadlineMs) {
    if (core == null || isLost || isDraining) {
      return;
    }
    isDraining = true;
    held.refuseAll();
    core.goAway(deadlineMs);
    postTurn();
  }

  private void closeIfDrained() {
    if (!isDraining || isClosing || isLost || core.isOver() || core.streamsOpen() != 0
        || isOutputWaiting) {
      return;
    }
    isClosing = true;
    // The gateway closes when it has read the end; if it does not, this side does.
    channel.writeAndFlush(io.netty.buffer.Unpooled.EMPTY_BUFFER).addListener(done -> {
      if (channel instanceof DuplexChannel duplex) {
        duplex.shutdownOutput();
      }
    });
    loop.schedule(() -> channel.close(), CLOSE_LINGER_MS, TimeUnit.MILLISECONDS);
  }
}
