#include "gateway/hooks/hook_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

bool is_open_to_others(const fs::file_status& status) {
  return (status.permissions() & fs::perms::others_write) != fs::perms::none;
}

// Empty: it can be run.
std::string mistake_of(const fs::path& hook) {
  std::error_code failed;
  const fs::file_status status = fs::status(hook, failed);
  if (failed) return fmt::format("'{}': {}", hook.string(), failed.message());
  if (!fs::is_regular_file(status)) return fmt::format("'{}' is not a file", hook.string());
  if (::access(hook.c_str(), X_OK) != 0)
    return fmt::format("'{}' is not executable: chmod 755, or take it out", hook.string());
  if (is_open_to_others(status))
    return fmt::format("'{}' may be written by others: chmod o-w", hook.string());
  return {};
}

}  // namespace

hook_list list_hooks(const fs::path& folder) {
  hook_list list;
  std::error_code failed;
  const fs::file_status status = fs::status(folder, failed);
  if (!fs::is_directory(status)) {
    list.mistakes.push_back(fmt::format("there is no folder '{}'", folder.string()));
    return list;
  }
  if (is_open_to_others(status)) {
    list.mistakes.push_back(
        fmt::format("'{}' may be written by others: chmod o-w", folder.string()));
    return list;
  }
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (!entry->path().filename().string().starts_with('.')) entries.push_back(entry->path());
  }
  if (failed)
    list.mistakes.push_back(fmt::format("cannot read '{}': {}", folder.string(), failed.message()));
  std::ranges::sort(entries);
  for (fs::path& entry : entries) {
    if (std::string mistake = mistake_of(entry); !mistake.empty())
      list.mistakes.push_back(std::move(mistake));
    else
      list.hooks.push_back(std::move(entry));
  }
  return list;
}

}  // namespace presenter::gateway
