package presenter.backend;

import java.io.IOException;

/** The link to the gateway is gone, and the stream with it. */
public final class LinkLostException extends IOException {
  private static final long serialVersionUID = 1L;

  LinkLostException() {
    super("link lost");
  }

  @Override
  public synchronized Throwable fillInStackTrace() {
    return this;
  }
}
