// Who waits in a test of the upstream: counts how often it is woken, and does then what the test
// says.
#pragma once

#include <functional>

#include "gateway/upstream/open_waiters.hpp"

namespace presenter::gateway {

struct waiter final : upstream_waiter {
  void on_upstream_changed() override {
    ++woken;
    if (then) then();
  }
  int woken = 0;
  std::function<void()> then;
};

}  // namespace presenter::gateway
