#include "shard_router/shard_map_codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "shard_router/host.hpp"

namespace presenter::shard_router {
namespace {

using nlohmann::json;

// Missing: the fallback. Another type: nothing.
std::optional<std::string> text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::string();
  if (!found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<std::int64_t> integer_at(const json& object, const char* key, std::int64_t fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  if (!found->is_number_integer()) return std::nullopt;
  // A number beyond 63 bits comes out negative or is unsigned: out of every range either way.
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > 0x7fff'ffff) return std::nullopt;
  return found->get<std::int64_t>();
}

std::optional<backend_state> state_at(const json& object) {
  const auto text = text_at(object, "state");
  if (!text) return std::nullopt;
  if (text->empty() || *text == "up") return backend_state::up;
  if (*text == "draining") return backend_state::draining;
  return std::nullopt;
}

// It stands in log lines.
bool is_instance(std::string_view text) {
  return text.size() <= limits::instance_bytes_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

boost::system::result<backend_entry> backend_of(std::string_view name, const json& object) {
  if (!object.is_object()) return errc::entry_not_json;
  const auto host = text_at(object, "host");
  if (!host) return errc::host_invalid;
  if (const auto mistake = check_host(*host)) return mistake;
  const auto port = integer_at(object, "port", 0);
  if (!port || *port < 1 || *port > 65'535) return errc::port_invalid;
  const auto weight = integer_at(object, "weight", limits::weight_default);
  if (!weight || *weight < limits::weight_min || *weight > limits::weight_max) {
    return errc::weight_invalid;
  }
  const auto state = state_at(object);
  if (!state) return errc::state_invalid;
  const auto instance = text_at(object, "instance");
  if (!instance || !is_instance(*instance)) return errc::instance_invalid;
  return backend_entry{std::string(name), *host,  static_cast<std::uint16_t>(*port),
                       *weight,           *state, *instance};
}

// Of an entry of a saved map.
boost::system::result<std::string> name_in(const json& entry) {
  if (!entry.is_object()) return errc::entry_not_json;
  const auto name = text_at(entry, "name");
  if (!name || !is_backend_name(*name)) return errc::name_invalid;
  return *name;
}

json object_of(const backend_entry& backend) {
  return {{"host", backend.host},
          {"port", backend.port},
          {"weight", backend.weight},
          {"state", name_of(backend.state)},
          {"instance", backend.instance}};
}

// Bytes that are not UTF-8 are replaced: the strict form throws.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

bool is_backend_name(std::string_view name) noexcept {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= limits::name_bytes_max &&
         std::ranges::all_of(name, is_allowed);
}

boost::system::result<backend_entry> decode_backend(std::string_view name, std::string_view text) {
  if (!is_backend_name(name)) return errc::name_invalid;
  if (text.size() > limits::node_bytes_max) return errc::entry_too_large;
  return backend_of(name, json::parse(text, nullptr, false));
}

std::string encode_backend(const backend_entry& backend) {
  return dump(object_of(backend));
}

boost::system::result<decoded_map> decode_map(std::string_view text) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object()) return errc::saved_map_invalid;
  const auto epoch = root.find("epoch");
  const auto entries = root.find("servers");
  if (epoch == root.end() || !epoch->is_number_integer() || entries == root.end() ||
      !entries->is_array() || entries->size() > limits::backends_max) {
    return errc::saved_map_invalid;
  }
  decoded_map result;
  std::vector<backend_entry> backends;
  std::set<std::string> names;
  for (const json& entry : *entries) {
    const auto name = name_in(entry);
    auto decoded =
        name ? backend_of(*name, entry) : boost::system::result<backend_entry>(name.error());
    // Nobody knows which of two is meant.
    if (name && !names.insert(*name).second) return errc::saved_map_invalid;
    if (decoded) {
      backends.push_back(std::move(*decoded));
      continue;
    }
    const std::size_t number = backends.size() + result.refused.size() + 1;
    result.refused.push_back({name ? *name : fmt::format("number {}", number), decoded.error()});
  }
  if (weight_of(backends) > limits::weights_total_max) return errc::saved_map_invalid;
  result.map = std::make_shared<const shard_map>(epoch->get<std::int64_t>(), std::move(backends));
  return result;
}

std::string encode_map(const shard_map& map) {
  json backends = json::array();
  for (const backend_entry& each : map.backends()) {
    json entry = object_of(each);
    entry["name"] = each.name;
    backends.push_back(std::move(entry));
  }
  return dump(json{{"epoch", map.epoch()}, {"servers", std::move(backends)}});
}

}  // namespace presenter::shard_router
