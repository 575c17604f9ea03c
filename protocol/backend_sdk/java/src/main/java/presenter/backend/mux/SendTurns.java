package presenter.backend.mux;

import java.util.Iterator;
import java.util.LinkedHashSet;
import presenter.backend.wire.Limits;

/**
 * Who sends next. Streams that find no room stand in a queue, and each is woken for one turn, so
 * that one with much to send does not keep the others from sending. MuxCore decides whether there
 * is room.
 */
final class SendTurns {
  private final LinkedHashSet<StreamState> waiting = new LinkedHashSet<>();
  private final LinkedHashSet<StreamState> checkpoints = new LinkedHashSet<>();
  private StreamState current;
  private int bytesLeft;  // of its turn

  boolean isAnybodyWaiting() {
    return !waiting.isEmpty();
  }

  boolean isCheckpointWaiting() {
    return !checkpoints.isEmpty();
  }

  /** A place at the end, if it has none and has credit. True: it did not have one. */
  boolean add(StreamState state) {
    return state.sendCredit > 0 && !checkpoints.contains(state) && waiting.add(state);
  }

  /** Among those with a Checkpoint to send, which takes no credit: these come first. */
  void addCheckpoint(StreamState state) {
    waiting.remove(state);
    checkpoints.add(state);
  }

  StreamState takeCheckpoint() {
    StreamState state = pop(checkpoints);
    if (state.wantsTurn) {
      add(state);
    }
    return state;
  }

  /** Others wait already, and this is not the one whose turn it is: nobody overtakes. */
  boolean mustWait(StreamState state) {
    return state != current && isAnybodyWaiting();
  }

  /** Null: nobody is left who has credit. */
  StreamState beginNext() {
    while (!waiting.isEmpty()) {
      StreamState state = pop(waiting);
      // It has spent its credit since it asked: the next Credit puts it into the queue again.
      if (state.sendCredit > 0) {
        state.wantsTurn = false;
        current = state;
        bytesLeft = Limits.STREAM_TURN_BYTES;
        return state;
      }
    }
    return null;
  }

  void end() {
    current = null;
  }

  int shareOf(StreamState state) {
    return state == current ? bytesLeft : Limits.STREAM_TURN_BYTES;
  }

  void spend(StreamState state, int size) {
    if (state == current) {
      bytesLeft -= size;
      current = bytesLeft == 0 ? null : current;
    }
  }

  /** It sends no more Data; a Checkpoint may still be wanted. */
  void leaveData(StreamState state) {
    state.wantsTurn = false;
    waiting.remove(state);
  }

  void leave(StreamState state) {
    leaveData(state);
    checkpoints.remove(state);
  }

  void forget(StreamState state) {
    current = current == state ? null : current;
  }

  private static StreamState pop(LinkedHashSet<StreamState> from) {
    Iterator<StreamState> first = from.iterator();
    StreamState state = first.next();
    first.remove();
    return state;
  }
}
