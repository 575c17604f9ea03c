package presenter.chatd;

import io.presenter.chat.ClientState;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.transport.TIOStreamTransport;

/**
 * The folder that all chat servers of a fleet see, those in C++ as well: the couples' histories,
 * and what of a client is too long to go through a gateway. bench/chat_backend/README.md has the
 * formats.
 */
final class HistoryFolder {
  /** Of a couple_id or user_id in UTF-8: two of them, in hexadecimal, are the name of a file. */
  static final int NAME_BYTES_MAX = 60;

  /** What the servers of a fleet call their one history in AuthResult. */
  static final String HISTORY_NAME = "(shared)";

  private static final int STATE_BYTES_MAX = 16_384;
  private static final SecureRandom DICE = new SecureRandom();

  private final Path path;

  HistoryFolder(Path path) throws IOException {
    this.path = Files.createDirectories(path);
  }

  Path path() {
    return path;
  }

  private static String hexOf(String name) {
    return HexFormat.of().formatHex(name.getBytes(StandardCharsets.UTF_8));
  }

  /** False: other servers would have another name for its file, or none. */
  static boolean isName(String name) {
    return name.getBytes(StandardCharsets.UTF_8).length <= NAME_BYTES_MAX
        && name.indexOf('\ufffd') < 0;  // what Java makes of bytes that are no UTF-8
  }

  Path fileOf(String coupleId) {
    return path.resolve(hexOf(coupleId));
  }

  /** Whose history is in the file of that name; null: nobody's. */
  static String coupleOf(String fileName) {
    try {
      return new String(HexFormat.of().parseHex(fileName), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException other) {
      return null;
    }
  }

  private Path leftFileOf(ClientState state) {
    return path.resolve(hexOf(state.getCouple_id()) + "." + hexOf(state.getUser_id()));
  }

  /** What goes through the gateway; where that is too long, its packets are left in a file. */
  byte[] pack(ClientState state) {
    byte[] packed = encode(state);
    if (packed.length <= STATE_BYTES_MAX || state.getCouple_id().isEmpty()) {
      return packed;
    }
    ClientState left = new ClientState(state);
    // Whoever finds another number has found what was left for another time.
    left.setLeft_as(DICE.nextInt() & 0xffff_ffffL);
    try {
      Files.write(leftFileOf(left), encode(left));
    } catch (IOException full) {
      return packed;  // the SDK says that it is too long
    }
    left.setInput(new byte[0]);
    left.setOutput(new byte[0]);
    return encode(left);
  }

  /** The other direction. IOException: it is no state of ours, or has been taken already. */
  ClientState unpack(byte[] packed) throws IOException {
    ClientState state = decode(packed);
    if (!state.isSetLeft_as()) {
      return state;
    }
    Path file = leftFileOf(state);
    ClientState left = decode(Files.readAllBytes(file));
    if (!left.isSetLeft_as() || left.getLeft_as() != state.getLeft_as()) {
      throw new IOException("what was left of the client has been taken already");
    }
    Files.deleteIfExists(file);
    return left;
  }

  private static byte[] encode(ClientState state) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
    try {
      state.write(new TCompactProtocol(new TIOStreamTransport(bytes)));
    } catch (TException impossible) {
      throw new IllegalStateException(impossible);
    }
    return bytes.toByteArray();
  }

  private static ClientState decode(byte[] bytes) throws IOException {
    ClientState state = new ClientState();
    try {
      state.read(new TCompactProtocol(new TIOStreamTransport(new ByteArrayInputStream(bytes)),
          bytes.length, bytes.length));
    } catch (TException | RuntimeException malformed) {
      throw new IOException("not a client's state", malformed);
    }
    if (!state.isSetCouple_id() || !state.isSetUser_id() || !state.isSetInput()
        || !state.isSetOutput()) {
      throw new IOException("not a client's state");
    }
    return state;
  }
}
