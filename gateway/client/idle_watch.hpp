// When a client last sent or was sent a byte. A byte costs one store of the time that the worker's
// wheel knows anyway; the deadline stays where it is, and only when it is due it is moved on.
#pragma once

#include "base/loop/deadline_wheel.hpp"

namespace presenter::gateway {

class idle_watch {
 public:
  explicit idle_watch(steady_time now) : last_byte_(now) {}

  steady_time since() const { return last_byte_; }
  void mark(steady_time now) { last_byte_ = now; }

  // When it will have been idle for `timeout`, as far as is known now.
  steady_time due(steady_time::duration timeout) const { return last_byte_ + timeout; }

 private:
  steady_time last_byte_;
};

}  // namespace presenter::gateway
