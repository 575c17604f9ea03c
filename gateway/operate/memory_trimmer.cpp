#include "gateway/operate/memory_trimmer.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "gateway/operate/openssl_memory.hpp"

namespace presenter::gateway {
namespace {

constexpr std::chrono::seconds interval{2};

}  // namespace

memory_trimmer::memory_trimmer(boost::asio::io_context& control,
                               std::function<handshake_counts()> count)
    : timer_(control), count_(std::move(count)) {
  wait();
}

void memory_trimmer::wait() {
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    trim_if_due();
    wait();
  });
}

void memory_trimmer::trim_if_due() {
  const handshake_counts now = count_();
  const bool is_crowd = is_trim_due(now, ended_at_last_trim_);
  const bool is_rest =
      has_rest_ && now.ended != ended_at_last_trim_ && is_rest_due(now, ended_at_last_look_);
  ended_at_last_look_ = now.ended;
  if (!is_crowd && !is_rest) return;
  has_rest_ = is_crowd;
  ended_at_last_trim_ = now.ended;
  trim();
}

void memory_trimmer::trim() {
  const auto begin = std::chrono::steady_clock::now();
  give_back_openssl_memory();
  ::malloc_trim(0);
  ++trims_;
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  spdlog::debug(fmt::format("freed memory given back to the system in {:.1f} ms", took.count()));
}

}  // namespace presenter::gateway
