// The configuration in force: reads it anew when it is told to, takes over as a whole what can
// change while the gateway runs, or nothing, and says what is in force and where that comes from.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_pace.hpp"
#include "gateway/config/config.hpp"
#include "gateway/config/config_changes.hpp"
#include "gateway/control/file_checks.hpp"
#include "gateway/operate/admin_answer.hpp"
#include "gateway/operate/admin_query.hpp"
#include "gateway/operate/config_facts.hpp"
#include "gateway/operate/file_watch.hpp"

namespace presenter::gateway {

// A configuration that was read, and what it names; how the files were before they were read.
struct read_config {
  config_result loaded;
  file_watch::stamps tls_seen;
  file_watch::stamps tickets_seen;
  checked_files files;
};

// What the server does for it. Called on the control thread.
struct config_parts {
  // Why this is no time to change anything; empty: it is.
  std::function<std::string()> obstacle;
  // What was read has mistakes, and is not taken.
  std::function<void(const read_config& read)> refuse;
  // Puts `next` in force with what was read, and calls `done` when all workers have it. Throws
  // std::exception before anything has changed.
  std::function<void(const config& next, read_config& read, std::function<void()> done)> apply;
};

// Life: the server's. Confined to: the control thread.
class config_control {
 public:
  // `in_force`: changes in `apply` only. `name`: of this gateway. Both outlive this object.
  config_control(const config& in_force, config_places places, const std::string& name,
                 config_parts parts);

  // `why`: for the log.
  void reload(std::string_view why, const json_reply& reply);
  // Of [admin].
  void answer(const json_reply& reply) const;

  config_facts facts() const { return facts_; }

 private:
  std::vector<std::string> read(read_config& out) const;
  void refuse(std::vector<std::string> mistakes, std::string_view why, const json_reply& reply);
  void tell_changes(std::string_view why, const std::vector<key_change>& changed) const;

  const config& in_force_;
  config_places places_;
  const std::string& name_;
  const config_parts parts_;
  std::vector<key_change> pending_;  // what the file wants, and only an upgrade or a restart can do
  config_facts facts_;
  mutable log_pace said_{50};
};

}  // namespace presenter::gateway
