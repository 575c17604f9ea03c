#include "protocol/wire/thrift_path.hpp"

#include <charconv>
#include <utility>

#include "protocol/limits.hpp"
#include "protocol/wire/thrift_binary.hpp"
#include "protocol/wire/thrift_compact.hpp"

namespace presenter::protocol {
namespace {

using boost::system::result;

constexpr std::uint8_t binary_first_byte = 0x80;   // strict binary: 0x8001, 0, type
constexpr std::uint8_t compact_first_byte = 0x82;  // compact: 0x82, type << 5 | version
constexpr std::uint8_t compact_version = 1;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_message_type(unsigned type) {
  return type >= 1 && type <= 4;
}

result<thrift_message> read_binary_message(std::span<const std::byte> bytes) {
  binary::reader in(bytes);
  const auto head = static_cast<std::uint32_t>(in.i32());
  thrift_message message;
  message.encoding = thrift_encoding::binary;
  message.method = as_text(in.binary());
  message.sequence = in.i32();
  const unsigned type = head & 0xff;
  if (in.has_failed() || head >> 16 != 0x8001 || !is_message_type(type))
    return errc::packet_malformed;
  message.type = static_cast<thrift_message_type>(type);
  message.arguments = bytes.last(in.remaining());
  return message;
}

result<thrift_message> read_compact_message(std::span<const std::byte> bytes) {
  compact::reader in(bytes.subspan(1));
  const std::uint8_t head = in.byte();
  thrift_message message;
  message.encoding = thrift_encoding::compact;
  message.sequence = static_cast<std::int32_t>(in.varint(0xffff'ffff));
  message.method = as_text(in.binary());
  const unsigned type = head >> 5;
  if (in.has_failed() || (head & 0x1f) != compact_version || !is_message_type(type)) {
    return errc::packet_malformed;
  }
  message.type = static_cast<thrift_message_type>(type);
  message.arguments = bytes.last(in.remaining());
  return message;
}

result<std::string> sized_key(std::string_view key) {
  if (key.empty() || key.size() > limits::key_bytes_max) return errc::packet_key_size;
  return std::string(key);
}

result<std::string> decimal_key(std::int64_t value) {
  char text[20];  // "-9223372036854775808"
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

result<std::string> key_value(compact::reader& in, compact::kind type) {
  using compact::kind;
  switch (type) {
    case kind::binary:
      return sized_key(as_text(in.binary()));
    case kind::i8:
      return decimal_key(static_cast<std::int8_t>(in.byte()));
    case kind::i16:
      return decimal_key(in.integer<std::int16_t>());
    case kind::i32:
      return decimal_key(in.integer<std::int32_t>());
    case kind::i64:
      return decimal_key(in.integer<std::int64_t>());
    default:
      return errc::packet_key_type;
  }
}

result<std::string> key_value(binary::reader& in, binary::kind type) {
  using binary::kind;
  switch (type) {
    case kind::string:
      return sized_key(as_text(in.binary()));
    case kind::i8:
      return decimal_key(in.i8());
    case kind::i16:
      return decimal_key(in.i16());
    case kind::i32:
      return decimal_key(in.i32());
    case kind::i64:
      return decimal_key(in.i64());
    default:
      return errc::packet_key_type;
  }
}

// Moves to the first field `id` of the struct that `in` stands in; what comes before it is checked
// and skipped. False when the struct ends without it.
template <class Reader, class Field>
bool find_field(Reader& in, Field& at, std::int16_t id, int depth) {
  at = {};
  while (in.next(at)) {
    if (at.id == id) return true;
    in.skip(at, depth);
  }
  return false;
}

template <class Reader, class Field>
result<std::string> walk_path(Reader in, Field at, std::span<const std::int16_t> path,
                              std::size_t& steps) {
  using kind = decltype(at.type);
  for (std::size_t step = 0; step != path.size(); ++step) {
    steps = step;
    if (step != 0 && at.type != kind::structure) return errc::packet_key_type;
    steps = step + 1;
    if (!find_field(in, at, path[step], static_cast<int>(step) + 1)) {
      return in.has_failed() ? errc::packet_malformed : errc::packet_key_missing;
    }
  }
  auto key = key_value(in, at.type);
  if (in.has_failed()) return errc::packet_malformed;
  return key;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void write_binary_exception(binary::writer& to, const thrift_message& call,
                            thrift_exception_type type, std::string_view text) {
  constexpr std::uint32_t head =
      0x8001'0000U | static_cast<std::uint32_t>(thrift_message_type::exception);
  to.i32(head);
  to.bytes(as_bytes(call.method));
  to.i32(static_cast<std::uint32_t>(call.sequence));
  to.header(1, binary::kind::string);
  to.bytes(as_bytes(text));
  to.header(2, binary::kind::i32);
  to.i32(static_cast<std::uint32_t>(type));
  to.byte(0);
}

void write_compact_exception(compact::writer& to, const thrift_message& call,
                             thrift_exception_type type, std::string_view text) {
  to.byte(compact_first_byte);
  to.byte(static_cast<unsigned>(thrift_message_type::exception) << 5 | compact_version);
  to.varint(static_cast<std::uint32_t>(call.sequence));
  to.bytes(as_bytes(call.method));
  to.field_string(1, text);
  to.field_i32(2, static_cast<std::int32_t>(type));
  to.byte(0);
}

}  // namespace

result<std::vector<std::int16_t>> parse_key_path(std::string_view text) {
  constexpr std::size_t steps_max = 8;
  std::vector<std::int16_t> path;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::int16_t id = 0;
    const auto parsed = std::from_chars(at, end, id);
    if (parsed.ec != std::errc{} || id < 1 || path.size() == steps_max) return errc::field_invalid;
    path.push_back(id);
    if (parsed.ptr == end) return path;
    if (*parsed.ptr != '.') return errc::field_invalid;
    at = parsed.ptr + 1;
  }
}

result<thrift_message> read_thrift_message(std::span<const std::byte> message) {
  if (message.empty()) return errc::packet_not_thrift;
  switch (std::to_integer<std::uint8_t>(message.front())) {
    case binary_first_byte:
      return read_binary_message(message);
    case compact_first_byte:
      return read_compact_message(message);
    default:
      return errc::packet_not_thrift;
  }
}

result<std::string> find_routing_key(const thrift_message& message,
                                     std::span<const std::int16_t> path, std::size_t& steps) {
  steps = 0;
  if (path.empty()) return errc::packet_key_missing;
  if (message.encoding == thrift_encoding::binary) {
    return walk_path(binary::reader(message.arguments), binary::field{}, path, steps);
  }
  return walk_path(compact::reader(message.arguments), compact::field{}, path, steps);
}

void encode_thrift_exception(const thrift_message& call, thrift_exception_type type,
                             std::string_view text, byte_buffer& out) {
  // Around the two strings either encoding adds at most 40 bytes.
  std::byte* const start = out.prepare(4 + 64 + call.method.size() + text.size()).data();
  const std::byte* end = nullptr;
  if (call.encoding == thrift_encoding::binary) {
    binary::writer to(start + 4);
    write_binary_exception(to, call, type, text);
    end = to.position();
  } else {
    compact::writer to(start + 4);
    write_compact_exception(to, call, type, text);
    end = to.position();
  }
  const auto size = static_cast<std::size_t>(end - start);
  binary::writer(start).i32(static_cast<std::uint32_t>(size - 4));
  out.commit(size);
}

}  // namespace presenter::protocol
