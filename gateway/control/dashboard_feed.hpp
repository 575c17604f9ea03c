// What the page /dashboard is told: a sample a second, the last ten minutes of them to whoever
// comes, and now and then the pages that change more slowly, as long as somebody watches.
//   history  [sample]                   sample    see worker_sums.hpp, and "clients", "links_up"
//   top      /top, of the busiest eight
//   status   /status                    shards    /shards
//   keys     {"certificates": [{"name", "file", "expires_seconds"}],
//             "tickets": {"origin", "keys", "sealing_seconds"}}
//   events   {"events": [{"time", "level", "text"}]}, the oldest first
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/life_token.hpp"
#include "gateway/operate/admin_pages.hpp"
#include "gateway/operate/event_feed.hpp"

namespace presenter::gateway {

struct dashboard_sources {
  std::function<nlohmann::json()> sample;
  std::function<nlohmann::json()> keys;
  json_page status;
  json_page shards;
  json_page top;
};

// Life: the server's; `sources` outlive it. Confined to: the control thread.
// Bounds: history_max samples.
class dashboard_feed {
 public:
  static constexpr std::size_t history_max = 600;

  dashboard_feed(boost::asio::io_context& control, dashboard_sources sources);

  void start();
  void stop() { timer_.cancel(); }
  // nullptr: too many watch.
  std::shared_ptr<event_reader> watch();

 private:
  void wait();
  void tick();
  void tell_pages();
  void ask_busiest();
  void tell_page(std::string_view name, const json_answer& page);

  const dashboard_sources sources_;
  event_feed feed_;
  std::deque<std::string> history_;
  boost::asio::steady_timer timer_;
  std::size_t ticks_ = 0;
  bool is_asking_ = false;  // the workers: busy ones are not asked again
  const life_token life_;
};

}  // namespace presenter::gateway
