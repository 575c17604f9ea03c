#include "gateway/operate/log_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace presenter::gateway {

bool is_journal(int descriptor, const char* stream) {
  struct stat found {};
  return stream != nullptr && ::fstat(descriptor, &found) == 0 &&
         stream == std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
}

bool has_room(int descriptor) {
  pollfd wanted{descriptor, POLLOUT, 0};
  return ::poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

// Whoever started this process shares the descriptor, and would be surprised if it did not wait any
// more. So a pipe or a terminal is opened anew. Where that is not allowed (a pipe that root made
// for a container), it is asked for room: a pipe that has any takes a whole line, but for one that
// others fill in the same moment.
log_output::log_output(int descriptor) : descriptor_(descriptor) {
  struct stat found {};
  if (::fstat(descriptor, &found) != 0) return;
  is_socket_ = S_ISSOCK(found.st_mode);
  if (!S_ISFIFO(found.st_mode) && !S_ISCHR(found.st_mode)) return;
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  own_ = own_descriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

bool log_output::write(std::string_view line) {
  rest_.erase(0, take(rest_));
  if (!rest_.empty()) return false;
  const std::size_t taken = take(line);
  if (taken == 0) return false;
  rest_ = line.substr(taken);
  return true;
}

std::size_t log_output::take(std::string_view bytes) const {
  if (bytes.empty()) return 0;
  ssize_t n = -1;
  if (is_socket_) {
    n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (own_.get() >= 0) {
    n = ::write(own_.get(), bytes.data(), bytes.size());
  } else if (has_room(descriptor_)) {
    n = ::write(descriptor_, bytes.data(), bytes.size());
  }
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace presenter::gateway
