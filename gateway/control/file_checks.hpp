// What the files that a configuration names hold, as a start would find it: certificates and their
// keys, ticket keys, the shard map. A start without these mistakes works.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/tls/certificates/tls_files.hpp"
#include "gateway/tls/tickets/ticket_keys.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::gateway {

struct checked_files {
  tls_load tls;
  std::optional<ticket_keys> tickets;  // of the key file; nothing: none is named, or it is bad
  shard_router::shard_map_ptr map;     // of the file; nullptr: likewise
  std::string ticket_mistake;          // empty: there is none
  std::vector<std::string> in_map;     // mistakes of that file itself, each a line for people
};

// Adds mistakes and warnings where `loaded` names the file. Answers with what the files hold.
checked_files check_files(config_result& loaded);

}  // namespace presenter::gateway
