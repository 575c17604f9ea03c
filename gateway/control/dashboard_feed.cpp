#include "gateway/control/dashboard_feed.hpp"

#include <boost/system/error_code.hpp>
#include <chrono>
#include <utility>

#include "gateway/operate/notable_events.hpp"

namespace presenter::gateway {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds sample_interval{1};
constexpr std::size_t ticks_between_pages = 5;
constexpr const char* busiest_shown = "8";

// Whatever a name may hold: a page with a strange letter in it is better than none.
std::string text_of(const json& page) {
  return page.dump(-1, ' ', false, json::error_handler_t::replace);
}

json events_page() {
  json all = json::array();
  for (const notable_event& each : notable_events()) {
    const std::chrono::duration<double> at = each.at.time_since_epoch();
    all.push_back({{"time", at.count()}, {"level", name_of(each.level)}, {"text", each.text}});
  }
  return {{"events", std::move(all)}};
}

}  // namespace

dashboard_feed::dashboard_feed(boost::asio::io_context& control, dashboard_sources sources)
    : sources_(std::move(sources)), timer_(control) {}

void dashboard_feed::start() {
  tick();
}

void dashboard_feed::wait() {
  timer_.expires_after(sample_interval);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) tick();
  });
}

void dashboard_feed::tick() {
  history_.push_back(text_of(sources_.sample()));
  if (history_.size() > history_max) history_.pop_front();
  if (feed_.is_watched()) {
    feed_.publish("sample", history_.back());
    if (ticks_ % ticks_between_pages == 0) tell_pages();
  }
  ++ticks_;
  wait();
}

std::shared_ptr<event_reader> dashboard_feed::watch() {
  auto reader = feed_.add_reader();
  if (reader == nullptr) return nullptr;
  std::string history = "[";
  for (const std::string& sample : history_)
    history += (history.size() > 1 ? "," : "") + sample;
  reader->add(format_event("history", history + "]"));
  tell_pages();
  return reader;
}

void dashboard_feed::tell_pages() {
  feed_.publish("keys", text_of(sources_.keys()));
  feed_.publish("events", text_of(events_page()));
  const admin_query nothing_asked;
  sources_.status(nothing_asked,
                  life_.bind([this](const json_answer& page) { tell_page("status", page); }));
  if (std::exchange(is_asking_, true)) return;
  sources_.shards(nothing_asked, life_.bind([this](const json_answer& page) {
    tell_page("shards", page);
    ask_busiest();
  }));
}

void dashboard_feed::ask_busiest() {
  admin_query count;
  count.set("count", busiest_shown);
  sources_.top(count, life_.bind([this](const json_answer& page) {
    is_asking_ = false;
    tell_page("top", page);
  }));
}

void dashboard_feed::tell_page(std::string_view name, const json_answer& page) {
  if (page.status == boost::beast::http::status::ok) feed_.publish(name, page.body);
}

}  // namespace presenter::gateway
