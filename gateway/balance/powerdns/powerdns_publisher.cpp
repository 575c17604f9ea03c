#include "gateway/balance/powerdns/powerdns_publisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/net/errc.hpp"
#include "base/parse_number.hpp"
#include "gateway/config/config_checks.hpp"
#include "gateway/config/dns_name.hpp"

namespace presenter::gateway {
namespace {

using powerdns::named_sets;

constexpr std::size_t api_key_bytes_max = 1'024;
// A thousand addresses take some 40 KB. PowerDNS before 4.6 answers with the whole zone.
constexpr std::size_t reply_bytes_max = 4 * 1'024 * 1'024;
constexpr std::chrono::seconds retry_after_max{3'600};

// Answers with the mistake; empty: there is none.
std::string read_api_key(const std::filesystem::path& file, std::string& key) {
  if (auto mistake = check_secret_file(file); !mistake.empty()) return mistake;
  if (auto mistake = read_whole(file, api_key_bytes_max, key); !mistake.empty()) return mistake;
  key.resize(key.find_last_not_of(" \t\r\n") + 1);
  const bool is_fit =
      !key.empty() && std::ranges::all_of(key, [](char each) { return each > ' ' && each <= '~'; });
  return is_fit ? std::string()
                : fmt::format("'{}' does not hold one line with a key", file.string());
}

publish_result failure(publish_errc error, std::string text) {
  return {.error = error, .text = std::move(text), .retry_after = {}, .changed = 0};
}

publish_errc errc_of(const boost::system::error_code& error) {
  if (error == boost::asio::error::timed_out) return publish_errc::timed_out;
  if (error == net::errc::reply_cut_short || error == net::errc::reply_invalid ||
      error == net::errc::reply_too_large)
    return publish_errc::invalid_reply;
  return publish_errc::unreachable;
}

publish_errc errc_of_refusal(const std::string& why) {
  if (why.find("out of zone") != std::string::npos) return publish_errc::not_in_zone;
  if (why.find("Conflicts with") != std::string::npos) return publish_errc::conflicting_record;
  return publish_errc::invalid_reply;
}

std::optional<std::chrono::milliseconds> retry_after_of(const net::http_reply& reply) {
  const auto seconds = parse_number<int>(reply.header("Retry-After").value_or(""));
  if (!seconds || *seconds < 0) return std::nullopt;
  return std::min(std::chrono::seconds(*seconds), retry_after_max);
}

std::size_t count_different(const powerdns::address_weights& before,
                            const powerdns::address_weights& after) {
  std::size_t same = 0;
  std::size_t kept = 0;
  for (const auto& [address, weight] : after) {
    const auto found = before.find(address);
    if (found == before.end()) continue;
    ++kept;
    if (found->second == weight) ++same;
  }
  return before.size() + after.size() - kept - same;
}

}  // namespace

powerdns_publisher::powerdns_publisher(boost::asio::io_context& control, powerdns_settings settings)
    : control_(control),
      settings_(std::move(settings)),
      zone_(absolute_name(settings_.zone)),
      client_(control, settings_.ca_file) {}

void powerdns_publisher::publish(const dns_state& desired, handler done) {
  done_ = std::move(done);
  if (!take_name(desired.record_name)) return;
  auto wanted = powerdns::address_weights_of(desired);
  if (wanted.size() > powerdns::addresses_max) {
    return fail_later(publish_errc::too_many_records,
                      fmt::format("{} addresses under one name, not more than {}", wanted.size(),
                                  powerdns::addresses_max));
  }
  look_at_name([this, ttl = desired.ttl, wanted = std::move(wanted)](const named_sets& found) {
    make_so(ttl, wanted, found);
  });
}

void powerdns_publisher::check(handler done) {
  done_ = std::move(done);
  if (!take_name(settings_.record)) return;
  ask("GET", "/config", {}, [this](const net::http_reply& reply) { on_settings(reply); });
}

void powerdns_publisher::make_so(std::chrono::seconds ttl, const powerdns::address_weights& wanted,
                                 const named_sets& found) {
  const bool has_other_ttl = found.ttl != ttl && !found.weights.empty() && !wanted.empty();
  const std::size_t changed =
      has_other_ttl ? wanted.size() : count_different(found.weights, wanted);
  if (changed == 0) return finish({});
  if (!may_change()) return fail(publish_errc::timed_out, std::string(too_late));
  ask("PATCH", zone_path(), powerdns::change_of(name_, ttl, wanted),
      [this, changed](const net::http_reply&) {
        finish({.error = publish_errc::ok, .text = {}, .retry_after = {}, .changed = changed});
      });
}

void powerdns_publisher::on_settings(const net::http_reply& reply) {
  const auto is_on = powerdns::read_are_lua_records_on(reply.body);
  if (!is_on) return fail(publish_errc::invalid_reply, "its settings are not what its API sends");
  if (*is_on) return check_name();
  ask("GET", zone_path() + "/metadata", {},
      [this](const net::http_reply& metadata) { on_metadata(metadata); });
}

void powerdns_publisher::on_metadata(const net::http_reply& reply) {
  const auto is_on = powerdns::read_are_lua_records_on_in_zone(reply.body);
  if (!is_on) {
    return fail(publish_errc::invalid_reply, "the zone's metadata are not what its API sends");
  }
  if (*is_on) return check_name();
  fail(publish_errc::not_enabled,
       fmt::format("LUA records are off: it needs enable-lua-records=yes, or for this zone alone "
                   "`pdnsutil set-meta {} ENABLE-LUA-RECORDS 1`",
                   settings_.zone));
}

void powerdns_publisher::check_name() {
  look_at_name([this](const named_sets&) { finish({}); });
}

void powerdns_publisher::look_at_name(std::function<void(const named_sets&)> then) {
  ask("GET", zone_path() + "?rrset_name=" + name_, {},
      [this, then = std::move(then)](const net::http_reply& reply) {
        const auto found = powerdns::read_named_sets(reply.body, name_);
        if (!found) {
          return fail(publish_errc::invalid_reply, "the zone is not described as its API does it");
        }
        if (!found->in_the_way.empty()) {
          return fail(
              publish_errc::conflicting_record,
              fmt::format("{} of the name {} is in the way: remove it", found->in_the_way, name_));
        }
        then(*found);
      });
}

void powerdns_publisher::ask(std::string_view method, const std::string& path, std::string body,
                             reply_handler then) {
  std::string key;
  if (const auto mistake = read_api_key(settings_.api_key_file, key); !mistake.empty())
    return fail_later(publish_errc::denied, mistake);
  const std::string_view base = settings_.url.target;
  net::http_request request;
  request.method = method;
  request.target =
      fmt::format("{}/api/v1/servers/{}{}", base.substr(0, base.find_last_not_of('/') + 1),
                  settings_.server, path);
  request.headers = {{"X-API-Key", std::move(key)}, {"Accept", "application/json"}};
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  request.body = std::move(body);
  client_.ask(settings_.url, std::move(request),
              {.timeout = settings_.timeout, .reply_bytes_max = reply_bytes_max},
              [this, then = std::move(then)](const net::http_outcome& outcome) {
                if (outcome.error)
                  finish(failure(errc_of(outcome.error), "PowerDNS at " + outcome.text));
                else if (outcome.reply.status / 100 != 2)
                  fail_by_status(outcome.reply);
                else
                  then(outcome.reply);
              });
}

void powerdns_publisher::fail_by_status(const net::http_reply& reply) {
  const std::string why = powerdns::read_failure(reply.body);
  const std::string text = fmt::format("status {}: {}", reply.status, why);
  switch (reply.status) {
    case 401:
    case 403:
      return fail(publish_errc::denied, fmt::format("it refuses the key in '{}', {}",
                                                    settings_.api_key_file.string(), text));
    case 404:
      return fail(publish_errc::unknown_zone,
                  fmt::format("it has no zone '{}', or no server '{}', or no API, {}",
                              settings_.zone, settings_.server, text));
    case 422:
      return fail(errc_of_refusal(why), text);
    case 429:
    case 503: {
      publish_result result = failure(publish_errc::throttled, located(text));
      result.retry_after = retry_after_of(reply);
      return finish(std::move(result));
    }
    case 502:  // of what stands before it
    case 504:
      return fail(publish_errc::unreachable, text);
    default:
      return fail(publish_errc::invalid_reply, text);
  }
}

bool powerdns_publisher::take_name(std::string_view record_name) {
  const auto name = absolute_name(record_name);
  if (zone_ && name && is_in_zone(*name, *zone_)) {
    name_ = *name;
    return true;
  }
  fail_later(publish_errc::not_in_zone,
             fmt::format("the name '{}' is not in the zone '{}'", record_name, settings_.zone));
  return false;
}

std::string powerdns_publisher::zone_path() const {
  return "/zones/" + *zone_;
}

void powerdns_publisher::finish(publish_result result) {
  std::exchange(done_, nullptr)(std::move(result));
}

void powerdns_publisher::fail(publish_errc error, const std::string& text) {
  finish(failure(error, located(text)));
}

void powerdns_publisher::fail_later(publish_errc error, std::string text) {
  boost::asio::post(
      control_, life_.bind([this, result = failure(error, std::move(text))] { finish(result); }));
}

std::string powerdns_publisher::located(const std::string& text) const {
  return fmt::format("PowerDNS at {}: {}", settings_.url.authority(), text);
}

}  // namespace presenter::gateway
