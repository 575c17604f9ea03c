// What the files that a configuration names hold, as a start would find it: certificates and their
// keys, ticket keys, the shard map. A start without these mistakes works.
#pragma once

#include <string>
#include <vector>

#include "gateway/config/config.hpp"

namespace presenter::gateway {

// Adds mistakes and warnings where `loaded` names the file. Answers with those that stand in the
// file of a shard map itself, each a line for people.
std::vector<std::string> check_files(config_result& loaded);

}  // namespace presenter::gateway
