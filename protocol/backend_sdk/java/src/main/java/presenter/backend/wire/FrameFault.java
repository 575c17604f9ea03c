package presenter.backend.wire;

import presenter.backend.LinkError;

/** A frame that ends the link. Without a stack trace: a peer causes it, not this program. */
public final class FrameFault extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final LinkError error;

  public FrameFault(LinkError error) {
    this(error, "");
  }

  /** {@code field}: the one that is to blame, "Open.key". */
  public FrameFault(LinkError error, String field) {
    super(field.isEmpty() ? error.text() : error.text() + ": " + field, null, false, false);
    this.error = error;
  }

  public LinkError error() {
    return error;
  }

  static FrameFault malformed() {
    return new FrameFault(LinkError.FRAME_MALFORMED);
  }
}
