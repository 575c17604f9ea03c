// For a line that one peer, one server that is away, or a full process could cause without end:
// only some are written in each interval, and the next one says how many were held back.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace presenter {

// Confined to: its owner's thread.
class log_pace {
 public:
  explicit log_pace(std::uint64_t lines = 1,
                    std::chrono::seconds interval = std::chrono::seconds{10})
      : lines_(lines), interval_(interval) {}

  // How many lines were held back since the last that was written. Nothing: this one is held back.
  std::optional<std::uint64_t> admit(std::chrono::steady_clock::time_point now) {
    if (!next_ || now >= *next_) {
      next_ = now + interval_;
      left_ = lines_;
    }
    if (left_ == 0) {
      ++held_back_;
      return std::nullopt;
    }
    --left_;
    return std::exchange(held_back_, 0);
  }

 private:
  std::uint64_t lines_;
  std::chrono::seconds interval_;
  std::optional<std::chrono::steady_clock::time_point> next_;
  std::uint64_t left_ = 0;
  std::uint64_t held_back_ = 0;
};

// " (3 more since the last line)", for what a log_pace held back; empty for 0.
inline std::string more_since(std::uint64_t held_back) {
  if (held_back == 0) return {};
  return " (" + std::to_string(held_back) + " more since the last line)";
}

}  // namespace presenter
