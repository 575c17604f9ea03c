#include "gateway/config/config_environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/parse_number.hpp"

namespace presenter::gateway {
namespace {

constexpr std::string_view prefix = "PRESENTER_";

std::string upper(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool is_lower = c >= 'a' && c <= 'z';
    out += is_lower ? static_cast<char>(c - 'a' + 'A') : c == '.' ? '_' : c;
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

// "a, b", or as the file has it: ["a", "b"].
void insert_list(toml::table& into, const std::string& key, std::string_view text) {
  if (trimmed(text).starts_with('[')) {
    try {
      const auto parsed = toml::parse(fmt::format("list = {}", text));
      if (const auto* list = parsed.get_as<toml::array>("list"); list != nullptr)
        into.insert_or_assign(key, *list);
      return;
    } catch (const toml::parse_error&) {
      into.insert_or_assign(key, std::string(text));  // which is no list, as will be said
      return;
    }
  }
  toml::array list;
  while (!text.empty()) {
    const auto item = text.substr(0, text.find(','));
    list.push_back(std::string(trimmed(item)));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
  }
  into.insert_or_assign(key, std::move(list));
}

// What is no number, and no true or false, stays a string: the reader then says what it must be.
void insert(toml::table& into, const described_key& of, const std::string& text) {
  const std::string& key = of.key;
  const auto integer = parse_number<std::int64_t>(text);
  switch (of.type) {
    case value_type::texts:
      return insert_list(into, key, text);
    case value_type::boolean:
      if (text == "true" || text == "false")
        into.insert_or_assign(key, text == "true");
      else
        into.insert_or_assign(key, text);
      return;
    case value_type::integer:
    case value_type::duration:
      if (integer)
        into.insert_or_assign(key, *integer);
      else
        into.insert_or_assign(key, text);
      return;
    case value_type::number:
    case value_type::number_or_word:
      if (const auto number = parse_number<double>(text))
        into.insert_or_assign(key, *number);
      else
        into.insert_or_assign(key, text);
      return;
    case value_type::text:
      into.insert_or_assign(key, text);
      return;
  }
}

// nullptr: something else has the name; the reader says so.
toml::table* table_at(toml::table& file, std::string_view name) {
  toml::table* at = &file;
  while (at != nullptr && !name.empty()) {
    const auto part = name.substr(0, name.find('.'));
    name.remove_prefix(std::min(name.size(), part.size() + 1));
    if (!at->contains(part)) at->insert(part, toml::table{});
    at = at->get_as<toml::table>(part);
  }
  return at;
}

// Kubernetes tells every container of the services beside it: PRESENTER_ADMIN_SERVICE_HOST.
bool is_of_kubernetes(std::string_view rest) {
  return rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
}

// The section that a variable's name begins with, and the longest of them.
std::string_view section_in(std::string_view variable, const std::vector<described_key>& keys) {
  std::string_view found;
  for (const described_key& each : keys) {
    if (variable.starts_with(fmt::format("{}{}_", prefix, upper(each.table.name))) &&
        each.table.name.size() > found.size())
      found = each.table.name;
  }
  return found;
}

void warn_of_unknown(const environment_map& environment, const std::vector<described_key>& keys,
                     config_errors& errors) {
  std::vector<std::string> known;
  known.reserve(keys.size());
  for (const described_key& each : keys)
    known.push_back(variable_of(each));
  for (const auto& [name, value] : environment) {
    const std::string_view section = section_in(name, keys);
    if (section.empty() || value.empty() || std::ranges::find(known, name) != known.end()) continue;
    if (is_of_kubernetes(std::string_view(name).substr(prefix.size() + section.size() + 1)))
      continue;
    const auto near = closest_of(name, known);
    errors.warnings.push_back(
        {errors.file, 0, 0, "",
         near ? fmt::format("[{}] has no such key, did you mean '{}'?", section, *near)
              : fmt::format("[{}] has no such key", section),
         name});
  }
}

}  // namespace

std::string variable_of(const described_key& of) {
  return of.table.number == 0 ? std::string(prefix) + upper(of.name()) : std::string();
}

environment_map own_variables() {
  environment_map variables;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view text(*each);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

void override_from(const environment_map& environment, const std::vector<described_key>& keys,
                   toml::table& file, config_errors& errors) {
  for (const described_key& each : keys) {
    const std::string variable = variable_of(each);
    const auto found = environment.find(variable);
    if (found == environment.end() || found->second.empty()) continue;
    toml::table* const table = table_at(file, each.table.name);
    if (table == nullptr) continue;
    insert(*table, each, found->second);
    errors.places.add_variable(each.table, each.key, variable);
  }
  warn_of_unknown(environment, keys, errors);
}

expanded_text expand_variables(std::string_view text, const environment_map& environment) {
  expanded_text out;
  while (!text.empty()) {
    const auto at = text.find("${");
    out.text += text.substr(0, at);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 2);
    if (out.text.ends_with('$')) {  // "$${"
      out.text += '{';
      continue;
    }
    const auto name = text.substr(0, text.find('}'));
    const auto found = environment.find(name);
    if (name.size() == text.size() || found == environment.end()) {
      out.missing = std::string(name);
      break;
    }
    out.text += found->second;
    text.remove_prefix(name.size() + 1);
  }
  return out;
}

}  // namespace presenter::gateway
