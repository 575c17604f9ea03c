#include "base/loop/poller.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace presenter {

poller::poller(boost::asio::io_context& io)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      interrupts_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      set_(io) {
  epoll_event interrupted{EPOLLIN, {}};
  if (epoll_ < 0 || interrupts_ < 0 ||
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, interrupts_, &interrupted) != 0)
    throw std::system_error(errno, std::generic_category(), "poller");
  set_.assign(epoll_);
}

poller::~poller() {
  ::close(interrupts_);
}

void poller::start(std::function<void()> on_ready) {
  on_ready_ = on_ready ? std::move(on_ready) : [this] { run_batch(); };
  wait();
}

void poller::stop() {
  is_stopped_ = true;
  boost::system::error_code ignored;
  set_.cancel(ignored);
}

boost::system::error_code poller::add(int descriptor, poll_target& target, poll_mode mode) {
  epoll_event event{};
  event.data.ptr = &target;
  event.events = mode == poll_mode::level_in
                     ? static_cast<std::uint32_t>(EPOLLIN)
                     : static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT | EPOLLRDHUP) | EPOLLET;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
  return {errno, boost::system::system_category()};
}

void poller::remove(int descriptor, poll_target& target) {
  epoll_event unused{};
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, &unused);
  for (std::size_t i = 0; i < batch_size_; ++i) {
    if (batch_[i].target == &target) batch_[i].target = nullptr;
  }
}

void poller::wait() {
  set_.async_wait(descriptor_wait::wait_read, [this](boost::system::error_code error) {
    if (error || is_stopped_) return;
    on_ready_();
    if (!is_stopped_) wait();
  });
}

void poller::interrupt() {
  ::eventfd_write(interrupts_, 1);
}

bool poller::take_batch(std::chrono::milliseconds wait) {
  std::array<epoll_event, batch_max> events;
  const int n = ::epoll_wait(epoll_, events.data(), batch_max, static_cast<int>(wait.count()));
  bool interrupted = false;
  batch_size_ = static_cast<std::size_t>(std::max(n, 0));
  for (std::size_t i = 0; i < batch_size_; ++i) {
    batch_[i] = {static_cast<poll_target*>(events[i].data.ptr), events[i].events};
    interrupted = interrupted || batch_[i].target == nullptr;
  }
  eventfd_t times = 0;
  if (interrupted) ::eventfd_read(interrupts_, &times);
  return !interrupted;
}

void poller::dispatch_batch() {
  for (std::size_t i = 0; i < batch_size_; ++i) {
    if (batch_[i].target != nullptr) batch_[i].target->on_poll(batch_[i].events);
  }
  batch_size_ = 0;
}

void poller::run_batch() {
  take_batch();
  dispatch_batch();
}

}  // namespace presenter
