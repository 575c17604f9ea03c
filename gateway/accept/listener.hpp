// The worker's listening socket. With SO_REUSEPORT every worker has its own on the same address,
// and the kernel spreads the clients evenly.
#pragma once

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "base/loop/deadline_wheel.hpp"
#include "base/loop/poller.hpp"
#include "gateway/config/config.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"

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

// Life: the worker's. Confined to: the worker's thread.
// Bounds: accepts while fewer than `clients_max` are there and the process has fewer descriptors
// open than the watermark. Without descriptors it looks again 5 times a second, so that a full
// process does not spin.
class listener final : private poll_target, private deadline_node {
 public:
  struct limits {
    std::size_t clients_max;  // of this worker
    std::function<std::size_t()> clients_open;
    // Accepted clients wait for their handshakes: take fewer at a time.
    std::function<bool()> is_busy = [] { return false; };
    // The kernel hands out the lowest free descriptor, so a client's own number shows how many are
    // in use, by whatever. At this number and above nobody is accepted.
    std::size_t descriptors_watermark = std::numeric_limits<std::size_t>::max();
  };
  // `peer`: never an IPv4-mapped address.
  using accepted = std::function<void(int descriptor, const tcp_endpoint& peer)>;

  listener(listening_socket socket, poller& polls, deadline_wheel& deadlines,
           worker_metrics& metrics, limits limits, accepted on_accepted);
  ~listener();

  void start() { resume(); }

  // There is room for clients again; if descriptors are what is missing, that goes on. Idempotent.
  void resume();

  // Accepts no more, for good, and closes the socket.
  void stop();

 private:
  void on_poll(std::uint32_t events) override;
  void on_deadline(steady_time now) override;
  void pause(accept_pause why);
  void pause_when_full();
  void pause_for_descriptors(std::string_view why);
  bool has_descriptors() const;
  void stop_polling();

  listening_socket socket_;
  poller& polls_;
  deadline_wheel& deadlines_;
  worker_metrics& metrics_;
  limits limits_;
  accepted on_accepted_;
  log_pace said_;
  log_pace full_said_;
  bool listening_ = false;
  bool stopped_ = false;
};

}  // namespace presenter::gateway
