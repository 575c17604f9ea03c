#include "bench/chat_backend/chat_room.hpp"

#include <algorithm>

namespace presenter::chat_backend {

namespace {

std::size_t cost_of(const chat::Message& message) {
  constexpr std::size_t bookkeeping_bytes = 96;
  return message.body.size() + message.sender.size() + bookkeeping_bytes;
}

}  // namespace

bool chat_room::admit(const std::string& user) {
  for (std::string& known : users_) {
    if (known.empty()) known = user;
    if (known == user) return true;
  }
  return false;
}

const chat::Message& chat_room::append(const std::string& sender, std::int64_t client_id,
                                       const std::string& body) {
  chat::Message& message = history_.emplace_back();
  message.sequence = ++last_sequence_;
  message.sender = sender;
  message.client_id = client_id;
  message.body = body;
  history_bytes_ += cost_of(message);
  while (history_bytes_ > history_bytes_max_ && history_.size() > 1) {
    history_bytes_ -= cost_of(history_.front());
    history_.pop_front();
  }
  return history_.back();
}

std::vector<chat::Message> chat_room::after(std::int64_t after, std::size_t limit,
                                            std::size_t bytes_max) const {
  std::vector<chat::Message> found;
  auto next = std::ranges::upper_bound(history_, after, {}, &chat::Message::sequence);
  std::size_t bytes = 0;
  while (next != history_.end() && found.size() < limit) {
    bytes += cost_of(*next);
    if (bytes > bytes_max && !found.empty()) break;
    found.push_back(*next++);
  }
  return found;
}

}  // namespace presenter::chat_backend
