#include "gateway/control/config_control.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/config/config_keys.hpp"
#include "gateway/control/ask_workers.hpp"
#include "gateway/control/start.hpp"
#include "gateway/control/ticket_source.hpp"
#include "gateway/tls/certificates/tls_files.hpp"

namespace presenter::gateway {
namespace {

using boost::beast::http::status;
using nlohmann::json;

constexpr std::array effect_names{"now", "new links", "upgrade", "restart"};

const char* name_of(reload_effect effect) {
  return effect_names[static_cast<std::size_t>(effect)];
}

double seconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

json changed_page(const std::vector<key_change>& changes) {
  json list = json::array();
  for (const key_change& each : changes)
    list.push_back({{"key", each.key},
                    {"old", each.before},
                    {"new", each.after},
                    {"holds", name_of(each.effect)}});
  return list;
}

json pending_page(const std::vector<key_change>& changes) {
  json list = json::array();
  for (const key_change& each : changes)
    list.push_back({{"key", each.key},
                    {"running", each.before},
                    {"file", each.after},
                    {"needs", name_of(each.effect)}});
  return list;
}

std::string shown(std::string_view value) {
  return value.empty() ? "not set" : fmt::format("'{}'", value);
}

}  // namespace

config_control::config_control(const config& in_force, config_places places,
                               const std::string& name, config_parts parts)
    : in_force_(in_force),
      places_(std::move(places)),
      name_(name),
      parts_(std::move(parts)),
      facts_{.taken_at = std::chrono::system_clock::now()} {}

// Whoever replaces a file while it is read is seen by the next look at it.
std::vector<std::string> config_control::read(read_config& out) const {
  std::error_code unknown;
  const auto what = std::filesystem::status(places_.file(), unknown).type();
  // A pipe has been read, and would be waited for.
  if (what == std::filesystem::file_type::fifo)
    return {fmt::format("'{}' is a pipe, which is read at the start only", places_.file())};
  out.loaded = load_config(places_.file());
  const tls_config& tls = out.loaded.value.tls;
  out.tls_seen = file_watch::look_at(tls_paths_of(tls));
  out.tickets_seen = file_watch::look_at(ticket_source::paths_of(tls));
  out.files = check_files(out.loaded);
  std::vector<std::string> mistakes;
  for (const config_error& each : out.loaded.errors)
    mistakes.push_back(each.to_string());
  std::ranges::move(out.files.in_map, std::back_inserter(mistakes));
  return mistakes;
}

void config_control::reload(std::string_view why, const json_reply& reply) {
  if (auto obstacle = parts_.obstacle(); !obstacle.empty())
    return refuse({std::move(obstacle)}, why, reply);
  read_config read_anew;
  std::vector<key_change> changed;
  std::vector<key_change> pending;
  json answer{{"gateway", name_}, {"result", "done"}, {"warnings", json::array()}};
  try {
    if (auto mistakes = read(read_anew); !mistakes.empty()) {
      parts_.refuse(read_anew);
      return refuse(std::move(mistakes), why, reply);
    }
    config_result& wanted = read_anew.loaded;
    // After an upgrade that is a number, whatever the file says.
    if (worker_count(wanted.value) == in_force_.workers.count)
      wanted.value.workers.count = in_force_.workers.count;
    const config next = what_can_change(in_force_, wanted.value);
    changed = changes_between({in_force_, places_}, {next, wanted.places});
    pending = changes_between({next, wanted.places}, {wanted.value, wanted.places});
    for (key_change& each : pending)
      each.effect = std::max(each.effect, reload_effect::upgrade);
    for (const config_error& each : wanted.warnings)
      answer["warnings"].push_back(each.to_string());
    answer["changed"] = changed_page(changed);
    answer["pending"] = pending_page(pending);
    parts_.apply(next, read_anew, [reply, body = answer_of(answer)] { reply(body); });
  } catch (const std::exception& error) {
    return refuse({error.what()}, why, reply);
  }
  places_ = std::move(read_anew.loaded.places);
  pending_ = std::move(pending);
  ++facts_.reloads;
  facts_.was_last_taken = true;
  facts_.taken_at = std::chrono::system_clock::now();
  tell_changes(why, changed);
}

void config_control::tell_changes(std::string_view why,
                                  const std::vector<key_change>& changed) const {
  log_paced(said_, spdlog::level::info, "{}: {} is in force: {} keys have changed", why,
            places_.file(), changed.size());
  for (const key_change& each : changed)
    log_paced(said_, spdlog::level::info, "configuration: {} was {} and is {}", each.key,
              shown(each.before), shown(each.after));
  for (const key_change& each : pending_)
    log_paced(said_, spdlog::level::warn, "configuration: {} stays {}: {} needs {}", each.key,
              shown(each.before), shown(each.after),
              each.effect == reload_effect::restart ? "a restart" : "an upgrade or a restart");
}

void config_control::refuse(std::vector<std::string> mistakes, std::string_view why,
                            const json_reply& reply) {
  ++facts_.refusals;
  facts_.was_last_taken = false;
  log_paced(said_, spdlog::level::err, "{}: nothing of {} is taken over, all stays as it was", why,
            places_.file());
  for (const std::string& each : mistakes)
    log_paced(said_, spdlog::level::err, "configuration: {}", each);
  json_answer refused =
      answer_of({{"gateway", name_},
                 {"result", "refused"},
                 {"error", fmt::format("nothing is taken over: {}", fmt::join(mistakes, "\n"))},
                 {"mistakes", mistakes}});
  refused.status = status::conflict;
  reply(std::move(refused));
}

void config_control::answer(const json_reply& reply) const {
  json values = json::array();
  for (const described_key& each : describe(in_force_)) {
    const std::string origin = places_.origin_of(each.table, each.key);
    const std::string* const written = places_.written(each.table, each.key);
    values.push_back({{"key", each.name()},
                      {"value", written != nullptr ? *written : each.value},
                      {"origin", origin.empty() ? "default" : origin}});
  }
  reply(answer_of({{"gateway", name_},
                   {"file", places_.file()},
                   {"read_at", seconds_of(facts_.taken_at)},
                   {"values", std::move(values)},
                   {"pending", pending_page(pending_)}}));
}

}  // namespace presenter::gateway
