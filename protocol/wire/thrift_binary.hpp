// The part of TBinaryProtocol (strict) that first packets need, over a run of bytes in memory: the
// counterpart of thrift_compact.hpp, with the same names. Internal to protocol/wire.
// See: Thrift's doc/specs/thrift-binary-protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace presenter::protocol::binary {

inline constexpr int depth_max = 32;

enum class kind : std::uint8_t {
  stop = 0,
  boolean = 2,
  i8 = 3,
  real = 4,
  i16 = 6,
  i32 = 8,
  i64 = 10,
  string = 11,
  structure = 12,
  map = 13,
  set = 14,
  list = 15,
  uuid = 16,
};

struct field {
  std::int16_t id = 0;
  kind type = kind::stop;
};

// As compact::reader: the first impossible byte makes it fail for good.
// Life: a view; the bytes outlive it.
class reader {
 public:
  explicit reader(std::span<const std::byte> bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool has_failed() const { return has_failed_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  std::int8_t i8() { return static_cast<std::int8_t>(big_endian(1)); }
  std::int16_t i16() { return static_cast<std::int16_t>(big_endian(2)); }
  std::int32_t i32() { return static_cast<std::int32_t>(big_endian(4)); }
  std::int64_t i64() { return static_cast<std::int64_t>(big_endian(8)); }
  std::span<const std::byte> binary();

  bool next(field& at);
  void skip(const field& at, int depth) { skip_value(at.type, depth); }

 private:
  void fail() {
    has_failed_ = true;
    at_ = end_;
  }
  std::uint64_t big_endian(std::size_t width);
  void skip_bytes(std::uint64_t count);
  void skip_value(kind type, int depth);
  void skip_list(int depth);
  void skip_map(int depth);
  void skip_struct(int depth);

  const std::byte* at_;
  const std::byte* end_;
  bool has_failed_ = false;
};

// Writes forwards into room that the caller has prepared; checks nothing.
class writer {
 public:
  explicit writer(std::byte* at) : at_(at) {}

  std::byte* position() const { return at_; }

  void byte(unsigned value) { *at_++ = static_cast<std::byte>(value); }
  void i32(std::uint32_t value) {
    for (unsigned shift = 32; shift != 0; shift -= 8)
      byte(value >> (shift - 8) & 0xffU);
  }
  void header(unsigned id, kind type) {
    byte(static_cast<unsigned>(type));
    byte(id >> 8);
    byte(id & 0xffU);
  }
  void bytes(std::span<const std::byte> value) {
    i32(static_cast<std::uint32_t>(value.size()));
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }

 private:
  std::byte* at_;
};

}  // namespace presenter::protocol::binary
