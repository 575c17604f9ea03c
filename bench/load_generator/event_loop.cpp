#include "bench/load_generator/event_loop.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace presenter::bench {

namespace {

timespec to_timespec(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  return {.tv_sec = seconds.count(), .tv_nsec = (duration - seconds).count()};
}

}  // namespace

event_loop::event_loop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), now_(std::chrono::steady_clock::now()) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

event_loop::~event_loop() {
  ::close(epoll_);
}

void event_loop::control(int operation, int fd, std::uint32_t events, readiness_handler* handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  if (::epoll_ctl(epoll_, operation, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void event_loop::add(int fd, std::uint32_t events, readiness_handler& handler) {
  control(EPOLL_CTL_ADD, fd, events, &handler);
}

void event_loop::modify(int fd, std::uint32_t events, readiness_handler& handler) {
  control(EPOLL_CTL_MOD, fd, events, &handler);
}

void event_loop::remove(int fd) {
  control(EPOLL_CTL_DEL, fd, 0, nullptr);
}

void event_loop::call_at(steady_time when, timer_handler& handler, std::uint64_t timer) {
  timers_.push({when, &handler, timer});
}

void event_loop::run_once(std::chrono::nanoseconds longest) {
  now_ = std::chrono::steady_clock::now();
  auto wait = longest;
  if (!timers_.empty()) wait = std::min<std::chrono::nanoseconds>(wait, timers_.top().when - now_);
  // Nanoseconds, because a whole millisecond of epoll_wait would show in the latencies.
  const timespec timeout = to_timespec(std::max(wait, std::chrono::nanoseconds(0)));
  std::array<epoll_event, 256> events{};
  const int ready =
      ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  if (ready < 0 && errno != EINTR) {
    throw std::system_error(errno, std::generic_category(), "epoll_pwait2");
  }
  now_ = std::chrono::steady_clock::now();
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    static_cast<readiness_handler*>(event.data.ptr)->on_ready(event.events);
  }
  run_timers();
}

void event_loop::run_timers() {
  while (!timers_.empty() && timers_.top().when <= now_) {
    const timer_entry due = timers_.top();
    timers_.pop();
    due.handler->on_timer(due.timer);
  }
}

}  // namespace presenter::bench
