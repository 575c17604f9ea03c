package presenter.backend.mux;

import presenter.backend.wire.Limits;

/**
 * What we allow the peer to send, protocol/README.md §6. Three parts add up to the size: credit
 * that the peer still holds, bytes received and not consumed, and bytes consumed whose credit has
 * not gone back yet.
 */
final class ReceiveWindow {
  private final int size;
  private int heldByPeer;
  private int owed;

  ReceiveWindow(long size) {
    this.size = (int) size;
    heldByPeer = this.size;
  }

  /** False, and unchanged, if the peer sent more than it was allowed. */
  boolean receive(int n) {
    if (n > heldByPeer) {
      return false;
    }
    heldByPeer -= n;
    return true;
  }

  void consume(int n) {
    owed += n;
  }

  int buffered() {
    return size - heldByPeer - owed;
  }

  boolean isHalfFull() {
    return buffered() > size / 2;
  }

  /** Never crumbs: a quarter of the window or a full frame, and only when half is used up. */
  boolean isGrantDue() {
    return heldByPeer < size / 2 && owed >= Math.min(size / 4, Limits.DATA_BYTES_MAX);
  }

  int takeGrant() {
    int grant = owed;
    heldByPeer += grant;
    owed = 0;
    return grant;
  }
}
