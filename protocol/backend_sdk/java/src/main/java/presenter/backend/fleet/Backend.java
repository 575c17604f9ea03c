package presenter.backend.fleet;

import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.netty.util.concurrent.Promise;
import io.netty.util.internal.logging.InternalLogger;
import io.netty.util.internal.logging.InternalLoggerFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import presenter.backend.MuxServer;
import presenter.backend.StreamFence;

/**
 * A backend's place in the fleet: registers itself in ZooKeeper, watches the shard map that comes
 * of it, and keeps its server from serving keys of others. Any thread may call it.
 *
 * <pre>
 * Backend member = new Backend("zk1:2181,zk2:2181/presenter", "chat-a");
 * MuxServer server = bootstrap.node("chat-a").fence(member.fence()).bind(address).sync().getNow();
 * member.start(server, "10.0.0.7", server.localAddress().getPort());
 * </pre>
 */
public final class Backend {
  private static final InternalLogger LOG = InternalLoggerFactory.getInstance(Backend.class);
  private static final int LEAVE_TIMEOUT_MS = 2_000;
  private static final int IDENTITY_BYTES_MAX = 1_024;

  private final String zookeeper;
  private final String name;
  private final String instance = UUID.randomUUID().toString();
  private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
      work -> {
        Thread made = new Thread(work, "presenter-fleet");
        made.setDaemon(true);
        return made;
      });
  private int weight = BackendEntry.WEIGHT_DEFAULT;
  private byte[] identity;
  private int settleMs = 700;
  private int massDropMs = 30_000;
  private Path savedMap;
  private volatile Consumer<Boolean> onOrdered = draining -> { };
  private Ownership fence;
  private ZkSession session;
  private ZkRegistration entry;
  private MuxServer server;

  public Backend(String zookeeper, String name) {
    this.zookeeper = zookeeper;
    this.name = name;
  }

  /** Share of the ring, 1 to 1,000. */
  public Backend weight(int share) {
    weight = share;
    return this;
  }

  /** A file with one line "user:password": the digest identity that owns our entry. */
  public Backend identityFile(Path file) throws IOException {
    if (Files.size(file) > IDENTITY_BYTES_MAX) {
      throw new IOException(file + ": no identity");
    }
    String line = Files.readString(file).replaceAll("[\r\n]+$", "");
    if (!line.matches("[^\\p{Cntrl}:]+:[^\\p{Cntrl}]+")) {
      throw new IOException(file + ": no identity");
    }
    identity = line.getBytes(StandardCharsets.UTF_8);
    return this;
  }

  /** How long a key must have been ours before it is served. */
  public Backend settle(int milliseconds) {
    settleMs = milliseconds;
    return this;
  }

  /** How long a map that lacks more than half of the backends is held back. */
  public Backend massDropHold(int milliseconds) {
    massDropMs = milliseconds;
    return this;
  }

  /** Where the last map is kept over restarts, for one while ZooKeeper is away. */
  public Backend savedMap(Path file) {
    savedMap = file;
    return this;
  }

  /** Told whether an operator has written `draining` into our entry, or `up` again. */
  public Backend onOrdered(Consumer<Boolean> call) {
    onOrdered = call;
    return this;
  }

  /** For MuxServerBootstrap; behind what is set above. */
  public synchronized StreamFence fence() {
    if (fence == null) {
      fence = new Ownership(name, instance, TimeUnit.MILLISECONDS.toNanos(settleMs));
    }
    return fence;
  }

  /**
   * Registers, now and whenever ZooKeeper is back, and watches. Once. Throws
   * IllegalArgumentException for an entry out of limits, among them a host that nobody can connect
   * to, like 0.0.0.0, and for what is no address of ZooKeeper.
   */
  public void start(MuxServer of, String host, int port) {
    fence();
    server = of;
    BackendEntry self = new BackendEntry(name, host, port, weight, false, instance);
    session = new ZkSession(thread, zookeeper, identity);
    entry = new ZkRegistration(session, self, draining -> onOrdered.accept(draining));
    thread.execute(() -> {
      ShardMap saved = loadSaved();
      ZkWatcher watcher = new ZkWatcher(session, TimeUnit.MILLISECONDS.toNanos(massDropMs), saved,
          this::onMap);
      if (saved != null) {
        apply(saved);
      }
      watcher.start();
      entry.start();
      session.start();
    });
  }

  private ShardMap loadSaved() {
    try {
      return savedMap == null ? null : SavedMap.load(savedMap);
    } catch (IOException unusable) {
      LOG.warn("{}", unusable.toString());
      return null;
    }
  }

  private void onMap(ShardMap map) {
    try {
      if (savedMap != null) {
        SavedMap.save(savedMap, map);
      }
    } catch (IOException failed) {
      LOG.warn("the shard map could not be saved: {}", failed.toString());
    }
    apply(map);
  }

  private void apply(ShardMap map) {
    fence.setMap(map, System.nanoTime());
    server.setMapEpoch(map.epoch());
    server.onFenceChanged();
  }

  /**
   * Says `draining` in the entry: no new streams, and the gateways move those that are here. The
   * result is false if ZooKeeper does not answer, so that nobody hears it.
   */
  public Future<Boolean> startDraining() {
    Promise<Boolean> said = GlobalEventExecutor.INSTANCE.newPromise();
    thread.execute(() -> {
      boolean isHeard = session.isConnected();
      if (isHeard) {
        entry.drain();
      }
      said.setSuccess(isHeard);
    });
    return said;
  }

  /** Takes the entry out of the map and ends the session; done after two seconds at the latest. */
  public Future<Void> leave() {
    Promise<Void> left = GlobalEventExecutor.INSTANCE.newPromise();
    thread.execute(() -> {
      Runnable end = () -> {
        if (left.trySuccess(null)) {
          session.close();
          thread.shutdown();
        }
      };
      thread.schedule(end, LEAVE_TIMEOUT_MS, TimeUnit.MILLISECONDS);
      entry.close(end);
    });
    return left;
  }
}
