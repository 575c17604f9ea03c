#include "bench/load_generator/message_body.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace presenter::bench {

namespace {

constexpr std::uint32_t magic = 0x70726573;

// Host byte order: the same process reads it again.
struct body_header {
  std::uint32_t magic_number;
  std::uint32_t bytes;
  message_facts facts;
  std::uint64_t checksum;  // of the whole body with this field 0
};
static_assert(sizeof(body_header) == body_bytes_min);

std::uint64_t checksum_of(std::string_view filler, body_header header) {
  header.checksum = 0;
  const std::uint64_t seed = XXH64(&header, sizeof header, 0);
  return XXH64(filler.data(), filler.size(), seed);
}

}  // namespace

void write_body(const message_facts& facts, std::size_t bytes, std::string& body) {
  const std::size_t size = std::max(bytes, body_bytes_min);
  body.resize(size);
  // Every message has another filler, so that swapped halves of two messages do not go unseen.
  const std::size_t filler = size - sizeof(body_header);
  std::memset(body.data() + sizeof(body_header), static_cast<int>(facts.sequence & 0xff), filler);
  body_header header{magic, static_cast<std::uint32_t>(size), facts, 0};
  header.checksum = checksum_of(std::string_view(body).substr(sizeof header), header);
  std::memcpy(body.data(), &header, sizeof header);
}

std::optional<message_facts> read_body(std::string_view body) {
  body_header header{};
  if (body.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, body.data(), sizeof header);
  if (header.magic_number != magic || header.bytes != body.size()) return std::nullopt;
  if (checksum_of(body.substr(sizeof header), header) != header.checksum) return std::nullopt;
  return header.facts;
}

}  // namespace presenter::bench
