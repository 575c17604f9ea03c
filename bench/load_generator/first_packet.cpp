#include "bench/load_generator/first_packet.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "bench/load_generator/gateway_channel.hpp"

namespace presenter::bench {

namespace {

std::vector<std::byte> read_packet(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw std::invalid_argument("cannot read " + path.string());
  if (text.size() > channel_queue_bytes_max)
    throw std::invalid_argument("too long: " + path.string());
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<std::vector<std::byte>> read_packets(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {read_packet(path)};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  if (files.empty()) throw std::invalid_argument("no file in " + path.string());
  std::vector<std::vector<std::byte>> packets;
  packets.reserve(files.size());
  for (const auto& file : files)
    packets.push_back(read_packet(file));
  return packets;
}

void append_first_packet(const load_options& options, chat_backend::packet_codec& codec,
                         std::size_t client, byte_buffer& out) {
  if (!options.first_packets.empty())
    return out.append(options.first_packets[client % options.first_packets.size()]);
  chat_backend::authenticate_call call;
  call.request.couple_id = options.couple_id(client);
  call.request.user_id = "a";
  call.request.token = "demo";
  codec.encode({options.encoding, 0}, call, out);
}

}  // namespace presenter::bench
