package presenter.chatd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import io.presenter.chat.AuthRequest;
import io.presenter.chat.Chat;
import io.presenter.chat.ClientState;
import io.presenter.chat.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import presenter.backend.Continued;
import presenter.backend.FakeGateway;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameWriter;

/** Clients of a couple that go from one chat server to another, one after the other. */
class ChatMovesTest {
  /** A chat server behind a gateway of its own. */
  private static final class Server {
    final Service service;
    final FakeGateway gateway;
    private long opened;

    Server(String name, Path folder, int window) throws IOException {
      service = new Service(name, new HistoryFolder(folder));
      gateway = new FakeGateway(FakeGateway.options(new ChannelInitializer<SocketChannel>() {
        @Override
        protected void initChannel(SocketChannel stream) {
          PacketDecoder decoder = new PacketDecoder();
          stream.pipeline().addLast(decoder, new Session(service, decoder));
        }
      }).handsOver(true)).say(FakeGateway.hello(window, Frame.HANDOFF, 256));
      gateway.frames();
    }

    long open() {
      gateway.say(FakeGateway.open(++opened, "couple", null));
      return opened;
    }

    void send(long stream, byte[] bytes) {
      ByteBuf out = gateway.link.alloc().buffer();
      ByteBuf all = Unpooled.wrappedBuffer(bytes);
      for (int done = 0; done < bytes.length; done += 16_000) {
        FrameWriter.writeData(out, stream, false, all, done, Math.min(16_000, bytes.length - done));
      }
      gateway.gulp(out);
    }
  }

  /** What one client has received, wherever it was. */
  private final class Client {
    Server at;
    long stream;
    private byte[] deposit;
    private byte[] given;
    private final ByteBuf received = Unpooled.buffer();

    Client(Server at, String user) throws TException {
      this.at = at;
      stream = at.open();
      clients.add(this);
      Chat.authenticate_args login = new Chat.authenticate_args(new AuthRequest("couple", user,
          ByteBuffer.allocate(0)));
      at.send(stream, packet("authenticate", login::write));
      listen();
    }

    void say(byte[] bytes) {
      at.send(stream, bytes);
      listen();
    }

    void moveTo(Server other) {
      at.gateway.say(new Frame.Handoff(stream, 1, 43, 5_000));
      listen();
      goOnAt(other, given);
    }

    void goOnAt(Server other, byte[] state) {
      at = other;
      at.gateway.say(FakeGateway.open(++at.opened, "couple", new Continued(1, "before")),
          new Frame.Checkpoint(at.opened, 0, 0, state, new byte[0], false, false));
      stream = at.opened;
      listen();
    }

    /** The next packet, without its header. */
    ByteBuf next() {
      return received.readSlice(received.readInt());
    }

    String nextBody() throws TException {
      return new String(Packets.readDelivery(next()).getBody(), StandardCharsets.UTF_8);
    }

    long nextSequence() throws TException {
      TProtocol in = Packets.reader(next());
      assertEquals(TMessageType.REPLY, in.readMessageBegin().type);
      Chat.send_result result = new Chat.send_result();
      result.read(in);
      return result.getSuccess();
    }
  }

  private final List<Client> clients = new ArrayList<>();
  @TempDir Path folder;
  private Server older;
  private Server newer;

  @BeforeEach
  void start() throws IOException {
    older = new Server("older", folder, 65_536);
    newer = new Server("newer", folder, 65_536);
  }

  @AfterEach
  void stop() {
    older.gateway.close();
    newer.gateway.close();
  }

  private void listen() {
    for (Server server : List.of(older, newer)) {
      for (FakeGateway.Said each : server.gateway.heard()) {
        hear(server, each);
      }
    }
  }

  private void hear(Server server, FakeGateway.Said each) {
    for (Client client : clients) {
      if (client.at == server && each.frame() == null && each.stream() == client.stream) {
        client.received.writeCharSequence(each.payload(), StandardCharsets.ISO_8859_1);
      } else if (client.at == server && each.frame() instanceof Frame.Checkpoint checkpoint
          && checkpoint.stream() == client.stream) {
        if (checkpoint.last()) {
          client.given = checkpoint.state();
        } else {
          client.deposit = checkpoint.state();
        }
      }
    }
  }

  private static byte[] packet(String call, Packets.Content content) throws TException {
    ByteBuf bytes = Packets.encode(UnpooledByteBufAllocator.DEFAULT, true,
        new TMessage(call, TMessageType.CALL, 3), content);
    byte[] copy = new byte[bytes.readableBytes()];
    bytes.readBytes(copy).release();
    return copy;
  }

  private static byte[] message(String body) throws TException {
    return packet("send",
        new Chat.send_args(5, ByteBuffer.wrap(body.getBytes(StandardCharsets.UTF_8)))::write);
  }

  private ClientState unpack(byte[] state) throws IOException {
    return new HistoryFolder(folder).unpack(state);
  }

  @Test
  void aCoupleGoesOnInTheMiddleOfAPacket() throws Exception {
    Client ann = new Client(older, "ann");
    Client ben = new Client(older, "ben");
    ann.next();
    ben.next();
    byte[] packet = message("hello");
    for (int split = 1; split < packet.length; ++split) {
      ann.say(Arrays.copyOf(packet, split));
      ann.moveTo(split % 2 == 0 ? older : newer);
      ann.say(Arrays.copyOfRange(packet, split, packet.length));
      assertEquals(split, ann.nextSequence());
      older.service.onHistoryChanged("couple");  // inotify's part
      listen();
      assertEquals("hello", ben.nextBody());
    }
    ben.moveTo(newer);
    ann.moveTo(newer);
    ben.say(message("and I"));
    assertEquals("and I", ann.nextBody());
    assertEquals(packet.length, ben.nextSequence());
  }

  @Test
  void whatTheClientHasNotReadGoesAlong() throws Exception {
    stop();
    older = new Server("older", folder, 1_024);
    newer = new Server("newer", folder, 65_536);
    Client ann = new Client(older, "ann");
    Client ben = new Client(older, "ben");
    ann.next();
    ben.next();
    String body = "x".repeat(700);
    byte[] packet = message(body);
    older.gateway.say(new Frame.Credit(ann.stream, 60_000));
    for (int sent = 0; older.service.deliveriesSkipped == 0; ++sent) {
      ann.say(packet);
      assertEquals(sent + 1, ann.nextSequence());
    }
    long delivered = older.service.deliveries;
    assertTrue(delivered > 100);
    ben.moveTo(newer);
    giveCredit(ben);
    for (int i = 0; i < delivered; ++i) {
      assertEquals(body, ben.nextBody());
    }
    assertFalse(ben.received.isReadable());
  }

  /** Whoever does not read what it asks for: calls wait, and go along unserved. */
  @Test
  void callsThatWaitGoAlong() throws Exception {
    stop();
    older = new Server("older", folder, 1_024);
    newer = new Server("newer", folder, 65_536);
    Client ann = new Client(older, "ann");
    ann.next();
    ann.say(message("x".repeat(50_000)));
    assertEquals(1, ann.nextSequence());
    byte[] history = packet("history", new Chat.history_args(0, 10)::write);
    byte[] many = new byte[3 * history.length + 5];
    for (int i = 0; i < 4; ++i) {
      System.arraycopy(history, 0, many, i * history.length,
          Math.min(history.length, many.length - i * history.length));
    }
    ann.say(many);
    ann.moveTo(newer);
    ann.say(Arrays.copyOfRange(history, 5, history.length));
    giveCredit(ann);
    for (int i = 0; i < 4; ++i) {
      assertTrue(ann.next().readableBytes() > 50_000);
    }
  }

  private void giveCredit(Client client) {
    client.at.gateway.say(new Frame.Credit(client.stream, 1 << 20), new Frame.Credit(0, 1 << 20));
    listen();
  }

  @Test
  void aDepositIsMadeWhenNothingIsUnderWay() throws Exception {
    Client ann = new Client(older, "ann");
    Client ben = new Client(older, "ben");
    assertEquals(0, unpack(ben.deposit).getTold());
    ann.say(message("hello"));
    assertEquals(1, unpack(ann.deposit).getTold());
    ClientState before = unpack(ben.deposit);
    assertEquals(1, before.getTold());
    assertEquals(0, before.getInput().length + before.getOutput().length);
    byte[] packet = message("later");
    ben.deposit = null;
    ben.say(Arrays.copyOf(packet, 9));
    ann.say(message("hello again"));
    assertEquals(null, ben.deposit);
    ann.moveTo(newer);
    assertEquals(2, unpack(ann.deposit).getTold());
  }

  @Test
  void aClientThatHasComeInAnewStays() throws Exception {
    Client ann = new Client(older, "ann");
    Client again = new Client(newer, "ann");
    ann.moveTo(newer);
    newer.gateway.frames();
    again.next();
    again.say(message("hello"));
    assertEquals(1, again.nextSequence());
    assertEquals(1L, newer.gateway.server.counters().values().get("streams_open"));
  }

  @Test
  void aStateThatIsNoneEndsTheClient() throws Exception {
    Client ann = new Client(older, "ann");
    ann.goOnAt(newer, "rags".getBytes(StandardCharsets.UTF_8));
    assertEquals(0L, newer.gateway.server.counters().values().get("streams_open"));
  }

  /** The same bytes as in tests/unit/bench/history_folder_test.cpp. */
  @Test
  void theStateIsThatOfTheServerInCpp() throws Exception {
    byte[] golden = ("\u0018\u0008couple/1\u0018\u0003ann\u0011\u0016\u000e"
        + "\u0018\u0004half\u0018\u0003xyz\0").getBytes(StandardCharsets.ISO_8859_1);
    ClientState state = unpack(golden);
    assertEquals("couple/1", state.getCouple_id());
    assertEquals("ann", state.getUser_id());
    assertTrue(state.isIs_compact());
    assertEquals(7, state.getTold());
    assertEquals("half", new String(state.getInput(), StandardCharsets.UTF_8));
    assertArrayEquals(golden, new HistoryFolder(folder).pack(state));
  }

  @Test
  void aHistoryOutlivesWhoeverIsKilledOverIt() throws Exception {
    Path path = folder.resolve("history");
    HistoryFile here = new HistoryFile(path);
    HistoryFile there = new HistoryFile(path);
    StringBuilder seen = new StringBuilder();
    here.append(each -> {}, () -> record("a"));
    for (String torn : List.of("\0", "\0\0\0\u0020half")) {
      Files.writeString(path, torn, StandardOpenOption.APPEND);
      there.readNews(each -> seen.append(new String(each.getBody())));
      here.append(each -> {}, () -> record("b"));
    }
    there.readNews(each -> seen.append(new String(each.getBody())));
    assertEquals("abb", seen.toString());
    there.readAgain(each -> seen.append(new String(each.getBody())).length() < 5);
    assertEquals("abbab", seen.toString());
  }

  /** A lock of this process beside another is an OverlappingFileLockException. */
  @Test
  void aLookThatFindsNothingNewWaitsForNoLock() throws Exception {
    Path path = folder.resolve("history");
    HistoryFile history = new HistoryFile(path);
    history.append(each -> {}, () -> record("a"));
    try (FileChannel other = FileChannel.open(path, StandardOpenOption.WRITE);
        FileLock lock = other.lock()) {
      history.readNews(each -> fail("it has read this itself"));
    }
  }

  private static Message record(String body) {
    return new Message(1, "ann", 2, ByteBuffer.wrap(body.getBytes(StandardCharsets.UTF_8)));
  }
}
