package presenter.backend.fleet;

import io.netty.util.internal.logging.InternalLogger;
import io.netty.util.internal.logging.InternalLoggerFactory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * ZooKeeper's plain client, with a new session whenever one expires. Confined to the fleet's one
 * thread, on which all answers and events arrive; an answer of an earlier connection does not.
 */
final class ZkSession {
  /** What the map and the entry have to know. */
  interface Listener {
    void onConnected();

    void onDisconnected(boolean isExpired);

    /** A watch has fired; the path is without the chroot. */
    void onNodeEvent(String path);
  }

  /** {@code value} is null unless the code is OK. */
  interface Answer<T> {
    void on(Code code, T value, Stat stat);
  }

  static final String SERVERS = "/servers";

  private static final InternalLogger LOG = InternalLoggerFactory.getInstance(ZkSession.class);
  private static final int SESSION_TIMEOUT_MS = 6_000;
  private static final int RETRY_MS_MIN = 100;
  private static final int RETRY_MS_MAX = 10_000;

  private final ScheduledExecutorService thread;
  private final String servers;
  private final String chroot;
  private final byte[] identity;
  private final List<Listener> listeners = new ArrayList<>();
  private ZooKeeper zookeeper;
  private boolean isConnected;
  private boolean isClosed;
  private long connection;  // answers to requests of an earlier one are late
  private int retryMs = RETRY_MS_MIN;

  /** {@code address}: "host:port,host:port/chroot"; {@code identity}: "user:password", or null. */
  ZkSession(ScheduledExecutorService thread, String address, byte[] identity) {
    this.thread = thread;
    this.identity = identity;
    int slash = address.indexOf('/');
    servers = slash < 0 ? address : address.substring(0, slash);
    String path = slash < 0 ? "" : address.substring(slash);
    chroot = path.equals("/") ? "" : path;
    boolean isAddress = servers.matches("[^,\\s]+:\\d+(,[^,\\s]+:\\d+)*")
        && chroot.matches("(/[^/\\s]+)*");
    if (!isAddress) {
      throw new IllegalArgumentException("no address of ZooKeeper: " + address);
    }
  }

  void add(Listener listener) {
    listeners.add(listener);
  }

  boolean isConnected() {
    return isConnected;
  }

  long id() {
    return zookeeper.getSessionId();
  }

  ScheduledExecutorService thread() {
    return thread;
  }

  void start() {
    post(this::open);
  }

  private void open() {
    if (isClosed) {
      return;
    }
    try {
      ZooKeeper[] mine = new ZooKeeper[1];
      mine[0] = new ZooKeeper(servers, SESSION_TIMEOUT_MS,
          event -> post(() -> onEvent(mine[0], event)));
      zookeeper = mine[0];
      if (identity != null) {
        zookeeper.addAuthInfo("digest", identity);
      }
    } catch (IOException | RuntimeException failed) {
      // A name that cannot be looked up, for example.
      LOG.warn("no session with ZooKeeper: {}", failed.toString());
      thread.schedule(this::open, retryMs, TimeUnit.MILLISECONDS);
      retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
    }
  }

  private void post(Runnable work) {
    try {
      thread.execute(work);
    } catch (RejectedExecutionException ended) {
      // The fleet's thread has ended; so has all that would look at this.
    }
  }

  private void onEvent(ZooKeeper from, WatchedEvent event) {
    if (isClosed || from != zookeeper) {
      return;
    }
    if (event.getType() != Watcher.Event.EventType.None) {
      String path = event.getPath();
      if (path != null && path.startsWith(chroot)) {
        listeners.forEach(each -> each.onNodeEvent(path.substring(chroot.length())));
      }
      return;
    }
    switch (event.getState()) {
      case SyncConnected -> onConnected();
      case Expired -> onGone(true);
      case Disconnected -> onGone(false);
      case AuthFailed -> LOG.error("ZooKeeper does not take the identity");
      default -> { }
    }
  }

  private void onConnected() {
    if (isConnected) {
      return;
    }
    ++connection;
    isConnected = true;
    retryMs = RETRY_MS_MIN;
    listeners.forEach(Listener::onConnected);
  }

  private void onGone(boolean isExpired) {
    ++connection;
    isConnected = false;
    listeners.forEach(each -> each.onDisconnected(isExpired));
    if (isExpired) {
      closeClient();
      open();
    }
  }

  private void closeClient() {
    ZooKeeper old = zookeeper;
    // It waits for its threads.
    new Thread(() -> {
      try {
        old.close();
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }, "presenter-zookeeper-close").start();
  }

  /** The session ends, and its nodes with it. */
  void close() {
    if (!isClosed) {
      isClosed = true;
      isConnected = false;
      ++connection;
      if (zookeeper != null) {
        closeClient();
      }
    }
  }

  // --- requests

  private <T> void answer(long of, int code, T value, Stat stat, Answer<T> to) {
    post(() -> {
      if (of == connection && !isClosed) {
        to.on(Code.get(code), value, stat);
      }
    });
  }

  void getData(String path, Answer<byte[]> to) {
    long of = connection;
    zookeeper.getData(chroot + path, true, (AsyncCallback.DataCallback)
        (code, p, context, data, stat) -> answer(of, code, data, stat, to), null);
  }

  void getChildren(String path, Answer<List<String>> to) {
    long of = connection;
    zookeeper.getChildren(chroot + path, true, (AsyncCallback.Children2Callback)
        (code, p, context, names, stat) -> answer(of, code, names, stat, to), null);
  }

  void exists(String path, Answer<Stat> to) {
    long of = connection;
    zookeeper.exists(chroot + path, true, (AsyncCallback.StatCallback)
        (code, p, context, stat) -> answer(of, code, stat, stat, to), null);
  }

  void setData(String path, byte[] data, int version, Answer<Stat> to) {
    long of = connection;
    zookeeper.setData(chroot + path, data, version, (AsyncCallback.StatCallback)
        (code, p, context, stat) -> answer(of, code, stat, stat, to), null);
  }

  void remove(String path, int version, Answer<Void> to) {
    long of = connection;
    zookeeper.delete(chroot + path, version, (AsyncCallback.VoidCallback)
        (code, p, context) -> answer(of, code, null, null, to), null);
  }

  void createEphemeral(String path, byte[] data, Answer<String> to) {
    long of = connection;
    zookeeper.create(chroot + path, data, aclOfNodes(), CreateMode.EPHEMERAL,
        (AsyncCallback.StringCallback) (code, p, context, name) ->
            answer(of, code, name, null, to), null);
  }

  /** By delete and create in one transaction: a leftover of an earlier session is in the way. */
  void replace(String path, int version, byte[] data, Answer<Void> to) {
    long of = connection;
    zookeeper.multi(List.of(Op.delete(chroot + path, version),
        Op.create(chroot + path, data, aclOfNodes(), CreateMode.EPHEMERAL)),
        (code, p, context, results) -> answer(of, code, null, null, to), null);
  }

  /** `servers` and the chroot, as far as they are not there. */
  void createServers(Answer<Void> to) {
    createParts(chroot + SERVERS, 1, connection, to);
  }

  private void createParts(String path, int from, long of, Answer<Void> to) {
    int slash = path.indexOf('/', from);
    boolean isLast = slash < 0;
    String part = isLast ? path : path.substring(0, slash);
    boolean isChroot = part.length() <= chroot.length();
    zookeeper.create(part, new byte[0], isChroot ? aclOfChroot() : aclOfNodes(),
        CreateMode.PERSISTENT, (AsyncCallback.StringCallback) (code, p, context, name) ->
            answer(of, code, null, null, (Code made, Object nothing, Stat stat) -> {
              boolean isThere = made == Code.OK || made == Code.NODEEXISTS;
              if (!isThere || isLast) {
                to.on(isThere ? Code.OK : made, null, null);
              } else {
                createParts(path, slash + 1, of, to);
              }
            }), null);
  }

  private List<ACL> aclOfNodes() {
    return acl(ZooDefs.Perms.READ);
  }

  // Gateways and backends may have identities of their own, and the first of them makes the chroot.
  private List<ACL> aclOfChroot() {
    return acl(ZooDefs.Perms.READ | ZooDefs.Perms.CREATE);
  }

  private List<ACL> acl(int forAll) {
    return identity == null ? ZooDefs.Ids.OPEN_ACL_UNSAFE
        : List.of(new ACL(forAll, ZooDefs.Ids.ANYONE_ID_UNSAFE),
            new ACL(ZooDefs.Perms.ALL, new Id("auth", "")));
  }
}
