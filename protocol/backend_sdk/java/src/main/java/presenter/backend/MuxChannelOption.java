package presenter.backend;

import io.netty.channel.ChannelOption;

/** Options of a stream beyond those of a SocketChannel. */
public final class MuxChannelOption {
  /**
   * Credit goes back to the gateway when the pipeline takes a buffer (false, the default), or when
   * the application says so by {@link MuxChannel#consume} (true): for one that queues what it reads
   * and wants its client held up by that.
   */
  public static final ChannelOption<Boolean> MANUAL_CREDIT =
      ChannelOption.valueOf("presenter.MANUAL_CREDIT");

  private MuxChannelOption() {}
}
