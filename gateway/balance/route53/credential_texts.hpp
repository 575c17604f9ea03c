// Keys as they stand in a shared credentials file, and as the endpoints of AWS hand them out. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/balance/route53/aws_keys.hpp"

namespace presenter::gateway::route53 {

using sys_seconds = std::chrono::sys_seconds;

struct found_keys {
  std::optional<aws_keys> keys;
  std::optional<sys_seconds> expires;  // nothing: never
  std::string mistake;                 // without keys: why; never a part of a secret
};

// The section [profile] of an INI file.
found_keys read_shared_file(std::string_view text, std::string_view profile);

// JSON of the container endpoint, or of the instance's metadata.
found_keys read_endpoint_reply(std::string_view body);

// "2026-11-28T21:35:34Z", with or without fractions of a second.
std::optional<sys_seconds> parse_iso_time(const std::string& text);

}  // namespace presenter::gateway::route53
