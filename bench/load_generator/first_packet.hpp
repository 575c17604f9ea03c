// The first packet of a client: the operator's own, or the demo's `authenticate`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "base/byte_buffer.hpp"
#include "bench/chat_backend/packet_codec.hpp"
#include "bench/load_generator/load_options.hpp"

namespace presenter::bench {

// One file, or all files of a folder in the order of their names.
// Errors: std::invalid_argument with a text for the user.
std::vector<std::vector<std::byte>> read_packets(const std::filesystem::path&);

void append_first_packet(const load_options&, chat_backend::packet_codec&, std::size_t client,
                         byte_buffer& out);

}  // namespace presenter::bench
