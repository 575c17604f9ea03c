package presenter.chatd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.ByteBufOutputStream;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.presenter.chat.Chat;
import io.presenter.chat.Message;
import io.presenter.chat.NotAuthenticated;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TBase;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TIOStreamTransport;

/** One client: whole packets in, by a LengthFieldBasedFrameDecoder; replies and deliveries out. */
final class Session extends SimpleChannelInboundHandler<ByteBuf> {
  private static final byte COMPACT = (byte) 0x82;

  private final Service service;
  private ChannelHandlerContext context;
  private boolean isCompact;  // as the last call was; deliveries are the same
  Room room;  // while it is authenticated
  String user;

  Session(Service service) {
    this.service = service;
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
    changed.channel().config().setAutoRead(changed.channel().isWritable());
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext read) {
    read.flush();
  }

  void close() {
    service.leave(this);
    context.close();
  }

  @Override
  protected void channelRead0(ChannelHandlerContext read, ByteBuf packet) {
    isCompact = packet.isReadable() && packet.getByte(packet.readerIndex()) == COMPACT;
    try {
      TProtocol in = protocolOf(new TIOStreamTransport(new ByteBufInputStream(packet)));
      TMessage call = in.readMessageBegin();
      serve(call, in);
    } catch (TException | RuntimeException malformed) {
      context.flush();
      close();
    }
  }

  private TProtocol protocolOf(TIOStreamTransport transport) {
    // A string is no longer than its packet, whose length is bounded.
    return isCompact ? new TCompactProtocol(transport, 1 << 17, 1 << 17)
        : new TBinaryProtocol(transport, 1 << 17, 1 << 17, true, true);
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
    Message sent = null;
    try {
      sent = service.send(this, asked.getClient_id(), asked.bufferForBody());
      result.setSuccess(sent.getSequence());
    } catch (NotAuthenticated refused) {
      result.setRefused(refused);
    }
    reply(call, result);
    if (sent != null) {
      service.deliver(this, sent);
    }
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
    TApplicationException unknown = new TApplicationException(
        TApplicationException.UNKNOWN_METHOD, "no such call: " + call.name);
    write(new TMessage(call.name, TMessageType.EXCEPTION, call.seqid), unknown::write)
        .addListener(ChannelFutureListener.CLOSE);
    context.flush();
  }

  private void reply(TMessage call, TBase<?, ?> result) throws TException {
    write(new TMessage(call.name, TMessageType.REPLY, call.seqid), result::write);
  }

  /** False: it does not read. */
  boolean deliver(Message message) {
    if (!context.channel().isWritable()) {
      return false;
    }
    try {
      write(new TMessage("deliver", TMessageType.ONEWAY, 0),
          new Chat.deliver_args(message)::write);
    } catch (TException impossible) {
      throw new IllegalStateException(impossible);
    }
    context.flush();
    return true;
  }

  private interface Content {
    void write(TProtocol out) throws TException;
  }

  private io.netty.channel.ChannelFuture write(TMessage head, Content content)
      throws TException {
    ByteBuf packet = context.alloc().buffer().writeInt(0);
    try {
      TProtocol out = protocolOf(new TIOStreamTransport(new ByteBufOutputStream(packet)));
      out.writeMessageBegin(head);
      content.write(out);
      out.writeMessageEnd();
    } catch (TException failed) {
      packet.release();
      throw failed;
    }
    packet.setInt(0, packet.readableBytes() - 4);
    return context.write(packet);
  }
}
