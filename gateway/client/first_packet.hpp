// Collects the first packet of a client, 4-byte length and Thrift message, never reading past its
// end, and names what is wrong with it. Decodes its envelope and its routing key, nothing else.
// See: protocol/README.md §9.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/byte_buffer.hpp"
#include "gateway/config/config.hpp"
#include "gateway/vocabulary/close_reason.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::gateway {

// Life: the client session's, until its stream is accepted.
// Bounds: 4 + auth.packet_bytes_max, taken only once the length has been checked.
class first_packet {
 public:
  explicit first_packet(const auth_config& settings) : settings_(settings) {}

  // Where the next bytes go, exactly as many as may be read now. Empty: the packet is whole.
  std::span<std::byte> wanted();

  // The first `n` of them have come. A reason, if these bytes cannot become a packet.
  std::optional<close_reason> commit(std::size_t n);

  bool is_begun() const { return !packet_.empty(); }

  // Of the whole packet. A reason, if it is not the call that was asked for.
  std::optional<close_reason> find_key(std::string& key);
  // "field 1.2": where it is wrong with the call's arguments, by auth.key_path; empty: elsewhere.
  std::string fault_place() const;

  // The whole packet, length and all, as it is relayed.
  std::span<const std::byte> bytes() const { return packet_.bytes(); }

  // The TApplicationException that tells the client why, framed; nothing if the reason has no
  // answer or the packet no readable envelope.
  void append_answer(close_reason reason, byte_buffer& out) const;

  void release() { packet_.release(); }

 private:
  std::size_t message_bytes() const;
  std::span<const std::byte> message() const;

  const auth_config& settings_;
  std::size_t faulty_steps_ = 0;  // of auth.key_path; 0: it is not the key
  byte_buffer packet_;
};

}  // namespace presenter::gateway
