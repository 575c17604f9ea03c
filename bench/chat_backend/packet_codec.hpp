// The demo's client protocol, chat.thrift: bytes of one packet ⇄ its struct, both ends of it, in
// strict binary or compact, told apart by the first byte. Replies go out in the encoding of the
// call. It knows no socket and no session; the chat server and the load generator share it.
#pragma once

#include <Chat.h>

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/byte_buffer.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::chat_backend {

// Largest packet after its 4-byte length: a 64 KiB body with room around it, and a history page.
inline constexpr std::size_t packet_bytes_max = 128 * 1'024;

// Most messages that one history reply may hold; what Thrift would otherwise allocate unasked.
inline constexpr std::int32_t history_messages_max = 1'000;

// In front of each packet: its length.
inline constexpr std::size_t packet_header_bytes = 4;

// Client to server.
struct authenticate_call {
  chat::AuthRequest request;
};
struct send_call {
  std::int64_t client_id = 0;
  std::string body;
};
struct history_call {
  std::int64_t after = 0;
  std::int32_t limit = 0;
};

// Server to client.
struct deliver_call {
  chat::Message message;
};
struct authenticate_reply {
  chat::AuthResult result;
};
struct send_reply {
  std::int64_t sequence = 0;
};
struct history_reply {
  std::vector<chat::Message> messages;
};
struct refused_reply {  // NotAuthenticated
  std::string why;
};
struct exception_reply {  // TApplicationException
  std::int32_t type = 0;
  std::string text;
};

// A message of a method that chat.thrift does not have.
struct unknown_message {};

using packet_content =
    std::variant<unknown_message, authenticate_call, send_call, history_call, deliver_call,
                 authenticate_reply, send_reply, history_reply, refused_reply, exception_reply>;

// What ties a reply to its call.
struct packet_id {
  protocol::thrift_encoding encoding = protocol::thrift_encoding::binary;
  std::int32_t sequence = 0;  // Thrift's seqid
};

struct packet {
  packet_id id;
  std::string method;
  packet_content content;
};

// The whole packet at the front of `bytes`, without its 4-byte length; nullopt when more is needed.
// Errors: message_size for a length of 0 or above packet_bytes_max.
boost::system::result<std::optional<std::span<const std::byte>>> next_packet(
    std::span<const std::byte> bytes);

// The length of a packet from its 4-byte header. Errors: message_size.
boost::system::result<std::size_t> packet_length(
    std::span<const std::byte, packet_header_bytes> header);

// Life: one per thread; its Thrift objects are made once and used for every packet.
// Confined to: its owner's thread.
// Bounds: strings by packet_bytes_max, lists by history_messages_max; an own transport, so that
// Thrift's budget of 100 MB per transport does not run out.
class packet_codec {
 public:
  packet_codec();
  ~packet_codec();
  packet_codec(const packet_codec&) = delete;
  packet_codec& operator=(const packet_codec&) = delete;

  // One packet without its 4-byte length. Errors: bad_message.
  boost::system::result<packet> decode(std::span<const std::byte> bytes);

  // Each appends one whole packet, length included, to `out`.
  void encode(packet_id, const authenticate_call&, byte_buffer& out);
  void encode(packet_id, const history_call&, byte_buffer& out);
  void encode_send(packet_id, std::int64_t client_id, const std::string& body, byte_buffer& out);
  void encode_deliver(packet_id, const chat::Message&, byte_buffer& out);
  void encode(packet_id, const authenticate_reply&, byte_buffer& out);
  void encode(packet_id, const send_reply&, byte_buffer& out);
  void encode(packet_id, const history_reply&, byte_buffer& out);
  // `method` is the call's: "authenticate", "send" or "history".
  void encode(packet_id, std::string_view method, const refused_reply&, byte_buffer& out);
  void encode(packet_id, std::string_view method, const exception_reply&, byte_buffer& out);

 private:
  class transport;

  apache::thrift::protocol::TProtocol& protocol_for(protocol::thrift_encoding) const;
  void make_protocols();
  packet decode_message(apache::thrift::protocol::TProtocol&);
  template <class Body>
  void write_message(packet_id, std::string_view method, apache::thrift::protocol::TMessageType,
                     const Body&, byte_buffer& out);

  std::shared_ptr<transport> transport_;
  std::shared_ptr<apache::thrift::protocol::TProtocol> binary_;
  std::shared_ptr<apache::thrift::protocol::TProtocol> compact_;
};

}  // namespace presenter::chat_backend
