// Who still comes to a gateway that is being taken out: clients by the network that they come from,
// so that an operator can see whose resolver keeps the old record. Off, it costs a client one look
// at a flag.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace presenter::gateway {

// "192.0.2.0/24", "2001:db8:1:200::/56": a household or an office, not one person.
std::string network_of(const boost::asio::ip::address& address);

struct arrival_list {
  struct network {
    std::string name;
    std::uint64_t clients = 0;
    std::chrono::steady_clock::time_point last;
  };
  std::uint64_t clients = 0;  // all of them
  std::optional<std::chrono::steady_clock::time_point> last;
  std::vector<network> networks;        // those with the most clients first
  std::uint64_t clients_elsewhere = 0;  // for whose networks there was no room
};

// Life: the server's; outlives the workers. Confined to: any thread. Bounds: networks_max.
class arrival_watch {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t networks_max = 4'096;

  // From nothing.
  void start();
  void stop() { is_on_.store(false, std::memory_order_relaxed); }

  // A client of this address has done its handshake.
  void note(const boost::asio::ip::address& address, time_point now) {
    if (is_on_.load(std::memory_order_relaxed)) count(address, now);
  }

  // How many have come, and when the last one did.
  std::pair<std::uint64_t, std::optional<time_point>> sum() const;
  arrival_list list(std::size_t networks_at_most) const;

 private:
  void count(const boost::asio::ip::address& address, time_point now);

  struct tally {
    std::uint64_t clients = 0;
    time_point last;
  };

  std::atomic<bool> is_on_{false};
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, tally> networks_;
  std::uint64_t clients_ = 0;
  std::uint64_t clients_elsewhere_ = 0;
  std::optional<time_point> last_;
};

}  // namespace presenter::gateway
