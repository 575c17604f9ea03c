package presenter.backend.mux;

import presenter.backend.LinkError;
import presenter.backend.wire.Frame;

/** What the user of a {@link MuxCore} is told about the link. */
public interface LinkHandler {
  /** The peer's Hello has come. */
  void onReady(Frame.Hello peer);

  /** A new stream. Its handler; or it is refused by MuxCore.refuse, and null returned. */
  StreamHandler onOpen(StreamState stream, Frame.Open open);

  void onGoAway(Frame.GoAway goAway);

  /** There is output where there was none: call MuxCore.takeOutput soon, but not from inside. */
  void onOutput();

  /** The peer broke a rule of one stream, which has been reset for it. */
  void onStreamError(int reason);

  /** Output that is left, a GoAway, should be sent, then the socket closed. */
  void onFailed(LinkError error, String field);
}
