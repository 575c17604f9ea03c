package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.nio.NioEventLoopGroup;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameReader;
import presenter.backend.wire.FrameWriter;
import presenter.backend.wire.Limits;

/** A gateway's end of a link, in memory: what it says is handled before the call returns. */
public final class FakeGateway implements AutoCloseable {
  /** A frame that came; Data has its payload as Latin-1, all other frames a `frame`. */
  public record Said(Frame frame, long stream, String payload) {}

  private static final NioEventLoopGroup UNUSED = new NioEventLoopGroup(1);

  public final MuxServer server;
  public final EmbeddedChannel link;
  private final List<Said> said = new ArrayList<>();
  private final ByteBuf input = Unpooled.buffer();
  private int flushes;

  public FakeGateway(MuxServerBootstrap options) {
    server = new MuxServer(options);
    link = new EmbeddedChannel(new MuxLink(server)) {
      @Override
      protected void doWrite(io.netty.channel.ChannelOutboundBuffer in) throws Exception {
        ++flushes;
        super.doWrite(in);
      }
    };
    link.runPendingTasks();
  }

  public static MuxServerBootstrap options(ChannelHandler handler) {
    return new MuxServerBootstrap().group(UNUSED, UNUSED).childHandler(handler).node("chat-a");
  }

  public static Frame.Hello hello(int streamWindow, long features, int deposit) {
    return new Frame.Hello(1, 1, Frame.GATEWAY, "gw", 0, Limits.FRAME_BYTES_MAX, streamWindow,
        Limits.LINK_WINDOW_BYTES_DEFAULT, 1_000_000, 5_000, features, 16_384, deposit);
  }

  public FakeGateway greet() {
    return say(hello(65_536, 0, 0));
  }

  public static Frame.Open open(long stream) {
    return open(stream, "key", null);
  }

  public static Frame.Open open(long stream, String key, Continued continued) {
    return new Frame.Open(stream, key.getBytes(StandardCharsets.UTF_8), 1, "192.0.2.7", 50_123,
        TlsFacts.NONE, "gw/1", false, continued);
  }

  /** In one gulp. */
  public FakeGateway say(Frame... frames) {
    ByteBuf out = link.alloc().buffer();
    for (Frame each : frames) {
      FrameWriter.write(out, each);
    }
    return gulp(out);
  }

  public FakeGateway data(long stream, String... payloads) {
    ByteBuf out = link.alloc().buffer();
    for (String each : payloads) {
      ByteBuf payload = Unpooled.copiedBuffer(each, StandardCharsets.UTF_8);
      FrameWriter.writeData(out, stream, false, payload, 0, payload.readableBytes());
    }
    return gulp(out);
  }

  public FakeGateway gulp(ByteBuf bytes) {
    link.writeInbound(bytes);
    return settle();
  }

  public FakeGateway settle() {
    link.runPendingTasks();
    return this;
  }

  /** What came since the last look. */
  public List<Said> heard() {
    settle();
    for (ByteBuf each; (each = link.readOutbound()) != null; ) {
      input.writeBytes(each);
      each.release();
    }
    FrameReader reader = new FrameReader();
    while (true) {
      int size = FrameReader.slice(input, input.readerIndex(), input.readableBytes());
      if (size == 0) {
        break;
      }
      int body = input.readerIndex() + FrameReader.LENGTH_BYTES;
      input.skipBytes(size);
      if (FrameReader.isData(input, body)) {
        reader.readData(input, body, size - FrameReader.LENGTH_BYTES);
        said.add(new Said(null, reader.stream, input.toString(reader.payloadIndex,
            reader.payloadSize, StandardCharsets.ISO_8859_1)));
      } else {
        said.add(new Said(
            reader.readControl(input, body, size - FrameReader.LENGTH_BYTES), 0, null));
      }
    }
    input.discardReadBytes();
    List<Said> all = new ArrayList<>(said);
    said.clear();
    return all;
  }

  /** The payloads of Data that came since the last look, as one text; the frames are in `rest`. */
  String text(List<Frame> rest) {
    StringBuilder all = new StringBuilder();
    for (Said each : heard()) {
      if (each.frame() == null) {
        all.append(each.payload());
      } else {
        rest.add(each.frame());
      }
    }
    return all.toString();
  }

  public List<Frame> frames() {
    List<Frame> rest = new ArrayList<>();
    text(rest);
    return rest;
  }

  int flushes() {
    return flushes;
  }

  @Override
  public void close() {
    link.close();
    settle();
    for (ByteBuf each; (each = link.readOutbound()) != null; ) {
      each.release();
    }
  }
}
