#include "gateway/upgrade/upgrade_channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace presenter::gateway {

boost::system::result<std::pair<upgrade_channel, upgrade_channel>> upgrade_channel::make() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return boost::system::error_code(errno, boost::system::system_category());
  return std::pair(upgrade_channel(ends[0]), upgrade_channel(ends[1]));
}

upgrade_channel::~upgrade_channel() {
  if (is_open()) ::close(descriptor_);
}

upgrade_channel upgrade_channel::copy() const {
  return upgrade_channel(::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0));
}

bool upgrade_channel::send(std::string_view message) const noexcept {
  const std::string_view cut = message.substr(0, message_bytes_max);
  return ::send(descriptor_, cut.data(), cut.size(), MSG_NOSIGNAL) >= 0;
}

upgrade_channel::received upgrade_channel::receive(bool waits) const {
  std::array<char, message_bytes_max> buffer;
  for (;;) {
    const ssize_t size =
        ::recv(descriptor_, buffer.data(), buffer.size(), waits ? 0 : MSG_DONTWAIT);
    if (size > 0) return {.message = std::string(buffer.data(), static_cast<std::size_t>(size))};
    if (size < 0 && errno == EINTR) continue;
    const bool is_nothing_there = size < 0 && errno == EAGAIN;
    return {.is_over = !is_nothing_there, .message = {}};
  }
}

}  // namespace presenter::gateway
