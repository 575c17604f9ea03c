// gateway clients, client, close, log-level: who is at a gateway, and what is done with them.
#pragma once

#include <cstdint>
#include <string>

#include "presenterctl/exit_code.hpp"
#include "presenterctl/reports.hpp"

namespace presenter::ctl {

// Empty: not asked for.
struct clients_options {
  std::string key;
  std::string hash;
  std::string address;
  std::string backend;
  std::string phase;
  std::string idle;
  std::uint64_t bytes = 0;
  std::size_t count = 100;
  std::string cursor;   // of one gateway
  bool is_all = false;  // page after page
};

struct close_options {
  std::string tag;
  std::string key;
};

exit_code list_clients(const gateway_options& options, const clients_options& clients);
// Whichever of the gateways has it. exit_no: none has.
exit_code show_client(const gateway_options& options, const std::string& tag);
exit_code close_clients(const gateway_options& options, const close_options& close);

// `level` empty: only says what it is.
exit_code tell_log_level(const gateway_options& options, const std::string& level);

}  // namespace presenter::ctl
