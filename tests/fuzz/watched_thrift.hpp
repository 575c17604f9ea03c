// Thrift's own compact and binary protocols over bytes in memory, watched: they note where they
// read on although protocol/README.md (§3, §9) and protocol/DECISIONS.md want an error, and where
// they cannot read what it allows. Whoever compares may then say why two decoders differ, or that
// they must not.
#pragma once

#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/protocol/TVirtualProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace presenter::fuzz {

using apache::thrift::protocol::TType;
using apache::thrift::transport::TMemoryBuffer;

struct thrift_notes {
  bool lax = false;        // read something that must be malformed: too wide, or too deep
  bool unread = false;     // met what this Thrift cannot read: uuid, the type of an empty container
  bool merged = false;     // took two structs of one id for one; asked of the second level only
  std::size_t depth = 0;   // structs and containers entered and not left
  std::size_t fields = 0;  // of the outermost struct
};

inline std::shared_ptr<TMemoryBuffer> memory_of(std::span<const std::byte> bytes) {
  // OBSERVE never writes, whatever its signature says.
  auto* const data = const_cast<std::byte*>(bytes.data());
  return std::make_shared<TMemoryBuffer>(reinterpret_cast<std::uint8_t*>(data),
                                         static_cast<std::uint32_t>(bytes.size()),
                                         TMemoryBuffer::OBSERVE);
}

// What both encodings share: where we are, and how deep.
class thrift_watch {
 public:
  thrift_watch(std::span<const std::byte> bytes, std::size_t depth_max)
      : memory(memory_of(bytes)), bytes_(bytes), depth_max_(depth_max) {}

  thrift_notes notes;
  std::shared_ptr<TMemoryBuffer> memory;

  std::size_t left() const { return memory->available_read(); }

 protected:
  void enter() {
    if (++notes.depth > depth_max_) notes.lax = true;
  }
  void leave() { --notes.depth; }

  // The byte `ahead` of the next one; 0 behind the end.
  unsigned peek(std::size_t ahead = 0) const {
    const std::size_t at = bytes_.size() - left() + ahead;
    return at < bytes_.size() ? std::to_integer<unsigned>(bytes_[at]) : 0;
  }

  // Notes a varint that Thrift would cut to `bits`; returns its length. A zigzag integer fits a
  // type of so many bits exactly if its varint does.
  std::size_t peek_varint(std::size_t ahead, unsigned bits) {
    for (unsigned i = 0; i != 10; ++i) {
      const unsigned next = peek(ahead + i);
      const unsigned above = bits > 7 * i ? bits - 7 * i : 0;
      if (above < 7 && (next & 0x7fU) >> above != 0) notes.lax = true;
      if (next < 0x80) return i + 1;
    }
    return 10;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t depth_max_;
};

class watched_compact : public thrift_watch,
                        public apache::thrift::protocol::TVirtualProtocol<
                            watched_compact, apache::thrift::protocol::TCompactProtocol> {
  using base = apache::thrift::protocol::TCompactProtocol;
  using virtual_base = apache::thrift::protocol::TVirtualProtocol<watched_compact, base>;

 public:
  watched_compact(std::span<const std::byte> bytes, std::size_t depth_max)
      : thrift_watch(bytes, depth_max), virtual_base(memory) {}

  std::uint32_t readMessageBegin(std::string& name, apache::thrift::protocol::TMessageType& type,
                                 std::int32_t& sequence) {
    const std::size_t n = peek_varint(2, 32);
    check_size(2 + n);
    return base::readMessageBegin(name, type, sequence);
  }
  std::uint32_t readStructBegin(std::string& name) {
    ids_.push_back(0);
    enter();
    return base::readStructBegin(name);
  }
  std::uint32_t readStructEnd() {
    ids_.pop_back();
    leave();
    return base::readStructEnd();
  }
  std::uint32_t readFieldBegin(std::string& name, TType& type, std::int16_t& id) {
    const unsigned header = peek();
    note_type(header & 0x0fU);
    // Any id with type 0 ends a struct for Thrift; the format's stop is the whole byte 0.
    if (header != 0 && (header & 0x0fU) == 0) notes.lax = true;
    if (header != 0 && header >> 4 == 0) peek_varint(1, 16);
    if (header != 0 && notes.depth == 1) ++notes.fields;
    const std::uint32_t size = base::readFieldBegin(name, type, id);
    if (header != 0 && !ids_.empty()) {
      if (header >> 4 != 0 && ids_.back() + static_cast<int>(header >> 4) != id) notes.lax = true;
      ids_.back() = id;
    }
    if (notes.depth == 2 && type == apache::thrift::protocol::T_STRUCT) note_struct(id);
    return size;
  }
  std::uint32_t readI16(std::int16_t& value) {
    peek_varint(0, is_skipping_ ? 64 : 16);
    return base::readI16(value);
  }
  std::uint32_t readI32(std::int32_t& value) {
    peek_varint(0, is_skipping_ ? 64 : 32);
    return base::readI32(value);
  }
  std::uint32_t readI64(std::int64_t& value) {
    peek_varint(0, 64);
    return base::readI64(value);
  }
  // The range of an integer that nobody reads is nobody's business.
  std::uint32_t skip_virt(TType type) override {
    is_skipping_ = true;
    const std::uint32_t size = virtual_base::skip_virt(type);
    is_skipping_ = false;
    return size;
  }
  std::uint32_t readString(std::string& text) { return readBinary(text); }
  std::uint32_t readBinary(std::string& bytes) {
    check_size(0);
    return base::readBinary(bytes);
  }
  std::uint32_t readListBegin(TType& type, std::uint32_t& size) {
    const unsigned header = peek();
    note_type(header & 0x0fU);
    if (header >> 4 == 15) check_size(1);
    const std::uint64_t elements = header >> 4 == 15 ? peek_size(1) : header >> 4;
    if (elements == 0) note_empty(header & 0x0fU);
    enter();
    return base::readListBegin(type, size);
  }
  std::uint32_t readSetBegin(TType& type, std::uint32_t& size) { return readListBegin(type, size); }
  std::uint32_t readMapBegin(TType& key, TType& value, std::uint32_t& size) {
    const std::size_t n = peek_varint(0, 31);
    if (peek_size(0) != 0) {
      note_type(peek(n) >> 4);
      note_type(peek(n) & 0x0fU);
    }
    check_size(0);
    enter();
    return base::readMapBegin(key, value, size);
  }
  std::uint32_t readListEnd() { return leave(), base::readListEnd(); }
  std::uint32_t readSetEnd() { return leave(), base::readSetEnd(); }
  std::uint32_t readMapEnd() { return leave(), base::readMapEnd(); }

 private:
  // Thrift takes memory for a string before it looks whether its bytes are there, and multiplies a
  // container's count until it overflows. Neither is worth more bytes than are left.
  void check_size(std::size_t ahead) {
    using apache::thrift::protocol::TProtocolException;
    peek_varint(ahead, 31);
    if (peek_size(ahead) > left()) throw TProtocolException(TProtocolException::SIZE_LIMIT);
  }

  // A size or count as Thrift reads it: 32 bits of a varint that need not be the shortest.
  std::uint64_t peek_size(std::size_t ahead) const {
    std::uint64_t size = 0;
    for (unsigned i = 0; i != 5; ++i) {
      const unsigned next = peek(ahead + i);
      size |= std::uint64_t{next & 0x7fU} << (7 * i);
      if (next < 0x80) break;
    }
    return size & 0xffff'ffffU;
  }

  void note_type(unsigned type) {
    if (type == 13) notes.unread = true;  // uuid came with Thrift 0.19
  }
  void note_empty(unsigned type) {
    if (type > 12) notes.unread = true;
  }
  void note_struct(std::int16_t id) {
    if (std::ranges::find(structs_, id) != structs_.end()) notes.merged = true;
    structs_.push_back(id);
  }
  std::vector<int> ids_;
  std::vector<std::int16_t> structs_;
  bool is_skipping_ = false;
};

class watched_binary
    : public thrift_watch,
      public apache::thrift::protocol::TVirtualProtocol<watched_binary,
                                                        apache::thrift::protocol::TBinaryProtocol> {
  using base = apache::thrift::protocol::TBinaryProtocol;
  using virtual_base = apache::thrift::protocol::TVirtualProtocol<watched_binary, base>;

 public:
  watched_binary(std::span<const std::byte> bytes, std::size_t depth_max)
      : thrift_watch(bytes, depth_max), virtual_base(memory) {
    setStringSizeLimit(static_cast<std::int32_t>(bytes.size() + 1));
    setContainerSizeLimit(static_cast<std::int32_t>(bytes.size() + 1));
    setStrict(true, true);
  }

  std::uint32_t readStructBegin(std::string& name) {
    enter();
    return base::readStructBegin(name);
  }
  std::uint32_t readStructEnd() { return leave(), base::readStructEnd(); }
  std::uint32_t readFieldBegin(std::string& name, TType& type, std::int16_t& id) {
    note_type(peek());
    return base::readFieldBegin(name, type, id);
  }
  std::uint32_t readListBegin(TType& type, std::uint32_t& size) {
    note_container(1);
    return base::readListBegin(type, size);
  }
  std::uint32_t readSetBegin(TType& type, std::uint32_t& size) {
    note_container(1);
    return base::readSetBegin(type, size);
  }
  std::uint32_t readMapBegin(TType& key, TType& value, std::uint32_t& size) {
    note_type(peek(1));
    note_container(2);
    return base::readMapBegin(key, value, size);
  }
  std::uint32_t readListEnd() { return leave(), base::readListEnd(); }
  std::uint32_t readSetEnd() { return leave(), base::readSetEnd(); }
  std::uint32_t readMapEnd() { return leave(), base::readMapEnd(); }

 private:
  void note_type(unsigned type) {
    if (type == 16) notes.unread = true;  // uuid came with Thrift 0.19
  }
  // `types` bytes of types, then a count of four.
  void note_container(std::size_t types) {
    note_type(peek());
    const bool is_empty =
        peek(types) == 0 && peek(types + 1) == 0 && peek(types + 2) == 0 && peek(types + 3) == 0;
    if (is_empty) notes.unread = true;
    enter();
  }
};

}  // namespace presenter::fuzz
