package presenter.backend;

/**
 * What ends a link and all streams on it: the numbers of protocol/README.md §8, which are a
 * GoAway's reasons. The peer is to blame in all of them.
 */
public enum LinkError {
  FRAME_EMPTY(1),
  FRAME_OVERSIZE(2),
  FRAME_MALFORMED(3),
  FRAME_UNKNOWN(4),
  FIELD_INVALID(5),
  HELLO_EXPECTED(6),
  HELLO_REPEATED(7),
  HELLO_VERSION(8),
  HELLO_ROLE(9),
  WRONG_DIRECTION(10),
  STREAM_NOT_INCREASING(11),
  STREAM_NEVER_OPENED(12),
  LINK_WINDOW_EXCEEDED(13),
  LINK_CREDIT_OVERFLOW(14),
  LINK_CREDIT_TOO_SMALL(15),
  CONTROL_QUEUE_FULL(16),
  STREAMS_EXCEEDED(17),
  STREAM_ERRORS_EXCEEDED(18),
  PONG_UNEXPECTED(19),
  LINK_TIMEOUT(20),
  HELLO_TIMEOUT(21),
  GO_AWAY(22);

  private final int number;

  LinkError(int number) {
    this.number = number;
  }

  public int number() {
    return number;
  }

  /** As in the specification, in metrics and in logs: {@code frame_empty}. */
  public String text() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
