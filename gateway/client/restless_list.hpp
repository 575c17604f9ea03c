// A walk over an intrusive list whose members leave it while it is walked, neighbours of the one
// that is visited included: whoever ends gives room that wakes others, and ends them as well.
#pragma once

#include <cstddef>

namespace presenter::gateway {

// Calls `visit` for everybody in `list`. The list goes round once, so no place in it is kept in
// mind: whoever leaves meanwhile makes the round begin again for some, whom `visit` must bear to
// meet twice. Whoever comes meanwhile may be visited or not.
template <class List, class Visit>
void visit_restless(List& list, Visit visit) {
  for (std::size_t left = list.size(); left > 0 && !list.empty(); --left) {
    auto& next = list.front();
    list.splice(list.end(), list, list.begin());
    visit(next);
  }
}

}  // namespace presenter::gateway
