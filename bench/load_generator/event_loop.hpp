// One thread's epoll set and timers, and nothing around them: 15,000 clients per process must cost
// little more than their TLS. Handlers are told that something is ready and read or write
// themselves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <queue>
#include <vector>

namespace presenter::bench {

using steady_time = std::chrono::steady_clock::time_point;

class readiness_handler {
 public:
  // `events` as epoll has them. It may come once more for a descriptor that was just removed.
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~readiness_handler() = default;
};

class timer_handler {
 public:
  // `timer` is what was given to `call_at`. There is no cancelling: the handler checks that it
  // still means something.
  virtual void on_timer(std::uint64_t timer) = 0;

 protected:
  ~timer_handler() = default;
};

// Life: outlived by nothing that it calls; handlers live as long as the loop runs.
// Confined to: one thread. Errors: std::system_error for what only a bug or a full kernel causes.
class event_loop {
 public:
  event_loop();
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  void add(int fd, std::uint32_t events, readiness_handler&);
  void modify(int fd, std::uint32_t events, readiness_handler&);
  void remove(int fd);

  void call_at(steady_time, timer_handler&, std::uint64_t timer);

  // Waits for readiness or a timer, at most `longest`, and calls the handlers.
  void run_once(std::chrono::nanoseconds longest);

  // The time when the current turn began.
  steady_time now() const { return now_; }

 private:
  struct timer_entry {
    steady_time when;
    timer_handler* handler;
    std::uint64_t timer;
    bool operator<(const timer_entry& other) const { return when > other.when; }
  };

  void control(int operation, int fd, std::uint32_t events, readiness_handler*);
  void run_timers();

  int epoll_;
  steady_time now_;
  std::priority_queue<timer_entry> timers_;
};

}  // namespace presenter::bench
