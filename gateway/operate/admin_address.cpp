#include "gateway/operate/admin_address.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "base/own_descriptor.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;
using boost::system::error_code;
using boost::system::system_error;

constexpr mode_t socket_mode = 0660;

[[noreturn]] void throw_errno(const char* what, int error = errno) {
  throw system_error(error_code(error, boost::system::system_category()), what);
}

own_descriptor make_socket(int family) {
  own_descriptor made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.get() < 0) throw_errno("socket");
  return made;
}

void bind_and_listen(const own_descriptor& socket, const sockaddr* address, socklen_t size) {
  if (::bind(socket.get(), address, size) != 0) throw_errno("bind");
  if (::listen(socket.get(), SOMAXCONN) != 0) throw_errno("listen");
}

sockaddr_un name_of(const fs::path& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.size() >= sizeof name.sun_path) throw_errno("path", ENAMETOOLONG);
  std::memcpy(name.sun_path, text.c_str(), text.size() + 1);
  return name;
}

// Whoever has too much to do to take another connection lives as well.
bool is_answered(const sockaddr_un& name) {
  const own_descriptor probe = make_socket(AF_UNIX);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0)
    return true;
  if (errno == ECONNREFUSED || errno == ENOENT) return false;
  if (errno == EAGAIN || errno == EINPROGRESS) return true;
  throw_errno("connect");
}

// Another process may have come to the same conclusion, and listen there by now.
void remove_stale(const fs::path& path, const sockaddr_un& name) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode)) throw_errno("path", EEXIST);
  if (is_answered(name)) throw system_error(boost::asio::error::address_in_use);
  struct stat now {};
  if (::lstat(path.c_str(), &now) == 0 && now.st_ino == found.st_ino) ::unlink(path.c_str());
}

int listen_at(const fs::path& path) {
  const sockaddr_un name = name_of(path);
  remove_stale(path, name);
  own_descriptor socket = make_socket(AF_UNIX);
  // The file never has more than this, whatever the umask is.
  ::fchmod(socket.get(), socket_mode);
  bind_and_listen(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  if (::chmod(path.c_str(), socket_mode) != 0) throw_errno("chmod");
  return socket.release();
}

int listen_at(const boost::asio::ip::tcp::endpoint& address) {
  own_descriptor socket = make_socket(address.protocol().family());
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bind_and_listen(socket, address.data(), static_cast<socklen_t>(address.size()));
  return socket.release();
}

}  // namespace

std::string text_of(const admin_address& address) {
  std::ostringstream text;
  if (const auto* tcp = std::get_if<boost::asio::ip::tcp::endpoint>(&address))
    text << *tcp;
  else
    text << std::get<fs::path>(address).native();
  return text.str();
}

std::optional<boost::asio::ip::tcp::endpoint> tcp_of(const admin_protocol::endpoint& address) {
  const int family = address.protocol().family();
  boost::asio::ip::tcp::endpoint made;
  if ((family != AF_INET && family != AF_INET6) || address.size() > made.capacity())
    return std::nullopt;
  std::memcpy(made.data(), address.data(), address.size());
  made.resize(address.size());
  return made;
}

int listen_on(const admin_address& address) {
  return std::visit([](const auto& where) { return listen_at(where); }, address);
}

std::optional<file_identity> file_of(const admin_address& address) {
  const auto* path = std::get_if<fs::path>(&address);
  struct stat found {};
  if (path == nullptr || ::lstat(path->c_str(), &found) != 0) return std::nullopt;
  return file_identity{found.st_dev, found.st_ino};
}

}  // namespace presenter::gateway
