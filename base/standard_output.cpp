#include "base/standard_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace presenter {

// open takes the lowest number that is free, so the order is that of the descriptors. Each is
// opened for what it is not used for.
void keep_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// std::cout writes through stdout, whose mark of a failure stays until it is taken away.
bool flush_output() {
  std::cout.flush();
  const bool is_whole = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  std::clearerr(stdout);
  return is_whole;
}

int finish_output(const char* program, int status, int status_of_failure) {
  errno = 0;
  if (flush_output()) return status;
  const char* const why = errno != 0 ? std::strerror(errno) : "some of it is lost";
  std::fprintf(stderr, "%s: cannot write to standard output: %s\n", program, why);
  return status_of_failure;
}

}  // namespace presenter
