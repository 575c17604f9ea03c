package presenter.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameWriter;

/** Bytes that nobody should send: each link goes on, or ends by a GoAway with a number of §8. */
class HostileTest {
  private static ByteBuf conversation(Random dice) {
    ByteBuf out = Unpooled.buffer();
    FrameWriter.write(out, FakeGateway.hello(1_024, Frame.HANDOFF | Frame.NOTICE, 100));
    ByteBuf payload = Unpooled.wrappedBuffer(new byte[5_000]);
    for (int stream = 1; stream <= 5; ++stream) {
      FrameWriter.write(out, FakeGateway.open(stream));
      FrameWriter.writeData(out, stream, false, payload, 0, 1 + dice.nextInt(3_000));
      switch (dice.nextInt(6)) {
        case 0 -> FrameWriter.writeFinish(out, stream);
        case 1 -> FrameWriter.writeReset(out, stream, 1 + dice.nextInt(20));
        case 2 -> FrameWriter.writeCredit(out, stream, 256 + dice.nextInt(1_000));
        case 3 -> FrameWriter.write(out, new Frame.Handoff(stream, 1, 2, 1_000));
        case 4 -> FrameWriter.write(out, new Frame.Notice(stream, 1, 1_000));
        default -> FrameWriter.writePing(out, dice.nextLong());
      }
    }
    return out;
  }

  @Test
  void mutatedConversationsEndByTheirName() {
    long seed = new Random().nextLong();
    Random dice = new Random(seed);
    for (int round = 0; round < 500; ++round) {
      ByteBuf bytes = conversation(dice);
      for (int i = dice.nextInt(4); i > 0; --i) {
        int at = dice.nextInt(bytes.readableBytes());
        bytes.setByte(at, dice.nextInt(256));
      }
      Seen seen = new Seen();
      FakeGateway gateway =
          new FakeGateway(FakeGateway.options(seen.initializer()).handsOver(true));
      while (bytes.isReadable() && gateway.link.isOpen()) {
        int size = Math.min(1 + dice.nextInt(4_000), bytes.readableBytes());
        gateway.gulp(gateway.link.alloc().buffer().writeBytes(bytes, size));
      }
      List<Frame> frames = gateway.frames();
      boolean isEnded = frames.stream().anyMatch(each -> each instanceof Frame.GoAway);
      String what = "seed " + seed + ", round " + round;
      assertEquals(isEnded ? 1L : 0L, gateway.server.counters().values().get("links_failed"), what);
      gateway.close();
      assertEquals(0, gateway.server.counters().values().get("streams_open"), what);
    }
  }
}
