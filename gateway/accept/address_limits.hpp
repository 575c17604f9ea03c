// What one address may do to a gateway before any of its clients has proved anything: how many
// clients it may have between accept and the end of their first packet, and how many it may bring a
// second. One table for all workers, asked once at accept and once at the end of the first packet;
// nothing of it is on the path of an established client's bytes.
// See: gateway/accept/README.md.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "base/loop/deadline_wheel.hpp"
#include "gateway/config/config.hpp"

namespace presenter::gateway {

class address_limits;

// One client's place among the unauthenticated ones of its address; given back when it dies.
class address_claim {
 public:
  address_claim() = default;
  address_claim(address_limits& table, std::uint64_t key) : table_(&table), key_(key) {}
  address_claim(address_claim&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)), key_(other.key_) {}
  address_claim& operator=(address_claim&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(key_, other.key_);
    return *this;
  }
  ~address_claim() { release(); }

  // Idempotent.
  void release();

 private:
  address_limits* table_ = nullptr;
  std::uint64_t key_ = 0;
};

enum class address_verdict : std::uint8_t {
  admitted,
  untracked,  // admitted: the table is full of addresses that are in use
  too_many_unauthenticated,
  too_fast,
};

struct address_admission {
  address_verdict verdict;
  address_claim claim;
};

// Life: the server's; outlives all claims. Confined to: any thread; the workers share it, and its
// limits hold for the process as they are written, not for each worker.
// Bounds: 65,536 addresses in 1.5 MiB, in sets of 8 by a hash with a secret seed. Where a set is
// full, the address that owes least and has no unauthenticated client is forgotten, which costs its
// spent burst; if all 8 have some, the new one is let in and not counted. Whoever has so many
// addresses is not stopped by limits of each; clients_max and the handshake's deadline still hold.
class address_limits {
 public:
  static constexpr std::size_t addresses_max = 65'536;

  // `seed`: for tests; 0: a random one.
  explicit address_limits(const limits_config& settings, std::uint64_t seed = 0);
  address_limits(const address_limits&) = delete;
  address_limits& operator=(const address_limits&) = delete;

  // With either limit set, there is something to ask.
  static bool is_needed(const limits_config& settings) {
    return settings.address_unauthenticated_max != 0 || settings.address_handshakes_per_second != 0;
  }

  // From now on, of any thread. What clients owe stays.
  void change(const limits_config& settings);

  // A client of this address has been accepted. A refused one takes nothing from anybody.
  address_admission admit(const boost::asio::ip::address& address, steady_time now);

 private:
  friend class address_claim;
  // A rate limit as the time until which everything taken is spread at the allowed rate: the bucket
  // is full when that is over.
  struct entry {
    std::uint64_t key = 0;  // 0: free
    steady_time paid_until{};
    std::uint32_t unauthenticated = 0;
  };
  static constexpr std::size_t ways = 8;
  static constexpr std::size_t sets = addresses_max / ways;
  static constexpr std::size_t mutexes = 64;
  using entry_set = std::array<entry, ways>;

  bool is_exempt(const boost::asio::ip::address& address) const;
  std::size_t set_of(std::uint64_t key) const;
  address_verdict judge(const entry& from, steady_time now) const;
  void release(std::uint64_t key);

  // Guarded by any of mutexes_, and changed with all of them.
  limits_config settings_;
  steady_time::duration interval_;  // between two clients at the allowed rate; 0: any rate
  const std::uint64_t seed_;
  std::array<std::mutex, mutexes> mutexes_;  // each guards the sets of its remainder
  const std::unique_ptr<entry_set[]> table_;
};

}  // namespace presenter::gateway
