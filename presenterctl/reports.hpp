// The commands that ask gateways: what they answered, put together, as a table or as JSON.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "presenterctl/exit_code.hpp"

namespace presenter::ctl {

struct gateway_options {
  std::vector<std::string> gateways;  // HOST:PORT or unix:PATH of their admin endpoints
  std::string token;                  // for them; empty: none
  std::chrono::milliseconds timeout{5'000};
  bool is_json = false;
};

// Each prints its report to standard output and what went wrong to standard error. With a gateway
// that does not answer the report has the others, and the result is exit_unreachable.
exit_code report_shards(const gateway_options& options);
// exit_no: nobody of this key is connected to any of them.
exit_code report_whois(const gateway_options& options, const std::string& key);
// `change`: "NAME" or "NAME:WEIGHT" to add, or the name to remove. exit_no: it is there already, or
// is not there.
exit_code report_added(const gateway_options& options, const std::string& change);
exit_code report_removed(const gateway_options& options, const std::string& name);

}  // namespace presenter::ctl
