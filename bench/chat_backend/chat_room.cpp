#include "bench/chat_backend/chat_room.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <utility>

namespace presenter::chat_backend {

using boost::system::error_code;

namespace {

std::size_t cost_of(const chat::Message& message) {
  constexpr std::size_t bookkeeping_bytes = 96;
  return message.body.size() + message.sender.size() + bookkeeping_bytes;
}

}  // namespace

// A record without a sequence is no message: its sender has become one of the couple.
void chat_room::keep(chat::Message&& record) {
  if (record.sequence == 0) {
    auto* const slot = std::ranges::find(users_, std::string());
    if (slot != users_.end()) *slot = std::move(record.sender);
    return;
  }
  last_sequence_ = record.sequence;
  history_bytes_ += cost_of(record);
  history_.push_back(std::move(record));
  while (history_bytes_ > history_bytes_max_ && history_.size() > 1) {
    history_bytes_ -= cost_of(history_.front());
    history_.pop_front();
  }
}

error_code chat_room::add(const history_file::record_maker& make) {
  const auto keeper = [this](chat::Message&& record) { keep(std::move(record)); };
  if (file_) return file_->append(keeper, make);
  if (auto record = make()) keep(std::move(*record));
  return {};
}

error_code chat_room::update() {
  if (!file_) return {};
  return file_->read_news([this](chat::Message&& record) { keep(std::move(record)); });
}

bool chat_room::is_member(const std::string& user) const {
  return std::ranges::find(users_, user) != users_.end();
}

error_code chat_room::admit(const std::string& user) {
  const auto failed = add([&]() -> std::optional<chat::Message> {
    if (is_member(user) || !is_member({})) return std::nullopt;
    chat::Message joined;
    joined.sender = user;
    return joined;
  });
  if (failed) return failed;
  return is_member(user) ? error_code() : make_error_code(boost::system::errc::permission_denied);
}

boost::system::result<std::int64_t> chat_room::append(const std::string& sender,
                                                      std::int64_t client_id,
                                                      const std::string& body) {
  const auto failed = add([&] {
    std::optional<chat::Message> message(std::in_place);
    message->sequence = last_sequence_ + 1;
    message->sender = sender;
    message->client_id = client_id;
    message->body = body;
    return message;
  });
  if (failed) return failed;
  return last_sequence_;
}

boost::system::result<std::vector<chat::Message>> chat_room::after(std::int64_t after,
                                                                   std::size_t limit,
                                                                   std::size_t bytes_max) const {
  std::vector<chat::Message> found;
  std::size_t bytes = 0;
  const auto failed = visit_after(after, [&](const chat::Message& message) {
    bytes += cost_of(message);
    if (found.size() == limit || (bytes > bytes_max && !found.empty())) return false;
    found.push_back(message);
    return true;
  });
  if (failed) return failed;
  return found;
}

error_code chat_room::visit_after(std::int64_t after, const history_file::visitor& visit) const {
  const bool is_in_memory = history_.empty() || history_.front().sequence <= after + 1;
  if (file_ && !is_in_memory) {
    return file_->read_again(
        [&](const chat::Message& record) { return record.sequence <= after || visit(record); });
  }
  auto next = std::ranges::upper_bound(history_, after, {}, &chat::Message::sequence);
  while (next != history_.end() && visit(*next))
    ++next;
  return {};
}

}  // namespace presenter::chat_backend
