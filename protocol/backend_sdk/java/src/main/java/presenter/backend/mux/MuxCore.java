package presenter.backend.mux;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayDeque;
import java.util.ArrayList;
import presenter.backend.LinkError;
import presenter.backend.ResetReason;
import presenter.backend.mux.StreamState.Direction;
import presenter.backend.mux.StreamState.Handoff;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameFault;
import presenter.backend.wire.FrameReader;
import presenter.backend.wire.FrameWriter;
import presenter.backend.wire.Limits;

/**
 * The backend's end of a link without I/O: bytes in, handler calls; commands, bytes out; the time
 * passed in. What a frame does is in {@link FrameRules}. Confined to the link's event loop.
 *
 * <p>Output leaves by {@link #takeOutput}: control frames first, then Data. Its memory is bounded:
 * a user that wants to send asks {@link #sendable}, and if that is 0 asks for a turn.
 */
public final class MuxCore {
  // How many turns are given in one go: a handler that asks again without sending must not keep the
  // loop for itself.
  private static final int TURNS_AT_ONCE_MAX = 1_024;

  final Frame.Hello hello;
  final LinkHandler handler;
  final StreamTable streams = new StreamTable();
  final ReceiveWindow linkReceive;
  final LinkLiveness liveness;
  final TokenBucket opens;
  private final TokenBucket streamErrors;
  private final FrameReader reader = new FrameReader();
  private final FrameRules rules = new FrameRules(this);

  Frame.Hello peer;
  int payloadBytesMax = Limits.DATA_BYTES_MAX;
  long highestOpened;
  int linkCredit;
  boolean hasPong;
  long pong;
  boolean hasSentGoAway;
  boolean hasReceivedGoAway;

  private final LinkOutput output;
  private final SendTurns turns = new SendTurns();
  private final ArrayDeque<StreamState> creditDue = new ArrayDeque<>();
  private int streamsAtTake;
  private boolean isGivingTurns;
  private boolean isOutputMarked;
  private FrameFault failure;
  private boolean isClosed;
  long lateFrames;
  long opensLimited;

  /** Times of {@code now} are nanoseconds of one clock. Queues this side's Hello at once. */
  public MuxCore(Frame.Hello hello, int deadAfterMs, int opensPerSecond, LinkHandler handler,
      ByteBufAllocator allocator, long now) {
    this.hello = hello;
    this.handler = handler;
    output = new LinkOutput(allocator);
    linkReceive = new ReceiveWindow(hello.linkWindowBytes());
    liveness = new LinkLiveness(hello.pingIntervalMs(), deadAfterMs, Limits.HELLO_TIMEOUT_MS, now);
    opens = new TokenBucket(opensPerSecond, (long) opensPerSecond * Limits.OPENS_BURST_SECONDS,
        now);
    streamErrors = new TokenBucket(Limits.STREAM_ERRORS_PER_SECOND, Limits.STREAM_ERRORS_BURST,
        now);
    FrameWriter.write(output.control(), hello);
  }

  // --- bytes and time

  /** Handles the whole frames of {@code in} and moves its reader index behind them. */
  public void onInput(ByteBuf in, long now) {
    if (in.isReadable()) {
      liveness.onReceived(now);
    }
    try {
      while (!isOver()) {
        int size = FrameReader.slice(in, in.readerIndex(), in.readableBytes());
        if (size == 0) {
          break;
        }
        int body = in.readerIndex() + FrameReader.LENGTH_BYTES;
        in.skipBytes(size);
        onFrame(in, body, size - FrameReader.LENGTH_BYTES);
      }
    } catch (FrameFault fault) {
      fail(fault);
    }
    settle();
    if (isOver()) {
      in.skipBytes(in.readableBytes());
      return;
    }
    // Bytes of a stream that nobody reads may have made due what others have consumed.
    lookForLinkGrant();
    giveTurns();
  }

  private void onFrame(ByteBuf in, int body, int length) {
    if (FrameReader.isData(in, body)) {
      reader.readData(in, body, length);
      rules.onData(reader, in);
    } else {
      rules.onControl(reader.readControl(in, body, length));
    }
  }

  /** Call at least once in half a ping interval. */
  public void onTime(long now) {
    LinkError failed = liveness.look(peer != null, now);
    if (failed != null) {
      fail(new FrameFault(failed));
    }
    settle();
    if (!isOver() && liveness.takePing()) {
      FrameWriter.writePing(output.control(), liveness.pingOpaque());
      markOutput();
    }
  }

  /** All output, into {@code out}, which takes the buffers over; then waiting streams' turns. */
  public void takeOutput(ArrayList<ByteBuf> out) {
    isOutputMarked = false;
    streamsAtTake = streams.size();
    if (hasPong) {
      hasPong = false;
      FrameWriter.writePong(output.control(), pong);
    }
    submitDueCredit();
    output.moveTo(out);
    if (!isOver()) {
      giveTurns();
    }
  }

  private void submitDueCredit() {
    for (StreamState state; (state = creditDue.poll()) != null; ) {
      state.isCreditDue = false;
      if (!state.isErased && state.remote == Direction.OPEN && state.local != Direction.RESET) {
        FrameWriter.writeCredit(output.control(), state.id, state.receive.takeGrant());
      }
    }
    if (linkReceive.isGrantDue()) {
      FrameWriter.writeCredit(output.control(), 0, linkReceive.takeGrant());
    }
  }

  /** The socket is gone: every stream is told onLinkLost, and all memory given back. */
  public void close() {
    if (!isClosed) {
      isClosed = true;
      endStreams();
    }
    output.dropData();
    output.dropControl();
  }

  // --- failure: noted where it is found, acted on where nobody holds a stream's state

  void fail(LinkError error) {
    fail(new FrameFault(error));
  }

  private void fail(FrameFault fault) {
    if (!isOver()) {
      failure = fault;
    }
  }

  private void settle() {
    if (failure == null || isClosed) {
      return;
    }
    isClosed = true;
    output.dropData();
    FrameWriter.writeGoAway(output.control(), highestOpened, failure.error().number(), 0);
    markOutput();
    endStreams();
    handler.onFailed(failure.error(), failure.getMessage());
  }

  private void endStreams() {
    for (StreamState state : streams.all()) {
      StreamHandler told = state.wasToldEnd ? null : state.handler;
      erase(state);
      if (told != null) {
        told.onLinkLost();
      }
    }
  }

  void streamError(StreamState state, ResetReason reason) {
    handler.onStreamError(reason.number());
    if (!streamErrors.take(liveness.lastReceived())) {
      fail(LinkError.STREAM_ERRORS_EXCEEDED);
    }
    submitReset(state, reason.number());
    boolean wasTold = state.wasToldEnd;
    state.wasToldEnd = true;
    if (!wasTold && state.handler != null) {
      state.handler.onReset(reason.number(), false);
    } else {
      eraseIfDone(state);
    }
  }

  // --- the link

  public boolean isOver() {
    return failure != null || isClosed;
  }

  public boolean isReady() {
    return peer != null;
  }

  public boolean isGoingAway() {
    return hasSentGoAway || hasReceivedGoAway;
  }

  public int streamsOpen() {
    return streams.size();
  }

  public long opensLimited() {
    return opensLimited;
  }

  public boolean isLinkHalfFull() {
    return linkReceive.isHalfFull();
  }

  public void goAway(int deadlineMs) {
    if (isOver() || hasSentGoAway) {
      return;
    }
    hasSentGoAway = true;
    FrameWriter.writeGoAway(output.control(), highestOpened, 0, deadlineMs);
    markOutput();
  }

  boolean isAgreed(long feature) {
    return peer != null && (hello.features() & peer.features() & feature) != 0;
  }

  /** Largest deposit that the gateway takes; 0: none. */
  public int depositBytesMax() {
    return isAgreed(Frame.HANDOFF) ? peer.depositBytesMax() : 0;
  }

  // --- streams: what the user does

  /** Of a continued stream it is sent when its Checkpoint has come, and nothing before that. */
  public void accept(StreamState state) {
    if (state.isErased || state.isAccepted) {
      return;
    }
    streams.accept(state);
    if (!state.awaitsCheckpoint) {
      sendAccept(state);
    }
  }

  void sendAccept(StreamState state) {
    if (state.local != Direction.RESET && isAnswerAllowed()) {
      FrameWriter.writeAccept(output.control(), state.id);
      markOutput();
    }
  }

  /** In place of accept: the stream is over, and its handler not called again. */
  public void refuse(StreamState state, int reason, Long mapEpoch, Integer retryAfterMs) {
    if (state.isErased || state.isAccepted) {
      return;
    }
    consumeLink(state.receive.buffered());
    erase(state);
    submitRefusal(new Frame.Refuse(state.id, reason, mapEpoch, retryAfterMs));
  }

  void submitRefusal(Frame.Refuse refusal) {
    if (isAnswerAllowed()) {
      FrameWriter.write(output.control(), refusal);
      markOutput();
    }
  }

  /** How many payload bytes submitData takes now. 0: blocked, or over. */
  public int sendable(StreamState state) {
    if (!state.canSend() || isOver() || turns.mustWait(state) || isLinkBlocked()) {
      return 0;
    }
    return Math.min(turns.shareOf(state), Math.min(state.sendCredit, linkCredit));
  }

  /** The windows have room and so has the link, whosever turn it is. */
  public boolean hasRoom(StreamState state) {
    return state.canSend() && !isOver() && state.sendCredit > 0 && !isLinkBlocked();
  }

  public int sendCredit(StreamState state) {
    return Math.min(state.sendCredit, linkCredit);
  }

  /** {@code size} is at most what sendable said. */
  public void submitData(StreamState state, ByteBuf from, int index, int size, boolean more) {
    state.sendCredit -= size;
    linkCredit -= size;
    turns.spend(state, size);
    for (int done = 0; done < size; ) {
      int piece = Math.min(size - done, payloadBytesMax);
      boolean goesOn = more || done + piece < size;
      FrameWriter.writeData(output.data(), state.id, goesOn, from, index + done, piece);
      done += piece;
    }
    markOutput();
  }

  /** Asks for one onWritable, when the stream has credit and the link has room. */
  public void waitWritable(StreamState state) {
    if (!state.canSend() || isOver()) {
      return;
    }
    state.wantsTurn = true;
    addTurn(state);
  }

  void addTurn(StreamState state) {
    if (turns.add(state)) {
      markOutput();
    }
  }

  /** The application took {@code n} bytes that onData delivered. */
  public void consumed(StreamState state, int n) {
    if (state.isErased || state.handler == null && !state.isLingering) {
      return;  // release has given the link's part back already
    }
    consumeLink(n);
    state.receive.consume(n);
    // A peer that has sent its last byte needs no credit.
    if (state.remote != Direction.OPEN || state.local == Direction.RESET) {
      return;
    }
    if (!state.isCreditDue && state.receive.isGrantDue()) {
      state.isCreditDue = true;
      creditDue.add(state);
      markOutput();
    }
  }

  /** Behind all that was submitted. */
  public void finish(StreamState state) {
    if (!state.canSend()) {
      return;
    }
    turns.leaveData(state);
    streams.endLocal(state, Direction.FINISHED);
    FrameWriter.writeFinish(output.data(), state.id);
    markOutput();
    eraseIfDone(state);
  }

  /** The user is done and has finished: what still comes is consumed until the peer finishes. */
  public void linger(StreamState state) {
    if (state.isErased) {
      return;
    }
    int buffered = state.receive.buffered();
    state.isLingering = true;
    consumed(state, buffered);
    state.handler = null;
    state.wasToldEnd = true;
    finish(state);
    if (state.isReset() && !state.isOver()) {
      release(state);
    } else {
      eraseIfDone(state);
    }
  }

  /** Both ways, behind the Data that was submitted. The handler is not called again. */
  public void reset(StreamState state, ResetReason reason) {
    if (state.isErased) {
      return;
    }
    state.wasToldEnd = true;
    if (!state.isOver()) {
      submitOwnReset(state, reason.number());
    }
  }

  /** The handler is not called again; a stream that is not over is reset (cancelled). */
  public void release(StreamState state) {
    if (state.isErased) {
      return;
    }
    state.handler = null;
    state.isLingering = false;
    state.wasToldEnd = true;
    int buffered = state.receive.buffered();
    state.receive.consume(buffered);
    consumeLink(buffered);
    if (!state.isOver()) {
      submitOwnReset(state, ResetReason.CANCELLED.number());
    }
    eraseIfDone(state);
  }

  // --- handing over: protocol/README.md §4.12

  /** A deposit behind the Data of its stream; false: no room now, ask by waitCheckpoint. */
  public boolean submitDeposit(StreamState state, long consumed, long produced, byte[] deposit) {
    if (!mayCheckpoint(state) || state.handoff != Handoff.NONE || state.local != Direction.OPEN
        || depositBytesMax() == 0 || deposit.length > depositBytesMax()) {
      return true;  // late, or not allowed: does nothing
    }
    return submitCheckpoint(
        new Frame.Checkpoint(state.id, consumed, produced, deposit, new byte[0], false, false));
  }

  /**
   * After onHandoff: a piece of the unread bytes or, with {@code last}, the state and the last
   * piece, by which the stream is over; false: no room now.
   */
  public boolean submitGiving(StreamState state, long consumed, long produced, byte[] given,
      byte[] unread, boolean last) {
    if (!mayCheckpoint(state) || state.handoff == Handoff.NONE) {
      return true;
    }
    boolean isFinished = state.local == Direction.FINISHED;
    Frame.Checkpoint checkpoint =
        new Frame.Checkpoint(state.id, consumed, produced, given, unread, last, isFinished);
    if (!submitCheckpoint(checkpoint)) {
      return false;
    }
    leave(state);
    state.handoff = Handoff.GIVING;
    state.isSilent = true;
    if (last) {
      state.wasToldEnd = true;
      streams.endRemote(state, Direction.RESET);
      endBothWays(state);
    }
    return true;
  }

  private boolean mayCheckpoint(StreamState state) {
    return !state.isErased && !isOver() && isAgreed(Frame.HANDOFF) && state.isAccepted
        && !state.awaitsCheckpoint && !state.isOver() && !state.isReset();
  }

  private boolean submitCheckpoint(Frame.Checkpoint checkpoint) {
    if (!hasQueueRoom()) {
      return false;
    }
    FrameWriter.write(output.data(), checkpoint);
    markOutput();
    return true;
  }

  /** Asks for one onWritable when there is room for a Checkpoint. */
  public void waitCheckpoint(StreamState state) {
    if (state.isErased || state.wasToldEnd || state.isReset() || isOver()) {
      return;
    }
    turns.addCheckpoint(state);
    if (hasQueueRoom()) {
      markOutput();
    }
  }

  // --- states

  private void erase(StreamState state) {
    leave(state);
    turns.forget(state);
    streams.erase(state);
  }

  void eraseIfDone(StreamState state) {
    if (!state.isErased && state.isOver() && state.handler == null) {
      erase(state);
    }
  }

  /** It sends no more. */
  void leave(StreamState state) {
    turns.leave(state);
  }

  // --- output

  void markOutput() {
    if (!isOutputMarked) {
      isOutputMarked = true;
      handler.onOutput();
    }
  }

  /** What a peer causes is bounded by this; 16 bytes a stream are the one answer it may be owed. */
  boolean isQueueFull() {
    int answers = 16 * Math.max(streams.size(), streamsAtTake);
    return output.controlSize() > Limits.CONTROL_QUEUE_BYTES_MAX + answers
        || output.dataSize() > Limits.DATA_QUEUE_BYTES_MAX + 2 * Limits.FRAME_BYTES_MAX + answers;
  }

  private boolean isAnswerAllowed() {
    if (isOver()) {
      return false;
    }
    if (isQueueFull()) {
      fail(LinkError.CONTROL_QUEUE_FULL);
      return false;
    }
    return true;
  }

  /** A Reset for an error, or in answer: goes ahead of Data. */
  private void submitReset(StreamState state, int reason) {
    if (state.local == Direction.RESET) {
      return;
    }
    endBothWays(state);
    if (isAnswerAllowed()) {
      FrameWriter.writeReset(output.control(), state.id, reason);
      markOutput();
    }
  }

  // The user's own reset must not overtake what the user has sent. To a peer that has reset the
  // stream it is the answer, whatever the user's reason.
  private void submitOwnReset(StreamState state, int reason) {
    if (state.remote == Direction.RESET) {
      submitReset(state, ResetReason.ACKNOWLEDGED.number());
    } else if (state.local != Direction.RESET) {
      endBothWays(state);
      ByteBuf behind = output.dataSize() == 0 ? output.control() : output.data();
      FrameWriter.writeReset(behind, state.id, reason);
      markOutput();
    }
  }

  private void endBothWays(StreamState state) {
    leave(state);
    streams.endLocal(state, Direction.RESET);
  }

  void consumeLink(int n) {
    linkReceive.consume(n);
    lookForLinkGrant();
  }

  private void lookForLinkGrant() {
    if (linkReceive.isGrantDue()) {
      markOutput();
    }
  }

  /** For a Checkpoint, which takes no credit. */
  public boolean hasQueueRoom() {
    return output.dataSize() < Limits.DATA_QUEUE_BYTES_MAX;
  }

  public boolean isLinkBlocked() {
    return linkCredit <= 0 || !hasQueueRoom();
  }

  private void giveTurns() {
    if (isGivingTurns) {
      return;
    }
    isGivingTurns = true;
    int left = TURNS_AT_ONCE_MAX;
    while (turns.isCheckpointWaiting() && hasQueueRoom() && !isOver() && left-- > 0) {
      turns.takeCheckpoint().handler.onWritable();
    }
    while (!isLinkBlocked() && !isOver() && left-- > 0) {
      StreamState next = turns.beginNext();
      if (next == null) {
        break;
      }
      next.handler.onWritable();
      turns.end();
    }
    isGivingTurns = false;
    boolean hasMore = turns.isAnybodyWaiting() && !isLinkBlocked()
        || turns.isCheckpointWaiting() && hasQueueRoom();
    if (hasMore) {
      markOutput();
    }
  }
}
