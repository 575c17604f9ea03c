// The clients of a worker, from accept until they are destroyed. A client ends while its own
// functions are running, or those of another that has given it room; so it leaves the set at once
// and is destroyed later in the turn of the loop.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/slab.hpp"
#include "gateway/worker/restless_list.hpp"

namespace presenter::gateway {

// `Hook`: a base of Client, by which it leaves a list by itself when it dies.
// Life: outlives its clients, whose memory it keeps. Confined to: the worker's thread.
template <class Client, class Hook>
class client_set {
 public:
  client_set() = default;
  client_set(const client_set&) = delete;
  client_set& operator=(const client_set&) = delete;
  ~client_set() { clear(); }

  // Throws std::bad_alloc, or what the constructor throws; there is no further client then.
  template <class... Arguments>
  Client& make(Arguments&&... arguments) {
    Client* const made = memory_.make(std::forward<Arguments>(arguments)...);
    clients_.push_back(*made);
    ++size_;
    return *made;
  }

  // Its end has come: it is neither counted nor shown any more, and bury() destroys it.
  void mark_over(Client& client) {
    client.Hook::unlink();
    --size_;
    over_.push_back(&client);
  }

  // Destroys those who are over, and not those whose end comes of it. False: there were none.
  bool bury() {
    if (over_.empty()) return false;
    for (Client* const client : std::exchange(over_, {}))
      memory_.destroy(client);
    return true;
  }

  // Destroys all. One that dies gives its stream back, which may wake another, and that one may end
  // as well: so no place in the list is kept from one to the next.
  void clear() {
    while (!clients_.empty()) {
      Client& next = clients_.front();
      clients_.pop_front();
      --size_;
      memory_.destroy(&next);
    }
    while (bury()) {
    }
  }

  // Shows every client to `visit`, in which they and others may end.
  template <class Visit>
  void visit_all(Visit visit) {
    visit_restless(clients_, visit);
  }

  // The clients in turn, round and round. One that comes is behind the last. When some end
  // meanwhile, a round of size() clients meets others a second time. nullptr: there are none.
  Client* next_in_round() {
    if (clients_.empty()) return nullptr;
    clients_.splice(clients_.end(), clients_, clients_.begin());
    return &clients_.back();
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // What it keeps, for those who have been here as well.
  std::size_t memory_bytes() const { return memory_.bytes(); }

 private:
  slab<Client> memory_;
  boost::intrusive::list<Client, boost::intrusive::base_hook<Hook>,
                         boost::intrusive::constant_time_size<false>>
      clients_;
  std::size_t size_ = 0;
  std::vector<Client*> over_;
};

}  // namespace presenter::gateway
