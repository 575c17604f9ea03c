// Accepts a worker's clients from its listening socket, and says when: not while there are as many
// as there may be, nor without descriptors.
#pragma once

#include <functional>
#include <limits>
#include <string_view>

#include "base/loop/deadline_wheel.hpp"
#include "base/loop/poller.hpp"
#include "gateway/accept/listening_socket.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/operate/metrics.hpp"

namespace presenter::gateway {

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

  // For clients that come from now on.
  void change(std::size_t clients_max, int backlog, const clients_config& clients, int fast_open);

  // Accepts no more, until let_in: those who come wait in the kernel.
  void hold();
  void let_in();
  int descriptor() const { return socket_.descriptor(); }

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
  log_pace refused_said_;
  bool is_listening_ = false;
  bool is_held_ = false;
  bool is_stopped_ = false;
};

}  // namespace presenter::gateway
