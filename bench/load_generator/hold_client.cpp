#include "bench/load_generator/hold_client.hpp"

#include <variant>

#include "bench/load_generator/first_packet.hpp"

namespace presenter::bench {

using namespace chat_backend;

void hold_client::encode_first_packet(byte_buffer& out) {
  append_first_packet(around_.options, around_.codec, number_, out);
}

void hold_client::on_bytes(std::span<const std::byte> bytes) {
  if (is_served()) return;
  if (!around_.options.first_packets.empty()) return mark_served();
  const auto found = next_packet(bytes);
  if (found && *found) {
    const auto answer = around_.codec.decode(**found);
    const auto* const exception = answer ? std::get_if<exception_reply>(&answer->content) : nullptr;
    const auto* const refused = answer ? std::get_if<refused_reply>(&answer->content) : nullptr;
    const auto* const text = exception ? &exception->text : refused ? &refused->why : nullptr;
    if (text != nullptr) {
      ++around_.statistics.exceptions[*text];
      return give_up("answered with an exception");
    }
  }
  mark_served();
}

}  // namespace presenter::bench
