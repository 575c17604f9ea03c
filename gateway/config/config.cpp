#include "gateway/config/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "gateway/config/admin_token.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/config/config_environment.hpp"
#include "gateway/config/config_keys.hpp"
#include "gateway/config/config_reader.hpp"
#include "gateway/config/dns_reader.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
namespace limits = protocol::limits;

// Of a configuration; ten times a long one, with all its lists.
constexpr std::size_t file_bytes_max = 1 << 20;

// The 4-byte length in front of every packet.
constexpr std::size_t packet_header_bytes = 4;

// Application protocols: a ClientHello has to offer them.
constexpr std::size_t alpn_names_max = 16;

// The address, if the key is there and is one.
std::optional<tcp_endpoint> read_endpoint(config_section& section, std::string_view key,
                                          const std::optional<tcp_endpoint>& now) {
  const auto text = section.text(key, now ? format_endpoint(*now) : "");
  if (!text) return std::nullopt;
  auto endpoint = parse_endpoint(*text);
  if (endpoint && endpoint->address().is_multicast()) endpoint.reset();
  if (!endpoint)
    section.fail(key,
                 fmt::format("'{}' is not an address like '0.0.0.0:443' or '[::]:443'", *text));
  return endpoint;
}

std::vector<std::string> texts_of(const std::vector<address_range>& ranges) {
  std::vector<std::string> texts;
  texts.reserve(ranges.size());
  for (const address_range& each : ranges)
    texts.push_back(format_address_range(each));
  return texts;
}

std::string text_of(const std::filesystem::path& path) {
  return path.string();
}

std::string text_of(const std::optional<std::filesystem::path>& path) {
  return path ? path->string() : "";
}

// The path, taken from the configuration's folder, if the key is there and its file passes.
template <class Check>
void read_path(config_section& section, std::string_view key, const std::filesystem::path& folder,
               std::optional<std::filesystem::path>& out, Check check) {
  const auto text = section.text(key, text_of(out));
  if (!text) return;
  auto path = folder / *text;
  if (auto mistake = check(path); !mistake.empty())
    section.fail(key, std::move(mistake));
  else
    out = std::move(path);
}

// The same without a look at what is there.
template <class Path>
void read_path(config_section& section, std::string_view key, const std::filesystem::path& folder,
               Path& out) {
  if (const auto text = section.text(key, text_of(out))) out = folder / *text;
}

void read_gateway(config_section section, gateway_config& out) {
  const auto name = section.text("name", out.name);
  const auto is_printable = [](char c) { return c > ' ' && c <= '~'; };
  if (name && name->size() <= limits::node_bytes_max && std::ranges::all_of(*name, is_printable))
    out.name = *name;
  else if (name)
    section.fail("name", fmt::format("must be 1 to {} printable ASCII characters without blanks",
                                     limits::node_bytes_max));
  section.finish();
}

void read_listen(config_section section, listen_config& out) {
  if (const auto address = read_endpoint(section, "address", out.address)) out.address = *address;
  section.read("backlog", out.backlog, 1, 65'535);
  section.read("fast_open", out.fast_open, 0, 65'535);
  section.finish();
}

void read_clients(config_section section, clients_config& out) {
  section.read("keepalive", out.keepalive);
  section.read("keepalive_idle", out.keepalive_idle, 1s, 9h);
  section.read("keepalive_interval", out.keepalive_interval, 1s, 9h);
  section.read("keepalive_count", out.keepalive_count, 1, 127);
  section.read_or_off("user_timeout", out.user_timeout, 1s, 24h);
  const duration found_after = out.keepalive_idle + out.keepalive_count * out.keepalive_interval;
  if (out.keepalive && out.user_timeout != 0ms && out.user_timeout < found_after)
    section.fail("user_timeout",
                 fmt::format("{} is less than keepalive_idle + keepalive_count × "
                             "keepalive_interval, {}: it would replace the count",
                             format_duration(out.user_timeout), format_duration(found_after)));
  section.read_or_off("notsent_lowat_bytes", out.notsent_lowat_bytes, 4'096, 16'777'216);
  section.read_or_off("idle_timeout", out.idle_timeout, 1s, 168h);
  section.finish();
}

void read_limits(config_section section, limits_config& out) {
  section.read("clients_max", out.clients_max, 0, 100'000'000);
  section.read("address_unauthenticated_max", out.address_unauthenticated_max, 0, 1'000'000);
  section.read("address_handshakes_per_second", out.address_handshakes_per_second, 0, 1'000'000);
  section.read("address_handshakes_burst", out.address_handshakes_burst, 1, 1'000'000);
  if (const auto texts = section.texts("address_exempt", texts_of(out.address_exempt))) {
    out.address_exempt.clear();
    for (const auto& text : *texts) {
      if (const auto range = parse_address_range(text))
        out.address_exempt.push_back(*range);
      else
        section.fail("address_exempt",
                     fmt::format("'{}' is not like '10.0.0.0/8', '2001:db8::/32' or one address, "
                                 "with no bits set behind the prefix",
                                 text));
    }
  }
  section.finish();
}

void read_tickets(config_section& section, tls_config& out, const std::filesystem::path& folder) {
  read_path(section, "ticket_key_file", folder, out.ticket_key_file, check_secret_file);
  ticket_policy& policy = out.tickets;
  section.read("ticket_rotation", policy.rotation, 1s, policy.lifetime_max / 2);
  section.read("ticket_lifetime", policy.lifetime, 2s, policy.lifetime_max);
  if (policy.lifetime < 2 * policy.rotation ||
      policy.lifetime > policy.rotations_max * policy.rotation)
    section.fail("ticket_lifetime",
                 fmt::format("{} is not between 2 and {} times ticket_rotation, {}",
                             format_duration(policy.lifetime), policy.rotations_max,
                             format_duration(policy.rotation)));
}

// Paths only: what the files hold is looked at together, by tls_files.
void read_certificate(config_section& section, certificate_config& out,
                      const std::filesystem::path& folder) {
  section.require("certificate");
  section.require("private_key");
  read_path(section, "certificate", folder, out.certificate);
  read_path(section, "private_key", folder, out.private_key);
  read_path(section, "ocsp_response", folder, out.ocsp_response);
  if (auto names = section.texts("names", out.names)) out.names = std::move(*names);
  if (section.has("names") && out.names.empty()) section.fail("names", "must name one at least");
}

// An array of names, one at least. Whether OpenSSL knows them is found by tls_files.
void read_names(config_section& section, std::string_view key, std::vector<std::string>& out) {
  auto names = section.texts(key, out);
  if (!names) return;
  if (names->empty()) return section.fail(key, "must name one at least");
  out = std::move(*names);
}

void read_tls_protocol(config_section& section, tls_config& out) {
  section.read_word("min_version", std::array{"1.2", "1.3"}, out.requires_tls13);
  read_names(section, "suites_12", out.suites_12);
  read_names(section, "suites_13", out.suites_13);
  read_names(section, "curves", out.curves);
  if (auto names = section.texts("alpn", out.alpn)) {
    // RFC 7301 §3.1.
    const bool are_long =
        std::ranges::any_of(*names, [](const auto& name) { return name.size() > 255; });
    if (are_long || names->size() > alpn_names_max)
      section.fail("alpn",
                   fmt::format("must be at most {} names of at most 255 bytes", alpn_names_max));
    out.alpn = std::move(*names);
  }
}

void read_client_certificates(config_section& section, tls_config& out,
                              const std::filesystem::path& folder) {
  section.read_word("client_certificate", std::array{"none", "optional", "required"},
                    out.client_certificate);
  read_path(section, "client_ca", folder, out.client_ca);
  const bool asks = out.client_certificate != client_certificates::none;
  if (asks && !section.has("client_ca"))
    section.fail("client_certificate", "needs 'client_ca', the authorities to be trusted");
  if (!asks && section.has("client_ca"))
    section.fail("client_ca", "is of no use without 'client_certificate'");
}

void read_tls(config_section section, tls_config& out, const std::filesystem::path& folder) {
  read_certificate(section, out, folder);
  auto tables = section.sections("certificates", out.certificates.size());
  out.certificates.resize(tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    read_certificate(tables[i], out.certificates[i], folder);
    tables[i].finish();
  }
  section.read("strict_sni", out.strict_sni);
  read_tls_protocol(section, out);
  read_client_certificates(section, out, folder);
  section.read_or_off("watch_interval", out.watch_interval, 100ms, 1h);
  section.read("detach_records", out.detach_records);
  section.read("early_data", out.early_data);
  section.read("handshake_timeout", out.handshake_timeout, 100ms, 5min);
  read_tickets(section, out, folder);
  section.finish();
}

void read_auth(config_section section, auth_config& out) {
  section.read("parser", out.parser);
  if (out.parser != "thrift")
    section.fail("parser", fmt::format("must be \"thrift\", not \"{}\"", out.parser));
  section.read("method", out.method);
  if (out.method.size() > 255) section.fail("method", "must be at most 255 bytes long");
  if (const auto text = section.text("key_path", fmt::format("{}", fmt::join(out.key_path, ".")))) {
    auto path = protocol::parse_key_path(*text);
    if (path)
      out.key_path = std::move(*path);
    else
      section.fail("key_path", fmt::format("'{}' is not 1 to 8 field ids of 1 to 32767, "
                                           "joined by dots, like '1.1'",
                                           *text));
  }
  section.read("packet_bytes_max", out.packet_bytes_max, 64, limits::data_bytes_max);
  section.read("timeout", out.timeout, 100ms, 5min);
  section.finish();
}

void read_shards(config_section section, shards_config& out, const std::filesystem::path& folder) {
  const bool has_zookeeper = section.has("zookeeper");
  const bool has_file = section.has("file");
  if (auto text = section.text("zookeeper", out.zookeeper.value_or(""))) {
    out.zookeeper = std::move(text);
    auto mistake = check_zookeeper(*out.zookeeper);
    if (!mistake.empty()) section.fail("zookeeper", std::move(mistake));
  }
  read_path(section, "file", folder, out.file, check_readable);
  if (has_zookeeper == has_file)
    section.fail(has_file ? "file" : "", has_file ? "only one of 'zookeeper' and 'file' may be set"
                                                  : "needs 'zookeeper' or 'file'");
  section.read("session_timeout", out.session_timeout, 1s, 5min);
  read_path(section, "zookeeper_auth_file", folder, out.zookeeper_auth_file,
            check_zookeeper_auth_file);
  if (section.has("zookeeper_auth_file") && !has_zookeeper)
    section.fail("zookeeper_auth_file", "is of no use without 'zookeeper'");
  read_path(section, "saved_map", folder, out.saved_map, check_writable_folder_of);
  if (section.has("saved_map") && !has_zookeeper)
    section.fail("saved_map", "is of no use without 'zookeeper'");
  if (!section.is_describing()) out.remove_dead = out.zookeeper_auth_file.has_value();
  section.read("remove_dead", out.remove_dead);
  if (section.has("remove_dead") && !has_zookeeper)
    section.fail("remove_dead", "is of no use without 'zookeeper'");
  section.read("mass_drop_hold", out.mass_drop_hold, 0ms, 24h);
  section.finish();
}

void read_upstream(config_section section, upstream_config& out, const auth_config& auth) {
  section.read("links_per_worker", out.links_per_worker, 1, 16);
  section.read("opening_timeout", out.opening_timeout, 100ms, 5min);
  section.read("connect_timeout", out.connect_timeout, 100ms, 1min);
  section.read("ping_interval", out.ping_interval, 50ms, 5min);
  section.read("dead_after", out.dead_after, 150ms, 1h);
  if (out.dead_after < 3 * out.ping_interval)
    section.fail("dead_after",
                 fmt::format("{} is less than three times ping_interval, {}",
                             format_duration(out.dead_after), format_duration(out.ping_interval)));
  section.read("stall_timeout", out.stall_timeout, 1s, 1h);
  section.read("deposit_bytes_max", out.deposit_bytes_max, 0, limits::state_bytes_max);
  section.read("notice", out.notice, 0ms, 1h);
  section.read("stream_window_bytes", out.stream_window_bytes, limits::stream_window_bytes_min,
               limits::stream_window_bytes_max);
  section.read("link_window_bytes", out.link_window_bytes, limits::link_window_bytes_min,
               limits::link_window_bytes_max);
  if (out.link_window_bytes < limits::link_windows_per_stream * out.stream_window_bytes)
    section.fail(
        "link_window_bytes",
        fmt::format("{} is less than twice stream_window_bytes, {}: one stream could stop a link",
                    out.link_window_bytes, out.stream_window_bytes));
  const auto packet_bytes = auth.packet_bytes_max + packet_header_bytes;
  if (std::cmp_less(out.stream_window_bytes, packet_bytes))
    section.fail("stream_window_bytes",
                 fmt::format("{} is less than auth.packet_bytes_max and its length, {}",
                             out.stream_window_bytes, packet_bytes));
  section.finish();
}

void read_metrics(config_section section, metrics_config& out) {
  section.read("backends_max", out.backends_max, 0, 100'000);
  section.finish();
}

void read_log(config_section section, log_config& out) {
  section.read_word("level", log_level_names, out.level);
  section.read_word("format", log_format_names, out.format);
  section.read("clients", out.clients, 0, 1);
  section.read("clients_per_second", out.clients_per_second, 1, 100'000);
  section.read_or_off("clients_interval", out.clients_interval, std::chrono::minutes(1),
                      std::chrono::hours(24));
  section.finish();
}

// The folder's content is looked at by control/file_checks.
void read_hooks(config_section section, hooks_config& out, const std::filesystem::path& folder) {
  read_path(section, "directory", folder, out.directory);
  section.read("timeout", out.timeout, 100ms, 1h);
  section.finish();
}

void read_drain(config_section& root, const dns_config& dns, drain_config& out) {
  if (!root.is_describing()) out.is_configured = root.has("drain");
  auto section = root.section("drain");
  section.read("quiet", out.quiet, 1s, 24h);
  if (out.is_configured && dns.publisher != dns_publisher_kind::none && out.quiet < dns.ttl)
    section.fail("quiet", fmt::format("{} is less than dns.ttl, {}: caches still have the record",
                                      format_duration(out.quiet), format_duration(dns.ttl)));
  section.read("deadline", out.deadline, drain_deadline_min, drain_deadline_max);
  section.finish();
}

void read_balance(config_section section, balance_config& out) {
  section.read_or_word("shed", "off", out.shed, 1.05, 10.0);
  section.read("shed_per_second", out.shed_per_second, 0.0, 1e6);
  section.read("floor", out.floor, 0.01, 1.0);
  section.finish();
}

void read_admin(config_section section, admin_config& out, const std::filesystem::path& folder) {
  if (const auto address = read_endpoint(section, "address", out.address)) out.address = address;
  if (const auto address = read_endpoint(section, "metrics_address", out.metrics_address))
    out.metrics_address = address;
  read_path(section, "token_file", folder, out.token_file, check_admin_token_file);
  if (section.has("token_file") && !section.has("address"))
    section.fail("token_file", "is of no use without 'address'");
  if (out.address && !out.address->address().is_loopback() && !section.has("token_file"))
    section.fail("address", fmt::format("{} is not the loopback, and orders are taken there: it "
                                        "needs 'token_file', or let it be 'metrics_address'",
                                        format_endpoint(*out.address)));
  const std::string now = out.is_socket_off ? "off" : out.socket.string();
  if (const auto socket = section.text("socket", now)) {
    out.is_socket_off = *socket == "off";
    out.socket = out.is_socket_off ? std::filesystem::path() : folder / *socket;
  }
  // sockaddr_un has no room for more.
  if (out.socket.native().size() > 107)
    section.fail("socket", fmt::format("'{}' is longer than 107 bytes", out.socket.string()));
  section.finish();
}

void read_small(config_section& root, config& out) {
  auto workers = root.section("workers");
  workers.read("count", out.workers.count, 0, 256);
  workers.finish();

  auto moves = root.section("moves");
  moves.read("streams_per_second", out.moves.streams_per_second, 0, 1'000'000);
  moves.read("left_grace", out.moves.left_grace, 0ms, 5min);
  moves.read("handoffs_per_second", out.moves.handoffs_per_second, 0, 1'000'000);
  moves.read("handoff_deadline", out.moves.handoff_deadline, 100ms, 5min);
  moves.read("crash_wait", out.moves.crash_wait, 1s, 5min);
  moves.read("held_bytes_max", out.moves.held_bytes_max, 1'024 * 1'024,
             std::int64_t{64} * 1'024 * 1'024 * 1'024);
  moves.finish();

  read_limits(root.section("limits"), out.limits);

  auto shutdown = root.section("shutdown");
  shutdown.read("timeout", out.shutdown.timeout, 0ms, 1h);
  shutdown.finish();

  auto upgrade = root.section("upgrade");
  upgrade.read("settle", out.upgrade.settle, 0ms, 1min);
  upgrade.read("timeout", out.upgrade.timeout, 100ms, 1min);
  upgrade.finish();
}

// `table`: nullptr: to describe.
void read_all(const toml::table* table, const std::filesystem::path& folder, config& out,
              config_errors& errors) {
  config_section root{table, "", {1, 1}, errors};
  read_gateway(root.section("gateway"), out.gateway);
  read_listen(root.section("listen"), out.listen);
  read_clients(root.section("clients"), out.clients);
  read_tls(root.section("tls"), out.tls, folder);
  read_auth(root.section("auth"), out.auth);
  read_shards(root.section("shards"), out.shards, folder);
  read_upstream(root.section("upstream"), out.upstream, out.auth);
  read_small(root, out);
  read_admin(root.section("admin"), out.admin, folder);
  read_dns(root.section("dns"), out.listen.address.address(), folder, out.dns);
  read_balance(root.section("balance"), out.balance);
  read_drain(root, out.dns, out.drain);
  read_hooks(root.section("hooks"), out.hooks, folder);
  read_metrics(root.section("metrics"), out.metrics);
  read_log(root.section("log"), out.log);
  root.finish();
}

void load(const std::filesystem::path& file, const environment_map& environment, config& out,
          config_errors& errors) {
  if (file.empty()) return errors.add({0, 0}, "", "--config names no file");
  std::string text;
  if (auto mistake = read_whole(file, file_bytes_max, text, file_kinds::any); !mistake.empty())
    return errors.add({0, 0}, "", std::move(mistake));
  try {
    auto table = toml::parse(text);
    override_from(environment, describe({}), table, errors);
    read_all(&table, file.parent_path(), out, errors);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    errors.add(at, "", fmt::format("column {}: {}", at.column, error.description()));
  }
}

// In the file's order, behind those of the same place.
void insert(std::vector<config_error>& list, config_error error) {
  const auto behind = std::ranges::upper_bound(list, std::pair{error.line, error.column}, {},
                                               [](const config_error& one) {
                                                 return std::pair{one.line, one.column};
                                               });
  list.insert(behind, std::move(error));
}

// An eighth for a small limit; for a large one, more than any number of links comes to.
std::uint64_t reserve_of(std::uint64_t descriptors_max) {
  return std::min<std::uint64_t>(descriptors_max / 8, 4'096);
}

}  // namespace

void config_result::fail(const config_table& table, std::string_view key, std::string text) {
  insert(errors, places.error_at(table, key, std::move(text)));
}

void config_result::warn(const config_table& table, std::string_view key, std::string text) {
  insert(warnings, places.error_at(table, key, std::move(text)));
}

std::vector<described_key> describe(const config& values) {
  std::vector<described_key> keys;
  config_errors ignored;
  ignored.described = &keys;
  config copy = values;
  read_all(nullptr, {}, copy, ignored);
  return keys;
}

config_result load_config(const std::filesystem::path& file,
                          const environment_map& environment) noexcept {
  config_result result;
  config_errors errors{file.string(), {}, {}, config_places{file.string()}, &environment};
  try {
    load(file, environment, result.value, errors);
  } catch (const std::exception& error) {
    errors.add({0, 0}, "", fmt::format("cannot read '{}': {}", file.string(), error.what()));
  }
  for (auto* list : {&errors.list, &errors.warnings})
    std::ranges::stable_sort(*list, {}, [](const config_error& one) {
      return std::pair{one.line, one.column};
    });
  result.errors = std::move(errors.list);
  result.warnings = std::move(errors.warnings);
  result.places = std::move(errors.places);
  return result;
}

std::size_t clients_max_of(const config& settings, std::uint64_t descriptors_max) noexcept {
  const auto fits = std::max<std::uint64_t>(descriptors_max - reserve_of(descriptors_max), 1);
  const auto wanted = settings.limits.clients_max;
  return static_cast<std::size_t>(wanted == 0 ? fits : std::min<std::uint64_t>(wanted, fits));
}

std::size_t descriptors_watermark_of(std::uint64_t descriptors_max) noexcept {
  return static_cast<std::size_t>(descriptors_max - reserve_of(descriptors_max) / 2);
}

double moves_per_worker(const moves_config& settings, std::size_t workers) noexcept {
  if (settings.streams_per_second == 0) return moves_per_second_default;
  return static_cast<double>(settings.streams_per_second) / static_cast<double>(workers);
}

}  // namespace presenter::gateway
