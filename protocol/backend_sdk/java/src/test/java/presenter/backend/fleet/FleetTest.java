package presenter.backend.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import presenter.backend.Refusal;
import presenter.backend.StreamFence;
import presenter.backend.StreamInfo;
import presenter.backend.TlsFacts;

/**
 * The ring by the vectors that all implementations share; entries, fence and guard by their rules.
 */
class FleetTest {
  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static BackendEntry entry(String name, int weight) {
    return new BackendEntry(name, "127.0.0.1", 7_000, weight, false, "i-" + name);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> vectors() throws Exception {
    Path path = Path.of(System.getProperty("presenter.source"),
        "tests/unit/shard_router/ring_vectors.json");
    return (Map<String, Object>) Json.parse(Files.readString(path));
  }

  @Test
  void hashesAreThoseOfTheVectors() throws Exception {
    for (Map.Entry<?, ?> each : ((Map<?, ?>) vectors().get("hashes")).entrySet()) {
      byte[] key = bytes((String) each.getKey());
      assertEquals(Long.parseUnsignedLong((String) each.getValue(), 16),
          XxHash64.hash(key, key.length), each.toString());
    }
  }

  @Test
  void ringsAreThoseOfTheVectors() throws Exception {
    for (Object fleet : (List<?>) vectors().get("fleets")) {
      Map<?, ?> expected = (Map<?, ?>) fleet;
      List<BackendEntry> entries = new ArrayList<>();
      for (Object each : (List<?>) expected.get("servers")) {
        Map<?, ?> server = (Map<?, ?>) each;
        entries.add(entry((String) server.get("name"), ((Long) server.get("weight")).intValue()));
      }
      ShardMap map = new ShardMap(1, entries);
      assertEquals(((Long) expected.get("points")).intValue(), map.ring().size());
      int at = 0;
      for (Object each : (List<?>) expected.get("first_points")) {
        checkPoint(map, at++, (Map<?, ?>) each);
      }
      checkPoint(map, map.ring().size() - 1, (Map<?, ?>) expected.get("last_point"));
      ((Map<?, ?>) expected.get("owners")).forEach((key, owner) ->
          assertEquals(owner, map.owner(bytes((String) key)).name(), (String) key));
    }
  }

  private static void checkPoint(ShardMap map, int at, Map<?, ?> expected) {
    assertEquals(Long.parseUnsignedLong((String) expected.get("hash"), 16),
        map.ring().hashAt(at));
    assertEquals(expected.get("name"),
        map.backends().get(map.ring().memberAt(at)).name());
  }

  // --- entries

  private static BackendEntry decode(String json) {
    return BackendEntry.decode("chat-a", bytes(json));
  }

  @Test
  void anEntryHasDefaultsAndSurvivesItsOwnEncoding() {
    BackendEntry least = decode("{\"host\":\"10.0.0.7\",\"port\":7000,\"newer\":[{}]}");
    assertEquals(new BackendEntry("chat-a", "10.0.0.7", 7_000, 100, false, ""), least);
    BackendEntry full = new BackendEntry("chat-a", "2001:db8::1", 65_535, 1_000, true, "x!~");
    assertEquals(full, BackendEntry.decode("chat-a", full.encode()));
  }

  @Test
  void anEntryThatBreaksARuleIsRefusedByItsName() {
    Map.ofEntries(
        Map.entry("[]", "entry_not_json"), Map.entry("{\"host\":", "entry_not_json"),
        Map.entry("{\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"0.0.0.0\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"::\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"::ffff:224.0.0.1\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"ff02::1\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"255.255.255.255\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"chat.1\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"-chat\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"a..b\",\"port\":1}", "host_invalid"),
        Map.entry("{\"host\":\"a\"}", "port_invalid"),
        Map.entry("{\"host\":\"a\",\"port\":65536}", "port_invalid"),
        Map.entry("{\"host\":\"a\",\"port\":1.5}", "port_invalid"),
        Map.entry("{\"host\":\"a\",\"port\":1,\"weight\":0}", "weight_invalid"),
        Map.entry("{\"host\":\"a\",\"port\":1,\"state\":\"gone\"}", "state_invalid"),
        Map.entry("{\"host\":\"a\",\"port\":1,\"instance\":\" \"}", "instance_invalid"))
        .forEach((json, rule) -> assertEquals(rule,
            assertThrows(IllegalArgumentException.class, () -> decode(json), json).getMessage(),
            json));
  }

  // --- the fence

  private static final long SECOND = 1_000_000_000L;

  private static StreamInfo stream(String key, long epoch) {
    return new StreamInfo(1, bytes(key), epoch, "", 0, TlsFacts.NONE, "", false, null);
  }

  private static ShardMap map(long epoch, BackendEntry... entries) {
    return new ShardMap(epoch, List.of(entries));
  }

  @Test
  void theFenceServesWhatIsItsOwnAndSettled() {
    Ownership own = new Ownership("a", "i-a", SECOND);
    assertEquals(new StreamFence.Hold(null), own.ask(stream("k", 0), 0));
    own.setMap(map(5, entry("a", 1)), 0);
    assertEquals(new StreamFence.Hold(SECOND), own.ask(stream("k", 5), 1));
    assertEquals(new StreamFence.Serve(), own.ask(stream("k", 5), SECOND));
    // The gateway knows a newer map: it is waited for.
    assertEquals(new StreamFence.Hold(null), own.ask(stream("k", 6), SECOND));
    own.setMap(map(6, entry("b", 1)), 2 * SECOND);
    assertEquals(new StreamFence.Refuse(Refusal.notOwner(6)), own.ask(stream("k", 5), 3 * SECOND));
    assertTrue(!own.stillServes(stream("k", 5)));
    // Ours again: not at once.
    own.setMap(map(7, entry("a", 1)), 4 * SECOND);
    assertEquals(new StreamFence.Hold(5 * SECOND), own.ask(stream("k", 7), 4 * SECOND + 1));
  }

  @Test
  void anotherProcessOfOurNameIsSomebodyElse() {
    Ownership own = new Ownership("a", "i-a", 0);
    own.setMap(map(5, new BackendEntry("a", "127.0.0.1", 1, 1, false, "other")), 0);
    assertEquals(new StreamFence.Refuse(Refusal.notOwner(5)), own.ask(stream("k", 5), SECOND));
  }

  @Test
  void aMapWithoutMostOfTheFleetIsHeldBack() {
    MapGuard guard = new MapGuard(30 * SECOND);
    ShardMap three = map(1, entry("a", 1), entry("b", 1), entry("c", 1));
    assertEquals(MapGuard.Verdict.PUBLISH, guard.offer(null, three, 0));
    assertEquals(MapGuard.Verdict.PUBLISH,
        guard.offer(three, map(2, entry("a", 1), entry("b", 1)), SECOND));
    assertEquals(MapGuard.Verdict.HOLD, guard.offer(three, map(3, entry("a", 1)), 2 * SECOND));
    assertEquals(31 * SECOND, guard.releaseAt());
    assertEquals(MapGuard.Verdict.PUBLISH,
        guard.offer(three, map(3, entry("a", 1)), 31 * SECOND));
    assertEquals(MapGuard.Verdict.EMPTY, guard.offer(three, map(4), 99 * SECOND));
    guard.confirm(5);
    assertEquals(MapGuard.Verdict.PUBLISH, guard.offer(three, map(5, entry("d", 1)), 99 * SECOND));
  }

  @Test
  void aSavedMapComesBackAndAForeignOneIsRefused() throws Exception {
    Path file = Files.createTempFile("presenter", ".map");
    try {
      ShardMap map = map(7, entry("a", 1), entry("b", 5));
      SavedMap.save(file, map);
      assertEquals(map.backends(), SavedMap.load(file).backends());
      assertEquals(7, SavedMap.load(file).epoch());
      Files.writeString(file, "{\"epoch\":1}");
      assertThrows(java.io.IOException.class, () -> SavedMap.load(file));
      Files.delete(file);
      assertNull(SavedMap.load(file));
    } finally {
      Files.deleteIfExists(file);
    }
  }
}
