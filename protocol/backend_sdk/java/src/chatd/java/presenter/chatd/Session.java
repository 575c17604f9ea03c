package presenter.chatd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.presenter.chat.Chat;
import io.presenter.chat.ClientState;
import io.presenter.chat.Message;
import io.presenter.chat.NotAuthenticated;
import java.io.IOException;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TBase;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import presenter.backend.ContinuedStream;
import presenter.backend.HandoffEvent;
import presenter.backend.MuxChannel;

/**
 * One client: whole packets in, by its decoder; replies and deliveries out. Where histories are
 * shared it comes from another chat server, and goes to another, unseen by the client.
 */
final class Session extends SimpleChannelInboundHandler<ByteBuf> {
  // Some minutes of a busy chat. What does not fit is in the history.
  private static final int WAITING_BYTES_MAX = 256 * 1_024;

  private final Service service;
  private final PacketDecoder decoder;
  private ChannelHandlerContext context;
  private boolean isCompact;  // as the last call was; deliveries are the same
  private boolean isServing;  // there is an answer to come, or input that it had elsewhere
  private boolean isFinishing;  // after its last answer it is closed
  Room room;  // while it is authenticated
  String couple;
  String user = "";
  long told;  // it has been sent the couple's messages up to this one

  Session(Service service, PacketDecoder decoder) {
    this.service = service;
    this.decoder = decoder;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    context = added;
  }

  @Override
  public void channelInactive(ChannelHandlerContext ended) {
    service.leave(this);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext failed, Throwable cause) {
    close();
  }

  // Who does not read what it asks for is not asked for more.
  @Override
  public void channelWritabilityChanged(ChannelHandlerContext changed) {
    boolean isWritable = changed.channel().isWritable();
    if (isWritable && !decoder.isEmpty()) {
      changed.channel().eventLoop().execute(this::goOn);
    }
    changed.channel().config().setAutoRead(isWritable);
  }

  private void goOn() {
    try {
      decoder.goOn();
    } catch (Exception failed) {
      close();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext read) {
    flush();
  }

  private void flush() {
    context.flush();
    deposit();
  }

  void close() {
    service.leave(this);
    context.close();
  }

  // --- from another chat server, and to one

  @Override
  public void channelActive(ChannelHandlerContext active) {
    ContinuedStream before =
        active.channel() instanceof MuxChannel stream ? stream.info().continued() : null;
    if (before == null) {
      return;
    }
    try {
      takeOver(before.state());
    } catch (IOException | NotAuthenticated failed) {
      close();
    }
  }

  private void takeOver(byte[] packed) throws IOException, NotAuthenticated {
    if (service.shared() == null) {
      throw new IOException("no histories are shared");
    }
    ClientState state = service.shared().unpack(packed);
    isCompact = state.isIs_compact();
    context.write(Unpooled.wrappedBuffer(state.getOutput()));
    isServing = true;
    service.resume(this, state);
    isServing = false;
    context.pipeline().fireChannelRead(Unpooled.wrappedBuffer(state.getInput()));
    context.pipeline().fireChannelReadComplete();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext told, Object event) {
    if (!(event instanceof HandoffEvent) || service.shared() == null) {
      told.fireUserEventTriggered(event);
    } else if (!isFinishing) {
      handOver((MuxChannel) told.channel());
    }
  }

  private void handOver(MuxChannel stream) {
    ClientState state = state();
    service.leave(this);
    state.setInput(decoder.stop());
    state.setOutput(stream.takeUnsent());
    stream.handOver(service.shared().pack(state))
        .addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
  }

  private ClientState state() {
    ClientState state = new ClientState();
    state.setCouple_id(room == null ? "" : couple);
    state.setUser_id(user);
    state.setIs_compact(isCompact);
    state.setTold(told);
    state.setInput(new byte[0]);
    state.setOutput(new byte[0]);
    return state;
  }

  /** Behind what is being written, if no packet has begun. */
  private void deposit() {
    if (service.shared() != null && room != null && decoder.isEmpty()
        && context.channel() instanceof MuxChannel stream && stream.depositBytesMax() != 0) {
      stream.deposit(service.shared().pack(state()));
    }
  }

  // --- packets

  @Override
  protected void channelRead0(ChannelHandlerContext read, ByteBuf packet) {
    isCompact = Packets.isCompact(packet);
    isServing = true;
    try {
      TProtocol in = Packets.reader(packet);
      serve(in.readMessageBegin(), in);
    } catch (TException | RuntimeException malformed) {
      context.flush();
      close();
    } finally {
      isServing = false;
    }
  }

  private void serve(TMessage call, TProtocol in) throws TException {
    if (call.type != TMessageType.CALL) {
      throw new TApplicationException("not a call");
    }
    switch (call.name) {
      case "authenticate" -> authenticate(call, in);
      case "send" -> send(call, in);
      case "history" -> history(call, in);
      default -> refuseUnknown(call);
    }
  }

  private void authenticate(TMessage call, TProtocol in) throws TException {
    Chat.authenticate_args asked = new Chat.authenticate_args();
    asked.read(in);
    Chat.authenticate_result result = new Chat.authenticate_result();
    try {
      result.setSuccess(service.authenticate(this, asked.getRequest()));
    } catch (NotAuthenticated refused) {
      result.setRefused(refused);
    }
    reply(call, result);
  }

  private void send(TMessage call, TProtocol in) throws TException {
    Chat.send_args asked = new Chat.send_args();
    asked.read(in);
    Chat.send_result result = new Chat.send_result();
    try {
      result.setSuccess(service.send(this, asked.getClient_id(), asked.bufferForBody()));
    } catch (NotAuthenticated refused) {
      result.setRefused(refused);
    }
    reply(call, result);
  }

  private void history(TMessage call, TProtocol in) throws TException {
    Chat.history_args asked = new Chat.history_args();
    asked.read(in);
    Chat.history_result result = new Chat.history_result();
    try {
      result.setSuccess(service.history(this, asked.getAfter(), asked.getLimit()));
    } catch (NotAuthenticated refused) {
      result.setRefused(refused);
    }
    reply(call, result);
  }

  private void refuseUnknown(TMessage call) throws TException {
    isFinishing = true;
    TApplicationException unknown = new TApplicationException(
        TApplicationException.UNKNOWN_METHOD, "no such call: " + call.name);
    write(new TMessage(call.name, TMessageType.EXCEPTION, call.seqid), unknown::write)
        .addListener(ChannelFutureListener.CLOSE);
    context.flush();
  }

  private void reply(TMessage call, TBase<?, ?> result) throws TException {
    write(new TMessage(call.name, TMessageType.REPLY, call.seqid), result::write);
  }

  private ChannelFuture write(TMessage head, Packets.Content content) throws TException {
    return context.write(Packets.encode(context.alloc(), isCompact, head, content));
  }

  /** False: it does not read. */
  boolean deliver(Message message) {
    ChannelOutboundBuffer waiting = context.channel().unsafe().outboundBuffer();
    if (waiting == null || waiting.totalPendingWriteBytes() > WAITING_BYTES_MAX) {
      return false;
    }
    try {
      context.write(Packets.delivery(context.alloc(), isCompact, message));
    } catch (TException impossible) {
      throw new IllegalStateException(impossible);
    }
    // While it is being served a deposit would be without its answer.
    if (!isServing) {
      flush();
    }
    return true;
  }
}
