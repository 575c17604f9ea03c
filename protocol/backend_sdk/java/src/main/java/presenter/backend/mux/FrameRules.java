package presenter.backend.mux;

import io.netty.buffer.ByteBuf;
import presenter.backend.LinkError;
import presenter.backend.ResetReason;
import presenter.backend.mux.StreamState.Direction;
import presenter.backend.mux.StreamState.Handoff;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameFault;
import presenter.backend.wire.FrameReader;
import presenter.backend.wire.Limits;

/**
 * What the gateway's frames do: protocol/README.md §4 and the states of §5.
 *
 * <p>A frame for a stream that is over is not an error: it was sent before the peer knew. Its
 * payload returns to the link's credit at once. A rule that is broken on one stream resets that
 * stream; only what no peer can mean fails the link.
 */
final class FrameRules {
  private final MuxCore core;

  FrameRules(MuxCore core) {
    this.core = core;
  }

  void onControl(Frame frame) {
    if (frame instanceof Frame.Hello hello) {
      onHello(hello);
      return;
    }
    // A GoAway may come before Hello: a peer that refuses our version says so.
    if (frame instanceof Frame.GoAway goAway) {
      onGoAway(goAway);
      return;
    }
    if (core.peer == null) {
      throw new FrameFault(LinkError.HELLO_EXPECTED);
    }
    if (frame instanceof Frame.Credit credit) {
      onCredit(credit);
    } else if (frame instanceof Frame.Open open) {
      onOpen(open);
    } else if (frame instanceof Frame.Finish finish) {
      onFinish(finish.stream());
    } else if (frame instanceof Frame.Reset reset) {
      onReset(reset);
    } else if (frame instanceof Frame.Ping ping) {
      core.hasPong = true;
      core.pong = ping.opaque();
      core.markOutput();
    } else if (frame instanceof Frame.Pong pong) {
      if (!core.liveness.onPong(pong.opaque())) {
        throw new FrameFault(LinkError.PONG_UNEXPECTED);
      }
    } else if (frame instanceof Frame.Handoff handoff) {
      onHandoff(handoff);
    } else if (frame instanceof Frame.Checkpoint checkpoint) {
      onCheckpoint(checkpoint);
    } else if (frame instanceof Frame.Notice notice) {
      onNotice(notice);
    } else {
      throw new FrameFault(LinkError.WRONG_DIRECTION);  // Accept, Refuse
    }
  }

  private void onHello(Frame.Hello hello) {
    if (core.peer != null) {
      throw new FrameFault(LinkError.HELLO_REPEATED);
    }
    if (hello.role() == core.hello.role()) {
      throw new FrameFault(LinkError.HELLO_ROLE);
    }
    if (hello.versionMin() > core.hello.versionMax()
        || hello.versionMax() < core.hello.versionMin()) {
      throw new FrameFault(LinkError.HELLO_VERSION);
    }
    core.peer = hello;
    core.payloadBytesMax =
        Math.min(Limits.DATA_BYTES_MAX, hello.frameBytesMax() - Limits.DATA_OVERHEAD_MAX);
    core.linkCredit = (int) hello.linkWindowBytes();
    core.handler.onReady(hello);
  }

  /** Null if the stream is over. */
  private StreamState find(long stream) {
    StreamState state = core.streams.get(stream);
    if (state == null) {
      if (stream > core.highestOpened) {
        throw new FrameFault(LinkError.STREAM_NEVER_OPENED);
      }
      ++core.lateFrames;
    }
    return state;
  }

  /** The peer may still send Data and Finish, as far as handing over is concerned. */
  private static boolean maySendMore(StreamState state) {
    return state.handoff == Handoff.NONE && !state.awaitsCheckpoint;
  }

  void onData(FrameReader frame, ByteBuf in) {
    if (core.peer == null) {
      throw new FrameFault(LinkError.HELLO_EXPECTED);
    }
    int n = frame.payloadSize;
    if (!core.linkReceive.receive(n)) {
      throw new FrameFault(LinkError.LINK_WINDOW_EXCEEDED);
    }
    StreamState state = find(frame.stream);
    boolean hasReader = state != null && (state.handler != null || state.isLingering);
    if (!hasReader || state.isReset()) {
      core.consumeLink(n);
      return;
    }
    ResetReason error = null;
    if (state.remote != Direction.OPEN || !maySendMore(state)) {
      error = ResetReason.BAD_STATE;
    } else if (n == 0) {
      error = ResetReason.DATA_EMPTY;
    } else if (!state.receive.receive(n)) {
      error = ResetReason.WINDOW_EXCEEDED;
    }
    if (error != null) {
      core.consumeLink(n);
      core.streamError(state, error);
    } else if (state.isLingering) {
      core.consumed(state, n);
    } else {
      state.handler.onData(in, frame.payloadIndex, n);
    }
  }

  private void onOpen(Frame.Open open) {
    checkOpen(open);
    core.highestOpened = open.stream();
    if (core.hasSentGoAway) {
      core.submitRefusal(new Frame.Refuse(open.stream(), 4, null, null));
      return;
    }
    if (!core.opens.take(core.liveness.lastReceived())) {
      ++core.opensLimited;
      long wait = core.opens.untilNext(core.liveness.lastReceived());
      int retryAfterMs = (int) ((wait + 999_999) / 1_000_000);
      core.submitRefusal(new Frame.Refuse(open.stream(), 2, null, retryAfterMs));
      return;
    }
    StreamState state = core.streams.insert(open, core.peer.streamWindowBytes(),
        core.hello.streamWindowBytes());
    StreamHandler handler = core.handler.onOpen(state, open);
    // onOpen may have refused, released or reset it: then its handler is told nothing more.
    if (!state.isErased && !state.wasToldEnd) {
      state.handler = handler;
    }
  }

  private void checkOpen(Frame.Open open) {
    if (open.stream() <= core.highestOpened) {
      throw new FrameFault(LinkError.STREAM_NOT_INCREASING);
    }
    if (open.earlyData() && (core.hello.features() & Frame.EARLY_DATA) == 0) {
      throw new FrameFault(LinkError.FIELD_INVALID, "Open.early_data");
    }
    if (open.continued() != null && (core.hello.features() & Frame.HANDOFF) == 0) {
      throw new FrameFault(LinkError.FIELD_INVALID, "Open.continued");
    }
    if (core.streams.openCount() >= core.hello.streamsOpenMax()
        || core.streams.openingCount() >= core.hello.streamsOpeningMax()) {
      throw new FrameFault(LinkError.STREAMS_EXCEEDED);
    }
    if (core.isQueueFull()) {
      throw new FrameFault(LinkError.CONTROL_QUEUE_FULL);
    }
  }

  private void onFinish(long stream) {
    StreamState state = find(stream);
    if (state == null) {
      return;
    }
    if (!state.isReset()) {
      if (state.remote != Direction.OPEN || !maySendMore(state)) {
        core.streamError(state, ResetReason.BAD_STATE);
        return;
      }
    } else if (state.remote != Direction.OPEN) {
      return;
    }
    core.streams.endRemote(state, Direction.FINISHED);
    if (!state.wasToldEnd && state.handler != null) {
      state.handler.onFinish();
    }
    core.eraseIfDone(state);
  }

  private void onReset(Frame.Reset reset) {
    StreamState state = find(reset.stream());
    if (state == null) {
      return;
    }
    core.leave(state);
    core.streams.endRemote(state, Direction.RESET);
    boolean wasTold = state.wasToldEnd;
    state.wasToldEnd = true;
    if (!wasTold && state.handler != null) {
      state.handler.onReset(reset.reason(), true);
    } else if (state.handler == null) {
      core.release(state);  // nobody is left to let go of it
    }
    core.eraseIfDone(state);
  }

  private void onCredit(Frame.Credit credit) {
    if (credit.stream() == 0) {
      onLinkCredit(credit.bytes());
      return;
    }
    StreamState state = find(credit.stream());
    if (state == null) {
      return;
    }
    if (state.awaitsCheckpoint && !state.isReset()) {
      core.streamError(state, ResetReason.BAD_STATE);
      return;
    }
    if (!state.canSend()) {
      return;
    }
    if (credit.bytes() < Limits.STREAM_CREDIT_BYTES_MIN) {
      core.streamError(state, ResetReason.CREDIT_TOO_SMALL);
    } else if (credit.bytes() > Limits.STREAM_WINDOW_BYTES_MAX - state.sendCredit) {
      core.streamError(state, ResetReason.CREDIT_OVERFLOW);
    } else {
      state.sendCredit += (int) credit.bytes();
      if (state.wantsTurn) {
        core.addTurn(state);
      }
    }
  }

  private void onLinkCredit(long bytes) {
    if (bytes < Limits.LINK_CREDIT_BYTES_MIN) {
      throw new FrameFault(LinkError.LINK_CREDIT_TOO_SMALL);
    }
    if (bytes > Limits.LINK_WINDOW_BYTES_MAX - core.linkCredit) {
      throw new FrameFault(LinkError.LINK_CREDIT_OVERFLOW);
    }
    core.linkCredit += (int) bytes;
  }

  private void onGoAway(Frame.GoAway goAway) {
    if (goAway.reason() != 0) {
      core.liveness.onFailing();
    }
    // Only the first one counts.
    if (!core.hasReceivedGoAway) {
      core.hasReceivedGoAway = true;
      core.handler.onGoAway(goAway);
    }
  }

  // --- handing over, protocol/README.md §4.11 to §4.13

  private void requireFeature(long feature) {
    if ((core.hello.features() & feature) == 0) {
      throw new FrameFault(LinkError.FRAME_UNKNOWN);
    }
  }

  private void onHandoff(Frame.Handoff handoff) {
    requireFeature(Frame.HANDOFF);
    StreamState state = find(handoff.stream());
    if (state == null || state.isReset() || state.isOver()) {
      return;
    }
    if (!state.isAccepted || !maySendMore(state)) {
      core.streamError(state, ResetReason.BAD_STATE);
      return;
    }
    state.handoff = Handoff.ASKED;
    if (state.isLingering) {
      core.reset(state, ResetReason.MOVED);
      core.eraseIfDone(state);
    } else if (!state.wasToldEnd && state.handler != null) {
      state.handler.onHandoff(handoff);
    }
  }

  private void onNotice(Frame.Notice notice) {
    requireFeature(Frame.NOTICE);
    StreamState state = find(notice.stream());
    if (state == null || state.isReset() || state.isOver()) {
      return;
    }
    if (!maySendMore(state)) {
      core.streamError(state, ResetReason.BAD_STATE);
    } else if (!state.wasToldEnd && state.handler != null) {
      state.handler.onNotice(notice);
    }
  }

  /** From a gateway only the one that is due right behind a `continued` Open is allowed. */
  private void onCheckpoint(Frame.Checkpoint checkpoint) {
    requireFeature(Frame.HANDOFF);
    StreamState state = find(checkpoint.stream());
    if (state == null || state.isReset()) {
      return;
    }
    boolean isDue = state.awaitsCheckpoint;
    state.awaitsCheckpoint = false;
    if (!isDue || checkpoint.last() || checkpoint.unread().length != 0) {
      core.streamError(state, ResetReason.BAD_STATE);
      return;
    }
    if (state.isAccepted) {
      core.sendAccept(state);
    }
    if (checkpoint.finished()) {
      core.streams.endLocal(state, Direction.FINISHED);
    }
    if (!state.wasToldEnd && state.handler != null) {
      state.handler.onCheckpoint(checkpoint);
    }
  }
}
