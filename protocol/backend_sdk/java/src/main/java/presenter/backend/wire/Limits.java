package presenter.backend.wire;

/** The numbers of protocol/README.md §7, with the names they have there. */
public final class Limits {
  public static final int VERSION = 1;

  public static final int DATA_BYTES_MAX = 16_384;
  /** Bytes of a Data frame's body around its payload, at the most. */
  public static final int DATA_OVERHEAD_MAX = 19;
  public static final int FRAME_BYTES_MAX = DATA_BYTES_MAX + 64;
  public static final int FRAME_BYTES_MIN = 4_096 + 64;
  public static final int OPEN_BYTES_MAX = 4_096;
  public static final int CONTROL_BYTES_MAX = 512;
  public static final int STATE_BYTES_MAX = DATA_BYTES_MAX;
  public static final int KEY_BYTES_MAX = 1_024;
  public static final int NODE_BYTES_MAX = 255;
  public static final int CLIENT_SUBJECT_BYTES_MAX = 1_024;

  public static final int STREAM_WINDOW_BYTES_DEFAULT = 65_536;
  public static final int STREAM_WINDOW_BYTES_MIN = 1_024;
  public static final int STREAM_WINDOW_BYTES_MAX = 16 * 1_024 * 1_024;
  public static final int LINK_WINDOW_BYTES_DEFAULT = 32 * 1_024 * 1_024;
  public static final int LINK_WINDOW_BYTES_MIN = 16_384;
  public static final int LINK_WINDOW_BYTES_MAX = 1_024 * 1_024 * 1_024;
  public static final int LINK_WINDOWS_PER_STREAM = 2;
  public static final int STREAM_CREDIT_BYTES_MIN = STREAM_WINDOW_BYTES_MIN / 4;
  public static final int LINK_CREDIT_BYTES_MIN = LINK_WINDOW_BYTES_MIN / 4;

  public static final int STREAMS_OPEN_MAX_DEFAULT = 1_000_000;
  public static final int STREAMS_OPENING_MAX_DEFAULT = 16_384;
  public static final int OPENS_PER_SECOND_DEFAULT = 10_000;
  public static final int OPENS_BURST_SECONDS = 2;
  public static final int STREAM_ERRORS_PER_SECOND = 100;
  public static final int STREAM_ERRORS_BURST = 1_000;

  public static final int CONTROL_QUEUE_BYTES_MAX = 262_144;
  public static final int DATA_QUEUE_BYTES_MAX = 262_144;
  public static final int STREAM_TURN_BYTES = DATA_BYTES_MAX;

  public static final int PING_INTERVAL_MS_DEFAULT = 5_000;
  public static final int DEAD_AFTER_MS_DEFAULT = 20_000;
  public static final int HELLO_TIMEOUT_MS = 5_000;
  public static final int GO_AWAY_TIMEOUT_MS = 5_000;

  private Limits() {}
}
