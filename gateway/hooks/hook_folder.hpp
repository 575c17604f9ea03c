// What stands in the folder of hooks, and what is wrong with it. Knows nothing of when hooks run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace presenter::gateway {

struct hook_list {
  std::vector<std::filesystem::path> hooks;  // that can be run, in the order of their names
  std::vector<std::string> mistakes;         // whole sentences, one for each that cannot
};

// Names that begin with a dot are left out. A hook that others may write could be used by them to
// run as this user, and so it is a mistake, as is a folder of that kind.
hook_list list_hooks(const std::filesystem::path& folder);

}  // namespace presenter::gateway
