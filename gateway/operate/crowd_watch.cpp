#include "gateway/operate/crowd_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/operate/log.hpp"

namespace presenter::gateway {
namespace {

// Port scanners and bad networks are always there: fewer, or a smaller part of those who come, are
// nothing to be told about.
constexpr std::uint64_t crowd = 100;
constexpr std::uint64_t part = 10;

// Reasons for which a client ends before its packet was read and understood.
bool is_unserved(std::size_t reason) {
  return reason <= static_cast<std::size_t>(close_reason::packet_key_size);
}

// "handshake_timeout 1,200, packet_timeout 3", the most frequent first.
std::string list_of(std::vector<std::pair<std::uint64_t, close_reason>> ends) {
  std::ranges::sort(ends, std::greater{});
  std::string text;
  for (const auto& [count, reason] : ends)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(reason), count);
  return text;
}

}  // namespace

crowd_watch::crowd_watch(boost::asio::io_context& control,
                         std::function<worker_metrics_list()> workers)
    : timer_(control), workers_(std::move(workers)) {
  wait();
}

void crowd_watch::wait() {
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    for (const crowd_line& line : look())
      write_log(line.level, line.text);
    wait();
  });
}

crowd_watch::sums crowd_watch::count() const {
  sums all;
  for (const worker_metrics* worker : workers_()) {
    for (std::size_t i = 0; i < close_reason_count; ++i)
      all.closes[i] += worker->closes.at_index(i).value();
    all.accepted += worker->clients_accepted.value();
    all.gone += worker->spared_handshakes[spared_handshake::client_gone].value();
  }
  return all;
}

std::vector<crowd_line> crowd_watch::look() {
  const sums now = count();
  const sums before = std::exchange(before_, now);
  std::vector<std::pair<std::uint64_t, close_reason>> ends;
  std::uint64_t unserved = 0;
  overloaded_ = 0;
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    const auto reason = static_cast<close_reason>(i);
    const std::uint64_t count = now.closes[i] - before.closes[i];
    if (count == 0 || !is_unserved(i)) continue;
    if (reason == close_reason::overloaded) {
      overloaded_ = count;
    } else {
      unserved += count;
      ends.emplace_back(count, reason);
    }
  }

  std::vector<crowd_line> lines;
  if (overloaded_ != 0) {
    lines.push_back({log_level::warning,
                     fmt::format("overloaded: {} clients in the last {} s had sent something and "
                                 "waited for their turn until it was too late, {} had gone before",
                                 overloaded_, interval.count(), now.gone - before.gone)});
  }
  if (unserved >= crowd && unserved >= (now.accepted - before.accepted) / part) {
    lines.push_back(
        {log_level::warning,
         fmt::format("{} clients in the last {} s were not served, {} came: {}", unserved,
                     interval.count(), now.accepted - before.accepted, list_of(std::move(ends)))});
  }
  return lines;
}

std::vector<std::string> crowd_watch::notes() const {
  std::vector<std::string> notes;
  if (overloaded_ != 0) notes.emplace_back("overloaded: clients wait for their turn for too long");
  for (const worker_metrics* worker : workers_()) {
    const auto& paused = worker->accept_paused;
    if (paused[accept_pause::clients_max].value() == 0 &&
        paused[accept_pause::descriptors].value() == 0)
      continue;
    notes.emplace_back("full: clients wait to be accepted");
    break;
  }
  return notes;
}

}  // namespace presenter::gateway
