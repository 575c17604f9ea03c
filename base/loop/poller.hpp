// A thread's own epoll set, for the descriptors that carry its traffic. Each is registered once for
// its whole life: no epoll_ctl per message, and nothing of Asio's per descriptor. Asio waits on the
// set as on one descriptor; while there is traffic its owner waits on the set itself.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <functional>

struct epoll_event;

namespace presenter {

// Told that a descriptor's state changed: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR.
class poll_target {
 public:
  virtual void on_poll(std::uint32_t events) = 0;

 protected:
  ~poll_target() = default;
};

enum class poll_mode { level_in, edge_in_out };

// Confined to: the thread of its io_context. Bounds: 256 events a batch.
class poller {
 public:
  explicit poller(boost::asio::io_context& io);
  ~poller();

  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  // Begins to wait. Whenever there are events `on_ready` is called, which calls run_batch; without
  // it run_batch is called.
  void start(std::function<void()> on_ready = {});
  void stop();

  // Takes the events that there are, at most one batch of them, and if there are none waits for the
  // first, up to `wait`. Their targets are told by dispatch_batch. False: interrupted.
  bool take_batch(std::chrono::milliseconds wait = {});
  void dispatch_batch();
  bool has_batch() const { return batch_size_ != 0; }
  void run_batch();  // both

  // Ends a wait, or the next one. From any thread.
  void interrupt();

  // The target outlives its registration.
  boost::system::error_code add(int descriptor, poll_target& target, poll_mode mode);

  // Also forgets events of the current batch that the target has not been told yet. To be called
  // before the descriptor is closed.
  void remove(int descriptor, poll_target& target);

 private:
  using descriptor_wait =
      boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  void wait();

  int epoll_;
  int interrupts_;  // an eventfd; its events have no target
  descriptor_wait set_;
  std::function<void()> on_ready_;
  bool is_stopped_ = false;
  struct told_event {
    poll_target* target;  // nullptr: removed
    std::uint32_t events;
  };
  static constexpr int batch_max = 256;
  std::array<told_event, batch_max> batch_;  // those that are still to be told
  std::size_t batch_size_ = 0;
};

}  // namespace presenter
