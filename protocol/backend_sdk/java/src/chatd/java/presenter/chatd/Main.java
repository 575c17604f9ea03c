package presenter.chatd;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.JdkLoggerFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import presenter.backend.MuxServer;
import presenter.backend.MuxServerBootstrap;
import presenter.backend.fleet.Backend;

/** presenter-chatd-java: the demonstration's chat server, with the options of presenter-chatd. */
public final class Main {
  private static final Set<String> FLAGS = Set.of("--echo", "--hand-over",
      "--no-hand-over", "--early-data", "--tcp");
  private static final Set<String> OPTIONS = Set.of("--name", "--listen", "--drain-seconds",
      "--ping-seconds", "--dead-seconds", "--move-seconds", "--zookeeper", "--zookeeper-auth-file",
      "--weight", "--advertise", "--empty-seconds", "--settle-seconds", "--mass-drop-seconds",
      "--saved-map", "--histories");

  private final Map<String, String> given = new HashMap<>();

  private Main(String[] words) {
    for (int i = 0; i < words.length; ++i) {
      boolean isFlag = FLAGS.contains(words[i]);
      if (!isFlag && (!OPTIONS.contains(words[i]) || i + 1 == words.length)) {
        throw new IllegalArgumentException("unknown, or without its value: " + words[i]);
      }
      given.put(words[i], isFlag ? "" : words[++i]);
    }
    if (!given.containsKey("--name") || !given.containsKey("--listen")) {
      throw new IllegalArgumentException("--name and --listen are required");
    }
  }

  private boolean has(String flag) {
    return given.containsKey(flag);
  }

  private int milliseconds(String option, double fallback) {
    String text = given.get(option);
    return (int) Math.min((text == null ? fallback : Double.parseDouble(text)) * 1_000, 1e9);
  }

  /** Whether streams go to other chat servers; as they do by default with --histories. */
  private boolean handsOver() {
    boolean isShared = has("--histories");
    if (has("--echo") && isShared) {
      throw new IllegalArgumentException("--histories is of no use to --echo");
    }
    if (has("--hand-over") && !has("--echo") && !isShared) {
      throw new IllegalArgumentException("--hand-over needs --histories: a couple's messages must "
          + "be where the next server finds them");
    }
    return (has("--hand-over") || isShared) && !has("--no-hand-over");
  }

  private InetSocketAddress listen() {
    String text = given.get("--listen");
    int colon = text.lastIndexOf(':');
    String host = text.substring(0, Math.max(colon, 0)).replaceAll("^\\[|]$", "");
    return new InetSocketAddress(host, Integer.parseInt(text.substring(colon + 1)));
  }

  private void run() throws Exception {
    String name = given.get("--name");
    boolean handsOver = handsOver();
    // One loop, as the C++ server has one thread: the service needs no lock.
    NioEventLoopGroup group = new NioEventLoopGroup(1);
    Service service = service(name, group.next());
    if (has("--tcp")) {
      runPlain(name, group, service);
      return;
    }
    MuxServerBootstrap bootstrap = new MuxServerBootstrap().group(group, group).node(name)
        .takesEarlyData(has("--early-data"))
        .handsOver(handsOver)
        .liveness(milliseconds("--ping-seconds", 5), milliseconds("--dead-seconds", 20))
        .moves(milliseconds("--move-seconds", 300), 200)
        .childOption(ChannelOption.ALLOW_HALF_CLOSURE, has("--echo"))
        .childHandler(initializer(service));
    Backend member = has("--zookeeper") ? member(name) : null;
    if (member != null) {
      bootstrap.fence(member.fence());
    }
    MuxServer server = bootstrap.bind(listen()).sync().getNow();
    InetSocketAddress address = server.localAddress();
    String host = address.getAddress().getHostAddress();
    Departure going = new Departure(group.next(), server, member,
        milliseconds("--empty-seconds", 300), milliseconds("--drain-seconds", 5));
    if (member != null) {
      member.onOrdered(going::onOrdered);
      member.start(server, given.getOrDefault("--advertise", host), address.getPort());
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> leave(going)));
    sayListening(name, address);
    going.awaitGone();
    System.out.println("presenter-chatd " + name + " has counted " + counted(service, server));
    System.out.flush();
    Runtime.getRuntime().halt(0);  // the hook, which waits for this, is the end
  }

  private Service service(String name, EventLoop loop) throws IOException {
    if (!has("--histories")) {
      return new Service(name, null);
    }
    HistoryFolder shared = new HistoryFolder(Path.of(given.get("--histories")));
    Service service = new Service(name, shared);
    HistoryWatch.start(shared, service, loop);
    return service;
  }

  /** The same pipeline on sockets, to be measured beside: until it is killed. */
  private void runPlain(String name, NioEventLoopGroup group, Service service) throws Exception {
    Channel listening = new ServerBootstrap().group(group).channel(NioServerSocketChannel.class)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childOption(ChannelOption.ALLOW_HALF_CLOSURE, has("--echo"))
        .childHandler(initializer(service)).bind(listen()).sync().channel();
    sayListening(name, (InetSocketAddress) listening.localAddress());
    listening.closeFuture().sync();
  }

  private static void sayListening(String name, InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    System.out.println("presenter-chatd " + name + " listening on "
        + (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort());
  }

  private ChannelInitializer<SocketChannel> initializer(Service service) {
    boolean isEcho = has("--echo");
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(SocketChannel client) {
        if (isEcho) {
          client.pipeline().addLast(new Echo());
        } else {
          PacketDecoder decoder = new PacketDecoder();
          client.pipeline().addLast(decoder, new Session(service, decoder));
        }
      }
    };
  }

  private Backend member(String name) throws IOException {
    Backend member = new Backend(given.get("--zookeeper"), name)
        .weight(Integer.parseInt(given.getOrDefault("--weight", "100")))
        .settle(milliseconds("--settle-seconds", 0.7))
        .massDropHold(milliseconds("--mass-drop-seconds", 30));
    if (has("--zookeeper-auth-file")) {
      member.identityFile(Path.of(given.get("--zookeeper-auth-file")));
    }
    if (has("--saved-map")) {
      member.savedMap(Path.of(given.get("--saved-map")));
    }
    return member;
  }

  /** At SIGTERM and SIGINT; run() says then what it has counted, and halts. */
  private static void leave(Departure going) {
    going.start();
    try {
      Thread.currentThread().join();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static String counted(Service service, MuxServer server) {
    StringJoiner line = new StringJoiner(" ").setEmptyValue("nothing");
    Map<String, Long> all = new java.util.LinkedHashMap<>();
    all.put("messages", service.messages);
    all.put("deliveries", service.deliveries);
    all.put("deliveries_skipped", service.deliveriesSkipped);
    all.put("history_failures", service.historyFailures);
    all.putAll(server.counters().values());
    all.forEach((name, value) -> {
      if (value != 0) {
        line.add(name + "=" + value);
      }
    });
    return line.toString();
  }

  public static void main(String[] words) {
    InternalLoggerFactory.setDefaultFactory(JdkLoggerFactory.INSTANCE);
    try {
      new Main(words).run();
    } catch (IllegalArgumentException wrong) {
      System.err.println("presenter-chatd-java: " + wrong.getMessage());
      System.exit(2);
    } catch (Exception failed) {
      System.err.println("presenter-chatd-java: " + failed);
      Runtime.getRuntime().halt(1);
    }
  }
}
