#include "gateway/balance/powerdns/api_messages.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "gateway/config/dns_name.hpp"

namespace presenter::gateway::powerdns {
namespace {

using nlohmann::json;

constexpr std::size_t failure_chars_max = 200;

// What PowerDNS answers queries for addresses with, besides LUA records.
constexpr std::array<std::string_view, 4> rival_types{"A", "AAAA", "CNAME", "ALIAS"};

json parsed(std::string_view body) {
  return json::parse(body, nullptr, false);
}

// Empty: there is none, or it is no string.
std::string text_at(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& list_at(const json& object, const char* key) {
  static const json none = json::array();
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

void read_lua_set(const json& set, named_sets& into) {
  const auto ttl = set.find("ttl");
  if (ttl != set.end() && ttl->is_number_unsigned())
    into.ttl = std::chrono::seconds(ttl->get<std::uint32_t>());
  for (const json& record : list_at(set, "records")) {
    if (auto weights = parse_lua_content(text_at(record, "content")))
      into.weights.merge(*weights);
    else
      into.in_the_way = "a LUA record of somebody else";
  }
}

void read_set(const json& set, named_sets& into) {
  const std::string type = text_at(set, "type");
  if (type == "LUA") return read_lua_set(set, into);
  if (std::ranges::find(rival_types, type) != rival_types.end())
    into.in_the_way = (type == "CNAME" ? "a " : "an ") + type + " record";
}

}  // namespace

std::optional<named_sets> read_named_sets(std::string_view body, std::string_view name) {
  const json zone = parsed(body);
  if (!zone.is_object() || !zone.contains("rrsets") || !zone["rrsets"].is_array())
    return std::nullopt;
  named_sets found;
  // Which are of this name PowerDNS 4.6 and later chooses themselves.
  for (const json& set : zone["rrsets"]) {
    if (absolute_name(text_at(set, "name")) == name) read_set(set, found);
  }
  return found;
}

std::string change_of(std::string_view name, std::chrono::seconds ttl,
                      const address_weights& weights) {
  json set{{"name", name}, {"type", "LUA"}, {"changetype", "DELETE"}};
  if (!weights.empty()) {
    json records = json::array();
    for (const std::string& content : lua_contents(weights))
      records.push_back({{"content", content}, {"disabled", false}});
    set["changetype"] = "REPLACE";
    set["ttl"] = ttl.count();
    set["records"] = std::move(records);
  }
  return json{{"rrsets", json::array({std::move(set)})}}.dump();
}

std::optional<bool> read_are_lua_records_on(std::string_view settings_body) {
  const json settings = parsed(settings_body);
  if (!settings.is_array()) return std::nullopt;
  for (const json& each : settings) {
    // "yes" or "shared".
    if (text_at(each, "name") == "enable-lua-records") return text_at(each, "value") != "no";
  }
  return false;
}

std::optional<bool> read_are_lua_records_on_in_zone(std::string_view metadata_body) {
  const json metadata = parsed(metadata_body);
  if (!metadata.is_array()) return std::nullopt;
  for (const json& each : metadata) {
    if (text_at(each, "kind") == "ENABLE-LUA-RECORDS")
      return list_at(each, "metadata") == json::array({"1"});
  }
  return false;
}

std::string read_failure(std::string_view body) {
  std::string text = text_at(parsed(body), "error");
  if (text.empty()) text = body.substr(0, body.find_first_of("\r\n"));
  if (text.size() > failure_chars_max) text.resize(failure_chars_max);
  std::ranges::replace_if(
      text, [](char each) { return each < ' ' || each > '~'; }, '?');
  return text;
}

}  // namespace presenter::gateway::powerdns
