// The keys of stateless session tickets (RFC 5077 §4, RFC 8446 §4.6.1): which one seals now, which
// still open, what a rotation makes of them, and how they are written into ZooKeeper or a file.
// Sans-I/O: the clock is passed in, and nothing here knows where the bytes come from.
#pragma once

#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/ticket_policy.hpp"

namespace presenter::gateway {

// Of the wall clock, for it is compared with other machines'.
using ticket_time = std::chrono::sys_time<std::chrono::milliseconds>;

inline ticket_time ticket_clock_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// What is wrong with keys that came from outside · whoever wrote them · the last keys stay.
enum class ticket_errc {
  layout_unknown = 1,  // not written by a gateway, or by a newer one
  length_invalid,      // not as many bytes as its header says
  count_invalid,       // no key, or more than ticket_keys::keys_max
  order_invalid,       // not from the newest to the oldest, or a name twice
  times_invalid,       // a key opens before it seals, or for longer than a ticket may live
  file_size_invalid,   // not a whole number of keys of 80 bytes
};

const boost::system::error_category& ticket_error_category() noexcept;
boost::system::error_code make_error_code(ticket_errc) noexcept;

// The enumerator's own name, for logs.
std::string_view name_of(ticket_errc) noexcept;

}  // namespace presenter::gateway

template <>
struct boost::system::is_error_code_enum<presenter::gateway::ticket_errc> : std::true_type {};

namespace presenter::gateway {

// Wiped when it dies.
struct ticket_key {
  static constexpr std::size_t name_bytes = 16;  // OpenSSL's TLSEXT_KEYNAME_LENGTH
  static constexpr std::size_t part_bytes = 32;  // AES-256 and HMAC-SHA256
  using name_view = std::span<const std::uint8_t, name_bytes>;

  std::array<std::uint8_t, name_bytes> name{};
  std::array<std::uint8_t, part_bytes> cipher_key{};
  std::array<std::uint8_t, part_bytes> mac_key{};
  ticket_time seals_from;   // before that it only opens
  ticket_time opens_until;  // exclusive

  ticket_key() = default;
  ticket_key(const ticket_key&) = default;
  ticket_key& operator=(const ticket_key&) = default;
  ~ticket_key();
  bool operator==(const ticket_key&) const = default;
};

// Immutable, at least one key, the newest first.
// Bounds: keys_max, so that a look-up by name stays a short walk.
class ticket_keys {
 public:
  static constexpr std::size_t keys_max = 64;
  static_assert(ticket_policy::rotations_max < keys_max);
  // The most that encode makes.
  static constexpr std::size_t encoded_bytes_max = 8 + keys_max * 96;
  // name, MAC key, cipher key: as OpenSSL, nginx and others lay them out.
  static constexpr std::size_t file_key_bytes = ticket_key::name_bytes + 2 * ticket_key::part_bytes;

  static constexpr std::size_t file_bytes_max = keys_max * file_key_bytes;

  // One random key that seals at once. Throws std::runtime_error if there is no randomness.
  static ticket_keys first(ticket_time now, const ticket_policy&);

  // ticket_errc. Strict: what encode would not have made is refused.
  static boost::system::result<ticket_keys> decode(std::string_view bytes);

  // Keys of 80 bytes one after the other; the first seals, all open, for ever: who changes the file
  // decides. Their times say nothing. ticket_errc::file_size_invalid, order_invalid.
  static boost::system::result<ticket_keys> from_file(std::string_view bytes);

  // shard_router/README.md §2. Secret: to be wiped by the caller.
  std::string encode() const;

  // The newest key is `period` old; one that is yet to seal is not.
  bool is_rotation_due(ticket_time now, std::chrono::milliseconds period) const;

  // With one more key, which seals `settle` from now (at once if no key seals now), and without
  // those that open no more. Throws std::runtime_error if there is no randomness.
  ticket_keys rotated(ticket_time now, const ticket_policy&,
                      std::chrono::milliseconds settle) const;

  // The newest that may. nullptr: all have aged out, or none has begun.
  const ticket_key* sealing(ticket_time now) const;
  // nullptr: unknown, or aged out.
  const ticket_key* find(ticket_key::name_view name, ticket_time now) const;

  const ticket_key& newest() const { return keys_.front(); }
  std::size_t size() const { return keys_.size(); }
  bool operator==(const ticket_keys&) const = default;

 private:
  explicit ticket_keys(std::vector<ticket_key> keys) : keys_(std::move(keys)) {}

  std::vector<ticket_key> keys_;
};

// In order of preference.
enum class ticket_origin : std::uint8_t { zookeeper, file, random };
std::string_view name_of(ticket_origin) noexcept;

// What a worker seals and opens with: the keys of every origin there is. All of them open; the
// first origin that has a key for it seals.
// Life: immutable, shared; posted to each worker. Bounds: ticket_keys::keys_max for each origin.
class ticket_ring {
 public:
  struct layer {
    ticket_origin origin;
    ticket_keys keys;
  };
  struct choice {
    const ticket_key* key;  // never null; lives as long as the ring
    ticket_origin origin;
  };

  // At least one layer, by preference. If no key of any may seal, the newest of the last does.
  explicit ticket_ring(std::vector<layer> layers) : layers_(std::move(layers)) {}

  choice sealing(ticket_time now) const;
  const ticket_key* find(ticket_key::name_view name, ticket_time now) const;
  std::size_t size() const;

 private:
  std::vector<layer> layers_;
};

using ticket_ring_ptr = std::shared_ptr<const ticket_ring>;

// A ring of one random key: what a gateway begins with.
ticket_ring_ptr make_random_ring(const ticket_policy& policy = {});

// Overwrites it with zeros, then empties it.
void wipe(std::string& secret);

}  // namespace presenter::gateway
