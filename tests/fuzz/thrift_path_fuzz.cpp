// First packets: the envelope and the routing key, against Thrift's own protocols, both encodings.
// Two bytes choose the key path, the rest is the message.
#include <thrift/Thrift.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/wire/thrift_path.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/watched_thrift.hpp"

namespace presenter::fuzz {
namespace {

using namespace protocol;
using apache::thrift::TException;
using apache::thrift::protocol::TMessageType;
using apache::thrift::protocol::TProtocol;

constexpr std::size_t nesting_max = 32;  // README §9 4

// What Thrift finds: a key, or the error that README §9 has for it.
struct finding {
  std::string key;
  std::optional<errc> error;
};

finding sized(std::string key) {
  if (key.empty() || key.size() > limits::key_bytes_max) return {{}, errc::packet_key_size};
  return {std::move(key), {}};
}

template <class T>
std::string decimal(TProtocol& in, std::uint32_t (TProtocol::*read)(T&)) {
  T value{};
  (in.*read)(value);
  return std::to_string(static_cast<std::int64_t>(value));
}

finding value_of(TProtocol& in, TType type) {
  using namespace apache::thrift::protocol;
  switch (type) {
    case T_STRING: {
      std::string key;
      in.readBinary(key);
      return sized(std::move(key));
    }
    case T_BYTE:
      return {decimal(in, &TProtocol::readByte), {}};
    case T_I16:
      return {decimal(in, &TProtocol::readI16), {}};
    case T_I32:
      return {decimal(in, &TProtocol::readI32), {}};
    case T_I64:
      return {decimal(in, &TProtocol::readI64), {}};
    default:
      return {{}, errc::packet_key_type};
  }
}

bool is_type(TType type) {
  using namespace apache::thrift::protocol;
  return type == T_BOOL || type == T_BYTE || type == T_DOUBLE || type == T_I16 || type == T_I32 ||
         type == T_I64 || (type >= T_STRING && type <= T_LIST);
}

// The walk of README §9, written with Thrift's own reader.
finding walk(TProtocol& in, std::span<const std::int16_t> path) {
  using namespace apache::thrift::protocol;
  TType type = T_STRUCT;
  for (const std::int16_t wanted : path) {
    if (type != T_STRUCT) return {{}, errc::packet_key_type};
    std::string name;
    std::int16_t id = 0;
    in.readStructBegin(name);
    while (true) {
      in.readFieldBegin(name, type, id);
      if (type == T_STOP) return {{}, errc::packet_key_missing};
      if (!is_type(type)) return {{}, errc::packet_malformed};
      if (id == wanted) break;
      in.skip(type);
    }
  }
  return value_of(in, type);
}

void check_envelope(const thrift_message& ours, const std::string& name, TMessageType type,
                    std::int32_t sequence, std::size_t left) {
  PRESENTER_FUZZ_CHECK(ours.method == name);
  PRESENTER_FUZZ_CHECK(static_cast<int>(ours.type) == static_cast<int>(type));
  PRESENTER_FUZZ_CHECK(ours.sequence == sequence);
  PRESENTER_FUZZ_CHECK(ours.arguments.size() == left);
}

bool is_malformed(const boost::system::error_code& error) {
  return error == errc::packet_malformed;
}

void check_key(const boost::system::result<std::string>& ours, const finding& theirs,
               const thrift_notes& notes) {
  if (notes.unread) return;
  // Their walk stops where ours does, so only what both have passed can be lax.
  if (notes.lax) return PRESENTER_FUZZ_CHECK(!ours && is_malformed(ours.error()));
  if (theirs.error) return PRESENTER_FUZZ_CHECK(!ours && ours.error() == *theirs.error);
  PRESENTER_FUZZ_CHECK(ours && *ours == theirs.key);
}

template <class Watched>
void compare(std::span<const std::byte> message, std::span<const std::int16_t> path) {
  const auto ours = read_thrift_message(message);
  Watched in(message, nesting_max);
  std::string name;
  TMessageType type{};
  std::int32_t sequence = 0;
  try {
    static_cast<TProtocol&>(in).readMessageBegin(name, type, sequence);
  } catch (const TException&) {
    return PRESENTER_FUZZ_CHECK(!ours && is_malformed(ours.error()));
  }
  if (in.notes.lax || type < 1 || type > 4) {
    return PRESENTER_FUZZ_CHECK(!ours && is_malformed(ours.error()));
  }
  PRESENTER_FUZZ_CHECK(ours.has_value());
  check_envelope(*ours, name, type, sequence, in.left());

  const auto key = find_routing_key(*ours, path);
  finding theirs;
  try {
    theirs = walk(in, path);
  } catch (const TException&) {
    theirs = {{}, errc::packet_malformed};
  }
  check_key(key, theirs, in.notes);
}

std::vector<std::int16_t> path_of(unsigned steps, unsigned ids) {
  std::vector<std::int16_t> path;
  for (unsigned i = 0; i <= (steps & 3U); ++i)
    path.push_back(static_cast<std::int16_t>(1 + (ids >> (2 * i) & 3U)));
  if ((steps & 0x80U) != 0) path.back() = 99;
  return path;
}

void check_answer(std::span<const std::byte> message) {
  const auto call = read_thrift_message(message);
  if (!call) return;
  byte_buffer out;
  encode_thrift_exception(*call, thrift_exception_type::internal_error, "why", out);
  const auto answer = read_thrift_message(out.bytes().subspan(4));
  PRESENTER_FUZZ_CHECK(answer && answer->type == thrift_message_type::exception);
  PRESENTER_FUZZ_CHECK(answer->method == call->method && answer->sequence == call->sequence);
  const std::int16_t path[] = {1};
  const auto text = find_routing_key(*answer, path);
  PRESENTER_FUZZ_CHECK(text && *text == "why");
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  byte_script script(data, size);
  const unsigned steps = script.byte();
  const auto path = path_of(steps, script.byte());
  const auto message = script.all();
  const auto first = message.empty() ? 0 : std::to_integer<unsigned>(message.front());
  check_answer(message);
  if (first == 0x80) {
    compare<watched_binary>(message, path);
  } else if (first == 0x82) {
    compare<watched_compact>(message, path);
  } else {
    const auto ours = presenter::protocol::read_thrift_message(message);
    PRESENTER_FUZZ_CHECK(!ours && ours.error() == presenter::protocol::errc::packet_not_thrift);
  }
  return 0;
}
