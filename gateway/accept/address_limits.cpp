#include "gateway/accept/address_limits.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/random_seed.hpp"
#include "gateway/config/address_range.hpp"

namespace presenter::gateway {
namespace {

// Never 0. IPv4: the address behind the mark of mapped ones; IPv6: the first 64 bits, which is what
// one customer has and can change within at will (RFC 6177). The two cannot meet: 0::/16 is not
// given to anybody.
std::uint64_t key_of(const boost::asio::ip::address& address) {
  const auto bytes = mapped_bytes(address);
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    high = high << 8 | bytes[i];
    low = low << 8 | bytes[8 + i];
  }
  if (high != 0) return high;
  const bool is_mapped = low >> 32 == 0xffff;
  return is_mapped ? low : 1;
}

steady_time::duration interval_of(std::uint32_t per_second) {
  if (per_second == 0) return steady_time::duration::zero();
  return std::chrono::duration_cast<steady_time::duration>(std::chrono::seconds(1)) / per_second;
}

}  // namespace

void address_claim::release() {
  if (table_ != nullptr) std::exchange(table_, nullptr)->release(key_);
}

address_limits::address_limits(const limits_config& settings, std::uint64_t seed)
    : settings_(settings),
      interval_(interval_of(settings.address_handshakes_per_second)),
      seed_(seed != 0 ? seed : random_seed()),
      table_(std::make_unique<entry_set[]>(sets)) {}

// Nobody else takes two of them.
void address_limits::change(const limits_config& settings) {
  std::vector<std::unique_lock<std::mutex>> locks;
  for (std::mutex& each : mutexes_)
    locks.emplace_back(each);
  settings_ = settings;
  interval_ = interval_of(settings.address_handshakes_per_second);
}

address_admission address_limits::admit(const boost::asio::ip::address& address, steady_time now) {
  const std::uint64_t key = key_of(address);
  const std::size_t index = set_of(key);
  const std::lock_guard lock(mutexes_[index % mutexes]);
  if (is_exempt(address)) return {address_verdict::admitted, {}};
  entry_set& set = table_[index];
  auto found = std::ranges::find(set, key, &entry::key);
  if (found == set.end()) {
    // Free ones owe nothing since the beginning of time.
    const auto rank = [](const entry& one) {
      return std::pair(one.unauthenticated != 0, one.paid_until);
    };
    found = std::ranges::min_element(set, {}, rank);
    if (found->unauthenticated != 0) return {address_verdict::untracked, {}};
    *found = {.key = key, .paid_until = now};
  }
  const address_verdict verdict = judge(*found, now);
  if (verdict != address_verdict::admitted) return {verdict, {}};
  found->paid_until = std::max(found->paid_until, now) + interval_;
  ++found->unauthenticated;
  return {verdict, address_claim(*this, key)};
}

address_verdict address_limits::judge(const entry& from, steady_time now) const {
  const auto most = settings_.address_unauthenticated_max;
  if (most != 0 && from.unauthenticated >= most) return address_verdict::too_many_unauthenticated;
  const auto burst = interval_ * (settings_.address_handshakes_burst - 1);
  if (from.paid_until > now + burst) return address_verdict::too_fast;
  return address_verdict::admitted;
}

void address_limits::release(std::uint64_t key) {
  const std::size_t index = set_of(key);
  const std::lock_guard lock(mutexes_[index % mutexes]);
  // It is there: an address with clients is not forgotten.
  const auto found = std::ranges::find(table_[index], key, &entry::key);
  if (found != table_[index].end()) --found->unauthenticated;
}

bool address_limits::is_exempt(const boost::asio::ip::address& address) const {
  return std::ranges::any_of(settings_.address_exempt,
                             [&](const address_range& range) { return range.contains(address); });
}

// The finalizer of MurmurHash3 over the seeded key.
std::size_t address_limits::set_of(std::uint64_t key) const {
  std::uint64_t hash = key ^ seed_;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdU;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53U;
  return (hash ^ hash >> 33) % sets;
}

}  // namespace presenter::gateway
