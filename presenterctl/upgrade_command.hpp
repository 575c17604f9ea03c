// gateway upgrade: another process takes the place of a gateway's, with its clients.
#pragma once

#include <string>

#include "presenterctl/exit_code.hpp"
#include "presenterctl/reports.hpp"

namespace presenter::ctl {

struct upgrade_options {
  std::string program;        // its whole path; empty: the one the gateway was started by
  bool is_dry_run = false;    // only asks the new program, and counts
  bool is_confirmed = false;  // clients that cannot go along may be closed
};

// One gateway after the other, each when the one before is done; prints what became of them.
// exit_no: one was refused or has failed. It goes on as it was, and those behind it are left alone.
exit_code upgrade_gateways(const gateway_options& options, const upgrade_options& upgrade);

}  // namespace presenter::ctl
