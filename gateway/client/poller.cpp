#include "gateway/client/poller.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace presenter::gateway {
namespace {

constexpr int batch_max = 256;

}  // namespace

poller::poller(boost::asio::io_context& io) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), set_(io) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  set_.assign(epoll_);
}

poller::~poller() = default;

void poller::start(std::function<void()> on_ready) {
  on_ready_ = on_ready ? std::move(on_ready) : [this] { run_batch(); };
  wait();
}

void poller::stop() {
  stopped_ = true;
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
  for (int i = 0; i < batch_size_; ++i) {
    if (batch_[i] == &target) batch_[i] = nullptr;
  }
}

void poller::wait() {
  set_.async_wait(descriptor_wait::wait_read, [this](boost::system::error_code error) {
    if (error || stopped_) return;
    on_ready_();
    if (!stopped_) wait();
  });
}

void poller::run_batch() {
  std::array<epoll_event, batch_max> events;
  std::array<poll_target*, batch_max> targets;
  const int n = ::epoll_wait(epoll_, events.data(), batch_max, 0);
  for (int i = 0; i < n; ++i) {
    targets[static_cast<std::size_t>(i)] =
        static_cast<poll_target*>(events[static_cast<std::size_t>(i)].data.ptr);
  }
  batch_ = targets.data();
  batch_size_ = n;
  for (int i = 0; i < n; ++i) {
    if (batch_[i] != nullptr) batch_[i]->on_poll(events[static_cast<std::size_t>(i)].events);
  }
  batch_size_ = 0;
  batch_ = nullptr;
}

}  // namespace presenter::gateway
