// Reads a Thrift message just far enough: its envelope, and one field found by its path of field
// ids. Nothing else is decoded and nothing is allocated for it. Strict binary and compact, told
// apart by the first byte. Also writes the one message a gateway ever answers with: a
// TApplicationException. See: protocol/README.md §9, Thrift's
// doc/specs/thrift-{binary,compact}-protocol.md.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_buffer.hpp"
#include "protocol/errc.hpp"

namespace presenter::protocol {

enum class thrift_encoding { binary, compact };
enum class thrift_message_type : std::uint8_t { call = 1, reply = 2, exception = 3, oneway = 4 };

// Envelope of one message. Views point into the bytes given.
struct thrift_message {
  thrift_encoding encoding = thrift_encoding::binary;
  thrift_message_type type = thrift_message_type::call;
  std::string_view method;
  std::int32_t sequence = 0;
  std::span<const std::byte> arguments;  // the encoded argument struct and whatever follows it
};

// Parses "1.1": 1 … 8 field ids of 1 … 32767, joined by dots. Errors: field_invalid.
boost::system::result<std::vector<std::int16_t>> parse_key_path(std::string_view text);

// `message` is one whole message, without its 4-byte length.
// Errors: packet_not_thrift (by the first byte), packet_malformed.
boost::system::result<thrift_message> read_thrift_message(std::span<const std::byte> message);

// The field at `path` as a routing key: the bytes of a string or binary; an i8, i16, i32 or i64 as
// decimal text. Every field on the way is checked and skipped; work is linear in the bytes, nesting
// at most 32. Errors: packet_malformed, packet_key_missing, packet_key_type, packet_key_size; the
// field to blame is the one at the first `steps` of the path.
boost::system::result<std::string> find_routing_key(const thrift_message& message,
                                                    std::span<const std::int16_t> path,
                                                    std::size_t& steps);
inline boost::system::result<std::string> find_routing_key(const thrift_message& message,
                                                           std::span<const std::int16_t> path) {
  std::size_t steps = 0;
  return find_routing_key(message, path, steps);
}

// TApplicationException.type, as in Thrift's TApplicationException.h.
enum class thrift_exception_type : std::int32_t {
  unknown = 0,
  unknown_method = 1,
  invalid_message_type = 2,
  internal_error = 6,
  protocol_error = 7,
};

// Appends a whole framed EXCEPTION message that answers `call`: same encoding, method and sequence.
void encode_thrift_exception(const thrift_message& call, thrift_exception_type type,
                             std::string_view text, byte_buffer& out);

}  // namespace presenter::protocol
