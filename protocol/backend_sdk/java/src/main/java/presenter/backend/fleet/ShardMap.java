package presenter.backend.fleet;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** One state of the fleet: which backends there are, and which owns which key. Immutable. */
public final class ShardMap {
  static final int BACKENDS_MAX = 10_000;
  static final long WEIGHTS_TOTAL_MAX = 1_000_000;

  private final long epoch;
  private final List<BackendEntry> backends;
  private final List<BackendEntry> up;
  private final HashRing ring;

  ShardMap(long epoch, Collection<BackendEntry> entries) {
    this.epoch = epoch;
    List<BackendEntry> sorted = new ArrayList<>(entries);
    sorted.sort(Comparator.comparing(BackendEntry::name));
    backends = List.copyOf(sorted);
    up = backends.stream().filter(each -> !each.isDraining()).toList();
    ring = new HashRing(up);
  }

  /** Larger is newer; 0: of no ZooKeeper. */
  public long epoch() {
    return epoch;
  }

  public List<BackendEntry> backends() {
    return backends;
  }

  int backendsUp() {
    return up.size();
  }

  HashRing ring() {
    return ring;
  }

  boolean has(String name) {
    return backends.stream().anyMatch(each -> each.name().equals(name));
  }

  /** Null: nobody is up. */
  public BackendEntry owner(byte[] key) {
    int member = ring.ownerOf(XxHash64.hash(key, key.length));
    return member < 0 ? null : up.get(member);
  }
}
