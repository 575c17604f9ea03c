#include "gateway/operate/event_feed.hpp"

namespace presenter::gateway {

void event_reader::add(std::string_view event) {
  if (is_cut_) return;
  is_cut_ = pending_.size() + event.size() > pending_bytes_max;
  if (is_cut_)
    pending_.clear();
  else
    pending_ += event;
  if (on_more) on_more();
}

std::string format_event(std::string_view name, std::string_view data) {
  std::string text = "event: ";
  text += name;
  while (!data.empty()) {
    const auto end = data.find('\n');
    text += "\ndata: ";
    text += data.substr(0, end);
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
  }
  return text + "\n\n";
}

std::shared_ptr<event_reader> event_feed::add_reader() {
  forget_gone();
  if (readers_.size() >= readers_max) return nullptr;
  auto reader = std::make_shared<event_reader>();
  readers_.push_back(reader);
  return reader;
}

void event_feed::publish(std::string_view name, std::string_view data) {
  const std::string event = format_event(name, data);
  for (const auto& each : readers_) {
    if (const auto reader = each.lock()) reader->add(event);
  }
}

void event_feed::forget_gone() {
  std::erase_if(readers_, [](const auto& reader) { return reader.expired(); });
}

}  // namespace presenter::gateway
