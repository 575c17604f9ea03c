// gateway rebalance: writes the order to share out the clients anew into ZooKeeper, where all
// gateways see it and each carries out its part; or takes it back.
#pragma once

#include "presenterctl/backend_state_command.hpp"
#include "presenterctl/exit_code.hpp"

namespace presenter::ctl {

struct rebalance_options {
  double until = 1.25;    // times the mean
  double per_second = 0;  // of the fleet; 0: what the gateways think right
  bool is_stop = false;
};

// Prints what it has done. exit_no: there is no order to take back. exit_refused: the order is of
// another identity.
exit_code write_rebalance(const zookeeper_options& options, const rebalance_options& order);

}  // namespace presenter::ctl
