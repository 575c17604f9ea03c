package presenter.backend.fleet;

import io.netty.util.internal.logging.InternalLogger;
import io.netty.util.internal.logging.InternalLoggerFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.data.Stat;

/**
 * The map as ZooKeeper has it: shard_router/README.md §2 Epoch, and §3. Confined to the fleet's
 * thread. Answers and events come in ZooKeeper's order, so if no watch fired between the list and
 * the last answer, all parts are of one moment.
 */
final class ZkWatcher implements ZkSession.Listener {
  private static final InternalLogger LOG = InternalLoggerFactory.getInstance(ZkWatcher.class);
  private static final int DEBOUNCE_MS = 100;
  private static final int RETRY_MS = 1_000;
  private static final long MEND_NS = TimeUnit.SECONDS.toNanos(3);
  private static final int INCONSISTENT_READS_MAX = 10;
  private static final int ANSWERS_AWAITED_MAX = 64;

  private static final class Child {
    boolean isFresh;  // read, and its watch has not fired since
    long mzxid;
    long owner;
    BackendEntry entry;  // null: it breaks a rule
    long mendUntil;
    boolean isMending;
  }

  private final ZkSession session;
  private final Consumer<ShardMap> onMap;
  private final MapGuard guard;
  private final Map<String, Child> children = new HashMap<>();
  private final ArrayDeque<String> stale = new ArrayDeque<>();
  private ShardMap current;
  private long pzxid;
  private long read;  // its number: answers to an earlier one are late
  private boolean isReading;
  private boolean hasChanged;
  private boolean hasFailed;
  private int awaited;
  private int inconsistent;
  private Future<?> planned;
  private Future<?> release;

  /** {@code hold}: nanoseconds for which a map without most of the fleet is not believed. */
  ZkWatcher(ZkSession session, long hold, ShardMap saved, Consumer<ShardMap> onMap) {
    this.session = session;
    this.onMap = onMap;
    guard = new MapGuard(hold);
    current = saved;
  }

  void start() {
    session.add(this);
  }

  @Override
  public void onConnected() {
    children.values().forEach(each -> each.isFresh = false);
    inconsistent = 0;
    readAfter(0);
  }

  @Override
  public void onDisconnected(boolean isExpired) {
    ++read;
    isReading = false;
    guard.forgetHold();
    cancel(release);
  }

  private static void cancel(Future<?> timer) {
    if (timer != null) {
      timer.cancel(false);
    }
  }

  @Override
  public void onNodeEvent(String path) {
    if (!path.equals(ZkSession.SERVERS) && !path.startsWith(ZkSession.SERVERS + "/")) {
      return;
    }
    if (path.length() > ZkSession.SERVERS.length()) {
      Child known = children.get(path.substring(ZkSession.SERVERS.length() + 1));
      if (known != null) {
        known.isFresh = false;
      }
    }
    hasChanged = true;
    if (!isReading) {
      readAfter(DEBOUNCE_MS);
    }
  }

  /** What is already planned stays, unless this is to be at once. */
  private void readAfter(int ms) {
    if (planned != null && !planned.isDone() && ms > 0) {
      return;
    }
    cancel(planned);
    planned = session.thread().schedule(this::read, ms, TimeUnit.MILLISECONDS);
  }

  private void read() {
    planned = null;
    if (!session.isConnected()) {
      return;
    }
    long mine = ++read;
    isReading = true;
    hasChanged = false;
    hasFailed = false;
    session.getData(ZkSession.SERVERS, (code, data, stat) -> {
      if (mine == read && code == Code.OK) {
        confirm(data);
      }
    });
    session.getChildren(ZkSession.SERVERS, (code, names, stat) -> {
      if (mine == read) {
        onChildren(code, names, stat);
      }
    });
  }

  /** The epoch that an operator has confirmed, in decimal. */
  private void confirm(byte[] data) {
    String text = data == null ? "" : new String(data, StandardCharsets.US_ASCII);
    if (text.matches("[0-9]{1,18}")) {
      guard.confirm(Long.parseLong(text));
    }
  }

  private void onChildren(Code code, List<String> names, Stat stat) {
    if (code == Code.NONODE) {
      awaitServers();
    } else if (code != Code.OK) {
      onReadFailed(code);
    } else if (names.size() > ShardMap.BACKENDS_MAX) {
      isReading = false;
      LOG.error("{} backends: the last map stays", names.size());
    } else {
      pzxid = stat.getPzxid();
      children.keySet().retainAll(new HashSet<>(names));
      names.forEach(each -> children.computeIfAbsent(each, name -> new Child()));
      readStale();
    }
  }

  /** Nobody has registered yet. */
  private void awaitServers() {
    long mine = read;
    session.exists(ZkSession.SERVERS, (code, there, stat) -> {
      if (mine != read) {
        return;
      }
      if (code == Code.OK) {
        read();
      } else if (code != Code.NONODE) {
        onReadFailed(code);
      } else {
        pzxid = 0;
        children.clear();
        finishRead();
      }
    });
  }

  private void readStale() {
    stale.clear();
    children.forEach((name, child) -> {
      if (!child.isFresh) {
        stale.add(name);
      }
    });
    awaited = 0;
    if (stale.isEmpty()) {
      finishRead();
      return;
    }
    while (!stale.isEmpty() && awaited < ANSWERS_AWAITED_MAX) {
      readChild(stale.poll());
    }
  }

  private void readChild(String name) {
    long mine = read;
    ++awaited;
    session.getData(ZkSession.SERVERS + "/" + name, (code, data, stat) -> {
      if (mine == read) {
        onChild(name, code, data, stat);
      }
    });
  }

  private void onChild(String name, Code code, byte[] data, Stat stat) {
    Child child = children.get(name);
    if (code == Code.NONODE) {
      children.remove(name);  // gone since the list was read
    } else if (code != Code.OK) {
      hasFailed = true;
    } else if (child != null) {
      child.isFresh = true;
      if (child.mzxid != stat.getMzxid()) {
        decode(name, data, stat, child);
      }
    }
    --awaited;
    if (!stale.isEmpty()) {
      readChild(stale.poll());
    } else if (awaited == 0) {
      finishRead();
    }
  }

  private void decode(String name, byte[] data, Stat stat, Child child) {
    boolean wasFine = child.entry != null && child.owner == stat.getEphemeralOwner();
    child.owner = stat.getEphemeralOwner();
    child.mzxid = stat.getMzxid();
    try {
      child.entry = BackendEntry.decode(name, data);
      child.isMending = false;
    } catch (IllegalArgumentException broken) {
      child.entry = null;
      if (wasFine) {
        child.isMending = true;
        child.mendUntil = System.nanoTime() + MEND_NS;
      }
      LOG.warn("{}/{} is left out of the map: {}", ZkSession.SERVERS, name, broken.getMessage());
    }
  }

  private void onReadFailed(Code code) {
    isReading = false;
    LOG.warn("{} could not be read: {}", ZkSession.SERVERS, code);
    readAfter(RETRY_MS);
  }

  private void finishRead() {
    if (hasFailed) {
      onReadFailed(Code.SYSTEMERROR);
      return;
    }
    isReading = false;
    if (hasChanged) {
      readAfter(DEBOUNCE_MS);
      if (++inconsistent < INCONSISTENT_READS_MAX) {
        return;
      }
    }
    inconsistent = 0;
    if (!waitsForMending()) {
      offer();
    }
  }

  // Somebody has written nonsense over an entry whose backend lives: it is given time to mend it.
  private boolean waitsForMending() {
    long wait = 0;
    for (Child each : children.values()) {
      wait = each.isMending ? Math.max(wait, each.mendUntil - System.nanoTime()) : wait;
    }
    if (wait > 0) {
      readAfter((int) TimeUnit.NANOSECONDS.toMillis(wait) + 1);
    }
    return wait > 0;
  }

  private void offer() {
    long epoch = pzxid;
    long weight = 0;
    List<BackendEntry> entries = new ArrayList<>();
    for (Child each : children.values()) {
      epoch = Math.max(epoch, each.mzxid);
      if (each.entry != null) {
        entries.add(each.entry);
        weight += each.entry.weight();
      }
    }
    if (weight > ShardMap.WEIGHTS_TOTAL_MAX) {
      LOG.error("a weight of {} in all: the last map stays", weight);
      return;
    }
    ShardMap map = new ShardMap(epoch, entries);
    long now = System.nanoTime();
    switch (guard.offer(current, map, now)) {
      case PUBLISH -> publish(map);
      case HOLD -> {
        cancel(release);
        LOG.error("epoch {} lacks most of the fleet, and is held back", epoch);
        release = session.thread().schedule(this::onConnected, guard.releaseAt() - now,
            TimeUnit.NANOSECONDS);
      }
      default -> { }
    }
  }

  private void publish(ShardMap map) {
    cancel(release);
    boolean isSame = current != null && current.epoch() == map.epoch()
        && current.backends().equals(map.backends());
    current = map;
    if (!isSame) {
      LOG.info("shard map: epoch {}, {} backends", map.epoch(), map.backends().size());
      onMap.accept(map);
    }
  }
}
