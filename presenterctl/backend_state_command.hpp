// drain and undrain: writes the state of one backend into its entry in ZooKeeper, against the
// version that was read, so that nothing the backend writes meanwhile is lost.
#pragma once

#include <chrono>
#include <string>

#include "presenterctl/exit_code.hpp"
#include "shard_router/shard_map.hpp"

namespace presenter::ctl {

struct zookeeper_options {
  std::string address;    // "host:port,…/chroot"
  std::string auth_file;  // one line user:password; empty: none
  std::chrono::milliseconds timeout{5'000};
  bool is_json = false;
};

// Prints what it has done. exit_no: there is no such backend, or its entry cannot be read. A
// backend that is in this state already is left alone. exit_refused: the entry is of another
// identity.
exit_code write_backend_state(const zookeeper_options& options, const std::string& name,
                              shard_router::backend_state state);

}  // namespace presenter::ctl
