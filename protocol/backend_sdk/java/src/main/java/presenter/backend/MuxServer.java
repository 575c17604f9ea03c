package presenter.backend;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.netty.util.concurrent.Promise;
import io.netty.util.internal.logging.InternalLogger;
import io.netty.util.internal.logging.InternalLoggerFactory;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import presenter.backend.mux.StreamState;
import presenter.backend.mux.TokenBucket;
import presenter.backend.wire.Frame;
import presenter.backend.wire.Limits;

/** Listens for the gateways' links; made by {@link MuxServerBootstrap}. Any thread may call it. */
public final class MuxServer {
  private static final InternalLogger LOG = InternalLoggerFactory.getInstance(MuxServer.class);
  private static final WriteBufferWaterMark LINK_MARK =
      new WriteBufferWaterMark(64 * 1_024, Limits.DATA_QUEUE_BYTES_MAX);

  // Of 64 KiB at the most: what a turn answers must not fill the queue of answers.
  private static final int READS_PER_TURN = 4;

  private final MuxServerBootstrap options;
  private final MuxCounters counters = new MuxCounters();
  private final Set<MuxLink> links = ConcurrentHashMap.newKeySet();
  private final AtomicInteger held = new AtomicInteger();
  private final AtomicLong heldBytes = new AtomicLong();
  private final TokenBucket moves;
  // A peer can fail as often as it connects.
  private final TokenBucket logLines = new TokenBucket(1, 10, System.nanoTime());
  private final Promise<Boolean> drained = GlobalEventExecutor.INSTANCE.newPromise();
  private volatile long mapEpoch;
  private volatile int drainMs = -1;
  private Channel listening;

  /** Without {@link #bind} it listens nowhere, and has the links that it is given. */
  MuxServer(MuxServerBootstrap options) {
    this.options = options;
    int pace = Math.max(options.movesPerSecond, 1);
    moves = new TokenBucket(pace, Math.max(pace / 10, 1), System.nanoTime());
  }

  static Future<MuxServer> bind(MuxServerBootstrap options, SocketAddress address) {
    MuxServer server = new MuxServer(options);
    Promise<MuxServer> bound = GlobalEventExecutor.INSTANCE.newPromise();
    ChannelFuture binding = new ServerBootstrap().group(options.boss, options.workers)
        .channel(options.channel)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, LINK_MARK)
        .childOption(ChannelOption.RCVBUF_ALLOCATOR,
            new AdaptiveRecvByteBufAllocator().maxMessagesPerRead(READS_PER_TURN))
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            channel.pipeline().addLast(new MuxLink(server));
          }
        }).bind(address);
    server.listening = binding.channel();
    binding.addListener(done -> {
      if (done.isSuccess()) {
        bound.setSuccess(server);
      } else {
        bound.setFailure(done.cause());
      }
    });
    return bound;
  }

  public InetSocketAddress localAddress() {
    return (InetSocketAddress) listening.localAddress();
  }

  public MuxCounters counters() {
    return counters;
  }

  /** Said in the Hello of new links. */
  public void setMapEpoch(long epoch) {
    mapEpoch = epoch;
  }

  /** Asks the fence again for streams that wait, and later for those that are served. */
  public void onFenceChanged() {
    links.forEach(link -> link.loop().execute(link::onFenceChanged));
  }

  /**
   * Listens no more and takes no new streams; those that are there go on. The result is true when
   * all links have been empty and are closed, false if they were cut at the deadline.
   */
  public Future<Boolean> drain(int deadlineMs) {
    if (drainMs >= 0) {
      return drained;
    }
    drainMs = Math.max(deadlineMs, 0);
    listening.close();
    GlobalEventExecutor.INSTANCE.schedule(() -> {
      if (drained.trySuccess(false)) {
        closeLinks();
      }
    }, drainMs, TimeUnit.MILLISECONDS);
    links.forEach(link -> link.loop().execute(() -> link.drain(drainMs)));
    endDrain();
    return drained;
  }

  private void endDrain() {
    if (drainMs >= 0 && links.isEmpty()) {
      drained.trySuccess(true);
    }
  }

  /** At once: streams end as with a link that is lost. */
  public void close() {
    listening.close();
    closeLinks();
  }

  private void closeLinks() {
    links.forEach(link -> link.channel().close());
  }

  // --- for the links

  MuxServerBootstrap options() {
    return options;
  }

  Frame.Hello hello() {
    long features = Frame.NOTICE | (options.handsOver ? Frame.HANDOFF : 0)
        | (options.takesEarlyData ? Frame.EARLY_DATA : 0);
    return new Frame.Hello(Limits.VERSION, Limits.VERSION, Frame.BACKEND, options.node, mapEpoch,
        Limits.FRAME_BYTES_MAX, options.streamWindowBytes, options.linkWindowBytes,
        options.streamsOpenMax, options.pingIntervalMs, features, options.streamsOpeningMax, 0);
  }

  MuxChannel newStream(MuxLink link, StreamState state, StreamInfo info) {
    ServerSocketChannel parent = listening instanceof ServerSocketChannel server ? server : null;
    MuxChannel stream = new MuxChannel(link, parent, state, info);
    options.prepare(stream);
    return stream;
  }

  Refusal admit(StreamInfo info) {
    return options.admit == null ? null : options.admit.apply(info);
  }

  StreamFence.Answer ask(StreamInfo info) {
    return options.fence == null ? new StreamFence.Serve()
        : options.fence.ask(info, System.nanoTime());
  }

  /** False if there is no room for them among those that are held. */
  boolean takeHeld(int streams, int bytes) {
    if (held.addAndGet(streams) > options.heldMax
        || heldBytes.addAndGet(bytes) > options.heldBytesMax) {
      return refuseHeld(streams, bytes);
    }
    counters.streamsHeld.add(streams);
    return true;
  }

  private boolean refuseHeld(int streams, int bytes) {
    held.addAndGet(-streams);
    if (streams == 0) {
      heldBytes.addAndGet(-bytes);
    }
    return false;
  }

  void giveHeld(int streams, int bytes) {
    held.addAndGet(-streams);
    heldBytes.addAndGet(-bytes);
    counters.streamsHeld.add(-streams);
  }

  synchronized boolean takeMove() {
    return options.movesPerSecond == 0 || moves.take(System.nanoTime());
  }

  void onLink(MuxLink link) {
    if (links.size() >= options.linksMax) {
      counters.linksRefused.increment();
      link.channel().close();
      return;
    }
    counters.linksAccepted.increment();
    counters.linksOpen.increment();
    links.add(link);
    if (drainMs >= 0) {
      link.loop().execute(() -> link.drain(drainMs));
    }
  }

  void onLinkClosed(MuxLink link, boolean wasExpected) {
    if (!links.remove(link)) {
      return;
    }
    counters.linksOpen.decrement();
    counters.streamsLimited.add(link.core().opensLimited());
    if (!wasExpected) {
      counters.linksFailed.increment();
    }
    endDrain();
  }

  void onLinkFailed(Channel channel, String why) {
    counters.linksFailed.increment();
    if (mayLog()) {
      LOG.warn("link of {} ended: {}", channel.remoteAddress(), why);
    }
  }

  void logFault(Channel channel, Throwable cause) {
    if (mayLog()) {
      LOG.error("link of {} ended by a fault of this program", channel.remoteAddress(), cause);
    }
  }

  private synchronized boolean mayLog() {
    return logLines.take(System.nanoTime());
  }
}
