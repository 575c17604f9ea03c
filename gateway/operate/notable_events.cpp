#include "gateway/operate/notable_events.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string_view>

namespace presenter::gateway {
namespace {

constexpr std::size_t text_bytes_max = 512;

log_level level_of(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return log_level::error;
  return level == spdlog::level::warn ? log_level::warning : log_level::info;
}

class keeper final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<notable_event> kept() {
    const std::lock_guard hold(mutex_);
    return {events_.begin(), events_.end()};
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view text{message.payload.data(), message.payload.size()};
    if (message.level < spdlog::level::info || text.starts_with("client ")) return;
    events_.push_back(
        {message.time, level_of(message.level), std::string(text.substr(0, text_bytes_max))});
    if (events_.size() > notable_events_max) events_.pop_front();
  }
  void flush_() override {}

 private:
  std::deque<notable_event> events_;
};

// As long as the log, which is the process's.
std::shared_ptr<keeper>& the_keeper() {
  static std::shared_ptr<keeper> kept;
  return kept;
}

}  // namespace

void keep_notable_events() {
  the_keeper() = std::make_shared<keeper>();
  spdlog::default_logger()->sinks().push_back(the_keeper());
}

std::vector<notable_event> notable_events() {
  return the_keeper() == nullptr ? std::vector<notable_event>() : the_keeper()->kept();
}

}  // namespace presenter::gateway
