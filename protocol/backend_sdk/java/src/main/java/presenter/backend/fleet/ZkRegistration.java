package presenter.backend.fleet;

import io.netty.util.internal.logging.InternalLogger;
import io.netty.util.internal.logging.InternalLoggerFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.data.Stat;

/**
 * A backend's entry in the map, there for as long as the process wants to be found: the rules of
 * shard_router/README.md §3. Confined to the fleet's thread.
 *
 * <p>Whose node it is, its ephemeralOwner decides, never its presence.
 */
final class ZkRegistration implements ZkSession.Listener {
  private enum State { IDLE, REGISTERING, REGISTERED, NAME_TAKEN, CLOSING, CLOSED }

  private static final InternalLogger LOG =
      InternalLoggerFactory.getInstance(ZkRegistration.class);
  private static final int RETRY_MS_MIN = 200;
  private static final int RETRY_MS_MAX = 10_000;

  private final ZkSession session;
  private final String path;
  private final Consumer<Boolean> onOrdered;
  private BackendEntry self;
  private boolean wishesToDrain;
  private boolean wroteDraining;  // what we sent last; anything else is an order
  private State state = State.IDLE;
  private boolean wasRegistered;
  private boolean isChecking;
  private boolean isCheckDue;
  private int retryMs = RETRY_MS_MIN;
  private Runnable onClosed;

  /** {@code onOrdered} is told whether an operator wants us to drain. */
  ZkRegistration(ZkSession session, BackendEntry self, Consumer<Boolean> onOrdered) {
    this.session = session;
    this.self = self;
    this.onOrdered = onOrdered;
    path = ZkSession.SERVERS + "/" + self.name();
  }

  void start() {
    state = State.REGISTERING;
    session.add(this);
    check();
  }

  BackendEntry self() {
    return self;
  }

  boolean isRegistered() {
    return state == State.REGISTERED;
  }

  /** Holds against any order. */
  void drain() {
    wishesToDrain = true;
    self = self.with(true);
    state = state == State.REGISTERED ? State.REGISTERING : state;
    check();
  }

  @Override
  public void onConnected() {
    check();
  }

  @Override
  public void onDisconnected(boolean isExpired) {
    isChecking = false;
    if (state == State.CLOSING) {
      finishClose();
    } else if (isExpired && state == State.REGISTERED) {
      state = State.REGISTERING;
    }
  }

  @Override
  public void onNodeEvent(String event) {
    if (event.equals(path)) {
      check();
    }
  }

  /** Reads our node, with a watch, and does what is missing, until it is what we want. */
  private void check() {
    boolean isActive = state != State.IDLE && state != State.CLOSING && state != State.CLOSED;
    if (!isActive || !session.isConnected()) {
      return;
    }
    isCheckDue = isChecking;
    if (isChecking) {
      return;
    }
    isChecking = true;
    session.getData(path, (code, data, stat) -> {
      isChecking = false;
      if (state != State.CLOSING && state != State.CLOSED) {
        onNode(code, data, stat);
        if (isCheckDue) {
          check();
        }
      }
    });
  }

  private void onNode(Code code, byte[] data, Stat stat) {
    if (code == Code.NONODE) {
      onNoNode();
    } else if (code != Code.OK) {
      onFailure(code);
    } else if (stat.getEphemeralOwner() == session.id()) {
      onOwnNode(data, stat);
    } else {
      onForeignNode(data, stat);
    }
  }

  private BackendEntry decoded(byte[] data) {
    try {
      return BackendEntry.decode(self.name(), data);
    } catch (IllegalArgumentException broken) {
      return null;
    }
  }

  private void onOwnNode(byte[] data, Stat stat) {
    BackendEntry found = decoded(data);
    if (found != null) {
      followOrder(found.isDraining());
      if (found.equals(self)) {
        state = State.REGISTERED;
        wasRegistered = true;
        retryMs = RETRY_MS_MIN;
        return;
      }
    }
    isChecking = true;
    session.setData(path, wanted(), stat.getVersion(),
        (code, changed, ignored) -> afterChange(code));
  }

  /** What we never wrote, somebody else did. */
  private void followOrder(boolean draining) {
    if (draining == wroteDraining || draining == self.isDraining()) {
      return;
    }
    wroteDraining = draining;
    if (wishesToDrain) {
      return;
    }
    self = self.with(draining);
    LOG.info("{}: {} by order", path, draining ? "draining" : "up");
    onOrdered.accept(draining);
  }

  private byte[] wanted() {
    wroteDraining = self.isDraining();
    return self.encode();
  }

  private void onForeignNode(byte[] data, Stat stat) {
    BackendEntry other = decoded(data);
    boolean isOther = other == null || !other.instance().equals(self.instance());
    if (wasRegistered && isOther) {
      if (state != State.NAME_TAKEN) {
        state = State.NAME_TAKEN;
        LOG.error("{}: another process has this name; this one waits until it leaves", path);
      }
      return;
    }
    state = State.REGISTERING;
    if (!isOther) {
      followOrder(other.isDraining());  // our own, of an earlier session: an order in it counts
    }
    isChecking = true;
    session.replace(path, stat.getVersion(), wanted(),
        (code, nothing, ignored) -> afterChange(code));
  }

  private void onNoNode() {
    if (state == State.REGISTERED) {
      LOG.warn("{} was removed while its session lives; it is created again", path);
    }
    state = State.REGISTERING;
    create();
  }

  private void create() {
    isChecking = true;
    session.createEphemeral(path, wanted(), (code, name, ignored) -> {
      if (code == Code.NONODE) {
        session.createServers((made, nothing, stat) -> {
          if (made == Code.OK) {
            create();
          } else {
            afterChange(made);
          }
        });
      } else {
        afterChange(code);
      }
    });
  }

  /** It was made, or somebody else was faster, or nobody knows: the next read will show. */
  private void afterChange(Code code) {
    isChecking = false;
    boolean isOvertaken = code == Code.NONODE || code == Code.NODEEXISTS
        || code == Code.BADVERSION;
    if (code != Code.OK && !isOvertaken) {
      onFailure(code);
    } else {
      check();
    }
  }

  private void onFailure(Code code) {
    if (code != Code.CONNECTIONLOSS) {
      LOG.warn("{} could not be registered: {}; trying again", path, code);
    }
    session.thread().schedule(this::check, retryMs, TimeUnit.MILLISECONDS);
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  }

  /** Removes the node, so that the leave is seen at once; then calls {@code done}. */
  void close(Runnable done) {
    onClosed = done;
    state = State.CLOSING;
    if (!session.isConnected()) {
      finishClose();
      return;
    }
    // A create may be on its way: look once more, and remove only what is ours.
    session.getData(path, (code, data, stat) -> {
      if (code != Code.OK || stat.getEphemeralOwner() != session.id()) {
        finishClose();
      } else {
        session.remove(path, stat.getVersion(), (removed, nothing, ignored) -> finishClose());
      }
    });
  }

  private void finishClose() {
    if (state == State.CLOSING) {
      state = State.CLOSED;
      onClosed.run();
    }
  }
}
