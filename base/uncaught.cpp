#include "base/uncaught.hpp"

#include <pthread.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace presenter {
namespace {

const char* name_of_program = "";
int status_at_end = EXIT_FAILURE;

// Standard error has no buffer: nothing here needs memory, which may be what is missing.
void tell(const char* what) {
  std::array<char, 16> thread{"?"};
  ::pthread_getname_np(::pthread_self(), thread.data(), thread.size());
  std::fprintf(stderr, "%s: nobody catches what thread '%s' throws: %s\n", name_of_program,
               thread.data(), what);
}

[[noreturn]] void on_terminate() {
  try {
    if (std::current_exception() == nullptr) {
      tell("no exception");
    } else {
      throw;
    }
  } catch (const std::exception& error) {
    tell(error.what());
  } catch (...) {
    tell("no std::exception");
  }
  std::_Exit(status_at_end);
}

}  // namespace

void end_at_uncaught_exceptions(const char* program, int status) {
  name_of_program = program;
  status_at_end = status;
  std::set_terminate(&on_terminate);
}

}  // namespace presenter
