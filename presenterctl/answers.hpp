// What several gateways say to one question or order, put together, and how that ends.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "presenterctl/exit_code.hpp"
#include "presenterctl/gateway_query.hpp"
#include "presenterctl/reports.hpp"

namespace presenter::ctl {

struct answers {
  std::vector<nlohmann::json> pages;  // of those who answered as they should
  exit_code status = exit_ok;

  // One more. Says what is wrong with it, on standard error.
  void take(const gateway_answer& answer);
};

// What went wrong goes to standard error.
answers ask(const gateway_options& options, const std::string& target,
            gateway_method method = gateway_method::question);

// As JSON or by `render`, which gets one page at least. A gateway of another version may lack a
// field: that is its mistake, and exit_unreachable.
exit_code print_report(
    const gateway_options& options, const answers& all,
    const std::function<std::string(const std::vector<nlohmann::json>&)>& render);

// Between two looks at what somebody waits for.
void pause_between_looks();

// Answers in a row that do not come, before such a wait is given up.
inline constexpr int failures_max = 10;

}  // namespace presenter::ctl
