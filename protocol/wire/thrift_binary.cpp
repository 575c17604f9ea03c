#include "protocol/wire/thrift_binary.hpp"

namespace presenter::protocol::binary {
namespace {

// Bytes of a value whose size its type fixes, the least size of the others; 0: no such type.
struct width {
  std::uint64_t bytes = 0;
  bool fixed = false;
};

constexpr width width_of(kind type) {
  switch (type) {
    case kind::boolean:
    case kind::i8:
      return {1, true};
    case kind::i16:
      return {2, true};
    case kind::i32:
      return {4, true};
    case kind::real:
    case kind::i64:
      return {8, true};
    case kind::uuid:
      return {16, true};
    case kind::string:
      return {4, false};
    case kind::structure:
      return {1, false};
    case kind::list:
    case kind::set:
      return {5, false};
    case kind::map:
      return {6, false};
    case kind::stop:
      break;
  }
  return {};
}

}  // namespace

std::uint64_t reader::big_endian(std::size_t width) {
  if (remaining() < width) {
    fail();
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i != width; ++i) {
    value = value << 8 | std::to_integer<std::uint64_t>(at_[i]);
  }
  at_ += width;
  return value;
}

std::span<const std::byte> reader::binary() {
  const std::int32_t size = i32();
  if (has_failed_ || size < 0 || static_cast<std::size_t>(size) > remaining()) {
    fail();
    return {};
  }
  const std::span<const std::byte> bytes(at_, static_cast<std::size_t>(size));
  at_ += size;
  return bytes;
}

bool reader::next(field& at) {
  const auto type = static_cast<kind>(i8());
  if (has_failed_ || type == kind::stop) return false;
  const std::int16_t id = i16();
  if (width_of(type).bytes == 0) fail();
  at = {id, type};
  return !has_failed_;
}

void reader::skip_bytes(std::uint64_t count) {
  if (count > remaining()) {
    fail();
  } else {
    at_ += count;
  }
}

void reader::skip_value(kind type, int depth) {
  const width size = width_of(type);
  if (size.bytes == 0) return fail();
  if (size.fixed) return skip_bytes(size.bytes);
  switch (type) {
    case kind::string:
      binary();
      return;
    case kind::map:
      return skip_map(depth + 1);
    case kind::structure:
      return skip_struct(depth + 1);
    default:
      return skip_list(depth + 1);
  }
}

// A count that the remaining bytes cannot hold is a lie; so the loops are linear in the bytes. The
// type of an empty container's elements is not looked at: writers differ.
void reader::skip_list(int depth) {
  if (depth > depth_max) return fail();
  const auto type = static_cast<kind>(i8());
  const std::int32_t count = i32();
  if (has_failed_ || count == 0) return;
  const width size = width_of(type);
  if (count < 0 || size.bytes == 0) return fail();
  const auto least = static_cast<std::uint64_t>(count) * size.bytes;
  if (least > remaining()) return fail();
  if (size.fixed) return skip_bytes(least);
  for (std::int32_t i = 0; i != count && !has_failed_; ++i)
    skip_value(type, depth);
}

void reader::skip_map(int depth) {
  if (depth > depth_max) return fail();
  const auto key = static_cast<kind>(i8());
  const auto value = static_cast<kind>(i8());
  const std::int32_t count = i32();
  if (has_failed_ || count == 0) return;
  const std::uint64_t least = width_of(key).bytes + width_of(value).bytes;
  if (count < 0 || static_cast<std::uint64_t>(count) * least > remaining()) return fail();
  for (std::int32_t i = 0; i != count && !has_failed_; ++i) {
    skip_value(key, depth);
    skip_value(value, depth);
  }
}

void reader::skip_struct(int depth) {
  if (depth > depth_max) return fail();
  field at;
  while (next(at))
    skip(at, depth);
}

}  // namespace presenter::protocol::binary
