// Reports clients that are not served, where they are too many for a line each: looks at what the
// workers have counted, every ten seconds, and says what an operator must know in one line each.
// Also what it notes for /readyz.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gateway/operate/metrics.hpp"
#include "gateway/vocabulary/close_reason.hpp"
#include "gateway/vocabulary/log_level.hpp"

namespace presenter::gateway {

struct crowd_line {
  log_level level;
  std::string text;
};

// Life: the server's. Confined to: the control thread.
// Bounds: two lines in an interval.
class crowd_watch {
 public:
  using worker_metrics_list = std::vector<const worker_metrics*>;
  static constexpr std::chrono::seconds interval{10};

  crowd_watch(boost::asio::io_context& control, std::function<worker_metrics_list()> workers);

  // What has happened since the last look.
  std::vector<crowd_line> look();
  // That it was overloaded at the last look, that it is full now.
  std::vector<std::string> notes() const;

 private:
  struct sums {
    std::array<std::uint64_t, close_reason_count> closes{};
    std::uint64_t accepted = 0;
    std::uint64_t gone = 0;  // before anything was done for them
  };

  void wait();
  sums count() const;

  boost::asio::steady_timer timer_;
  std::function<worker_metrics_list()> workers_;
  sums before_;
  std::uint64_t overloaded_ = 0;  // clients, at the last look
};

}  // namespace presenter::gateway
