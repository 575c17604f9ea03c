// gateway status, drain, undrain: how far gateways are in being taken out, and the orders for it.
#pragma once

#include <string>

#include "presenterctl/exit_code.hpp"
#include "presenterctl/reports.hpp"

namespace presenter::ctl {

struct drain_options {
  std::string deadline;  // "30m"; empty: the gateway's own
  bool waits = false;    // until the process has ended
};

// Each prints what the gateways say then.
exit_code report_gateways(const gateway_options& options);
// With `waits`: exit_no if somebody takes the order back, exit_unreachable if a gateway does not
// answer for long. Nobody listens there any more: it has ended.
exit_code drain_gateways(const gateway_options& options, const drain_options& drain);
exit_code undrain_gateways(const gateway_options& options);

}  // namespace presenter::ctl
