#include "gateway/balance/shedder.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/paced_log.hpp"

namespace presenter::gateway {

using nlohmann::json;

namespace {

// Clients are closed some at a time, but never so many that their coming back is a burst.
constexpr std::chrono::milliseconds shed_step{100};

}  // namespace

std::string encode_wish(const shed_wish& wish) {
  return json{{"until", wish.until}, {"per_second", wish.per_second}}.dump();
}

boost::system::result<shed_wish> decode_wish(std::string_view text) {
  if (text.size() > report_bytes_max) return report_errc::too_large;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return report_errc::not_json;
  shed_wish wish;
  for (const auto& [key, value] :
       {std::pair("until", &wish.until), std::pair("per_second", &wish.per_second)}) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    if (!found->is_number()) return report_errc::number_invalid;
    *value = found->get<double>();
  }
  const bool is_sane = wish.until >= shed_ratio_min && wish.until <= shed_ratio_max &&
                       wish.per_second >= 0 && wish.per_second <= shed_per_second_max;
  if (!is_sane) return report_errc::number_invalid;
  return wish;
}

shedder::shedder(boost::asio::io_context& control, std::string name, shed_policy policy,
                 weight_policy weights, std::optional<shed_wish> always,
                 std::function<void(std::int64_t)> close)
    : name_(std::move(name)),
      policy_(policy),
      weights_(weights),
      always_(always),
      close_(std::move(close)),
      timer_(control) {}

bool shedder::step(std::span<const load_report> reports, sys_ms now) {
  const auto& wish = order_ ? order_ : always_;
  status_.by = order_ ? "order" : always_ ? "configuration" : "";
  if (!wish) {
    pause();
    return false;
  }
  shed_policy policy = policy_;
  policy.ratio = wish->until;
  policy.per_second = wish->per_second;
  const shed_plan plan = plan_shedding(reports, policy, weights_, now);
  status_.imbalance = plan.imbalance;
  status_.eta = plan.eta;
  const auto own = std::ranges::find(reports, name_, &load_report::name);
  set_pace(plan, own == reports.end() ? 0 : own->clients);
  // One that has just come does not count yet, and is perhaps what the order is for.
  const bool is_settled = std::ranges::all_of(reports, [&](const load_report& each) {
    return now - each.started_at >= policy.newcomer_grace;
  });
  return order_ && plan.orders.empty() && is_settled;
}

// A run ends when the fleet is balanced, so that the next one may close as many again.
void shedder::set_pace(const shed_plan& plan, std::int64_t clients) {
  const auto own = std::ranges::find(plan.orders, name_, &shed_order::name);
  const bool is_ordered = own != plan.orders.end();
  status_.excess = is_ordered ? own->excess : 0;
  status_.per_second = is_ordered ? own->per_second : 0;
  if (plan.orders.empty()) run_.reset();
  if (is_ordered && !run_) {
    run_.emplace(clients, std::random_device{}());
    log_paced(said_, spdlog::level::info,
              "balance: {} clients more than the mean: they are closed, {:.1f} a second",
              own->excess, own->per_second);
  }
  if (!run_) {
    timer_.cancel();
    return;
  }
  run_->set_pace(status_.per_second, std::chrono::steady_clock::now());
  status_.is_exhausted = run_->is_exhausted();
  wait_next();
}

void shedder::pause() {
  run_.reset();
  timer_.cancel();
  status_.per_second = 0;
  status_.excess = 0;
  status_.imbalance = 1;
  status_.eta = std::chrono::seconds(0);
}

void shedder::wait_next() {
  const auto next = run_ ? run_->next() : std::nullopt;
  if (!next) return;
  timer_.expires_at(std::max(*next, std::chrono::steady_clock::now() + shed_step));
  timer_.async_wait(life_.bind([this](boost::system::error_code failed) {
    if (failed || !run_) return;
    const auto now = std::chrono::steady_clock::now();
    // The process stood still: what it did not close meanwhile must not go all at once.
    if (run_->next() && now - *run_->next() > std::chrono::seconds(1)) {
      run_->set_pace(0, now);
      run_->set_pace(status_.per_second, now);
    }
    const std::int64_t count = run_->take(now);
    if (count > 0) close_(count);
    status_.closed += count;
    wait_next();
  }));
}

}  // namespace presenter::gateway
