// gateway top: a live view of gateways, or one look for scripts.
#pragma once

#include <cstddef>

#include "presenterctl/exit_code.hpp"
#include "presenterctl/reports.hpp"

namespace presenter::ctl {

struct top_options {
  double interval_seconds = 2;
  std::size_t count = 10;  // of the busiest clients and backends, each
  bool is_once = false;    // two looks, and what changed between them
};

// exit_usage: there is no terminal, and it is not for once.
exit_code show_top(const gateway_options& options, const top_options& top);

}  // namespace presenter::ctl
