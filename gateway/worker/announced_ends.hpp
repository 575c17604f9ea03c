// Clients whose backends have been told that they will be closed, until they are. The backends may
// ask them to come again before, so that nobody is cut off in the middle of a sentence.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <unordered_map>
#include <utility>

namespace presenter::gateway {

// Confined to: the worker's thread. Bounds: one entry for each client, by the pace at which they
// are announced and the time until they are closed.
template <class Client, class Reason>
class announced_ends {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // It has not been announced yet.
  void add(Client& client, Reason reason, time_point at) {
    places_.emplace(&client, ends_.emplace(at, end{&client, reason}));
  }
  bool contains(const Client& client) const { return places_.contains(&client); }
  std::size_t size() const { return ends_.size(); }

  // It is over. False: it was not announced.
  bool forget(const Client& client) {
    const auto found = places_.find(&client);
    if (found == places_.end()) return false;
    ends_.erase(found->second);
    places_.erase(found);
    return true;
  }

  // Those that were to be closed for this stay.
  void take_back(Reason reason) {
    std::erase_if(places_, [&](const auto& place) {
      if (place.second->second.reason != reason) return false;
      ends_.erase(place.second);
      return true;
    });
  }

  // `close(client, reason)` for those whose time has come. It may make others end.
  template <class Close>
  void close_due(time_point now, const Close& close) {
    while (!ends_.empty() && ends_.begin()->first <= now) {
      const end next = ends_.begin()->second;
      forget(*next.client);
      close(*next.client, next.reason);
    }
  }

 private:
  struct end {
    Client* client;
    Reason reason;
  };
  using by_time = std::multimap<time_point, end>;

  by_time ends_;
  std::unordered_map<const Client*, typename by_time::iterator> places_;
};

}  // namespace presenter::gateway
