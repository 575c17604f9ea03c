package presenter.backend.fleet;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Holds back a map that lacks more than half of the backends: shard_router/README.md, When the
 * fleet seems to vanish. Times are nanoseconds, passed in.
 */
final class MapGuard {
  enum Verdict { PUBLISH, HOLD, EMPTY }

  private final long hold;
  private final Map<String, Long> missing = new HashMap<>();
  private boolean isForgotten;
  private long confirmedEpoch = -1;
  private long releaseAt;

  MapGuard(long hold) {
    this.hold = hold;
  }

  /** An operator says that maps of this epoch and older are meant as they are. */
  void confirm(long epoch) {
    confirmedEpoch = epoch;
  }

  /** While ZooKeeper is away nothing is believed: every missing one's time begins anew. */
  void forgetHold() {
    isForgotten = true;
  }

  long releaseAt() {
    return releaseAt;
  }

  /** {@code inForce} null: there is none yet, and any map with somebody up is published. */
  Verdict offer(ShardMap inForce, ShardMap read, long now) {
    if (inForce != null) {
      noteMissing(inForce, read, now);
    }
    if (read.backendsUp() == 0) {
      return Verdict.EMPTY;
    }
    if (inForce == null || read.epoch() <= confirmedEpoch) {
      return Verdict.PUBLISH;
    }
    int backends = inForce.backendsUp();
    List<Long> believedIn = new ArrayList<>();
    for (Map.Entry<String, Long> each : missing.entrySet()) {
      backends += inForce.has(each.getKey()) ? 0 : 1;
      long wait = each.getValue() + hold - now;
      if (wait > 0) {
        believedIn.add(wait);
      }
    }
    if (2 * believedIn.size() <= backends) {
      return Verdict.PUBLISH;
    }
    // As soon as no more than half are in doubt.
    Collections.sort(believedIn);
    releaseAt = now + believedIn.get(believedIn.size() - backends / 2 - 1);
    return Verdict.HOLD;
  }

  private void noteMissing(ShardMap inForce, ShardMap read, long now) {
    if (isForgotten) {
      isForgotten = false;
      missing.replaceAll((name, since) -> now);
    }
    for (BackendEntry each : inForce.backends()) {
      if (!each.isDraining() && !read.has(each.name())) {
        missing.putIfAbsent(each.name(), now);
      }
    }
    missing.entrySet().removeIf(each -> read.has(each.getKey())
        || each.getValue() + hold - now <= 0 && !inForce.has(each.getKey()));
  }
}
