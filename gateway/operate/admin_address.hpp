// Where the admin endpoint listens: an address of TCP, or a unix socket by its path.
#pragma once

#include <sys/types.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace presenter::gateway {

using admin_protocol = boost::asio::generic::stream_protocol;
using admin_address = std::variant<boost::asio::ip::tcp::endpoint, std::filesystem::path>;

std::string text_of(const admin_address& address);

// Nothing: it is of another family.
std::optional<boost::asio::ip::tcp::endpoint> tcp_of(const admin_protocol::endpoint& address);

// A descriptor that listens, and is not blocking. Throws boost::system::system_error;
// address_in_use: somebody answers there.
// A socket that a process has left behind, as one does that is killed, is taken over. Whoever may
// write it (mode 0660) may do all that the endpoint can.
int listen_on(const admin_address& address);

// Which file a path names: it may be another process's by now.
struct file_identity {
  dev_t device = 0;
  ino_t file = 0;
  bool operator==(const file_identity&) const = default;
};
// Nothing: there is no such file, or the address is none of a file.
std::optional<file_identity> file_of(const admin_address& address);

}  // namespace presenter::gateway
