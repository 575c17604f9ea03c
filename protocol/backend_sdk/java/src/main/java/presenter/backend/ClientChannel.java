package presenter.backend;

import io.netty.channel.AbstractChannel;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;

/** What a SocketChannel says and cannot do, where the socket is a client's at a gateway. */
abstract class ClientChannel extends AbstractChannel implements SocketChannel {
  private static final ChannelMetadata METADATA = new ChannelMetadata(false, 1);

  ClientChannel(ServerSocketChannel parent) {
    super(parent);
  }

  abstract StreamInfo client();

  abstract Channel linkChannel();

  /** As if the gateway had reset it, for its key has another owner. */
  abstract void endMoved();

  final void onLoop(Runnable work) {
    EventLoop loop = linkChannel().eventLoop();
    if (loop.inEventLoop()) {
      work.run();
    } else {
      loop.execute(work);
    }
  }

  @Override
  protected DefaultChannelPipeline newChannelPipeline() {
    return new DefaultChannelPipeline(this) {
      // An application that does not know of it will not answer, and from the Handoff on its client
      // is not read: it is moved at once, as by a gateway that cannot ask.
      @Override
      protected void onUnhandledInboundUserEventTriggered(Object event) {
        if (event instanceof HandoffEvent) {
          endMoved();
        }
        super.onUnhandledInboundUserEventTriggered(event);
      }
    };
  }

  /** The other end of the link, for logs. */
  public SocketAddress gatewayAddress() {
    return linkChannel().remoteAddress();
  }

  @Override
  protected boolean isCompatible(EventLoop loop) {
    return loop == linkChannel().eventLoop();
  }

  @Override
  public ChannelMetadata metadata() {
    return METADATA;
  }

  /** The channel that listens for the gateways' links. */
  @Override
  public ServerSocketChannel parent() {
    return (ServerSocketChannel) super.parent();
  }

  /** The client's. */
  @Override
  public InetSocketAddress remoteAddress() {
    return (InetSocketAddress) super.remoteAddress();
  }

  /** The link's, if it is on TCP. */
  @Override
  public InetSocketAddress localAddress() {
    return super.localAddress() instanceof InetSocketAddress address ? address : null;
  }

  @Override
  protected SocketAddress localAddress0() {
    return linkChannel().localAddress();
  }

  @Override
  protected SocketAddress remoteAddress0() {
    byte[] address = NetUtil.createByteArrayFromIpAddressString(client().clientAddress());
    int port = client().clientPort();
    try {
      return address == null ? InetSocketAddress.createUnresolved("client", port)
          : new InetSocketAddress(InetAddress.getByAddress(address), port);
    } catch (UnknownHostException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  @Override
  protected void doDisconnect() throws Exception {
    doClose();
  }

  @Override
  protected void doBind(SocketAddress local) {
    throw new UnsupportedOperationException("a stream is bound to its link");
  }

  @Override
  public boolean isShutdown() {
    return isInputShutdown() && isOutputShutdown();
  }

  @Override
  public ChannelFuture shutdownInput() {
    return shutdownInput(newPromise());
  }

  @Override
  public ChannelFuture shutdownOutput() {
    return shutdownOutput(newPromise());
  }

  @Override
  public ChannelFuture shutdown() {
    return shutdown(newPromise());
  }

  @Override
  public ChannelFuture shutdown(ChannelPromise promise) {
    shutdownInput();
    return shutdownOutput(promise);
  }
}
