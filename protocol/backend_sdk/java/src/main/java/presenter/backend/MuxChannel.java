package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.channel.socket.ChannelOutputShutdownException;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.util.internal.StringUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.Executor;
import presenter.backend.mux.MuxCore;
import presenter.backend.mux.StreamHandler;
import presenter.backend.mux.StreamState;
import presenter.backend.wire.Frame;

/**
 * One client's stream, as a Netty channel: to a pipeline it is the client's own TCP connection, and
 * so it is a SocketChannel. It lives on its link's event loop.
 *
 * <p>Inbound: a frame's payload goes to the pipeline, or waits within the stream's window until it
 * is read. Outbound: what is flushed goes to the link as far as the windows and the link have room,
 * else at the stream's turn; a promise completes when the link has taken the bytes.
 */
public final class MuxChannel extends ClientChannel {
  // A shorter payload is copied: a decoder that waits for the rest of a message keeps what it has,
  // and a slice would keep the link's whole gulp with it.
  private static final int SLICE_BYTES_MIN = 2_048;

  private final MuxLink link;
  private final StreamState state;
  private final MuxChannelConfig config = new MuxChannelConfig(this);
  private final StreamInput input = new StreamInput();
  private final StreamMoves moves;
  private final StreamRoom room;
  private StreamInfo info;

  private long received;  // from the client's first byte, at whatever backend
  private long produced;
  private boolean isStarted;  // accepted, and the pipeline is told of what comes
  private boolean isClosed;
  private boolean isReadWanted;
  private int owedByApplication;  // with MANUAL_CREDIT
  private boolean hasRead;  // since the last channelReadComplete
  private boolean isTouched;  // stands in the link's list of those whose turn ends
  private boolean isReadPosted;
  private boolean isInputFinished;  // by the peer; behind `input`
  private boolean isInputEndTold;
  private volatile boolean isInputShutdown;  // nothing more is read
  private volatile boolean isOutputShutdown;
  private IOException error;  // how it ended, behind `input`
  private ResetReason ownReset;
  private ChannelPromise finish;  // of shutdownOutput, behind what is being written
  private Runnable closing;  // of close, as well
  private ChannelOutboundBuffer outbound;

  MuxChannel(MuxLink link, ServerSocketChannel parent, StreamState state, StreamInfo info) {
    super(parent);
    this.link = link;
    this.state = state;
    this.info = info;
    moves = new StreamMoves(this);
    room = new StreamRoom(this);
  }

  // --- what is beyond a SocketChannel

  public StreamInfo info() {
    return info;
  }

  /** With MANUAL_CREDIT: the application is done with so many bytes that it has read. */
  public void consume(int bytes) {
    onLoop(() -> {
      int given = Math.min(bytes, owedByApplication);
      owedByApplication -= given;
      giveCredit(given);
    });
  }

  /** Ends both directions at once, behind what the link has taken. */
  public ChannelFuture reset(ResetReason reason) {
    onLoop(() -> {
      ownReset = ownReset == null ? reason : ownReset;
      close();
    });
    return closeFuture();
  }

  /**
   * After a {@link HandoffEvent}: gives the stream up, behind all that was written. Another backend
   * goes on with it from {@code state}, of at most 16,384 bytes, in which belongs what was read of
   * a message that is not whole; what was not read goes along by itself. The channel is closed
   * then; the future fails, and the stream stays, if the state is too long or nobody has asked.
   */
  public ChannelFuture handOver(byte[] state) {
    ChannelPromise promise = newPromise();
    onLoop(() -> moves.handOver(state, promise));
    return promise;
  }

  /**
   * After a {@link HandoffEvent}, on the event loop: what was flushed and cannot leave now, for the
   * next backend to send. Its promises succeed. Without this {@link #handOver} waits for it.
   */
  public byte[] takeUnsent() {
    return moves.takeUnsent(outbound);
  }

  /**
   * Leaves a state with the gateway for the day this process dies: if no byte went either way
   * since, another backend goes on from it. What is read of a message that is not whole belongs in
   * it, as with {@link #handOver}. Does nothing where that is not possible.
   */
  public void deposit(byte[] state) {
    onLoop(() -> moves.deposit(state));
  }

  /** The longest deposit that the gateway takes; 0: none. On the event loop. */
  public int depositBytesMax() {
    return isActive() && error == null ? core().depositBytesMax() : 0;
  }

  // --- for the link

  MuxCore core() {
    return link.core();
  }

  MuxLink link() {
    return link;
  }

  StreamState state() {
    return state;
  }

  StreamHandler handler() {
    return handler;
  }

  StreamRoom room() {
    return room;
  }

  StreamInput input() {
    return input;
  }

  /** Bytes of the client that the application has taken. */
  long consumed() {
    return received - input.size();
  }

  long produced() {
    return produced;
  }

  boolean isWriting() {
    return outbound != null && outbound.current() != null;
  }

  /** What the link has taken, and what it has not taken yet of what was flushed. */
  long producedAfterWrites() {
    return produced + Outgoing.flushedBytes(outbound);
  }

  boolean isClosing() {
    return closing != null;
  }

  IOException error() {
    return error;
  }

  /** The fence serves it: tells the gateway, then the pipeline. */
  void start() {
    outbound = unsafe().outboundBuffer();
    ChannelPromise registered = newPromise();
    // Between the handlers' handlerAdded, which may close the channel, and channelActive.
    registered.addListener(done -> {
      if (!isClosed && done.isSuccess()) {
        isStarted = true;
        core().accept(state);
        link.onStarted(this);
      }
    });
    link.loop().register(registered);
    touch();
  }

  /** The fence does not serve it any more: as if the gateway had reset it. */
  @Override
  void endMoved() {
    core().reset(state, ResetReason.MOVED);
    // What it has not read is for the new owner to be sent again.
    giveCredit(input.clear());
    end(new StreamResetException(ResetReason.MOVED.number()));
  }

  /** Not registered yet: there is no pipeline to tell. */
  void drop() {
    isClosed = true;
    input.clear();
  }

  // --- reading

  private final StreamHandler handler = new StreamHandler() {
    @Override
    public void onData(ByteBuf from, int index, int size) {
      received += size;
      if (isInputShutdown || isClosed) {
        core().consumed(state, size);
      } else if (isStarted && input.isEmpty() && mayRead()) {
        deliver(size < SLICE_BYTES_MIN ? alloc().buffer(size).writeBytes(from, index, size)
            : from.retainedSlice(index, size));
      } else {
        input.add(alloc(), from, index, size);
        link.onHeldInput(MuxChannel.this, size);
      }
    }

    @Override
    public void onFinish() {
      isInputFinished = true;
      touch();
    }

    @Override
    public void onWritable() {
      moves.onRoom();
      if (closing != null) {
        writeOut(outbound);
      } else {
        ((StreamUnsafe) unsafe()).flushAtTurn();
      }
      room.look();
    }

    @Override
    public void onReset(int reason, boolean byPeer) {
      // What is not read is the credit of all streams of the link: the dead keep half of it at the
      // most. Without its end the input must not look whole.
      if (!input.isEmpty() && core().isLinkHalfFull()) {
        giveCredit(input.clear());
      }
      isInputFinished = false;
      end(new StreamResetException(reason));
    }

    @Override
    public void onCheckpoint(Frame.Checkpoint checkpoint) {
      ContinuedStream before = link.continuedBy(MuxChannel.this, checkpoint);
      info = info.with(before);
      received = before.consumed();
      produced = before.produced();
      isOutputShutdown = before.finished();
      link.onWhole(MuxChannel.this);
    }

    @Override
    public void onHandoff(Frame.Handoff handoff) {
      moves.onHandoff(
          new HandoffEvent(handoff.reason(), handoff.mapEpoch(), handoff.deadlineMs()));
    }

    @Override
    public void onNotice(Frame.Notice notice) {
      if (isStarted && !isClosed) {
        pipeline().fireUserEventTriggered(new NoticeEvent(notice.reason(), notice.withinMs()));
      }
    }

    @Override
    public void onLinkLost() {
      input.clear();  // what cannot be answered need not be read
      end(new LinkLostException());
    }
  };

  private boolean mayRead() {
    return (config.isAutoRead() || isReadWanted) && !moves.isGiving();
  }

  private void deliver(ByteBuf buffer) {
    int size = buffer.readableBytes();
    isReadWanted = false;
    hasRead = true;
    touch();
    boolean isManual = config.isManualCredit();
    owedByApplication += isManual ? size : 0;
    pipeline().fireChannelRead(buffer);
    if (!isManual) {
      giveCredit(size);
    }
  }

  private void giveCredit(int bytes) {
    if (bytes > 0 && !isClosed) {
      core().consumed(state, bytes);
    }
  }

  @Override
  protected void doBeginRead() {
    isReadWanted = true;
    if (!isReadPosted && (!input.isEmpty() || isInputFinished && !isInputEndTold)) {
      isReadPosted = true;
      link.loop().execute(this::readWaiting);
    }
  }

  private void readWaiting() {
    isReadPosted = false;
    while (!input.isEmpty() && mayRead() && !isClosed && isStarted) {
      deliver(input.poll());
    }
    touch();
  }

  private void touch() {
    if (!isTouched) {
      isTouched = true;
      link.touch(this);
    }
  }

  /** All that the link's gulp had for this stream has been delivered. */
  void endTurn() {
    isTouched = false;
    if (!isStarted || isClosed) {
      return;
    }
    if (hasRead) {
      hasRead = false;
      pipeline().fireChannelReadComplete();
    }
    if (!isClosed && input.isEmpty()) {
      tellEnd();
    }
  }

  private void tellEnd() {
    if (error != null) {
      if (closing == null) {
        pipeline().fireExceptionCaught(error);
      }
      failWrites();
      unsafe().close(voidPromise());
    } else if (isInputFinished && !isInputEndTold && mayRead()) {
      isInputEndTold = true;
      if (!config.isAllowHalfClosure()) {
        unsafe().close(voidPromise());
      } else if (!isInputShutdown) {
        isInputShutdown = true;
        pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        pipeline().fireUserEventTriggered(ChannelInputShutdownReadComplete.INSTANCE);
      }
    }
  }

  private void end(IOException why) {
    if (error == null) {
      error = why;
    }
    link.forget(this);
    moves.stop(error);
    if (!isStarted) {
      drop();
      core().release(state);
      link.onStreamReleased();
      return;
    }
    if (!input.isEmpty()) {
      failWrites();  // the end is told behind what is not read yet, and that may be for long
      link.onUnreadEnd(this);
    }
    touch();
  }

  /** The link is gone: nobody waits any longer for what the application has not read. */
  void endUnread() {
    if (!isClosed) {
      input.clear();
      touch();
    }
  }

  // --- writing

  @Override
  protected Object filterOutboundMessage(Object message) throws IOException {
    if (isOutputShutdown) {
      throw new ChannelOutputShutdownException("output has been shut down");
    }
    if (message instanceof ByteBuf) {
      return message;
    }
    throw new UnsupportedOperationException(
        "a stream takes ByteBuf, not " + StringUtil.simpleClassName(message));
  }

  @Override
  protected void doWrite(ChannelOutboundBuffer in) {
    writeOut(in);
    room.look();
  }

  private void writeOut(ChannelOutboundBuffer in) {
    while (in.current() instanceof ByteBuf first) {
      if (error != null) {
        in.remove(error);
      } else if (!first.isReadable()) {
        in.remove();
      } else {
        int size = Outgoing.submit(core(), state, in, first);
        if (size == 0) {
          core().waitWritable(state);
          return;
        }
        produced += size;
        in.removeBytes(size);
      }
    }
    onWritten();
  }

  /** Nothing is being written. */
  private void onWritten() {
    if (finish != null) {
      core().finish(state);
      ChannelPromise done = finish;
      finish = null;
      done.trySuccess();
    }
    moves.onWritten();
    if (closing != null) {
      Runnable close = closing;
      closing = null;
      close.run();
    }
  }

  private void failWrites() {
    if (outbound == null) {
      return;
    }
    while (outbound.current() != null) {
      outbound.remove(error);
    }
    onWritten();
  }

  /** Another backend has it now. */
  void closeGivenUp() {
    isOutputShutdown = true;
    unsafe().close(voidPromise());
  }

  // --- the end

  private final class StreamUnsafe extends AbstractUnsafe {
    @Override
    public void connect(SocketAddress remote, SocketAddress local, ChannelPromise promise) {
      promise.setFailure(new UnsupportedOperationException("a stream is opened by its gateway"));
    }

    void flushAtTurn() {
      super.flush0();
    }

    /** What has been flushed and has not left is still to reach the client, as on a socket. */
    @Override
    protected Executor prepareToClose() {
      boolean lets = isActive() && error == null && ownReset == null && isWriting()
          && !moves.isGivenUp() && config.getSoLinger() != 0;
      if (!lets) {
        return null;
      }
      isInputShutdown = true;
      giveCredit(input.clear());
      link.lingerFor(() -> giveUpClosing(ResetReason.CANCELLED));
      return close -> closing = close;
    }
  }

  /** The application has closed, and waits no longer for what it wrote. */
  void giveUpClosing(ResetReason why) {
    if (closing != null) {
      ownReset = why;
      Runnable close = closing;
      closing = null;
      close.run();
    }
  }

  @Override
  protected void doClose() {
    if (isClosed) {
      return;
    }
    isClosed = true;
    isInputShutdown = true;
    isOutputShutdown = true;
    link.forget(this);
    input.clear();
    if (moves.isGivenUp() || error != null) {
      core().release(state);
    } else if (!isStarted) {
      core().refuse(state, RefuseReason.DENIED.number(), null, null);
    } else if (ownReset != null || config.getSoLinger() == 0 || moves.isAsked()) {
      ResetReason why = ownReset != null ? ownReset
          : moves.isAsked() ? ResetReason.MOVED : ResetReason.CANCELLED;
      core().reset(state, why);
      core().release(state);
    } else {
      link.linger(state);
    }
    if (finish != null) {
      finish.tryFailure(new ClosedChannelException());
    }
    link.onStreamReleased();
  }

  @Override
  public ChannelFuture shutdownOutput(ChannelPromise promise) {
    onLoop(() -> {
      if (isClosed || error != null) {
        promise.tryFailure(new ClosedChannelException());
      } else if (isOutputShutdown) {
        promise.trySuccess();
      } else {
        flush();
        isOutputShutdown = true;
        finish = promise;
        if (!isWriting()) {
          onWritten();
        }
      }
    });
    return promise;
  }

  @Override
  public ChannelFuture shutdownInput(ChannelPromise promise) {
    onLoop(() -> {
      isInputShutdown = true;
      giveCredit(input.clear());
      promise.trySuccess();
    });
    return promise;
  }

  @Override
  protected AbstractUnsafe newUnsafe() {
    return new StreamUnsafe();
  }

  @Override
  StreamInfo client() {
    return info;
  }

  @Override
  Channel linkChannel() {
    return link.channel();
  }

  @Override
  public MuxChannelConfig config() {
    return config;
  }

  @Override
  public boolean isOpen() {
    return !isClosed;
  }

  @Override
  public boolean isActive() {
    return isStarted && !isClosed;
  }

  @Override
  public boolean isInputShutdown() {
    return isInputShutdown;
  }

  @Override
  public boolean isOutputShutdown() {
    return isOutputShutdown;
  }
}
