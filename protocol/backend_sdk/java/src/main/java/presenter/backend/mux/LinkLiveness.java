package presenter.backend.mux;

import presenter.backend.LinkError;
import presenter.backend.wire.Limits;

/** Whether the peer still lives, protocol/README.md §6. Times are in nanoseconds, passed in. */
final class LinkLiveness {
  private static final long MS = 1_000_000;
  // Where the ping interval is shorter than a turn of the loop, every tick is late: no pause.
  private static final long PAUSE_COUNTED_MIN = 50 * MS;

  private final long pingInterval;
  private final long deadAfter;
  private final long helloTimeout;
  private long started;
  private long lastReceived;
  private long lastLooked;
  private boolean isFailing;
  private long failingSince;
  private boolean isPingUnanswered;
  private long pingOpaque;
  private boolean isPingDue;

  LinkLiveness(int pingIntervalMs, int deadAfterMs, int helloTimeoutMs, long now) {
    pingInterval = pingIntervalMs * MS;
    deadAfter = deadAfterMs * MS;
    helloTimeout = helloTimeoutMs * MS;
    started = now;
    lastReceived = now;
    lastLooked = now;
  }

  /** What the link fails for; null: nothing. */
  LinkError look(boolean isReady, long now) {
    forgiveOwnPause(now);
    long silence = now - lastReceived;
    if (!isReady && now - started >= helloTimeout) {
      return LinkError.HELLO_TIMEOUT;
    }
    if (silence >= deadAfter) {
      return LinkError.LINK_TIMEOUT;
    }
    if (isFailing && now - failingSince >= Limits.GO_AWAY_TIMEOUT_MS * MS) {
      return LinkError.GO_AWAY;
    }
    isPingDue = isReady && silence >= pingInterval && !isPingUnanswered;
    return null;
  }

  /** After look: whether a Ping is to be sent now, with {@link #pingOpaque}. */
  boolean takePing() {
    if (!isPingDue) {
      return false;
    }
    isPingDue = false;
    isPingUnanswered = true;
    ++pingOpaque;
    return true;
  }

  long pingOpaque() {
    return pingOpaque;
  }

  // A process that was stopped wakes with all its deadlines behind it: what its peers have said
  // since, it has not read yet.
  private void forgiveOwnPause(long now) {
    long pause = now - lastLooked - Math.max(pingInterval, PAUSE_COUNTED_MIN);
    lastLooked = now;
    if (pause <= 0) {
      return;
    }
    started += pause;
    lastReceived += Math.min(pause, now - lastReceived);
    if (isFailing) {
      failingSince += Math.min(pause, now - failingSince);
    }
  }

  void onReceived(long now) {
    lastReceived = now;
  }

  long lastReceived() {
    return lastReceived;
  }

  /** False: nobody has asked for this one. */
  boolean onPong(long opaque) {
    if (!isPingUnanswered || opaque != pingOpaque) {
      return false;
    }
    isPingUnanswered = false;
    return true;
  }

  void onFailing() {
    if (!isFailing) {
      isFailing = true;
      failingSince = lastReceived;
    }
  }
}
