package presenter.backend;

/** Why a stream was reset: the numbers of protocol/README.md §8. */
public enum ResetReason {
  /** The answer to a Reset: this side is done as well. */
  ACKNOWLEDGED(1),
  /** The application let go of the stream; also every reason of a newer peer. */
  CANCELLED(2),
  /** The client's TCP or TLS ended without a clean close. */
  CLIENT_GONE(3),
  /** Nothing moved for too long: the client, or this backend, does not read. */
  STALLED(4),
  /** The key has another owner. */
  MOVED(5),
  SHUTTING_DOWN(6),
  WINDOW_EXCEEDED(7),
  CREDIT_OVERFLOW(8),
  BAD_STATE(9),
  DATA_EMPTY(10),
  INTERNAL(11),
  CREDIT_TOO_SMALL(12),
  STATE_TOO_LARGE(13),
  POSITION_MISMATCH(14);

  private static final ResetReason[] ALL = values();
  private final int number;

  ResetReason(int number) {
    this.number = number;
  }

  public int number() {
    return number;
  }

  static ResetReason of(int number) {
    return number >= 1 && number <= ALL.length ? ALL[number - 1] : CANCELLED;
  }

  public String text() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
