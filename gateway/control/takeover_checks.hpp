// Whether this program, with this configuration, can take the place of a gateway that runs: what
// `--check --takes-state` adds to the checks of a start. What may not differ is named, and refused
// before anything happens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"

namespace presenter::gateway {

struct takeover_question {
  std::optional<std::uint32_t> state_version;  // nothing: nobody asks
  std::vector<std::string> running;  // "listen.address=…", as the gateway was configured
};

// Adds what is in the way to the mistakes; what has no place in the file is returned.
std::vector<std::string> check_takeover(config_result& loaded, const takeover_question& asked);

}  // namespace presenter::gateway
