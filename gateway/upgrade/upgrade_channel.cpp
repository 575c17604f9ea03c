#include "gateway/upgrade/upgrade_channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace presenter::gateway {
namespace {

struct control_room {
  alignas(
      cmsghdr) std::array<char, CMSG_SPACE(upgrade_channel::descriptors_max * sizeof(int))> at{};
};

std::vector<int> descriptors_of(msghdr& head) {
  std::vector<int> all;
  for (cmsghdr* each = CMSG_FIRSTHDR(&head); each != nullptr; each = CMSG_NXTHDR(&head, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    all.resize((each->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(all.data(), CMSG_DATA(each), all.size() * sizeof(int));
  }
  return all;
}

}  // namespace

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

boost::system::error_code upgrade_channel::send_descriptors(
    std::span<const int> descriptors) const noexcept {
  control_room control;
  iovec numbers{const_cast<int*>(descriptors.data()), descriptors.size_bytes()};
  msghdr head{};
  head.msg_iov = &numbers;
  head.msg_iovlen = 1;
  head.msg_control = control.at.data();
  head.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const rights = CMSG_FIRSTHDR(&head);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  if (::sendmsg(descriptor_, &head, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return {};
  return {errno, boost::system::system_category()};
}

upgrade_channel::received upgrade_channel::receive(bool waits) const {
  std::array<char, message_bytes_max> buffer;
  control_room control;
  iovec bytes{buffer.data(), buffer.size()};
  received got;
  for (;;) {
    msghdr head{};
    head.msg_iov = &bytes;
    head.msg_iovlen = 1;
    head.msg_control = control.at.data();
    head.msg_controllen = control.at.size();
    const ssize_t size =
        ::recvmsg(descriptor_, &head, MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      const bool is_nothing_there = size < 0 && errno == EAGAIN;
      got.is_over = !is_nothing_there;
      return got;
    }
    got.is_cut = (head.msg_flags & MSG_CTRUNC) != 0;
    const std::vector<int> here = descriptors_of(head);
    if (here.empty()) {
      got.message.assign(buffer.data(), static_cast<std::size_t>(size));
      return got;
    }
    std::array<int, descriptors_max> there{};
    std::memcpy(there.data(), buffer.data(),
                std::min(static_cast<std::size_t>(size), sizeof there));
    for (std::size_t i = 0; i < here.size(); ++i)
      got.descriptors.push_back({.there = there[i], .here = here[i]});
    return got;
  }
}

}  // namespace presenter::gateway
