#include "bench/load_generator/idle_client.hpp"

#include <variant>

namespace presenter::bench {

using namespace chat_backend;

void idle_client::encode_first_packet(byte_buffer& out) {
  authenticate_call call;
  call.request.couple_id = around_.options.couple_id(number_);
  call.request.user_id = "a";
  call.request.token = "demo";
  around_.codec.encode({around_.options.encoding, 0}, call, out);
}

void idle_client::on_bytes(std::span<const std::byte> bytes) {
  if (is_served()) return;
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
