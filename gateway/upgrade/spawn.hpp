// Starts the program that is to take this process's place. It inherits, under the same numbers,
// exactly the descriptors that it is handed; nothing else of this process is open in it.
#pragma once

#include <sys/types.h>

#include <boost/system/result.hpp>
#include <string>
#include <vector>

namespace presenter::gateway {

struct spawn_order {
  std::vector<std::string> arguments;    // the first is the program's path; it is not looked for
  std::vector<std::string> environment;  // all of it, "NAME=value"
  std::vector<int> inherited;            // besides the standard three
};

// Blocks until the program is loaded, which takes as long as copying the table of descriptors. In a
// process group of its own a signal to ours reaches it once: through whoever passes signals on.
// Errors as of presenter::spawn.
boost::system::result<pid_t> spawn(spawn_order order);

// Closes nothing here, but in every program that is started from now on: all descriptors but the
// standard three. Some libraries leave theirs open, and those that this process has inherited are.
void keep_descriptors_from_programs() noexcept;

// "exit status 3", "killed by signal 9"; waits for it.
std::string wait_for_end(pid_t process);

}  // namespace presenter::gateway
