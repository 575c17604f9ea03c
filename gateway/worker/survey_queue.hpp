// Those who look at all clients of a worker, such as the admin endpoint's page of a user. Tens of
// thousands of clients are too many for one turn of the loop, so they are shown in steps, while
// clients come and go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <new>
#include <utility>

namespace presenter::gateway {

// Confined to: the worker's thread, but for make(). Bounds: one survey is under way, the others
// wait.
template <class Client>
class survey_queue {
  struct survey {
    std::function<void(Client&)> visit;
    std::function<void()> done;
    std::uint32_t number = 0;  // 0: it has not begun
    std::size_t clients_left = 0;
  };

 public:
  static constexpr std::size_t clients_per_step = 512;

  using made = std::list<survey>;

  // By any thread, for add(): a worker needs no memory to be asked. `visit` may end the client, and
  // others with it.
  static made make(std::function<void(Client&)> visit, std::function<void()> done) {
    made one;
    one.push_back({.visit = std::move(visit), .done = std::move(done)});
    return one;
  }

  void add(made&& one) { surveys_.splice(surveys_.end(), one); }
  bool empty() const { return surveys_.empty(); }

  // Shows some clients to the first survey, and calls its `done` behind the last of them. `clients`
  // (a client_set) makes one round. A client that comes meanwhile stands behind the last and is not
  // counted. One that goes makes the round meet others a second time: their mark says that the
  // survey has seen them. A `done` that finds no memory is called again at the next step: whoever
  // waits for it would wait for good.
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
    now.clients_left = 0;
    try {
      now.done();
    } catch (const std::bad_alloc&) {
      return;
    }
    surveys_.pop_front();
  }

 private:
  made surveys_;  // the first is under way
  std::uint32_t begun_ = 0;
};

}  // namespace presenter::gateway
