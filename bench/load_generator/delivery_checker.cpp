#include "bench/load_generator/delivery_checker.hpp"

#include <algorithm>

namespace presenter::bench {

delivery_counts& delivery_counts::operator+=(const delivery_counts& other) {
  sent += other.sent;
  acknowledged += other.acknowledged;
  delivered += other.delivered;
  duplicated += other.duplicated;
  reordered += other.reordered;
  corrupted += other.corrupted;
  unexpected += other.unexpected;
  interrupted += other.interrupted;
  lost_with_server += other.lost_with_server;
  lost += other.lost;
  return *this;
}

void delivery_checker::on_sent() {
  messages_.emplace_back();
  ++counts_.sent;
}

delivery_checker::message* delivery_checker::find(std::uint64_t sequence) {
  if (sequence < first_ || sequence > counts_.sent) return nullptr;
  return &messages_[sequence - first_];
}

void delivery_checker::on_acknowledged(std::uint64_t sequence, server_number server) {
  message* const found = find(sequence);
  if (found == nullptr || found->acknowledged) return;
  found->acknowledged = true;
  found->interrupted = false;
  found->server = server;
  ++counts_.acknowledged;
  forget_settled();
}

void delivery_checker::on_sender_disconnected() {
  for (message& each : messages_) {
    if (!each.acknowledged) each.interrupted = true;
  }
  forget_settled();
}

arrival delivery_checker::on_delivered(std::uint64_t sequence) {
  if (sequence == 0 || sequence > counts_.sent) {
    ++counts_.unexpected;
    return arrival::unexpected;
  }
  message* const found = find(sequence);
  // Below first_ everything was delivered and settled.
  if (found == nullptr || found->delivered) {
    ++counts_.duplicated;
    return arrival::duplicated;
  }
  found->delivered = true;
  ++counts_.delivered;
  const bool in_order = sequence > highest_delivered_;
  highest_delivered_ = std::max(highest_delivered_, sequence);
  forget_settled();
  if (in_order) return arrival::delivered;
  ++counts_.reordered;
  return arrival::reordered;
}

void delivery_checker::on_receiver_moved(server_number left, server_number now) {
  left_servers_.push_back(left);
  std::erase(left_servers_, now);
}

void delivery_checker::on_memory_lost(server_number server) {
  for (message& each : messages_) {
    if (each.acknowledged && each.server == server) each.server_gone = true;
  }
}

// An acknowledgement may come late, from the server that the receiver has left before.
bool delivery_checker::is_server_gone(const message& each) const {
  return each.server_gone ||
         (each.acknowledged && std::ranges::count(left_servers_, each.server) != 0);
}

std::size_t delivery_checker::outstanding() const {
  return static_cast<std::size_t>(std::ranges::count_if(messages_, [this](const message& each) {
    return !each.delivered && !each.interrupted && !is_server_gone(each);
  }));
}

delivery_counts delivery_checker::finish() const {
  delivery_counts verdict = counts_;
  for (const message& each : messages_) {
    if (each.delivered) continue;
    if (each.interrupted) {
      ++verdict.interrupted;
    } else if (is_server_gone(each)) {
      ++verdict.lost_with_server;
    } else {
      ++verdict.lost;
    }
  }
  return verdict;
}

std::map<delivery_checker::server_number, std::uint64_t> delivery_checker::lost_by_server() const {
  std::map<server_number, std::uint64_t> lost;
  for (const message& each : messages_) {
    if (!each.delivered && !each.interrupted && is_server_gone(each)) ++lost[each.server];
  }
  return lost;
}

void delivery_checker::forget_settled() {
  const auto is_settled = [](const message& each) {
    return each.delivered && (each.acknowledged || each.interrupted);
  };
  while (!messages_.empty() && is_settled(messages_.front())) {
    messages_.pop_front();
    ++first_;
  }
}

}  // namespace presenter::bench
