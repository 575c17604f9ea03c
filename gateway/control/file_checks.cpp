#include "gateway/control/file_checks.hpp"

#include <boost/asio/io_context.hpp>
#include <ctime>
#include <filesystem>

#include "gateway/control/publisher_choice.hpp"
#include "gateway/hooks/hook_folder.hpp"
#include "gateway/tls/certificates/tls_files.hpp"
#include "gateway/tls/tickets/ticket_key_file.hpp"
#include "shard_router/map_file.hpp"

namespace presenter::gateway {
namespace {

config_table table_of(const tls_mistake& one) {
  return one.pair == 0 ? config_table{"tls"} : config_table{"tls.certificates", one.pair};
}

tls_load check_certificates(config_result& loaded) {
  tls_load found = load_tls_files(loaded.value.tls, std::time(nullptr));
  for (const tls_mistake& mistake : found.mistakes)
    loaded.fail(table_of(mistake), mistake.key, mistake.text);
  for (const tls_mistake& warning : found.warnings)
    loaded.warn(table_of(warning), warning.key, warning.text);
  return found;
}

void check_ticket_keys(config_result& loaded, checked_files& out) {
  const auto& path = loaded.value.tls.ticket_key_file;
  if (!path) return;
  auto found = load_ticket_key_file(*path);
  out.tickets = std::move(found.keys);
  out.ticket_mistake = found.mistake;
  if (!out.ticket_mistake.empty()) loaded.fail({"tls"}, "ticket_key_file", out.ticket_mistake);
}

void check_hooks(config_result& loaded) {
  const auto& folder = loaded.value.hooks.directory;
  if (!folder) return;
  for (const std::string& mistake : list_hooks(*folder).mistakes)
    loaded.fail({"hooks"}, "directory", mistake);
}

// Those that ask nobody else. The others are looked at when the gateway has started.
void check_publisher(config_result& loaded) {
  const dns_config& dns = loaded.value.dns;
  const bool is_file = dns.publisher == dns_publisher_kind::file;
  if (!is_file && dns.publisher != dns_publisher_kind::exec) return;
  boost::asio::io_context io;
  const auto publisher = publisher_of(io, dns)();
  publisher->check([&](const publish_result& found) {
    const config_table table{is_file ? "dns.file" : "dns.exec"};
    if (!found.is_ok()) loaded.fail(table, is_file ? "path" : "program", found.text);
  });
  io.run();
}

}  // namespace

checked_files check_files(config_result& loaded) {
  checked_files all;
  all.tls = check_certificates(loaded);
  check_ticket_keys(loaded, all);
  check_hooks(loaded);
  if (loaded.errors.empty()) check_publisher(loaded);
  const auto& path = loaded.value.shards.file;
  if (!path || !std::filesystem::exists(*path)) return all;
  auto found = shard_router::load_map_file(*path);
  for (const auto& mistake : found.errors)
    all.in_map.push_back(mistake.to_string());
  all.map = std::move(found.map);
  return all;
}

}  // namespace presenter::gateway
