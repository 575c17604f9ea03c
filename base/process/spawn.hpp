// Starts a program as from a shell: signals as usual, in a process group of its own. What is open
// in it, its caller says by file actions.
#pragma once

#include <spawn.h>
#include <sys/types.h>

#include <boost/system/result.hpp>
#include <string>
#include <vector>

namespace presenter {

// `arguments`: the first is the program's path, which is not looked for. `environment`: all of it,
// "NAME=value". `actions` are used up, whatever becomes of it. Blocks until the program is loaded.
// The error is the system's: no such file, another machine's program, no memory.
boost::system::result<pid_t> spawn(std::vector<std::string> arguments,
                                   std::vector<std::string> environment,
                                   posix_spawn_file_actions_t& actions);

}  // namespace presenter
