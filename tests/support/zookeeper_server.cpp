#include "tests/support/zookeeper_server.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace presenter::tests {
namespace {

constexpr std::chrono::seconds patience{60};
constexpr std::chrono::milliseconds between_attempts{20};

// Debian's jar names what it needs in its manifest, all but a logger and one of Netty's.
constexpr const char* class_path =
    "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar:"
    "/usr/share/java/netty-transport-native-unix-common.jar";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class tcp_socket {
 public:
  tcp_socket() : value_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{5, 0};
    ::setsockopt(value_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~tcp_socket() { ::close(value_); }
  tcp_socket(const tcp_socket&) = delete;
  tcp_socket& operator=(const tcp_socket&) = delete;

  bool bind(std::uint16_t port) const {
    const int on = 1;
    ::setsockopt(value_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    return ::bind(value_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool connect(std::uint16_t port) const {
    const sockaddr_in address = loopback(port);
    return ::connect(value_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  void send(std::string_view bytes) const {
    if (::send(value_, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("ZooKeeper takes no bytes");
    }
  }

  // 0: the other side has closed, or does not answer.
  std::size_t receive(char* to, std::size_t size) const {
    const ssize_t count = ::recv(value_, to, size, 0);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

 private:
  int value_;
};

// Until this process ends no other that draws its ports so is given this one: who has it holds a
// socket whose name, which is no file, has the number. So does deploy/demonstration/cluster.py.
bool claim(std::uint16_t port) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "presenter-port-" + std::to_string(port);
  text.copy(&name.sun_path[1], text.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&name), size) == 0) return true;
  ::close(socket);
  return false;
}

// Outside the range that the kernel hands out by itself: it must be free again after a kill.
std::uint16_t free_port() {
  std::random_device random;
  for (int attempt = 0; attempt < 1'000; ++attempt) {
    const auto port = std::uniform_int_distribution<std::uint16_t>(20'000, 30'000)(random);
    if (claim(port) && tcp_socket().bind(port)) return port;
  }
  throw std::runtime_error("no free port");
}

template <class Integer>
void append_big_endian(std::string& to, Integer value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8) {
    to += static_cast<char>(value >> shift);
  }
}

std::string framed(const std::string& body) {
  std::string frame;
  append_big_endian(frame, static_cast<std::int32_t>(body.size()));
  return frame + body;
}

// ConnectRequest and a closeSession right behind it.
std::string ending_requests(std::int64_t session_id, const std::array<char, 16>& password) {
  std::string connect;
  append_big_endian(connect, std::int32_t{0});       // protocol version
  append_big_endian(connect, std::int64_t{0});       // last zxid seen
  append_big_endian(connect, std::int32_t{10'000});  // timeout, ms
  append_big_endian(connect, session_id);
  append_big_endian(connect, static_cast<std::int32_t>(password.size()));
  connect.append(password.data(), password.size());
  connect += '\0';  // not read-only
  std::string close;
  append_big_endian(close, std::int32_t{1});    // xid
  append_big_endian(close, std::int32_t{-11});  // closeSession
  return framed(connect) + framed(close);
}

bool try_to_end_session(std::uint16_t port, std::int64_t session_id,
                        const std::array<char, 16>& password) {
  const tcp_socket socket;
  if (!socket.connect(port)) throw std::runtime_error("ZooKeeper does not listen");
  socket.send(ending_requests(session_id, password));
  std::string answers;
  std::array<char, 256> part{};
  while (const std::size_t size = socket.receive(part.data(), part.size())) {
    answers.append(part.data(), size);
  }
  // ConnectResponse: length, version, timeout, session … in 41 bytes; a timeout of 0: it has ended
  // already. Behind it the answer to closeSession.
  constexpr std::size_t connected_bytes = 41;
  if (answers.size() < connected_bytes) return false;
  return answers.size() > connected_bytes || answers.substr(8, 4) == std::string(4, '\0');
}

}  // namespace

zookeeper_server::zookeeper_server() : port_(free_port()) {
  std::ofstream(folder_ / "zoo.cfg") << "tickTime=500\nminSessionTimeout=500\n"
                                     << "maxSessionTimeout=60000\nmaxClientCnxns=0\n"
                                     << "dataDir=" << (folder_ / "data").string() << "\n"
                                     << "clientPort=" << port_ << "\n"
                                     << "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
                                     << "4lw.commands.whitelist=*\n";
  start();
}

void zookeeper_server::start() {
  process_ = std::make_unique<child_process>(
      std::vector<std::string>{
          "/usr/bin/java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
          "-Dzookeeper.jmx.log4j.disable=true", "-Dzookeeper.forceSync=no", "-cp", class_path,
          "org.apache.zookeeper.server.ZooKeeperServerMain", (folder_ / "zoo.cfg").string()},
      (folder_ / "log").string());
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!answers()) {
    if (process_->wait_for(between_attempts)) {
      throw std::runtime_error("ZooKeeper ended:\n" + log_tail());
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("ZooKeeper does not answer:\n" + log_tail());
    }
  }
}

void zookeeper_server::kill() {
  process_->kill();
}

void zookeeper_server::restart() {
  start();
}

void zookeeper_server::pause() {
  process_->signal(SIGSTOP);
}

void zookeeper_server::resume() {
  process_->signal(SIGCONT);
}

bool zookeeper_server::answers() const {
  const tcp_socket socket;
  std::array<char, 4> answer{};
  if (!socket.connect(port_)) return false;
  socket.send("ruok");
  return socket.receive(answer.data(), answer.size()) == 4 &&
         std::string_view(answer.data(), answer.size()) == "imok";
}

// The session's real client loses its TCP connection by this, comes back at once, and so may cut
// ours off before the server has read all of it: then again.
void zookeeper_server::end_session(std::int64_t session_id,
                                   const std::array<char, 16>& password) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!try_to_end_session(port_, session_id, password)) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("the session does not end:\n" + log_tail());
    }
  }
}

std::string zookeeper_server::log_tail() const {
  std::stringstream text;
  text << std::ifstream(folder_ / "log").rdbuf();
  const std::string whole = text.str();
  return whole.substr(whole.size() > 4'000 ? whole.size() - 4'000 : 0);
}

}  // namespace presenter::tests
