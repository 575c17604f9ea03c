// Those who look at all clients of a worker, such as the admin endpoint's page of a user. Tens of
// thousands of clients are too many for one turn of the loop, so they are shown in steps, while
// clients come and go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace presenter::gateway {

// Confined to: the worker's thread. Bounds: one survey is under way, the others wait.
template <class Client>
class survey_queue {
 public:
  static constexpr std::size_t clients_per_step = 512;

  // `visit` may end the client, and others with it.
  void add(std::function<void(Client&)> visit, std::function<void()> done) {
    surveys_.push_back({.visit = std::move(visit), .done = std::move(done)});
  }
  bool empty() const { return surveys_.empty(); }

  // Shows some clients to the first survey, and calls its `done` behind the last of them. `clients`
  // (a client_set) makes one round. A client that comes meanwhile stands behind the last and is not
  // counted. One that goes makes the round meet others a second time: their mark says that the
  // survey has seen them.
  template <class Clients>
  void step(Clients& clients) {
    if (surveys_.empty()) return;
    survey& now = surveys_.front();
    if (now.number == 0) {
      now.number = ++begun_;
      now.clients_left = clients.size();
    }
    for (std::size_t i = 0; i < clients_per_step && now.clients_left > 0; ++i, --now.clients_left) {
      Client* const next = clients.next_in_round();
      if (next == nullptr) break;
      if (next->mark_surveyed(now.number)) now.visit(*next);
    }
    if (now.clients_left > 0 && !clients.empty()) return;
    const survey over = std::move(now);
    surveys_.pop_front();
    over.done();
  }

 private:
  struct survey {
    std::function<void(Client&)> visit;
    std::function<void()> done;
    std::uint32_t number = 0;  // 0: it has not begun
    std::size_t clients_left = 0;
  };

  std::deque<survey> surveys_;  // the first is under way
  std::uint32_t begun_ = 0;
};

}  // namespace presenter::gateway
