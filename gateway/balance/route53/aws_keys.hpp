// What a request to AWS is signed with. Never in a log line.
#pragma once

#include <string>

namespace presenter::gateway::route53 {

struct aws_keys {
  std::string id;
  std::string secret;
  std::string token;  // of temporary ones; empty: there is none

  bool operator==(const aws_keys&) const = default;
};

}  // namespace presenter::gateway::route53
