#include "gateway/client/first_packet.hpp"

#include <algorithm>

namespace presenter::gateway {
namespace {

constexpr std::size_t length_bytes = 4;
// The length alone does not tell an oversize packet from something that is not Thrift: the byte
// behind does.
constexpr std::size_t head_bytes = length_bytes + 1;

constexpr std::byte binary_first{0x80};
constexpr std::byte compact_first{0x82};

}  // namespace

std::size_t first_packet::message_bytes() const {
  std::size_t n = 0;
  for (const std::byte b : packet_.bytes().first(length_bytes)) {
    n = n << 8 | std::to_integer<std::size_t>(b);
  }
  return n;
}

std::span<const std::byte> first_packet::message() const {
  return packet_.bytes().subspan(length_bytes);
}

std::span<std::byte> first_packet::wanted() {
  const std::size_t whole =
      packet_.size() < head_bytes ? head_bytes : length_bytes + message_bytes();
  const std::size_t missing = whole - packet_.size();
  if (missing == 0) return {};
  return packet_.prepare(missing).first(missing);
}

std::optional<close_reason> first_packet::commit(std::size_t n) {
  const bool had_head = packet_.size() >= head_bytes;
  packet_.commit(n);
  if (had_head || packet_.size() < head_bytes) return std::nullopt;
  const std::byte first = message().front();
  if (first != binary_first && first != compact_first) return close_reason::packet_not_thrift;
  if (message_bytes() == 0) return close_reason::packet_malformed;
  if (message_bytes() > settings_.packet_bytes_max) return close_reason::packet_oversize;
  return std::nullopt;
}

std::optional<close_reason> first_packet::find_key(std::string& key) {
  const auto envelope = protocol::read_thrift_message(message());
  if (!envelope) return close_reason_of(protocol::errc_of(envelope.error()));
  if (envelope->type != protocol::thrift_message_type::call) return close_reason::packet_not_call;
  if (envelope->method != settings_.method) return close_reason::packet_method;
  std::size_t steps = 0;
  auto found = protocol::find_routing_key(*envelope, settings_.key_path, steps);
  if (!found) faulty_steps_ = steps;
  if (!found) return close_reason_of(protocol::errc_of(found.error()));
  key = std::move(*found);
  return std::nullopt;
}

std::string first_packet::fault_place() const {
  std::string place;
  // The path may be another one by now.
  for (std::size_t i = 0; i < std::min(faulty_steps_, settings_.key_path.size()); ++i)
    place += (i == 0 ? "field " : ".") + std::to_string(settings_.key_path[i]);
  return place;
}

void first_packet::append_answer(close_reason reason, byte_buffer& out) const {
  const auto& answer = row_of(reason).answer;
  if (!answer || packet_.size() <= head_bytes) return;
  const auto envelope = protocol::read_thrift_message(message());
  if (!envelope) return;
  std::string text(answer->text);
  if (faulty_steps_ != 0) text += " (" + fault_place() + ")";
  protocol::encode_thrift_exception(*envelope, answer->type, text, out);
}

}  // namespace presenter::gateway
