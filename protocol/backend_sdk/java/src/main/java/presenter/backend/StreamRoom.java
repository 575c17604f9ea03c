package presenter.backend;

import io.netty.channel.ChannelOutboundBuffer;
import presenter.backend.mux.MuxCore;

/**
 * Whether a stream has credit and its link takes bytes, as its pipeline was told: with the water
 * mark this is what makes a channel writable. Told once, when the turn in which it changed is over.
 */
final class StreamRoom {
  private static final int WRITABILITY_INDEX = 1;

  private final MuxChannel channel;
  private boolean isLooked;  // it will be told at the end of the turn
  private boolean hasRoom = true;

  StreamRoom(MuxChannel channel) {
    this.channel = channel;
  }

  /** Something was sent, or a turn has come. Who has no room asks for a turn when there is. */
  void look() {
    MuxCore core = channel.core();
    boolean room = core.hasRoom(channel.state());
    if (!isLooked && room != hasRoom) {
      isLooked = true;
      channel.link().onRoomChanged(channel);
    } else if (!room) {
      core.waitWritable(channel.state());
    }
  }

  void tell() {
    isLooked = false;
    if (!channel.isOpen() || channel.error() != null || channel.isOutputShutdown()) {
      return;
    }
    hasRoom = channel.core().hasRoom(channel.state());
    if (!hasRoom) {
      channel.core().waitWritable(channel.state());
    }
    ChannelOutboundBuffer buffer = channel.unsafe().outboundBuffer();
    if (buffer != null) {
      buffer.setUserDefinedWritability(WRITABILITY_INDEX, hasRoom);
    }
  }
}
