package presenter.backend.fleet;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** The points of all backends that are up, shard_router/README.md §1. Immutable. */
final class HashRing {
  private static final int POINTS_PER_WEIGHT = 16;

  private final long[] hashes;  // ascending, compared unsigned, each once
  private final int[] members;

  /** {@code entries} in the order of their names, for of equal points the smallest name counts. */
  HashRing(List<BackendEntry> entries) {
    int count = 0;
    for (BackendEntry each : entries) {
      count += each.weight() * POINTS_PER_WEIGHT;
    }
    long[] unsorted = new long[count];
    int[] owners = new int[count];
    int at = 0;
    for (int member = 0; member < entries.size(); ++member) {
      at = addPoints(entries.get(member), member, unsorted, owners, at);
    }
    long[] sorted = new long[count];
    int[] theirs = new int[count];
    sort(unsorted, owners, sorted, theirs);
    int unique = 0;
    for (int i = 0; i < count; ++i) {
      if (i == 0 || sorted[i] != sorted[i - 1]) {
        sorted[unique] = sorted[i];
        theirs[unique++] = theirs[i];
      }
    }
    hashes = Arrays.copyOf(sorted, unique);
    members = Arrays.copyOf(theirs, unique);
  }

  private static int addPoints(BackendEntry entry, int member, long[] hashes, int[] owners,
      int begin) {
    int count = entry.weight() * POINTS_PER_WEIGHT;
    for (int i = 0; i < count; ++i) {
      byte[] text = (entry.name() + "#" + i).getBytes(StandardCharsets.US_ASCII);
      hashes[begin + i] = XxHash64.hash(text, text.length);
      owners[begin + i] = member;
    }
    return begin + count;
  }

  // Into buckets of about four points by their first bits, then each bucket for itself.
  private static void sort(long[] from, int[] owners, long[] to, int[] theirs) {
    int bits = Math.max(32 - Integer.numberOfLeadingZeros(from.length / 4), 1);
    int[] next = new int[(1 << bits) + 1];
    for (long each : from) {
      ++next[(int) (each >>> 64 - bits) + 1];
    }
    for (int i = 1; i < next.length; ++i) {
      next[i] += next[i - 1];
    }
    int[] begin = next.clone();
    for (int i = 0; i < from.length; ++i) {
      int bucket = (int) (from[i] >>> 64 - bits);
      int at = next[bucket]++;
      for (; at > begin[bucket] && isBefore(from[i], owners[i], to[at - 1], theirs[at - 1]);
          --at) {
        to[at] = to[at - 1];
        theirs[at] = theirs[at - 1];
      }
      to[at] = from[i];
      theirs[at] = owners[i];
    }
  }

  private static boolean isBefore(long hash, int member, long other, int otherMember) {
    int order = Long.compareUnsigned(hash, other);
    return order < 0 || order == 0 && member < otherMember;
  }

  /** The member's number; -1: there is none. */
  int ownerOf(long hash) {
    int low = 0;
    int high = hashes.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Long.compareUnsigned(hashes[middle], hash) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return hashes.length == 0 ? -1 : members[low == hashes.length ? 0 : low];
  }

  int size() {
    return hashes.length;
  }

  long hashAt(int index) {
    return hashes[index];
  }

  int memberAt(int index) {
    return members[index];
  }
}
