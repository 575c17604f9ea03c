package presenter.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import presenter.backend.fleet.Json;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameFault;
import presenter.backend.wire.FrameReader;
import presenter.backend.wire.FrameWriter;

/** The golden vectors that all implementations share: protocol/vectors/frames.json. */
class VectorsTest {

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> part(String name) throws IOException {
    Path path = Path.of(System.getProperty("presenter.source"), "protocol/vectors/frames.json");
    Map<String, Object> all = (Map<String, Object>) Json.parse(Files.readString(path));
    return (List<Map<String, Object>>) all.get(name);
  }

  private static ByteBuf bytes(Map<String, Object> vector) {
    return Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump((String) vector.get("hex")));
  }

  /** Name and fields of the frame, as the vectors have them. */
  private static Map<String, Object> read(ByteBuf in) throws ReflectiveOperationException {
    int size = FrameReader.slice(in, 0, in.readableBytes());
    assertEquals(in.readableBytes(), size, "one whole frame");
    FrameReader reader = new FrameReader();
    Map<String, Object> fields = new TreeMap<>();
    if (FrameReader.isData(in, FrameReader.LENGTH_BYTES)) {
      reader.readData(in, FrameReader.LENGTH_BYTES, size - FrameReader.LENGTH_BYTES);
      fields.put("stream", reader.stream);
      fields.put("more", reader.more);
      fields.put("payload", ByteBufUtil.hexDump(in, reader.payloadIndex, reader.payloadSize));
      fields.put("frame", "data");
      return fields;
    }
    Frame frame =
        reader.readControl(in, FrameReader.LENGTH_BYTES, size - FrameReader.LENGTH_BYTES);
    fields.putAll(fieldsOf((Record) frame));
    fields.put("frame", snake(frame.getClass().getSimpleName()));
    return fields;
  }

  private static Map<String, Object> fieldsOf(Record record) throws ReflectiveOperationException {
    Map<String, Object> fields = new TreeMap<>();
    for (RecordComponent each : record.getClass().getRecordComponents()) {
      each.getAccessor().setAccessible(true);
      Object value = each.getAccessor().invoke(record);
      if (value instanceof byte[] array) {
        value = ByteBufUtil.hexDump(array);
      } else if (value instanceof Integer number) {
        value = number.longValue();
      } else if (value instanceof Record inner) {
        value = fieldsOf(inner);
      }
      fields.put(snake(each.getName()), value);
    }
    return fields;
  }

  private static String snake(String name) {
    return name.replaceAll("(?<=[a-z])([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT);
  }

  /** What a vector leaves out is absent: it has its default, which the frame that was read has. */
  private static Map<String, Object> expected(Map<String, Object> vector,
      Map<String, Object> found) {
    Map<String, Object> all = new TreeMap<>();
    found.forEach((name, value) -> all.put(name, defaultOf(name, value)));
    @SuppressWarnings("unchecked")
    Map<String, Object> fields = (Map<String, Object>) vector.get("fields");
    fields.forEach((name, value) -> {
      @SuppressWarnings("unchecked")
      Map<String, Object> inner = value instanceof Map && found.get(name) instanceof Map<?, ?> map
          ? new TreeMap<>((Map<String, Object>) map) : null;
      if (inner != null) {
        inner.replaceAll(VectorsTest::defaultOf);
        inner.putAll(asMap(value));
        all.put(name, inner);
      } else {
        all.put(name, value);
      }
    });
    all.put("frame", vector.get("frame"));
    return all;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asMap(Object value) {
    return (Map<String, Object>) value;
  }

  private static Object defaultOf(String name, Object value) {
    Map<String, Object> numbers = new LinkedHashMap<>(Map.of("frame_bytes_max", 16_448L,
        "stream_window_bytes", 65_536L, "link_window_bytes", 33_554_432L, "streams_open_max",
        1_000_000L, "ping_interval_ms", 5_000L, "streams_opening_max", 16_384L));
    if (numbers.containsKey(name)) {
      return numbers.get(name);
    }
    if (value instanceof String) {
      return "";
    }
    if (value instanceof Boolean) {
      return false;
    }
    if (name.equals("tls")) {
      return new TreeMap<>(Map.of("version", "", "suite", "", "server_name", "", "alpn", "",
          "resumed", false, "client_subject", ""));
    }
    return value instanceof Long ? (Object) 0L : null;
  }

  @Test
  void everyFrameIsReadAndWrittenByteForByte() throws Exception {
    for (Map<String, Object> vector : part("frames")) {
      ByteBuf in = bytes(vector);
      Map<String, Object> found = read(in);
      assertEquals(expected(vector, found), found, vector.toString());
      ByteBuf out = Unpooled.buffer();
      if (found.get("frame").equals("data")) {
        ByteBuf payload = Unpooled.wrappedBuffer(
            ByteBufUtil.decodeHexDump((String) found.get("payload")));
        FrameWriter.writeData(out, (Long) found.get("stream"), (Boolean) found.get("more"),
            payload, 0, payload.readableBytes());
      } else {
        FrameWriter.write(out, new FrameReader().readControl(in, 4, in.readableBytes() - 4));
      }
      assertEquals(vector.get("hex"), ByteBufUtil.hexDump(out), vector.toString());
    }
  }

  @Test
  void whatNoSenderShouldWriteIsReadAllTheSame() throws Exception {
    for (Map<String, Object> vector : part("accepted")) {
      Map<String, Object> found = read(bytes(vector));
      assertEquals(expected(vector, found), found, vector.toString());
    }
  }

  @Test
  void everyFaultHasItsName() throws Exception {
    for (Map<String, Object> vector : part("rejected")) {
      FrameFault fault =
          assertThrows(FrameFault.class, () -> read(bytes(vector)), vector.toString());
      assertEquals(vector.get("error"), fault.error().text(), vector.toString());
    }
  }

  /** No shorter run of a frame's bytes is an error, or taken for the frame. */
  @Test
  void aFrameThatIsNotAllThereIsWaitedFor() throws Exception {
    for (Map<String, Object> vector : part("frames")) {
      ByteBuf in = bytes(vector);
      for (int size = 0; size < in.readableBytes(); ++size) {
        assertEquals(0, FrameReader.slice(in, 0, size), vector.toString());
      }
    }
  }
}
