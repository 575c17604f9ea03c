package presenter.backend.wire;

import presenter.backend.Continued;
import presenter.backend.TlsFacts;

/**
 * The frames of protocol/README.md §4, but Data: a payload is never copied into an object, see
 * {@link FrameReader}. Enumerations are their numbers, so that a newer peer's are kept.
 */
public sealed interface Frame {
  int GATEWAY = 1;
  int BACKEND = 2;
  long EARLY_DATA = 1;
  long HANDOFF = 2;
  long NOTICE = 4;

  record Hello(int versionMin, int versionMax, int role, String node, long mapEpoch,
      int frameBytesMax, int streamWindowBytes, long linkWindowBytes, int streamsOpenMax,
      int pingIntervalMs, long features, int streamsOpeningMax, int depositBytesMax)
      implements Frame {}

  /** {@code continued}: null if it is not there. */
  record Open(long stream, byte[] key, long mapEpoch, String clientAddress, int clientPort,
      TlsFacts tls, String tag, boolean earlyData, Continued continued) implements Frame {}

  record Accept(long stream) implements Frame {}

  /** {@code mapEpoch}, {@code retryAfterMs}: null if they are not there. */
  record Refuse(long stream, int reason, Long mapEpoch, Integer retryAfterMs) implements Frame {}

  record Finish(long stream) implements Frame {}

  record Reset(long stream, int reason) implements Frame {}

  record Credit(long stream, long bytes) implements Frame {}

  record Ping(long opaque) implements Frame {}

  record Pong(long opaque) implements Frame {}

  record GoAway(long lastStream, int reason, int deadlineMs) implements Frame {}

  record Handoff(long stream, int reason, long mapEpoch, int deadlineMs) implements Frame {}

  record Checkpoint(long stream, long consumed, long produced, byte[] state, byte[] unread,
      boolean last, boolean finished) implements Frame {}

  record Notice(long stream, int reason, int withinMs) implements Frame {}
}
