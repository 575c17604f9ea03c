// A client's first bytes, in pieces: one byte chooses the limit, one the pieces, the rest is what
// the client sends.
#include "gateway/client/first_packet.hpp"

#include <thrift/TApplicationException.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/watched_thrift.hpp"

namespace presenter::fuzz {
namespace {

using namespace gateway;

struct outcome {
  bool is_whole = false;
  std::optional<close_reason> reason;
  std::string key;
  std::string bytes;
  std::string answer;
  bool operator==(const outcome&) const = default;
};

// The answer as a stock client reads it.
void check_answer(std::span<const std::byte> framed, std::string_view text) {
  const auto message = framed.subspan(4);
  const auto body = [&](auto in) {
    std::string name;
    apache::thrift::protocol::TMessageType type{};
    std::int32_t sequence = 0;
    apache::thrift::TApplicationException exception;
    static_cast<apache::thrift::protocol::TProtocol&>(in).readMessageBegin(name, type, sequence);
    exception.read(&in);
    PRESENTER_FUZZ_CHECK(type == apache::thrift::protocol::T_EXCEPTION && in.left() == 0);
    PRESENTER_FUZZ_CHECK(exception.what() == text);
  };
  if (message.front() == std::byte{0x80}) {
    body(watched_binary(message, 8));
  } else {
    body(watched_compact(message, 8));
  }
}

// With the field to blame, if there is one.
std::string answer_text(close_reason told, const std::string& place) {
  const std::string text(row_of(told).answer->text);
  return place.empty() ? text : text + " (" + place + ")";
}

outcome collect(const auth_config& settings, std::span<const std::byte> sent, std::size_t step) {
  first_packet packet(settings);
  outcome result;
  while (true) {
    const auto wanted = packet.wanted();
    result.is_whole = wanted.empty();
    PRESENTER_FUZZ_CHECK(packet.bytes().size() + wanted.size() <= 5 + settings.packet_bytes_max);
    const std::size_t n = std::min({wanted.size(), sent.size(), step});
    if (n == 0) break;
    std::memcpy(wanted.data(), sent.data(), n);
    sent = sent.subspan(n);
    result.reason = packet.commit(n);
    PRESENTER_FUZZ_CHECK(packet.is_begun());
    if (result.reason) break;
  }
  if (result.is_whole) result.reason = packet.find_key(result.key);
  PRESENTER_FUZZ_CHECK(!result.is_whole || result.reason || !result.key.empty());
  result.bytes = as_text(packet.bytes());

  const close_reason told = result.reason.value_or(close_reason::shutting_down);
  byte_buffer answer;
  packet.append_answer(told, answer);
  if (!answer.empty()) check_answer(answer.bytes(), answer_text(told, packet.fault_place()));
  result.answer = as_text(answer.bytes());
  packet.release();
  PRESENTER_FUZZ_CHECK(!packet.is_begun());
  return result;
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  byte_script script(data, size);
  presenter::gateway::auth_config settings;
  settings.packet_bytes_max = 64 + std::size_t{script.byte()} * 64;
  const std::size_t step = 1 + script.byte();
  const auto sent = script.all();
  const outcome whole = collect(settings, sent, sent.size());
  PRESENTER_FUZZ_CHECK(as_text(sent).starts_with(whole.bytes));
  const outcome pieces = collect(settings, sent, step);
  // An answer needs the envelope, and pieces that stop short of a fault have stopped at the same.
  PRESENTER_FUZZ_CHECK(whole == pieces);
  return 0;
}
