#include "gateway/control/file_checks.hpp"

#include <ctime>
#include <filesystem>

#include "gateway/hooks/hook_folder.hpp"
#include "gateway/tls/certificates/tls_files.hpp"
#include "gateway/tls/tickets/ticket_key_file.hpp"
#include "shard_router/map_file.hpp"

namespace presenter::gateway {
namespace {

config_table table_of(const tls_mistake& one) {
  return one.pair == 0 ? config_table{"tls"} : config_table{"tls.certificates", one.pair};
}

void check_certificates(config_result& loaded) {
  const tls_load found = load_tls_files(loaded.value.tls, std::time(nullptr));
  for (const tls_mistake& mistake : found.mistakes)
    loaded.fail(table_of(mistake), mistake.key, mistake.text);
  for (const tls_mistake& warning : found.warnings)
    loaded.warn(table_of(warning), warning.key, warning.text);
}

void check_ticket_keys(config_result& loaded) {
  const auto& path = loaded.value.tls.ticket_key_file;
  if (!path) return;
  if (const auto found = load_ticket_key_file(*path); !found.keys)
    loaded.fail({"tls"}, "ticket_key_file", found.mistake);
}

void check_hooks(config_result& loaded) {
  const auto& folder = loaded.value.hooks.directory;
  if (!folder) return;
  for (const std::string& mistake : list_hooks(*folder).mistakes)
    loaded.fail({"hooks"}, "directory", mistake);
}

}  // namespace

std::vector<std::string> check_files(config_result& loaded) {
  check_certificates(loaded);
  check_ticket_keys(loaded);
  check_hooks(loaded);
  std::vector<std::string> in_map;
  const auto& map = loaded.value.shards.file;
  if (!map || !std::filesystem::exists(*map)) return in_map;
  for (const auto& mistake : shard_router::load_map_file(*map).errors)
    in_map.push_back(mistake.to_string());
  return in_map;
}

}  // namespace presenter::gateway
