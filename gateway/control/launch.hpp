// How this process was started: what an upgrade starts again, and what a process that is to take
// another one's place is handed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/upgrade/process_state.hpp"
#include "gateway/upgrade/upgrade_channel.hpp"
#include "gateway/worker/worker_state.hpp"

namespace presenter::gateway {

struct launch {
  std::string program;                 // absolute, with its symbolic links
  std::vector<std::string> arguments;  // without the program
};

// Of main's arguments. A link is not followed: a new version is most often put behind it.
launch launch_of(int argc, char** argv);

// If the process is to take another one's place: the number of the channel's descriptor, which it
// has inherited. From the environment, out of which it is taken: no hook sees it. Keeps every
// descriptor that was inherited from programs that are started later.
std::optional<int> take_invitation();

// "NAME=value", for the process that is invited.
std::string invitation_of(int channel);

// All that the other process hands over.
struct takeover {
  upgrade_channel channel;  // to it
  process_state process;
  std::vector<worker_state> workers;
  bool is_parent = false;  // the other process stays as an empty parent
};

// Tells the other process that this one is ready, and waits for what it hands over. Throws
// std::runtime_error: the other one has gone, or it cannot be understood.
takeover await_takeover(upgrade_channel channel);

}  // namespace presenter::gateway
