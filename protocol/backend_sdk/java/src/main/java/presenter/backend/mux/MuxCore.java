package presenter.backend.mux;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.collection.LongObjectHashMap;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
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
  final LongObjectHashMap<StreamState> streams = new LongObjectHashMap<>();
  final ReceiveWindow linkReceive;
  final LinkLiveness liveness;
  final TokenBucket opens;
  private final TokenBucket streamErrors;
  private final ByteBufAllocator allocator;
  private final FrameReader reader = new FrameReader();
  private final FrameRules rules = new FrameRules(this);

  Frame.Hello peer;
  int payloadBytesMax = Limits.DATA_BYTES_MAX;
  long highestOpened;
  int openCount;  // of the streams, those that are not over
  int openingCount;  // of these, those not accepted
  int linkCredit;
  boolean hasPong;
  long pong;
  boolean hasSentGoAway;
  boolean hasReceivedGoAway;

  private ByteBuf control;
  private ByteBuf data;
  private final LinkedHashSet<StreamState> turns = new LinkedHashSet<>();
  private final LinkedHashSet<StreamState> checkpoints = new LinkedHashSet<>();
  private final ArrayDeque<StreamState> creditDue = new ArrayDeque<>();
  private StreamState current;  // whose turn it is
  private int turnBytesLeft;
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
    this.allocator = allocator;
    linkReceive = new ReceiveWindow(hello.linkWindowBytes());
    liveness = new LinkLiveness(hello.pingIntervalMs(), deadAfterMs, Limits.HELLO_TIMEOUT_MS, now);
    opens = new TokenBucket(opensPerSecond, (long) opensPerSecond * Limits.OPENS_BURST_SECONDS,
        now);
    streamErrors = new TokenBucket(Limits.STREAM_ERRORS_PER_SECOND, Limits.STREAM_ERRORS_BURST,
        now);
    FrameWriter.write(control(), hello);
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
      FrameWriter.writePing(control(), liveness.pingOpaque());
      markOutput();
    }
  }

  /** All output, into {@code out}, which takes the buffers over; then waiting streams' turns. */
  public void takeOutput(ArrayList<ByteBuf> out) {
    isOutputMarked = false;
    streamsAtTake = streams.size();
    if (hasPong) {
      hasPong = false;
      FrameWriter.writePong(control(), pong);
    }
    submitDueCredit();
    if (control != null) {
      out.add(control);
      control = null;
    }
    if (data != null) {
      out.add(data);
      data = null;
    }
    if (!isOver()) {
      giveTurns();
    }
  }

  private void submitDueCredit() {
    for (StreamState state; (state = creditDue.poll()) != null; ) {
      state.isCreditDue = false;
      if (!state.isErased && state.remote == Direction.OPEN && state.local != Direction.RESET) {
        FrameWriter.writeCredit(control(), state.id, state.receive.takeGrant());
      }
    }
    if (linkReceive.isGrantDue()) {
      FrameWriter.writeCredit(control(), 0, linkReceive.takeGrant());
    }
  }

  /** The socket is gone: every stream is told onLinkLost, and all memory given back. */
  public void close() {
    if (!isClosed) {
      isClosed = true;
      endStreams();
    }
    dropData();
    if (control != null) {
      control.release();
      control = null;
    }
  }

  private void dropData() {
    if (data != null) {
      data.release();
      data = null;
    }
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
    dropData();
    FrameWriter.writeGoAway(control(), highestOpened, failure.error().number(), 0);
    markOutput();
    endStreams();
    handler.onFailed(failure.error(), failure.getMessage());
  }

  private void endStreams() {
    for (StreamState state : streams.values().toArray(StreamState[]::new)) {
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
    FrameWriter.writeGoAway(control(), highestOpened, 0, deadlineMs);
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

  public void accept(StreamState state) {
    if (state.isErased || state.isAccepted) {
      return;
    }
    noteAccepted(state);
    if (state.local != Direction.RESET && isAnswerAllowed()) {
      FrameWriter.writeAccept(control(), state.id);
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
      FrameWriter.write(control(), refusal);
      markOutput();
    }
  }

  /** How many payload bytes submitData takes now. 0: blocked, or over. */
  public int sendable(StreamState state) {
    if (!state.canSend() || isOver() || state != current && !turns.isEmpty()) {
      return 0;
    }
    if (isLinkBlocked()) {
      return 0;
    }
    int share = state == current ? turnBytesLeft : Limits.STREAM_TURN_BYTES;
    return Math.min(share, Math.min(state.sendCredit, linkCredit));
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
    if (state == current && (turnBytesLeft -= size) == 0) {
      current = null;
    }
    for (int done = 0; done < size; ) {
      int piece = Math.min(size - done, payloadBytesMax);
      boolean goesOn = more || done + piece < size;
      FrameWriter.writeData(data(), state.id, goesOn, from, index + done, piece);
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
    if (state.sendCredit > 0 && !checkpoints.contains(state) && turns.add(state)) {
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
    state.wantsTurn = false;
    turns.remove(state);
    endLocal(state, Direction.FINISHED);
    FrameWriter.writeFinish(data(), state.id);
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
      endRemote(state, Direction.RESET);
      endBothWays(state);
    }
    return true;
  }

  private boolean mayCheckpoint(StreamState state) {
    return !state.isErased && !isOver() && isAgreed(Frame.HANDOFF) && state.isAccepted
        && !state.isOver() && !state.isReset();
  }

  private boolean submitCheckpoint(Frame.Checkpoint checkpoint) {
    if (!hasQueueRoom()) {
      return false;
    }
    FrameWriter.write(data(), checkpoint);
    markOutput();
    return true;
  }

  /** Asks for one onWritable when there is room for a Checkpoint. */
  public void waitCheckpoint(StreamState state) {
    if (state.isErased || state.wasToldEnd || state.isReset() || isOver()) {
      return;
    }
    turns.remove(state);
    checkpoints.add(state);
    if (hasQueueRoom()) {
      markOutput();
    }
  }

  // --- states

  StreamState insert(Frame.Open open) {
    StreamState state =
        new StreamState(open, peer.streamWindowBytes(), hello.streamWindowBytes());
    streams.put(state.id, state);
    ++openCount;
    ++openingCount;
    return state;
  }

  private void erase(StreamState state) {
    if (state.isErased) {
      return;
    }
    leave(state);
    if (state == current) {
      current = null;
    }
    if (!state.isOver()) {
      noteOver(state);
    }
    state.isErased = true;
    streams.remove(state.id);
  }

  private void noteOver(StreamState state) {
    --openCount;
    openingCount -= state.isAccepted ? 0 : 1;
  }

  private void noteAccepted(StreamState state) {
    openingCount -= state.isOver() ? 0 : 1;
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

  void eraseIfDone(StreamState state) {
    if (!state.isErased && state.isOver() && state.handler == null) {
      erase(state);
    }
  }

  /** It sends no more. */
  void leave(StreamState state) {
    state.wantsTurn = false;
    turns.remove(state);
    checkpoints.remove(state);
  }

  // --- output

  private ByteBuf control() {
    if (control == null) {
      control = allocator.ioBuffer(256);
    }
    return control;
  }

  private ByteBuf data() {
    if (data == null) {
      data = allocator.ioBuffer(1_024);
    }
    return data;
  }

  private int dataSize() {
    return data == null ? 0 : data.readableBytes();
  }

  void markOutput() {
    if (!isOutputMarked) {
      isOutputMarked = true;
      handler.onOutput();
    }
  }

  /** What a peer causes is bounded by this; 16 bytes a stream are the one answer it may be owed. */
  boolean isQueueFull() {
    int answers = 16 * Math.max(streams.size(), streamsAtTake);
    int queued = control == null ? 0 : control.readableBytes();
    return queued > Limits.CONTROL_QUEUE_BYTES_MAX + answers
        || dataSize() > Limits.DATA_QUEUE_BYTES_MAX + 2 * Limits.FRAME_BYTES_MAX + answers;
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
      FrameWriter.writeReset(control(), state.id, reason);
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
      FrameWriter.writeReset(data == null ? control() : data, state.id, reason);
      markOutput();
    }
  }

  private void endBothWays(StreamState state) {
    leave(state);
    endLocal(state, Direction.RESET);
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
    return dataSize() < Limits.DATA_QUEUE_BYTES_MAX;
  }

  public boolean isLinkBlocked() {
    return linkCredit <= 0 || !hasQueueRoom();
  }

  private static StreamState pop(LinkedHashSet<StreamState> from) {
    Iterator<StreamState> first = from.iterator();
    StreamState state = first.next();
    first.remove();
    return state;
  }

  private void giveTurns() {
    if (isGivingTurns) {
      return;
    }
    isGivingTurns = true;
    int left = TURNS_AT_ONCE_MAX;
    while (!checkpoints.isEmpty() && hasQueueRoom() && !isOver() && left-- > 0) {
      StreamState state = pop(checkpoints);
      if (state.wantsTurn) {
        addTurn(state);
      }
      state.handler.onWritable();
    }
    while (!turns.isEmpty() && !isLinkBlocked() && !isOver() && left-- > 0) {
      StreamState state = pop(turns);
      // It has spent its credit since it asked: the next Credit puts it into the queue again.
      if (state.sendCredit > 0) {
        state.wantsTurn = false;
        current = state;
        turnBytesLeft = Limits.STREAM_TURN_BYTES;
        state.handler.onWritable();
        current = null;
      }
    }
    isGivingTurns = false;
    if (!turns.isEmpty() && !isLinkBlocked() || !checkpoints.isEmpty() && hasQueueRoom()) {
      markOutput();
    }
  }
}
