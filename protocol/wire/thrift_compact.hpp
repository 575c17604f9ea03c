// The part of TCompactProtocol that frames and first packets need, over a run of bytes in memory.
// Allocates nothing and throws nothing. Internal to protocol/wire.
// See: Thrift's doc/specs/thrift-compact-protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace presenter::protocol::compact {

// A peer's structs nest two deep and a chat packet's a few; 32 keeps the stack small whatever
// comes.
inline constexpr int depth_max = 32;

enum class kind : std::uint8_t {
  stop = 0,
  bool_true = 1,  // in a field header: the value itself; in a container: either one means bool
  bool_false = 2,
  i8 = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  real = 7,
  binary = 8,
  list = 9,
  set = 10,
  map = 11,
  structure = 12,
  uuid = 13,
};

struct field {
  std::int16_t id = 0;
  kind type = kind::stop;
};

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

// Reads forwards. The first impossible byte makes it fail for good: every later call returns false
// or zero and consumes nothing more, so a caller checks has_failed() once, at the end. Life: a
// view; the bytes outlive it.
class reader {
 public:
  explicit reader(std::span<const std::byte> bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool has_failed() const { return has_failed_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  std::uint8_t byte();

  // At most `max`, in at most ten bytes; anything else fails.
  std::uint64_t varint(std::uint64_t max = std::numeric_limits<std::uint64_t>::max());

  // Zigzag integer within the range of T; Thrift's own decoder would cut a larger one silently.
  template <class T>
  T integer() {
    const std::int64_t value = unzigzag(varint());
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
      fail();
      return 0;
    }
    return static_cast<T>(value);
  }

  // A view of the bytes of a string or binary.
  std::span<const std::byte> binary();

  // The next field of a struct: `at` holds the previous one (or is fresh) and gets the next. False
  // at the struct's end and on failure.
  bool next(field& at);

  // A struct within the one that is being read: what is skipped in it is nested one deeper.
  void enter_struct() { ++level_; }
  void leave_struct() { --level_; }

  // Passes over the value of `at`, a field of the struct that is being read.
  void skip(const field& at) { skip(at, level_); }
  // `depth` counts the structs and containers already entered.
  void skip(const field& at, int depth) { skip_value(at.type, true, depth); }

  // Take the value of `at` if it has the right type, else skip it as Thrift does; true if taken.
  bool take(const field& at, std::int32_t& out) { return take_integer(at, kind::i32, out); }
  bool take(const field& at, std::int64_t& out) { return take_integer(at, kind::i64, out); }
  bool take(const field& at, bool& out);
  bool take(const field& at, std::span<const std::byte>& out);
  bool take(const field& at, std::string_view& out);  // a view, like the span
  bool take(const field& at, std::string& out);

  template <class T>
  bool take(const field& at, std::optional<T>& out) {
    T value{};
    if (!take(at, value)) return false;
    out = value;
    return true;
  }

  void fail() {
    has_failed_ = true;
    at_ = end_;
  }

 private:
  template <class T>
  bool take_integer(const field& at, kind wanted, T& out) {
    if (at.type != wanted) {
      skip(at);
      return false;
    }
    out = integer<T>();
    return !has_failed_;
  }

  void skip_bytes(std::size_t count);
  void skip_value(kind type, bool in_header, int depth);
  void skip_elements(std::uint64_t count, kind type, int depth);
  void skip_list(int depth);
  void skip_map(int depth);
  void skip_struct(int depth);

  int level_ = 1;  // structs entered, the frame's own included
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
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      byte(static_cast<unsigned>(value & 0x7f) | 0x80U);
      value >>= 7;
    }
    byte(static_cast<unsigned>(value));
  }
  void bytes(std::span<const std::byte> value) {
    varint(value.size());
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }

  void field_i32(std::int16_t id, std::int32_t value) {
    header(id, kind::i32);
    varint(static_cast<std::uint32_t>(zigzag(value)));
  }
  void field_i64(std::int16_t id, std::int64_t value) {
    header(id, kind::i64);
    varint(zigzag(value));
  }
  void field_bool(std::int16_t id, bool value) {
    header(id, value ? kind::bool_true : kind::bool_false);
  }
  void field_binary(std::int16_t id, std::span<const std::byte> value) {
    header(id, kind::binary);
    bytes(value);
  }
  void field_string(std::int16_t id, std::string_view value) {
    field_binary(id, std::as_bytes(std::span(value)));
  }

  // Returns what end_struct needs: the id that the outer struct had reached.
  std::int16_t begin_struct(std::int16_t id) {
    header(id, kind::structure);
    last_id_ = 0;
    return id;
  }
  void end_struct(std::int16_t outer_id) {
    byte(0);
    last_id_ = outer_id;
  }

 private:
  // Our ids increase by less than 16 within a struct, so the short form always fits.
  void header(std::int16_t id, kind type) {
    byte(static_cast<unsigned>(id - last_id_) << 4 | static_cast<unsigned>(type));
    last_id_ = id;
  }

  std::byte* at_;
  std::int16_t last_id_ = 0;
};

}  // namespace presenter::protocol::compact
