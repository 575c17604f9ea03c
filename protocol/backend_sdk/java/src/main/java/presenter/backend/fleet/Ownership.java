package presenter.backend.fleet;

import java.util.ArrayList;
import java.util.List;
import presenter.backend.Refusal;
import presenter.backend.StreamFence;
import presenter.backend.StreamInfo;

/**
 * The fence of a backend that is in a shard map: is this key mine, for a gateway that chose me by
 * that epoch? What it guarantees: shard_router/README.md §5. Safe for many threads.
 */
final class Ownership implements StreamFence {
  // Maps kept for `settle`; if more come in that time, a key counts as ours since the oldest kept.
  private static final int MAPS_MAX = 16;

  private record Reign(ShardMap map, long since) {}

  private final String name;
  private final String instance;
  private final long settle;
  private volatile List<Reign> reigns = List.of();  // oldest first; the last is in force

  /** {@code settle}: nanoseconds that a key must have been ours before it is served. */
  Ownership(String name, String instance, long settle) {
    this.name = name;
    this.instance = instance;
    this.settle = settle;
  }

  /** In force from now on, be it newer or, after ZooKeeper has lost its data, older. */
  synchronized void setMap(ShardMap map, long now) {
    List<Reign> all = new ArrayList<>(reigns);
    all.add(new Reign(map, now));
    while (all.size() > MAPS_MAX || all.size() > 1 && all.get(1).since() + settle - now <= 0) {
      all.remove(0);
    }
    reigns = List.copyOf(all);
  }

  @Override
  public Answer ask(StreamInfo stream, long now) {
    List<Reign> all = reigns;
    long epoch = all.isEmpty() ? 0 : all.get(all.size() - 1).map().epoch();
    // A map older than the gateway's can neither promise nor deny.
    if (all.isEmpty() || epoch < stream.mapEpoch()) {
      return new Hold(null);
    }
    if (!owns(all.get(all.size() - 1), stream.key())) {
      return new Refuse(Refusal.notOwner(epoch));
    }
    long settledAt = ownSince(all, stream.key()) + settle;
    return now - settledAt < 0 ? new Hold(settledAt) : new Serve();
  }

  @Override
  public boolean stillServes(StreamInfo stream) {
    List<Reign> all = reigns;
    return !all.isEmpty() && owns(all.get(all.size() - 1), stream.key());
  }

  private boolean owns(Reign reign, byte[] key) {
    BackendEntry owner = reign.map().owner(key);
    return owner != null && owner.name().equals(name)
        && (instance.isEmpty() || owner.instance().equals(instance));
  }

  private long ownSince(List<Reign> all, byte[] key) {
    int first = all.size() - 1;
    while (first > 0 && owns(all.get(first - 1), key)) {
      --first;
    }
    return all.get(first).since();
  }
}
