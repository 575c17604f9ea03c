#include "gateway/accept/arrival_watch.hpp"

#include <algorithm>

#include "gateway/config/address_range.hpp"

namespace presenter::gateway {

std::string network_of(const boost::asio::ip::address& address) {
  const auto plain = unmapped(address);
  if (plain.is_v4()) {
    const std::uint32_t bits = plain.to_v4().to_uint() & 0xffff'ff00U;
    return boost::asio::ip::address_v4(bits).to_string() + "/24";
  }
  auto bytes = plain.to_v6().to_bytes();
  std::fill(bytes.begin() + 7, bytes.end(), std::uint8_t{0});
  return boost::asio::ip::address_v6(bytes).to_string() + "/56";
}

void arrival_watch::start() {
  {
    const std::lock_guard lock(mutex_);
    networks_.clear();
    clients_ = clients_elsewhere_ = 0;
    last_.reset();
  }
  is_on_.store(true, std::memory_order_relaxed);
}

void arrival_watch::count(const boost::asio::ip::address& address, time_point now) {
  const std::string name = network_of(address);
  const std::lock_guard lock(mutex_);
  ++clients_;
  last_ = std::max(now, last_.value_or(now));
  const auto found = networks_.find(name);
  if (found != networks_.end()) {
    ++found->second.clients;
    found->second.last = now;
  } else if (networks_.size() < networks_max) {
    networks_.emplace(name, tally{1, now});
  } else {
    ++clients_elsewhere_;
  }
}

std::pair<std::uint64_t, std::optional<arrival_watch::time_point>> arrival_watch::sum() const {
  const std::lock_guard lock(mutex_);
  return {clients_, last_};
}

arrival_list arrival_watch::list(std::size_t networks_at_most) const {
  arrival_list all;
  {
    const std::lock_guard lock(mutex_);
    all.clients = clients_;
    all.last = last_;
    all.clients_elsewhere = clients_elsewhere_;
    for (const auto& [name, tally] : networks_)
      all.networks.push_back({name, tally.clients, tally.last});
  }
  std::ranges::stable_sort(all.networks, std::ranges::greater{}, &arrival_list::network::clients);
  while (all.networks.size() > networks_at_most) {
    all.clients_elsewhere += all.networks.back().clients;
    all.networks.pop_back();
  }
  return all;
}

}  // namespace presenter::gateway
