// A socket that listens, with the options that its clients are to have. With SO_REUSEPORT every
// worker has its own on the same address, and the kernel spreads the clients evenly.
#pragma once

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>
#include <vector>

#include "gateway/config/config.hpp"

namespace presenter::gateway {

// An option that clients can do without, and have to, for the kernel refuses it.
struct option_refusal {
  const char* option;  // "TCP_FASTOPEN"
  const char* key;     // of the configuration, that asks for it
  boost::system::error_code why;
};

struct listen_failure {
  const char* option;             // without which there is no listening; "": it is the address
  boost::system::error_code why;  // the system's: address in use, not available, no permission
};

// A listening descriptor, closed when it dies.
class listening_socket {
 public:
  using option_setter = int (*)(int descriptor, int level, int option, const void* value,
                                socklen_t bytes);

  // Clients accepted from it have the options of `clients`, but for its refusals(); on [::] there
  // are clients of IPv4 as well.
  // `fast_open`: how many clients may be there at a time whose first bytes came in the SYN, and
  // whose TCP handshake has not ended; 0: none. `set`: for tests.
  static boost::system::result<listening_socket, listen_failure> open(
      const tcp_endpoint& address, int backlog, const clients_config& clients = {},
      int fast_open = 0, option_setter set = ::setsockopt);

  // As open, for the clients that are accepted from now on. What the kernel refuses stays as it
  // was; it is told.
  std::vector<option_refusal> change(int backlog, const clients_config& clients, int fast_open);

  // One that this process has inherited, and that listens already; closed when this dies.
  static listening_socket adopt(int descriptor) { return listening_socket(descriptor); }

  listening_socket(listening_socket&& other) noexcept;
  listening_socket& operator=(listening_socket&& other) noexcept;
  ~listening_socket();

  // What waits in the kernel's queue is reset with it. Idempotent.
  void close();

  int descriptor() const { return descriptor_; }
  tcp_endpoint local_endpoint() const;
  const std::vector<option_refusal>& refusals() const { return refusals_; }

 private:
  explicit listening_socket(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
  std::vector<option_refusal> refusals_;
};

// Somebody listens there already, be it with SO_REUSEPORT, which lets others of the same user join
// without an error. False for port 0, and if it cannot be told.
bool is_listened_on(const tcp_endpoint& address);

// The kernel lets servers take data in SYNs: bit 2 of net.ipv4.tcp_fastopen. Without it the option
// of a listening socket is without effect, and without an error. True as well if nothing can be
// read there.
bool is_fast_open_allowed();

}  // namespace presenter::gateway
