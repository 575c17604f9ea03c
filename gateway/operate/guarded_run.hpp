// The end of an exception that nobody has caught. Every thread of the gateway runs inside
// run_guarded, so that what it throws is told with the thread's name, and its owner decides how the
// rest is ended; what not even that can catch ends the process at once, with a line as well.
#pragma once

#include <string>
#include <string_view>

#include "gateway/vocabulary/log_format.hpp"

namespace presenter::gateway {

// What `top -H` and /proc show of the calling thread; the system keeps 15 characters.
void name_thread(const std::string& name);

// One line of the log at level critical, by write(2) alone: it needs no memory and no lock, for
// these may be what is missing. Like any line it is not waited for.
void write_critical(std::string_view who, std::string_view what) noexcept;

// The form of such lines from now on: the log's. Any thread.
void set_critical_form(log_format format, bool has_priorities) noexcept;

// The exception that is being handled, as a critical line. Only inside a catch block.
void tell_exception(std::string_view who) noexcept;

// For what no run_guarded can catch: an exception in a thread of a library, or one that leaves a
// destructor. A critical line, then exit status 1 at once. For the whole process, once.
void end_at_uncaught_exceptions();

// False: `body` threw. A critical line has said what, and `who` it was.
template <class Body>
bool run_guarded(std::string_view who, Body body) noexcept {
  try {
    body();
    return true;
  } catch (...) {
    tell_exception(who);
    return false;
  }
}

}  // namespace presenter::gateway
