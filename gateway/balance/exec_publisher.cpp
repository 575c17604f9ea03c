#include "gateway/balance/exec_publisher.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/balance/dns_changes.hpp"

namespace presenter::gateway {
namespace {

publish_result failure(publish_errc error, std::string text) {
  return {.error = error, .text = std::move(text), .retry_after = {}, .changed = 0};
}

}  // namespace

std::string exec_input(const dns_state& state) {
  using nlohmann::json;
  json records = json::array();
  for (const dns_record& each : state.records) {
    records.push_back({{"gateway", each.name_of_gateway},
                       {"type", each.address.is_v4() ? "A" : "AAAA"},
                       {"address", each.address.to_string()},
                       {"weight", each.weight}});
  }
  const json input{
      {"record", state.record_name}, {"ttl", state.ttl.count()}, {"records", std::move(records)}};
  return input.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

exec_publisher::exec_publisher(boost::asio::io_context& control, std::filesystem::path program,
                               std::chrono::milliseconds timeout)
    : control_(control), program_(std::move(program)), timeout_(timeout) {}

void exec_publisher::publish(const dns_state& desired, handler done) {
  if (published_ == desired) {
    answer_later({}, std::move(done));
    return;
  }
  last_line_.clear();
  run_.emplace(
      control_.get_executor(),
      child_order{{program_.string()}, own_environment(), exec_input(desired), timeout_},
      [this](std::string_view line) { on_line(line); },
      [this, desired, done = std::move(done)](const child_end& end) {
        on_end(end, desired, done);
      });
}

void exec_publisher::check(handler done) {
  answer_later(find_obstacle(), std::move(done));
}

void exec_publisher::on_line(std::string_view line) {
  log_paced(said_, spdlog::level::info, "{}: {}", program_.filename().string(), line);
  if (!line.empty()) last_line_ = line;
}

void exec_publisher::on_end(const child_end& end, const dns_state& desired, const handler& done) {
  run_.reset();
  if (end.is_good()) {
    publish_result result;
    result.changed = count_changes(published_.value_or(dns_state()), desired);
    published_ = desired;
    done(std::move(result));
    return;
  }
  published_.reset();
  std::string text = fmt::format("{} {}", program_.string(), end.to_string());
  if (!last_line_.empty()) text += ": " + last_line_;
  done(failure(end.is_timed_out ? publish_errc::timed_out : publish_errc::program_failed,
               std::move(text)));
}

void exec_publisher::answer_later(publish_result result, handler done) {
  boost::asio::post(
      control_, life_.bind([result = std::move(result), done = std::move(done)] { done(result); }));
}

publish_result exec_publisher::find_obstacle() const {
  std::error_code ignored;
  if (std::filesystem::is_directory(program_, ignored))
    return failure(publish_errc::program_failed, program_.string() + " is a folder");
  if (::access(program_.c_str(), X_OK) != 0) {
    return failure(publish_errc::program_failed,
                   fmt::format("{} cannot be run: {}", program_.string(),
                               std::generic_category().message(errno)));
  }
  return {};
}

}  // namespace presenter::gateway
