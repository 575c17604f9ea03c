package presenter.backend;

import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import presenter.backend.mux.MuxCore;
import presenter.backend.wire.Limits;

/** How a stream leaves for another backend: protocol/README.md §4.11 and §4.12. */
final class StreamMoves {
  private record Deposit(byte[] state, long consumed, long produced) {}

  private final MuxChannel channel;
  private boolean isAsked;
  private byte[] giving;
  private long consumed;
  private ChannelPromise given;
  private boolean isGivenUp;
  private Deposit waiting;

  StreamMoves(MuxChannel channel) {
    this.channel = channel;
  }

  boolean isAsked() {
    return isAsked;
  }

  boolean isGiving() {
    return giving != null;
  }

  boolean isGivenUp() {
    return isGivenUp;
  }

  void onHandoff(HandoffEvent event) {
    isAsked = true;
    if (channel.isClosing()) {
      channel.giveUpClosing(ResetReason.MOVED);
    } else if (channel.isActive()) {
      channel.pipeline().fireUserEventTriggered(event);
    }
  }

  void handOver(byte[] state, ChannelPromise promise) {
    if (!channel.isActive() || channel.error() != null || channel.isClosing()) {
      promise.setFailure(new ClosedChannelException());
    } else if (!isAsked || isGiving()) {
      promise.setFailure(new IllegalStateException("the gateway has not asked for the stream"));
    } else if (state.length > Limits.STATE_BYTES_MAX) {
      promise.setFailure(new IllegalArgumentException("a state of more than 16,384 bytes"));
    } else {
      channel.flush();
      waiting = null;
      consumed = channel.consumed();
      giving = state.clone();
      given = promise;
      onWritten();
    }
  }

  byte[] takeUnsent(ChannelOutboundBuffer from) {
    if (!isAsked || !channel.isActive()) {
      throw new IllegalStateException("the gateway has not asked for the stream");
    }
    channel.flush();
    return Outgoing.take(from);
  }

  /** All that was written before is on its way. */
  void onWritten() {
    if (channel.isWriting()) {
      return;
    }
    if (isGiving() && !isGivenUp) {
      give();
    } else if (waiting != null) {
      submit(waiting);
    }
  }

  /** A turn has come, or there is room for a Checkpoint. */
  void onRoom() {
    onWritten();
  }

  // Unread input that does not fit beside the state goes ahead of it, in pieces.
  private void give() {
    MuxCore core = channel.core();
    while (!isGivenUp) {
      if (!core.hasQueueRoom()) {
        core.waitCheckpoint(channel.state());
        return;
      }
      boolean last = giving.length + channel.input().size() <= Limits.DATA_BYTES_MAX;
      byte[] unread = channel.input().take(Limits.DATA_BYTES_MAX);
      byte[] state = last ? giving : new byte[0];
      core.submitGiving(channel.state(), consumed, channel.produced(), state, unread, last);
      isGivenUp = last;
    }
    channel.link().onHandedOver();
    given.trySuccess();
    channel.closeGivenUp();
  }

  void deposit(byte[] state) {
    int most = channel.depositBytesMax();
    if (isAsked || channel.isOutputShutdown() || most == 0 || state.length > most) {
      return;
    }
    // Behind what was written before, which it counts; if more comes before it leaves, the gateway
    // sees by the numbers that it is not exact.
    channel.flush();
    waiting = new Deposit(state.clone(), channel.consumed(), channel.producedAfterWrites());
    onWritten();
  }

  private void submit(Deposit deposit) {
    boolean isSent = channel.core().submitDeposit(channel.state(), deposit.consumed(),
        deposit.produced(), deposit.state());
    waiting = isSent ? null : deposit;
    if (!isSent) {
      channel.core().waitCheckpoint(channel.state());
    }
  }

  /** The stream has ended otherwise. */
  void stop(IOException why) {
    waiting = null;
    if (isGiving() && !isGivenUp) {
      giving = null;
      channel.input().clear();
      given.tryFailure(why);
    }
  }
}
