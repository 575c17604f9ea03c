package presenter.backend;

import java.io.IOException;

/** The stream was reset: what a TCP connection's reset is to a socket. */
public final class StreamResetException extends IOException {
  private static final long serialVersionUID = 1L;

  private final ResetReason reason;
  private final int number;

  StreamResetException(int number) {
    super("stream reset: " + ResetReason.of(number).text());
    this.number = number;
    reason = ResetReason.of(number);
  }

  public ResetReason reason() {
    return reason;
  }

  /** As it was on the wire; a newer gateway's number is kept. */
  public int number() {
    return number;
  }

  /** A peer causes it: where this program was at that moment says nothing. */
  @Override
  public synchronized Throwable fillInStackTrace() {
    return this;
  }
}
