// A struct of upgrade.thrift ↔ bytes, in Thrift's compact protocol. What it says is for others
// (process_codec, worker_codec). Memory that may have held a secret is wiped.
#pragma once

#include <thrift/TBase.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_buffer.hpp"
#include "gateway/operate/counter_values.hpp"
#include "upgrade_types.h"

namespace presenter::gateway {

// May have secrets: to be wiped by the caller. Throws std::length_error if there are more bytes
// than Thrift can count.
std::string encode_struct(const apache::thrift::TBase& made);

// Bytes of another process of this machine, perhaps of another version: fields it does not know are
// skipped, and those that are missing keep their defaults. No string and no list gets more memory
// than the bytes can fill. Throws std::exception, whose text is for the operator.
void decode_struct(std::string_view bytes, apache::thrift::TBase& into);

// --- what several structs are made of

inline std::string bytes_of(const byte_buffer& buffer) {
  const auto bytes = buffer.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append(byte_buffer& buffer, const std::string& bytes) {
  buffer.append(std::as_bytes(std::span(bytes)));
}

// Throws std::runtime_error if it is negative: then it is no amount of anything.
std::uint64_t amount_of(std::int64_t value);

std::vector<upgrade_idl::Counter> idl_counters(const counter_values& counters);
// Throws as amount_of.
counter_values counters_of(const std::vector<upgrade_idl::Counter>& read);

// The steady clock, which all processes of a machine share.
inline std::int64_t count_of(std::chrono::steady_clock::time_point at) {
  return std::chrono::nanoseconds(at.time_since_epoch()).count();
}
inline std::chrono::steady_clock::time_point steady_of(std::int64_t count) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(count));
}

}  // namespace presenter::gateway
