package presenter.backend.fleet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/** The last map on disk, for a start while ZooKeeper is away; the file is the C++ SDK's too. */
final class SavedMap {
  private static final long BYTES_MAX = 10_000L * 1_024;

  private SavedMap() {}

  /** Null if there is none that can be used. An entry with a mistake is left out. */
  static ShardMap load(Path file) throws IOException {
    if (!Files.exists(file) || Files.size(file) > BYTES_MAX) {
      return null;
    }
    Map<String, BackendEntry> entries = new HashMap<>();
    try {
      Map<?, ?> root = (Map<?, ?>) Json.parse(Files.readString(file));
      long epoch = (Long) root.get("epoch");
      for (Object each : (List<?>) root.get("servers")) {
        add((Map<?, ?>) each, entries);
      }
      ShardMap map = new ShardMap(epoch, entries.values());
      return map.backendsUp() == 0 ? null : map;
    } catch (IllegalArgumentException | ClassCastException | NullPointerException foreign) {
      throw new IOException(file + ": no saved map");
    }
  }

  private static void add(Map<?, ?> entry, Map<String, BackendEntry> to) {
    String name = (String) entry.get("name");
    try {
      to.put(name, BackendEntry.of(name, entry));
    } catch (IllegalArgumentException broken) {
      to.remove(name);
    }
  }

  /** Whole or not at all. */
  static void save(Path file, ShardMap map) throws IOException {
    StringJoiner entries = new StringJoiner(",", "{\"epoch\":" + map.epoch() + ",\"servers\":[",
        "]}");
    map.backends().forEach(each -> entries.add(each.named()));
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try (FileChannel out = FileChannel.open(fresh, StandardOpenOption.CREATE,
        StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
      out.write(ByteBuffer.wrap(entries.toString().getBytes(StandardCharsets.UTF_8)));
      out.force(true);
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
