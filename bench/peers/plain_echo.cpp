// plain-echo A.B.C.D:PORT: a TCP server that sends back what it receives; what stands behind the
// peers that relay to plain TCP. One thread, one epoll set, one recv and one send per message: as
// little as can be.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in parse_address(const std::string& text) {
  const auto colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "usage: plain-echo A.B.C.D:PORT\n");
    std::exit(2);
  }
  return address;
}

int listen_on(const std::string& text) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address = parse_address(text);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (::listen(listener, 4'096) != 0) fail("listen");
  socklen_t size = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("plain-echo listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

void watch(int set, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (::epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

void echo(int peer) {
  std::array<char, 16'384> bytes;
  const ssize_t n = ::recv(peer, bytes.data(), bytes.size(), 0);
  if (n <= 0 || ::send(peer, bytes.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) {
    ::close(peer);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int listener = listen_on(argc == 2 ? argv[1] : "");
  const int set = ::epoll_create1(0);
  watch(set, listener);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int n = ::epoll_wait(set, events.data(), events.size(), -1);
    for (int i = 0; i < n; ++i) {
      const int ready = events[static_cast<std::size_t>(i)].data.fd;
      if (ready != listener) {
        echo(ready);
      } else if (const int peer = ::accept(listener, nullptr, nullptr); peer >= 0) {
        watch(set, peer);
      }
    }
  }
}
