package presenter.backend;

import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.MessageSizeEstimator;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.SocketChannelConfig;
import java.util.Map;

/**
 * A stream's options. Those of a TCP connection are taken and mean nothing: the link has its own.
 * SO_LINGER 0 means what it does there: to close is to reset.
 */
public final class MuxChannelConfig extends DefaultChannelConfig implements SocketChannelConfig {
  private volatile boolean allowHalfClosure;
  private volatile boolean manualCredit;
  private volatile int soLinger = -1;

  MuxChannelConfig(MuxChannel channel) {
    super(channel);
  }

  @Override
  public Map<ChannelOption<?>, Object> getOptions() {
    return getOptions(super.getOptions(), ChannelOption.ALLOW_HALF_CLOSURE,
        ChannelOption.SO_LINGER, MuxChannelOption.MANUAL_CREDIT);
  }

  @SuppressWarnings("unchecked")
  @Override
  public <T> T getOption(ChannelOption<T> option) {
    if (option == ChannelOption.ALLOW_HALF_CLOSURE) {
      return (T) Boolean.valueOf(allowHalfClosure);
    }
    if (option == ChannelOption.SO_LINGER) {
      return (T) Integer.valueOf(soLinger);
    }
    if (option == MuxChannelOption.MANUAL_CREDIT) {
      return (T) Boolean.valueOf(manualCredit);
    }
    return super.getOption(option);
  }

  @Override
  public <T> boolean setOption(ChannelOption<T> option, T value) {
    validate(option, value);
    if (option == ChannelOption.ALLOW_HALF_CLOSURE) {
      allowHalfClosure = (Boolean) value;
    } else if (option == ChannelOption.SO_LINGER) {
      soLinger = (Integer) value;
    } else if (option == MuxChannelOption.MANUAL_CREDIT) {
      manualCredit = (Boolean) value;
    } else if (isOfTheLink(option)) {
      return true;
    } else {
      return super.setOption(option, value);
    }
    return true;
  }

  private static boolean isOfTheLink(ChannelOption<?> option) {
    return option == ChannelOption.TCP_NODELAY || option == ChannelOption.SO_KEEPALIVE
        || option == ChannelOption.SO_RCVBUF || option == ChannelOption.SO_SNDBUF
        || option == ChannelOption.SO_REUSEADDR || option == ChannelOption.IP_TOS;
  }

  public boolean isManualCredit() {
    return manualCredit;
  }

  @Override
  public boolean isAllowHalfClosure() {
    return allowHalfClosure;
  }

  @Override
  public SocketChannelConfig setAllowHalfClosure(boolean allow) {
    allowHalfClosure = allow;
    return this;
  }

  @Override
  public int getSoLinger() {
    return soLinger;
  }

  @Override
  public SocketChannelConfig setSoLinger(int linger) {
    soLinger = linger;
    return this;
  }

  // --- of the link

  @Override
  public boolean isTcpNoDelay() {
    return true;
  }

  @Override
  public SocketChannelConfig setTcpNoDelay(boolean ignored) {
    return this;
  }

  @Override
  public int getSendBufferSize() {
    return 0;
  }

  @Override
  public SocketChannelConfig setSendBufferSize(int ignored) {
    return this;
  }

  @Override
  public int getReceiveBufferSize() {
    return 0;
  }

  @Override
  public SocketChannelConfig setReceiveBufferSize(int ignored) {
    return this;
  }

  @Override
  public boolean isKeepAlive() {
    return true;
  }

  @Override
  public SocketChannelConfig setKeepAlive(boolean ignored) {
    return this;
  }

  @Override
  public int getTrafficClass() {
    return 0;
  }

  @Override
  public SocketChannelConfig setTrafficClass(int ignored) {
    return this;
  }

  @Override
  public boolean isReuseAddress() {
    return false;
  }

  @Override
  public SocketChannelConfig setReuseAddress(boolean ignored) {
    return this;
  }

  @Override
  public SocketChannelConfig setPerformancePreferences(int time, int latency, int bandwidth) {
    return this;
  }

  // --- SocketChannelConfig's narrower types

  @Override
  public SocketChannelConfig setConnectTimeoutMillis(int connectTimeoutMillis) {
    super.setConnectTimeoutMillis(connectTimeoutMillis);
    return this;
  }

  @Override
  @Deprecated
  public SocketChannelConfig setMaxMessagesPerRead(int maxMessagesPerRead) {
    super.setMaxMessagesPerRead(maxMessagesPerRead);
    return this;
  }

  @Override
  public SocketChannelConfig setWriteSpinCount(int writeSpinCount) {
    super.setWriteSpinCount(writeSpinCount);
    return this;
  }

  @Override
  public SocketChannelConfig setAllocator(ByteBufAllocator allocator) {
    super.setAllocator(allocator);
    return this;
  }

  @Override
  public SocketChannelConfig setRecvByteBufAllocator(RecvByteBufAllocator allocator) {
    super.setRecvByteBufAllocator(allocator);
    return this;
  }

  @Override
  public SocketChannelConfig setAutoRead(boolean autoRead) {
    super.setAutoRead(autoRead);
    return this;
  }

  @Override
  public SocketChannelConfig setAutoClose(boolean autoClose) {
    super.setAutoClose(autoClose);
    return this;
  }

  @Override
  public SocketChannelConfig setMessageSizeEstimator(MessageSizeEstimator estimator) {
    super.setMessageSizeEstimator(estimator);
    return this;
  }

  @Override
  public SocketChannelConfig setWriteBufferWaterMark(WriteBufferWaterMark mark) {
    super.setWriteBufferWaterMark(mark);
    return this;
  }
}
