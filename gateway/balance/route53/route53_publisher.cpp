#include "gateway/balance/route53/route53_publisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "gateway/balance/route53/service_failure.hpp"

namespace presenter::gateway::route53 {
namespace {

using std::chrono::milliseconds;

// Route 53 is one service for all regions of a partition; these are where it is signed for.
signing_scope scope_of(const net::http_url& endpoint) {
  signing_scope scope;
  if (endpoint.host.ends_with(".amazonaws.com.cn")) scope.region = "cn-northwest-1";
  if (endpoint.host.starts_with("route53.us-gov")) scope.region = "us-gov-west-1";
  return scope;
}

sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::size_t records_in(std::span<const change> batch) {
  std::size_t sum = 0;
  for (const change& each : batch)
    sum += each.set.values.size();
  return sum;
}

}  // namespace

route53_publisher::route53_publisher(boost::asio::io_context& control, route53_options options,
                                     credentials::environment variables)
    : options_(std::move(options)),
      scope_(scope_of(options_.endpoint)),
      credentials_(control, options_.keys, std::move(variables)),
      https_(control, options_.ca_file) {}

void route53_publisher::publish(const dns_state& desired, handler done) {
  begin(desired.record_name, std::move(done));
  desired_ = sets_of(desired, options_.set_prefix);
  get_keys([this] {
    if (zone_) return start_sending();
    list({.name = record_name_}, [this] { start_sending(); });
  });
}

void route53_publisher::check(handler done) {
  begin(options_.record_name, std::move(done));
  get_keys([this] { check_zone(); });
}

void route53_publisher::begin(std::string_view record_name, handler done) {
  done_ = std::move(done);
  deadline_ = std::chrono::steady_clock::now() + options_.call_timeout;
  changed_ = 0;
  std::string escaped = escaped_name(record_name);
  if (escaped != record_name_) zone_.reset();
  record_name_ = std::move(escaped);
}

void route53_publisher::get_keys(std::function<void()> next) {
  credentials_.get([this, next = std::move(next)](const found_keys& found) {
    if (!found.keys) return fail(publish_errc::denied, found.mistake);
    keys_ = *found.keys;
    next();
  });
}

void route53_publisher::ask(net::http_request request, reply_handler next) {
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now());
  if (left <= milliseconds(0)) {
    return fail(publish_errc::timed_out,
                fmt::format("not done after {} ms", options_.call_timeout.count()));
  }
  request.headers.push_back({"Host", options_.endpoint.authority()});
  if (!request.body.empty()) request.headers.push_back({"Content-Type", "application/xml"});
  sign(request, keys_, scope_, now());
  https_.ask(
      options_.endpoint, std::move(request),
      {.timeout = std::min(left, options_.request_timeout), .reply_bytes_max = reply_bytes_max},
      [this, next = std::move(next)](const net::http_outcome& outcome) {
        on_outcome(outcome, next);
      });
}

void route53_publisher::on_outcome(const net::http_outcome& outcome, const reply_handler& next) {
  if (outcome.error) return finish(failure_of(outcome));
  if (outcome.reply.status == 200) return next(outcome.reply);
  publish_result failure = failure_of(outcome.reply, now());
  if (failure.error == publish_errc::denied) credentials_.mark_refused();
  finish(std::move(failure));
}

void route53_publisher::check_zone() {
  ask({.method = "GET", .target = zone_target(options_.zone_id), .headers = {}, .body = {}},
      [this](const net::http_reply& reply) {
        const auto zone = read_zone_name(reply.body);
        if (!zone) return fail(publish_errc::invalid_reply, zone.error().message());
        if (!is_in_zone(record_name_, *zone)) {
          return fail(publish_errc::not_in_zone,
                      fmt::format("{} is outside of the zone {}", record_name_, *zone));
        }
        list({.name = record_name_}, [this] { finish(find_obstacle(*zone_, options_.types)); });
      });
}

void route53_publisher::list(const list_cursor& from, std::function<void()> next) {
  if (pages_ == 0) listed_.clear();
  ask({.method = "GET", .target = list_target(options_.zone_id, from), .headers = {}, .body = {}},
      [this, next = std::move(next)](const net::http_reply& reply) { on_page(reply, next); });
}

// The list goes on through the names behind ours, which are not asked for.
void route53_publisher::on_page(const net::http_reply& reply, std::function<void()> next) {
  auto page = read_list_page(reply.body);
  if (!page) return fail(publish_errc::invalid_reply, page.error().message());
  std::move(page->sets.begin(), page->sets.end(), std::back_inserter(listed_));
  if (page->next && page->next->name == record_name_) {
    if (++pages_ < list_pages_max) return list(*page->next, std::move(next));
    return fail(publish_errc::invalid_reply, "the list of one name does not end");
  }
  pages_ = 0;
  zone_ = view_of(listed_, record_name_, options_.set_prefix);
  listed_.clear();
  next();
}

void route53_publisher::start_sending() {
  publish_result obstacle = find_obstacle(*zone_, desired_);
  if (!obstacle.is_ok()) {
    // Somebody is to remove it, and that is seen only in a new list.
    zone_.reset();
    return finish(std::move(obstacle));
  }
  changes_ = changes_between(zone_->ours, std::move(desired_));
  batches_ = batches_of(changes_);
  std::reverse(batches_.begin(), batches_.end());
  send_next();
}

void route53_publisher::send_next() {
  if (batches_.empty()) {
    publish_result done;
    done.changed = changed_;
    return finish(std::move(done));
  }
  if (!may_change()) return fail(publish_errc::timed_out, std::string(too_late));
  const auto batch = batches_.back();
  batches_.pop_back();
  ask({.method = "POST",
       .target = change_target(options_.zone_id),
       .headers = {},
       .body = change_body(record_name_, batch)},
      [this, batch](const net::http_reply& reply) {
        const auto invalid = read_change_reply(reply.body);
        if (invalid) return fail(publish_errc::invalid_reply, invalid.message());
        on_sent(batch);
      });
}

void route53_publisher::on_sent(std::span<const change> batch) {
  mark_applied(batch, zone_->ours);
  changed_ += records_in(batch);
  send_next();
}

void route53_publisher::fail(publish_errc error, std::string text) {
  finish({.error = error, .text = std::move(text), .retry_after = {}, .changed = 0});
}

void route53_publisher::finish(publish_result result) {
  if (!is_unchanged_after(result.error)) zone_.reset();
  pages_ = 0;
  listed_.clear();
  const handler done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace presenter::gateway::route53
