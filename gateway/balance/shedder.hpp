// Makes the clients of gateways that have too many come again: by an operator's order, which stands
// in the znode rebalance, or always, by [balance] shed. It is the only thing of this folder that
// disconnects somebody. Each gateway computes its own part from the fleet's reports.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/life_token.hpp"
#include "base/log_pace.hpp"
#include "gateway/balance/shedding.hpp"

namespace presenter::gateway {

// What an operator wants, as JSON: {"until": 1.25, "per_second": 100}. 0: see shed_policy.
struct shed_wish {
  double until = 1.25;    // shed_policy::ratio
  double per_second = 0;  // of the fleet
  bool operator==(const shed_wish&) const = default;
};

inline constexpr double shed_ratio_min = 1.05;
inline constexpr double shed_ratio_max = 10;
inline constexpr double shed_per_second_max = 1'000'000;

std::string encode_wish(const shed_wish& wish);
boost::system::result<shed_wish> decode_wish(std::string_view text);

struct shed_status {
  std::string_view by;  // "order", "configuration", or "" where nobody wants it
  double imbalance = 1;
  double per_second = 0;      // of this gateway, now
  std::int64_t excess = 0;    // clients that it has above the mean; 0: it is not to shed
  std::int64_t closed = 0;    // by this run, or the last one
  bool is_exhausted = false;  // it has closed as many as there were: more would not help
  // Until the fleet is balanced; nothing: never.
  std::optional<std::chrono::seconds> eta = std::chrono::seconds(0);
};

// Life: the balancer's. Confined to: the control thread.
// Bounds: clients in a second by shed_policy::gateway_budget, whatever is ordered.
class shedder {
 public:
  // `name`: of this gateway. `always`: by configuration; nothing: by order only. `close`: so many
  // clients, those that have been idle for longest.
  shedder(boost::asio::io_context& control, std::string name, shed_policy policy,
          weight_policy weights, std::optional<shed_wish> always,
          std::function<void(std::int64_t)> close);

  void set_order(std::optional<shed_wish> order) { order_ = order; }

  // With all reports that are known. True: there is an order, and the fleet is balanced.
  bool step(std::span<const load_report> reports, sys_ms now);
  // The reports cannot be trusted, or the gateway ends.
  void pause();

  shed_status status() const { return status_; }

 private:
  void set_pace(const shed_plan& plan, std::int64_t clients);
  void wait_next();

  const std::string name_;
  const shed_policy policy_;
  const weight_policy weights_;
  const std::optional<shed_wish> always_;
  const std::function<void(std::int64_t)> close_;
  std::optional<shed_wish> order_;
  std::optional<shed_run> run_;
  shed_status status_;
  boost::asio::steady_timer timer_;
  log_pace said_{10, std::chrono::minutes(1)};
  life_token life_;
};

}  // namespace presenter::gateway
