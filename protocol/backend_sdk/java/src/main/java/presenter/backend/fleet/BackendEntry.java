package presenter.backend.fleet;

import io.netty.util.NetUtil;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A backend in the map, as its znode says it: shard_router/README.md §2. Constructed of what breaks
 * no rule, else IllegalArgumentException names the one that is broken.
 *
 * @param instance names one life of the process; may be empty
 */
public record BackendEntry(String name, String host, int port, int weight, boolean isDraining,
    String instance) {
  public static final int WEIGHT_DEFAULT = 100;
  static final int BYTES_MAX = 4_096;

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,255}");
  private static final Pattern LABEL =
      Pattern.compile("[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?");
  private static final Pattern NUMBER = Pattern.compile("[0-9]+|0[xX][0-9a-fA-F]*");
  private static final Pattern IPV4 =
      Pattern.compile("((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(\\.(?=.)|$)){4}");
  private static final Pattern INSTANCE = Pattern.compile("[!-~]{0,64}");

  public BackendEntry {
    require(NAME.matcher(name).matches(), "name_invalid");
    require(isHost(host), "host_invalid");
    require(port >= 1 && port <= 65_535, "port_invalid");
    require(weight >= 1 && weight <= 1_000, "weight_invalid");
    require(INSTANCE.matcher(instance).matches(), "instance_invalid");
  }

  private static void require(boolean holds, String rule) {
    if (!holds) {
      throw new IllegalArgumentException(rule);
    }
  }

  BackendEntry with(boolean draining) {
    return new BackendEntry(name, host, port, weight, draining, instance);
  }

  // --- the host: an address that somebody can connect to, or a name

  private static boolean isHost(String text) {
    if (text.isEmpty() || text.length() > 253) {
      return false;
    }
    boolean isIpv6 = text.indexOf(':') >= 0;
    if (isIpv6 || IPV4.matcher(text).matches()) {
      boolean isPlain = text.matches("[0-9a-fA-F:.]+");
      byte[] bytes = isPlain ? NetUtil.createByteArrayFromIpAddressString(text) : null;
      return bytes != null && !isNobodys(bytes);
    }
    String name = text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
    String[] labels = name.split("\\.", -1);
    for (String each : labels) {
      if (!LABEL.matcher(each).matches()) {
        return false;
      }
    }
    return !NUMBER.matcher(labels[labels.length - 1]).matches();
  }

  private static boolean isNobodys(byte[] bytes) {
    if (bytes.length == 16) {
      boolean isMapped = bytes[10] == -1 && bytes[11] == -1;
      boolean isZero = true;
      for (int i = 0; i < 10; ++i) {
        isMapped &= bytes[i] == 0;
      }
      for (byte each : bytes) {
        isZero &= each == 0;
      }
      if (!isMapped) {
        return isZero || bytes[0] == -1;
      }
      bytes = java.util.Arrays.copyOfRange(bytes, 12, 16);
    }
    boolean isBroadcast = (bytes[0] & bytes[1] & bytes[2] & bytes[3]) == -1;
    return bytes[0] == 0 || (bytes[0] & 0xf0) == 0xe0 || isBroadcast;
  }

  // --- JSON

  static BackendEntry decode(String name, byte[] data) {
    require(data != null && data.length <= BYTES_MAX, "entry_too_large");
    Object json;
    try {
      json = Json.parse(new String(data, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException notJson) {
      throw new IllegalArgumentException("entry_not_json");
    }
    return of(name, json);
  }

  static BackendEntry of(String name, Object json) {
    require(json instanceof Map, "entry_not_json");
    Map<?, ?> entry = (Map<?, ?>) json;
    String state = text(entry, "state", "state_invalid");
    require(state.isEmpty() || state.equals("up") || state.equals("draining"), "state_invalid");
    return new BackendEntry(name, text(entry, "host", "host_invalid"),
        number(entry, "port", 0, "port_invalid"),
        number(entry, "weight", WEIGHT_DEFAULT, "weight_invalid"), state.equals("draining"),
        text(entry, "instance", "instance_invalid"));
  }

  private static String text(Map<?, ?> entry, String key, String rule) {
    Object value = entry.containsKey(key) ? entry.get(key) : "";
    require(value instanceof String, rule);
    return (String) value;
  }

  private static int number(Map<?, ?> entry, String key, int fallback, String rule) {
    Object value = entry.containsKey(key) ? entry.get(key) : (Object) (long) fallback;
    require(value instanceof Long number && number >= 0 && number <= Integer.MAX_VALUE, rule);
    return ((Long) value).intValue();
  }

  private String fields() {
    return "\"host\":" + Json.quote(host) + ",\"port\":" + port + ",\"weight\":" + weight
        + ",\"state\":\"" + (isDraining ? "draining" : "up") + "\",\"instance\":"
        + Json.quote(instance) + "}";
  }

  byte[] encode() {
    return ("{" + fields()).getBytes(StandardCharsets.UTF_8);
  }

  /** As it stands in a saved map. */
  String named() {
    return "{\"name\":" + Json.quote(name) + "," + fields();
  }
}
