#include "bench/chat_backend/packet_codec.hpp"

#include <thrift/TApplicationException.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TVirtualTransport.h>

#include <boost/system/errc.hpp>
#include <cstring>

namespace presenter::chat_backend {

namespace thrift = apache::thrift;
using thrift::protocol::TMessageType;
using thrift::protocol::TProtocol;

namespace {

// First byte of a message: 0x82 opens compact, 0x80 the version word of strict binary.
// Thrift's doc/specs/thrift-{compact,binary}-protocol.md.
constexpr std::byte compact_first_byte{0x82};
constexpr std::byte binary_first_byte{0x80};

boost::system::error_code make_error(boost::system::errc::errc_t code) {
  return boost::system::errc::make_error_code(code);
}

template <class Arguments>
Arguments read_struct(TProtocol& in) {
  Arguments value;
  value.read(&in);
  return value;
}

packet_content read_call(const std::string& method, TProtocol& in) {
  if (method == "authenticate") {
    return authenticate_call{read_struct<chat::Chat_authenticate_args>(in).request};
  }
  if (method == "send") {
    auto call = read_struct<chat::Chat_send_args>(in);
    return send_call{call.client_id, std::move(call.body)};
  }
  if (method == "history") {
    const auto call = read_struct<chat::Chat_history_args>(in);
    return history_call{call.after, call.limit};
  }
  if (method == "deliver") {
    return deliver_call{read_struct<chat::Chat_deliver_args>(in).message};
  }
  return unknown_message{};
}

template <class Result, class Make>
packet_content read_result(TProtocol& in, Make make) {
  auto result = read_struct<Result>(in);
  if (result.__isset.refused) return refused_reply{std::move(result.refused.why)};
  if (result.__isset.success) return make(std::move(result.success));
  return unknown_message{};
}

packet_content read_reply(const std::string& method, TProtocol& in) {
  if (method == "authenticate") {
    return read_result<chat::Chat_authenticate_result>(
        in, [](const chat::AuthResult& result) { return authenticate_reply{result}; });
  }
  if (method == "send") {
    return read_result<chat::Chat_send_result>(
        in, [](std::int64_t sequence) { return send_reply{sequence}; });
  }
  if (method == "history") {
    return read_result<chat::Chat_history_result>(in, [](std::vector<chat::Message>&& messages) {
      return history_reply{std::move(messages)};
    });
  }
  return unknown_message{};
}

packet_content read_content(const std::string& method, TMessageType type, TProtocol& in) {
  if (type == thrift::protocol::T_EXCEPTION) {
    thrift::TApplicationException exception;
    exception.read(&in);
    return exception_reply{exception.getType(), exception.what()};
  }
  return type == thrift::protocol::T_REPLY ? read_reply(method, in) : read_call(method, in);
}

}  // namespace

// Reads from the packet at hand, writes into one string that keeps its memory.
class packet_codec::transport
    : public thrift::transport::TVirtualTransport<packet_codec::transport> {
 public:
  void start_reading(std::span<const std::byte> packet) { input_ = packet; }
  bool is_at_end() const { return input_.empty(); }
  void start_writing() { output_.clear(); }
  std::span<const std::byte> written() const { return std::as_bytes(std::span(output_)); }

  bool isOpen() const override { return true; }

  std::uint32_t read(std::uint8_t* into, std::uint32_t n) {
    const auto taken = std::min<std::size_t>(n, input_.size());
    if (taken == 0) return 0;
    std::memcpy(into, input_.data(), taken);
    input_ = input_.subspan(taken);
    return static_cast<std::uint32_t>(taken);
  }

  const std::uint8_t* borrow(std::uint8_t*, std::uint32_t* n) {
    if (input_.size() < *n) return nullptr;
    *n = static_cast<std::uint32_t>(input_.size());
    return reinterpret_cast<const std::uint8_t*>(input_.data());
  }
  void consume(std::uint32_t n) { input_ = input_.subspan(n); }

  void write(const std::uint8_t* from, std::uint32_t n) {
    output_.append(reinterpret_cast<const char*>(from), n);
  }

 private:
  std::span<const std::byte> input_;
  std::string output_;
};

boost::system::result<std::size_t> packet_length(
    std::span<const std::byte, packet_header_bytes> header) {
  std::size_t length = 0;
  for (const std::byte b : header)
    length = (length << 8) | std::to_integer<std::size_t>(b);
  if (length == 0 || length > packet_bytes_max) {
    return make_error(boost::system::errc::message_size);
  }
  return length;
}

boost::system::result<std::optional<std::span<const std::byte>>> next_packet(
    std::span<const std::byte> bytes) {
  std::optional<std::span<const std::byte>> found;
  if (bytes.size() < packet_header_bytes) return found;
  const auto length = packet_length(bytes.first<packet_header_bytes>());
  if (!length) return length.error();
  if (bytes.size() - packet_header_bytes >= *length)
    found = bytes.subspan(packet_header_bytes, *length);
  return found;
}

packet_codec::packet_codec() : transport_(std::make_shared<transport>()) {
  make_protocols();
}
packet_codec::~packet_codec() = default;

void packet_codec::make_protocols() {
  const auto strings = static_cast<std::int32_t>(packet_bytes_max);
  binary_ = std::make_shared<thrift::protocol::TBinaryProtocolT<transport>>(
      transport_, strings, history_messages_max, /*strict_read=*/true, /*strict_write=*/true);
  compact_ = std::make_shared<thrift::protocol::TCompactProtocolT<transport>>(transport_, strings,
                                                                              history_messages_max);
}

TProtocol& packet_codec::protocol_for(protocol::thrift_encoding encoding) const {
  return encoding == protocol::thrift_encoding::binary ? *binary_ : *compact_;
}

boost::system::result<packet> packet_codec::decode(std::span<const std::byte> bytes) {
  const auto malformed = make_error(boost::system::errc::bad_message);
  if (bytes.empty()) return malformed;
  if (bytes[0] != binary_first_byte && bytes[0] != compact_first_byte) return malformed;
  const auto encoding = bytes[0] == compact_first_byte ? protocol::thrift_encoding::compact
                                                       : protocol::thrift_encoding::binary;
  transport_->start_reading(bytes);
  try {
    packet decoded = decode_message(protocol_for(encoding));
    decoded.id.encoding = encoding;
    return decoded;
  } catch (const thrift::TException&) {
    // Thrift's compact reader keeps the field ids of the structs it was in the middle of.
    make_protocols();
    return malformed;
  }
}

packet packet_codec::decode_message(TProtocol& in) {
  packet decoded;
  TMessageType type{};
  in.readMessageBegin(decoded.method, type, decoded.id.sequence);
  decoded.content = read_content(decoded.method, type, in);
  if (std::holds_alternative<unknown_message>(decoded.content)) return decoded;
  in.readMessageEnd();
  if (!transport_->is_at_end()) throw thrift::TException("bytes after the message");
  return decoded;
}

template <class Body>
void packet_codec::write_message(packet_id id, std::string_view method, TMessageType type,
                                 const Body& body, byte_buffer& out) {
  TProtocol& to = protocol_for(id.encoding);
  transport_->start_writing();
  to.writeMessageBegin(std::string(method), type, id.sequence);
  body.write(&to);
  to.writeMessageEnd();
  const auto message = transport_->written();
  const auto n = message.size();
  const std::byte header[packet_header_bytes] = {std::byte(n >> 24), std::byte(n >> 16),
                                                 std::byte(n >> 8), std::byte(n)};
  out.append(header);
  out.append(message);
}

void packet_codec::encode(packet_id id, const authenticate_call& call, byte_buffer& out) {
  chat::Chat_authenticate_pargs arguments;
  arguments.request = &call.request;
  write_message(id, "authenticate", thrift::protocol::T_CALL, arguments, out);
}

void packet_codec::encode(packet_id id, const history_call& call, byte_buffer& out) {
  chat::Chat_history_pargs arguments;
  arguments.after = &call.after;
  arguments.limit = &call.limit;
  write_message(id, "history", thrift::protocol::T_CALL, arguments, out);
}

void packet_codec::encode_send(packet_id id, std::int64_t client_id, const std::string& body,
                               byte_buffer& out) {
  chat::Chat_send_pargs arguments;
  arguments.client_id = &client_id;
  arguments.body = &body;
  write_message(id, "send", thrift::protocol::T_CALL, arguments, out);
}

void packet_codec::encode_deliver(packet_id id, const chat::Message& message, byte_buffer& out) {
  chat::Chat_deliver_pargs arguments;
  arguments.message = &message;
  write_message(id, "deliver", thrift::protocol::T_ONEWAY, arguments, out);
}

void packet_codec::encode(packet_id id, const authenticate_reply& reply, byte_buffer& out) {
  chat::Chat_authenticate_result result;
  result.success = reply.result;
  result.__isset.success = true;
  write_message(id, "authenticate", thrift::protocol::T_REPLY, result, out);
}

void packet_codec::encode(packet_id id, const send_reply& reply, byte_buffer& out) {
  chat::Chat_send_result result;
  result.success = reply.sequence;
  result.__isset.success = true;
  write_message(id, "send", thrift::protocol::T_REPLY, result, out);
}

void packet_codec::encode(packet_id id, const history_reply& reply, byte_buffer& out) {
  chat::Chat_history_result result;
  result.success = reply.messages;
  result.__isset.success = true;
  write_message(id, "history", thrift::protocol::T_REPLY, result, out);
}

void packet_codec::encode(packet_id id, std::string_view method, const refused_reply& reply,
                          byte_buffer& out) {
  // Every method of chat.thrift has the exception at field 1, so one result type writes them all.
  chat::Chat_send_result result;
  result.refused.why = reply.why;
  result.__isset.refused = true;
  write_message(id, method, thrift::protocol::T_REPLY, result, out);
}

void packet_codec::encode(packet_id id, std::string_view method, const exception_reply& reply,
                          byte_buffer& out) {
  const thrift::TApplicationException exception(
      static_cast<thrift::TApplicationException::TApplicationExceptionType>(reply.type),
      reply.text);
  write_message(id, method, thrift::protocol::T_EXCEPTION, exception, out);
}

}  // namespace presenter::chat_backend
