package presenter.backend;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.Future;
import java.net.SocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import presenter.backend.wire.Limits;

/**
 * What ServerBootstrap is for a TCP server: the same groups, child handler, options and attributes,
 * for streams. Each link lives on one event loop of the child group, with its streams.
 *
 * <pre>
 * MuxServer server = new MuxServerBootstrap().group(boss, workers).node("chat-a")
 *     .childHandler(initializer).bind(address).sync().getNow();
 * </pre>
 */
public final class MuxServerBootstrap implements Cloneable {
  EventLoopGroup boss;
  EventLoopGroup workers;
  Class<? extends ServerChannel> channel = NioServerSocketChannel.class;
  ChannelHandler childHandler;
  Map<ChannelOption<?>, Object> childOptions = new LinkedHashMap<>();
  Map<AttributeKey<?>, Object> childAttributes = new LinkedHashMap<>();
  String node = "";
  boolean takesEarlyData;
  boolean handsOver;
  StreamFence fence;
  Function<StreamInfo, Refusal> admit;
  int streamWindowBytes = Limits.STREAM_WINDOW_BYTES_DEFAULT;
  int linkWindowBytes = Limits.LINK_WINDOW_BYTES_DEFAULT;
  int streamsOpenMax = Limits.STREAMS_OPEN_MAX_DEFAULT;
  int streamsOpeningMax = Limits.STREAMS_OPENING_MAX_DEFAULT;
  int opensPerSecond = Limits.OPENS_PER_SECOND_DEFAULT;
  int pingIntervalMs = Limits.PING_INTERVAL_MS_DEFAULT;
  int deadAfterMs = Limits.DEAD_AFTER_MS_DEFAULT;
  int linksMax = 4_096;
  int lingerMs = 5_000;
  int busyRetryMs = 1_000;
  int heldMax = 4_096;
  long heldBytesMax = 16 * 1_024 * 1_024;
  int holdTimeoutMs = 2_000;
  int moveAfterMs = 300_000;
  int movesPerSecond = 200;

  public MuxServerBootstrap group(EventLoopGroup bossGroup, EventLoopGroup workerGroup) {
    boss = bossGroup;
    workers = workerGroup;
    return this;
  }

  /** NioServerSocketChannel, unless the groups are of another kind. */
  public MuxServerBootstrap channel(Class<? extends ServerChannel> listening) {
    channel = listening;
    return this;
  }

  /** Of each stream, a ChannelInitializer as a rule; one for sockets does. */
  public MuxServerBootstrap childHandler(ChannelHandler handler) {
    childHandler = handler;
    return this;
  }

  public <T> MuxServerBootstrap childOption(ChannelOption<T> option, T value) {
    childOptions.put(option, value);
    return this;
  }

  public <T> MuxServerBootstrap childAttr(AttributeKey<T> key, T value) {
    childAttributes.put(key, value);
    return this;
  }

  /** This backend's name in the shard map: gateways end a link that has another. */
  public MuxServerBootstrap node(String name) {
    node = name;
    return this;
  }

  /**
   * Streams may begin with bytes of TLS early data, which whoever recorded them can send again:
   * only for an application that does nothing twice on such bytes.
   */
  public MuxServerBootstrap takesEarlyData(boolean takes) {
    takesEarlyData = takes;
    return this;
  }

  /**
   * Streams are given up to other backends and taken over from them: only for an application that
   * answers a {@link HandoffEvent} and looks at {@link StreamInfo#continued}.
   */
  public MuxServerBootstrap handsOver(boolean hands) {
    handsOver = hands;
    return this;
  }

  public MuxServerBootstrap fence(StreamFence streamFence) {
    fence = streamFence;
    return this;
  }

  /** Asked for every new stream, on its event loop; null: it is served. */
  public MuxServerBootstrap admit(Function<StreamInfo, Refusal> question) {
    admit = question;
    return this;
  }

  /** Unread input of one stream, and of all of a link. */
  public MuxServerBootstrap windows(int streamBytes, int linkBytes) {
    streamWindowBytes = streamBytes;
    linkWindowBytes = linkBytes;
    return this;
  }

  /** Of a link: streams at a time, those of them not accepted yet, new ones in a second. */
  public MuxServerBootstrap streams(int openMax, int openingMax, int perSecond) {
    streamsOpenMax = openMax;
    streamsOpeningMax = openingMax;
    opensPerSecond = perSecond;
    return this;
  }

  public MuxServerBootstrap liveness(int pingMs, int deadMs) {
    pingIntervalMs = pingMs;
    deadAfterMs = deadMs;
    return this;
  }

  public MuxServerBootstrap linksMax(int links) {
    linksMax = links;
    return this;
  }

  /** How long a stream that is closed here waits for its client to take what was written. */
  public MuxServerBootstrap linger(int milliseconds) {
    lingerMs = milliseconds;
    return this;
  }

  /** Streams that the fence does not serve any more end so long after a change, at such a pace. */
  public MuxServerBootstrap moves(int afterMs, int perSecond) {
    moveAfterMs = afterMs;
    movesPerSecond = perSecond;
    return this;
  }

  /** Throws IllegalArgumentException for what a gateway could not accept. */
  public Future<MuxServer> bind(SocketAddress address) {
    check();
    return MuxServer.bind(copy(), address);
  }

  private MuxServerBootstrap copy() {
    try {
      MuxServerBootstrap copy = (MuxServerBootstrap) clone();
      copy.childOptions = new LinkedHashMap<>(childOptions);
      copy.childAttributes = new LinkedHashMap<>(childAttributes);
      return copy;
    } catch (CloneNotSupportedException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalArgumentException(what);
    }
  }

  private void check() {
    require(boss != null && workers != null, "group is not set");
    require(childHandler != null, "childHandler is not set");
    require(node.getBytes(java.nio.charset.StandardCharsets.UTF_8).length <= Limits.NODE_BYTES_MAX,
        "node is longer than 255 bytes");
    require(streamWindowBytes >= Limits.STREAM_WINDOW_BYTES_MIN
        && streamWindowBytes <= Limits.STREAM_WINDOW_BYTES_MAX,
        "a stream's window is not 1,024 to 16,777,216");
    require(linkWindowBytes >= Limits.LINK_WINDOW_BYTES_MIN
        && linkWindowBytes <= Limits.LINK_WINDOW_BYTES_MAX
        && linkWindowBytes >= (long) Limits.LINK_WINDOWS_PER_STREAM * streamWindowBytes,
        "a link's window is not 16,384 to 1,073,741,824, or less than two stream windows");
    require(streamsOpenMax >= 1 && streamsOpeningMax >= 1 && opensPerSecond >= 1,
        "a number of streams is below 1");
    require(pingIntervalMs >= 1 && deadAfterMs >= 1, "a time of liveness is below a millisecond");
    require(movesPerSecond >= 0, "moves per second are negative");
  }

  void prepare(Channel stream) {
    stream.pipeline().addLast(childHandler);
    childOptions.forEach((option, value) -> setOption(stream, option, value));
    childAttributes.forEach((key, value) -> setAttribute(stream, key, value));
  }

  @SuppressWarnings("unchecked")
  private static void setOption(Channel stream, ChannelOption<?> option, Object value) {
    stream.config().setOption((ChannelOption<Object>) option, value);
  }

  @SuppressWarnings("unchecked")
  private static void setAttribute(Channel stream, AttributeKey<?> key, Object value) {
    stream.attr((AttributeKey<Object>) key).set(value);
  }
}
