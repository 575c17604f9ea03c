package presenter.backend.mux;

import io.netty.util.collection.LongObjectHashMap;
import presenter.backend.mux.StreamState.Direction;
import presenter.backend.wire.Frame;

/** The streams of one link and how many of them count, protocol/README.md §5. */
final class StreamTable {
  private final LongObjectHashMap<StreamState> streams = new LongObjectHashMap<>();
  private int open;  // not over
  private int opening;  // of these, not accepted

  StreamState get(long stream) {
    return streams.get(stream);
  }

  int size() {
    return streams.size();
  }

  /** Without those that are over and wait for their user to let go. */
  int openCount() {
    return open;
  }

  int openingCount() {
    return opening;
  }

  StreamState[] all() {
    return streams.values().toArray(StreamState[]::new);
  }

  StreamState insert(Frame.Open frame, int sendBytes, int receiveBytes) {
    StreamState state = new StreamState(frame, sendBytes, receiveBytes);
    streams.put(state.id, state);
    ++open;
    ++opening;
    return state;
  }

  void erase(StreamState state) {
    if (state.isErased) {
      return;
    }
    if (!state.isOver()) {
      noteOver(state);
    }
    state.isErased = true;
    streams.remove(state.id);
  }

  void accept(StreamState state) {
    opening -= state.isOver() ? 0 : 1;
    state.isAccepted = true;
  }

  void endLocal(StreamState state, Direction terminal) {
    boolean wasOver = state.isOver();
    state.local = terminal;
    if (!wasOver && state.isOver()) {
      noteOver(state);
    }
  }

  void endRemote(StreamState state, Direction terminal) {
    boolean wasOver = state.isOver();
    state.remote = terminal;
    if (!wasOver && state.isOver()) {
      noteOver(state);
    }
  }

  private void noteOver(StreamState state) {
    --open;
    opening -= state.isAccepted ? 0 : 1;
  }
}
