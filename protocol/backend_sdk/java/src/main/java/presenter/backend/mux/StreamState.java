package presenter.backend.mux;

import presenter.backend.wire.Frame;

/**
 * What a {@link MuxCore} keeps of a stream, and what its user names the stream by. A command for
 * one that is over does nothing: the peer ends streams too.
 */
public final class StreamState {
  enum Direction { OPEN, FINISHED, RESET }

  enum Handoff { NONE, ASKED, GIVING }

  final long id;
  StreamHandler handler;
  int sendCredit;
  final ReceiveWindow receive;
  Direction local = Direction.OPEN;
  Direction remote = Direction.OPEN;
  Handoff handoff = Handoff.NONE;
  boolean isAccepted;
  boolean isErased;
  boolean wasToldEnd;
  boolean wantsTurn;
  boolean isSilent;
  boolean awaitsCheckpoint;
  boolean isCreditDue;
  /** Closed by its user, who waits for nothing: what comes is consumed until the peer finishes. */
  boolean isLingering;

  StreamState(Frame.Open open, int sendBytes, int receiveBytes) {
    id = open.stream();
    sendCredit = sendBytes;
    receive = new ReceiveWindow(receiveBytes);
    awaitsCheckpoint = open.continued() != null;
  }

  public long id() {
    return id;
  }

  public boolean isAccepted() {
    return isAccepted;
  }

  boolean isOver() {
    return local != Direction.OPEN && remote != Direction.OPEN;
  }

  boolean isReset() {
    return local == Direction.RESET || remote == Direction.RESET;
  }

  boolean canSend() {
    return local == Direction.OPEN && remote != Direction.RESET && !isSilent && !isErased
        && !awaitsCheckpoint;
  }
}
