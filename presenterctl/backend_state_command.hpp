// drain and undrain: writes the state of one backend into its entry in ZooKeeper, against the
// version that was read, so that nothing the backend writes meanwhile is lost. Then asks gateways,
// if it is to wait, until the backend is empty.
#pragma once

#include <chrono>
#include <string>

#include "presenterctl/exit_code.hpp"
#include "presenterctl/reports.hpp"
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

// Asks these gateways, and orders nothing if one of them does not answer. Then writes `draining`,
// shows how the streams become fewer, and ends when none of these gateways has one left. exit_no:
// as above, or somebody takes the order back meanwhile. exit_unreachable: a gateway does not answer
// for long.
exit_code drain_and_wait(const zookeeper_options& options, const std::string& name,
                         const gateway_options& gateways);

}  // namespace presenter::ctl
