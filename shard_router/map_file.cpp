#include "shard_router/map_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/whole_file.hpp"
#include "shard_router/host.hpp"
#include "shard_router/limits.hpp"
#include "shard_router/shard_map_codec.hpp"

namespace presenter::shard_router {
namespace {

constexpr std::array<std::string_view, 4> backend_keys{"name", "host", "port", "weight"};

// Reads one file; gathers mistakes.
class map_reader {
 public:
  explicit map_reader(std::string file) : file_(std::move(file)) {}

  void add_error(std::uint32_t line, std::string key, std::string text) {
    errors_.push_back({file_, line, std::move(key), std::move(text)});
  }

  void read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key != "server") add_error(line_of(node), std::string(key.str()), "unknown key");
    }
    const toml::node* node = root.get("server");
    const toml::array* backends = node != nullptr ? node->as_array() : nullptr;
    if (node != nullptr && backends == nullptr) {
      return add_error(line_of(*node), "server", "must be tables, each headed [[server]]");
    }
    if (backends == nullptr || backends->empty()) {
      return add_error(0, "server", "names no backend: at least one [[server]] is needed");
    }
    if (backends->size() > limits::backends_max) {
      return add_error(line_of(*backends), "server",
                       fmt::format("more than {} backends", limits::backends_max));
    }
    for (std::size_t i = 0; i < backends->size(); ++i) {
      const std::string path = fmt::format("server[{}]", i + 1);
      if (const toml::table* table = backends->get(i)->as_table()) {
        read_backend(*table, path);
      } else {
        add_error(line_of(*backends->get(i)), path, "must be a table");
      }
    }
    if (weight_of(backends_) > limits::weights_total_max) {
      add_error(line_of(*backends), "server",
                fmt::format("the weights add up to more than {}", limits::weights_total_max));
    }
  }

  map_file_result result() && {
    // TOML tables come sorted by key; a person reads from the top.
    std::ranges::stable_sort(errors_, {}, &map_file_error::line);
    if (!errors_.empty()) return {nullptr, std::move(errors_)};
    return {std::make_shared<shard_map>(0, std::move(backends_)), {}};
  }

 private:
  static std::uint32_t line_of(const toml::node& node) { return node.source().begin.line; }

  void read_backend(const toml::table& table, const std::string& path) {
    for (const auto& [key, node] : table) {
      if (std::ranges::find(backend_keys, key.str()) == backend_keys.end()) {
        add_error(line_of(node), path + "." + std::string(key.str()), "unknown key");
      }
    }
    backend_entry read;
    read.name = text_at(table, path, "name");
    read.host = text_at(table, path, "host");
    read.port = static_cast<std::uint16_t>(integer_at(table, path, "port", 1, 65'535, 0));
    read.weight = integer_at(table, path, "weight", limits::weight_min, limits::weight_max,
                             limits::weight_default);
    if (!read.name.empty()) check_name(read.name, line_of(*table.get("name")), path + ".name");
    if (const auto mistake = check_host(read.host); mistake && !read.host.empty())
      add_error(line_of(*table.get("host")), path + ".host", mistake.message());
    backends_.push_back(std::move(read));
  }

  void check_name(const std::string& name, std::uint32_t line, const std::string& path) {
    if (!is_backend_name(name)) {
      add_error(
          line, path,
          fmt::format("must be 1 to {} letters, digits, '.', '_' and '-'", limits::name_bytes_max));
    } else if (!names_.insert(name).second) {
      add_error(line, path, fmt::format("'{}' is there twice", name));
    }
  }

  std::string text_at(const toml::table& table, const std::string& path, std::string_view key) {
    const toml::node* node = table.get(key);
    const std::string name = fmt::format("{}.{}", path, key);
    if (node == nullptr) {
      add_error(line_of(table), name, "is missing");
    } else if (!node->is_string() || node->as_string()->get().empty()) {
      add_error(line_of(*node), name, "must be a string, and not empty");
    } else {
      return node->as_string()->get();
    }
    return {};
  }

  // `fallback` 0: the key must be there.
  std::int64_t integer_at(const toml::table& table, const std::string& path, std::string_view key,
                          std::int64_t least, std::int64_t most, std::int64_t fallback) {
    const toml::node* node = table.get(key);
    const std::string name = fmt::format("{}.{}", path, key);
    if (node == nullptr) {
      if (fallback == 0) add_error(line_of(table), name, "is missing");
      return fallback;
    }
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < least || value->get() > most) {
      add_error(line_of(*node), name, fmt::format("must be a whole number, {} to {}", least, most));
      return least;
    }
    return value->get();
  }

  std::string file_;
  std::vector<map_file_error> errors_;
  std::vector<backend_entry> backends_;
  std::set<std::string> names_;
};

void read_file(const std::filesystem::path& file, map_reader& reader) {
  const auto text = read_whole_file(file, limits::saved_map_bytes_max);
  if (!text) return reader.add_error(0, "", "cannot be read: " + text.error().message());
  try {
    reader.read(toml::parse(*text));
  } catch (const toml::parse_error& error) {
    reader.add_error(error.source().begin.line, "", std::string(error.description()));
  }
}

}  // namespace

std::string map_file_error::to_string() const {
  std::string place = line == 0 ? file : fmt::format("{}:{}", file, line);
  return key.empty() ? fmt::format("{}: {}", place, text)
                     : fmt::format("{}: {}: {}", place, key, text);
}

map_file_result load_map_file(const std::filesystem::path& file) noexcept {
  map_reader reader(file.string());
  read_file(file, reader);
  return std::move(reader).result();
}

}  // namespace presenter::shard_router
