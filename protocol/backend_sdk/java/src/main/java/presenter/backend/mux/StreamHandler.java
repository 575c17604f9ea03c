package presenter.backend.mux;

import io.netty.buffer.ByteBuf;
import presenter.backend.wire.Frame;

/**
 * What the user of a {@link MuxCore} is told about one stream, from inside a call into it. It may
 * call back. onReset and onLinkLost are the last calls.
 */
public interface StreamHandler {
  /** The bytes are {@code from}'s, and valid during the call; they count until MuxCore.consumed. */
  void onData(ByteBuf from, int index, int size);

  void onFinish();

  /** The turn that waitWritable asked for, or the room that waitCheckpoint did. */
  void onWritable();

  /** {@code byPeer} is false when the peer broke a rule of the stream and was reset for it. */
  void onReset(int reason, boolean byPeer);

  void onCheckpoint(Frame.Checkpoint checkpoint);

  void onHandoff(Frame.Handoff handoff);

  void onNotice(Frame.Notice notice);

  void onLinkLost();
}
