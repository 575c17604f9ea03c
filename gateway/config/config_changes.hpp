// What differs between two configurations, key by key, and which part of another one a process that
// runs can take over.
#pragma once

#include <string>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/config/config_places.hpp"
#include "gateway/config/key_texts.hpp"

namespace presenter::gateway {

struct key_change {
  std::string key;     // "log.level", "tls.certificates[2].names"; "[drain]" for the table itself
  std::string before;  // empty: it was not set
  std::string after;
  reload_effect effect = reload_effect::upgrade;
};

// A configuration, and where its values come from.
struct placed_config {
  const config& values;
  const config_places& places;
};

// In the reader's order. A value that has variables in it is told as the file has it, for it may be
// a secret.
std::vector<key_change> changes_between(const placed_config& before, const placed_config& after);

// `wanted`, but for what only an upgrade or a restart can change: that is as in `running`.
config what_can_change(const config& running, const config& wanted);

}  // namespace presenter::gateway
