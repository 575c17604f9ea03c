// A walk over an intrusive list whose members leave it while it is walked. The neighbours of the
// one that is visited may leave too: a client that ends gives room, which wakes others, and some of
// those end as well.
#pragma once

#include <cstddef>

namespace presenter::gateway {

// Calls `visit` for every member of `list`. The list is turned round once, so the walk keeps no
// place in it. When members leave meanwhile, some others are visited a second time, which `visit`
// must bear. A member that comes meanwhile may be visited or not.
template <class List, class Visit>
void visit_restless(List& list, Visit visit) {
  for (std::size_t left = list.size(); left > 0 && !list.empty(); --left) {
    auto& next = list.front();
    list.splice(list.end(), list, list.begin());
    visit(next);
  }
}

}  // namespace presenter::gateway
