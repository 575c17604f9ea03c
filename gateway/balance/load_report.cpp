#include "gateway/balance/load_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "gateway/config/publishable_address.hpp"

namespace presenter::gateway {
namespace {

using boost::system::error_code;
using nlohmann::json;

constexpr std::size_t gateway_name_bytes_max = 255;
constexpr std::int64_t clients_limit = 1'000'000'000;
// The year 2255: milliseconds of no clock that is set at all.
constexpr std::int64_t time_limit = 9'000'000'000'000;

// Missing: the fallback, or nothing if there is none.
std::optional<std::int64_t> whole_at(const json& object, const char* key, std::int64_t most,
                                     std::optional<std::int64_t> fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  if (!found->is_number_integer()) return std::nullopt;
  // One beyond 63 bits is unsigned, and negative when it is read as signed.
  const auto value = found->get<std::int64_t>();
  if (value < 0 || value > most) return std::nullopt;
  return value;
}

std::optional<double> share_at(const json& object, const char* key, double most) {
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  if (!found->is_number()) return std::nullopt;
  const auto value = found->get<double>();
  if (!(value >= 0 && value <= most)) return std::nullopt;
  return value;
}

bool is_publishable_text(const std::string& text) {
  error_code failed;
  const auto address = boost::asio::ip::make_address(text, failed);
  return !failed && is_publishable(address);
}

error_code read_addresses(const json& object, load_report& report) {
  const auto found = object.find("addresses");
  if (found == object.end()) return {};
  if (!found->is_array() || found->size() > report_addresses_max)
    return report_errc::addresses_invalid;
  for (const json& each : *found) {
    if (!each.is_string() || !is_publishable_text(each.get_ref<const std::string&>()))
      return report_errc::addresses_invalid;
    report.addresses.push_back(each.get<std::string>());
  }
  return {};
}

error_code read_numbers(const json& object, load_report& report) {
  const auto clients = whole_at(object, "clients", clients_limit, std::nullopt);
  const auto clients_max = whole_at(object, "clients_max", clients_limit, 0);
  const auto backlog = whole_at(object, "handshake_backlog", clients_limit, 0);
  const auto reported_at = whole_at(object, "reported_at", time_limit, std::nullopt);
  const auto started_at = whole_at(object, "started_at", time_limit, std::nullopt);
  const auto cpu = share_at(object, "cpu", 1);
  const auto descriptors = share_at(object, "descriptors", 1);
  const auto weight = share_at(object, "weight", 2);
  if (!clients || !clients_max || !backlog || !reported_at || !started_at || !cpu || !descriptors ||
      !weight) {
    return report_errc::number_invalid;
  }
  report.clients = *clients;
  report.clients_max = *clients_max;
  report.handshake_backlog = *backlog;
  report.reported_at = sys_ms(std::chrono::milliseconds(*reported_at));
  report.started_at = sys_ms(std::chrono::milliseconds(*started_at));
  report.cpu = *cpu;
  report.descriptors = *descriptors;
  report.weight = *weight;
  return {};
}

error_code read_state(const json& object, load_report& report) {
  const auto found = object.find("state");
  if (found == object.end() || !found->is_string()) return report_errc::state_invalid;
  const auto state = gateway_state_of(found->get_ref<const std::string&>());
  if (!state) return report_errc::state_invalid;
  report.state = *state;
  return {};
}

// Three decimals are more than a weight follows, and keep the node short and readable.
double rounded(double value) {
  return std::round(value * 1'000) / 1'000;
}

}  // namespace

bool is_gateway_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= gateway_name_bytes_max && name != "." && name != ".." &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
}

std::string encode_report(const load_report& report) {
  const json object{{"addresses", report.addresses},
                    {"clients", report.clients},
                    {"clients_max", report.clients_max},
                    {"cpu", rounded(report.cpu)},
                    {"descriptors", rounded(report.descriptors)},
                    {"handshake_backlog", report.handshake_backlog},
                    {"state", name_of(report.state)},
                    {"weight", rounded(report.weight)},
                    {"reported_at", report.reported_at.time_since_epoch().count()},
                    {"started_at", report.started_at.time_since_epoch().count()}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

boost::system::result<load_report> decode_report(std::string_view name, std::string_view text) {
  if (!is_gateway_name(name)) return report_errc::name_invalid;
  if (text.size() > report_bytes_max) return report_errc::too_large;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return report_errc::not_json;
  load_report report;
  report.name = name;
  if (const error_code failed = read_addresses(object, report)) return failed;
  if (const error_code failed = read_numbers(object, report)) return failed;
  if (const error_code failed = read_state(object, report)) return failed;
  return report;
}

load_report as_heard(load_report report, sys_ms heard_at) {
  // A clock that was set back meanwhile says nothing about the start: then it was long ago.
  const bool is_sane = report.started_at <= report.reported_at;
  const auto age = is_sane ? report.reported_at - report.started_at : std::chrono::hours(24);
  report.reported_at = heard_at;
  report.started_at = heard_at - age;
  return report;
}

}  // namespace presenter::gateway
