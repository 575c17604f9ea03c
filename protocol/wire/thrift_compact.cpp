#include "protocol/wire/thrift_compact.hpp"

namespace presenter::protocol::compact {

std::uint8_t reader::byte() {
  if (at_ == end_) {
    fail();
    return 0;
  }
  return std::to_integer<std::uint8_t>(*at_++);
}

std::uint64_t reader::varint(std::uint64_t max) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const std::uint64_t next = byte();
    if (has_failed_) return 0;
    if (shift == 63 && next > 1) break;  // more than 64 bits
    value |= (next & 0x7f) << shift;
    if ((next & 0x80) == 0) {
      if (value > max) break;
      return value;
    }
  }
  fail();
  return 0;
}

std::span<const std::byte> reader::binary() {
  const auto size = static_cast<std::size_t>(varint(remaining()));
  if (has_failed_ || size > remaining()) {
    fail();
    return {};
  }
  const std::span<const std::byte> bytes(at_, size);
  at_ += size;
  return bytes;
}

bool reader::next(field& at) {
  const std::uint8_t header = byte();
  if (has_failed_ || header == 0) return false;
  const auto type = static_cast<kind>(header & 0x0f);
  if (type == kind::stop || type > kind::uuid) {
    fail();
    return false;
  }
  const int delta = header >> 4;
  int id = 0;
  if (delta == 0) {
    id = integer<std::int16_t>();
  } else {
    id = at.id + delta;
    if (id > std::numeric_limits<std::int16_t>::max()) fail();
  }
  at = {static_cast<std::int16_t>(id), type};
  return !has_failed_;
}

bool reader::take(const field& at, bool& out) {
  if (at.type != kind::bool_true && at.type != kind::bool_false) {
    skip(at);
    return false;
  }
  out = at.type == kind::bool_true;
  return true;
}

bool reader::take(const field& at, std::span<const std::byte>& out) {
  if (at.type != kind::binary) {
    skip(at);
    return false;
  }
  out = binary();
  return !has_failed_;
}

bool reader::take(const field& at, std::string_view& out) {
  std::span<const std::byte> bytes;
  if (!take(at, bytes)) return false;
  out = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  return true;
}

bool reader::take(const field& at, std::string& out) {
  std::string_view bytes;
  if (!take(at, bytes)) return false;
  out = bytes;
  return true;
}

void reader::skip_bytes(std::size_t count) {
  if (count > remaining()) {
    fail();
  } else {
    at_ += count;
  }
}

void reader::skip_value(kind type, bool in_header, int depth) {
  switch (type) {
    case kind::bool_true:
    case kind::bool_false:
      if (!in_header) skip_bytes(1);
      return;
    case kind::i8:
      return skip_bytes(1);
    case kind::i16:
    case kind::i32:
    case kind::i64:
      varint();
      return;
    case kind::real:
      return skip_bytes(8);
    case kind::uuid:
      return skip_bytes(16);
    case kind::binary:
      binary();
      return;
    case kind::list:
    case kind::set:
      return skip_list(depth + 1);
    case kind::map:
      return skip_map(depth + 1);
    case kind::structure:
      return skip_struct(depth + 1);
    case kind::stop:
      break;
  }
  fail();
}

void reader::skip_elements(std::uint64_t count, kind type, int depth) {
  for (; count != 0 && !has_failed_; --count)
    skip_value(type, false, depth);
}

// Every element takes at least one byte, so a count above what remains is a lie, and the loop is
// linear in the bytes.
void reader::skip_list(int depth) {
  if (depth > depth_max) return fail();
  const std::uint8_t header = byte();
  const std::uint64_t count = header >> 4 == 15 ? varint(remaining()) : header >> 4;
  if (has_failed_ || count > remaining()) return fail();
  skip_elements(count, static_cast<kind>(header & 0x0f), depth);
}

void reader::skip_map(int depth) {
  if (depth > depth_max) return fail();
  const std::uint64_t count = varint(remaining());
  if (has_failed_ || count == 0) return;  // an empty map has no byte for its types
  const std::uint8_t types = byte();
  if (has_failed_ || count > remaining() / 2) return fail();
  for (std::uint64_t i = 0; i != count && !has_failed_; ++i) {
    skip_value(static_cast<kind>(types >> 4), false, depth);
    skip_value(static_cast<kind>(types & 0x0f), false, depth);
  }
}

void reader::skip_struct(int depth) {
  if (depth > depth_max) return fail();
  field at;
  while (next(at))
    skip(at, depth);
}

}  // namespace presenter::protocol::compact
