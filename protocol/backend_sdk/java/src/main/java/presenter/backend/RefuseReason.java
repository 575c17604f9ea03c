package presenter.backend;

/** Why a stream is not served, protocol/README.md §4.4. */
public enum RefuseReason {
  /** Another backend owns the key. The gateway routes again. */
  NOT_OWNER(1),
  /** The gateway tries again. */
  BUSY(2),
  /** Closes the client. */
  DENIED(3),
  /** The gateway takes another backend. */
  SHUTTING_DOWN(4);

  private final int number;

  RefuseReason(int number) {
    this.number = number;
  }

  public int number() {
    return number;
  }
}
