#include "gateway/config/config_help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "gateway/config/config_keys.hpp"
#include "gateway/config/config_reader.hpp"
#include "gateway/config/key_texts.hpp"

namespace presenter::gateway {
namespace {

std::string with_range(const key_text& text, const described_key& key) {
  const auto place = text.text.find("{}");
  if (place != std::string_view::npos)
    return fmt::format("{}{}{}", text.text.substr(0, place), key.range,
                       text.text.substr(place + 2));
  return fmt::format("{}{}{}", text.text, key.range.empty() ? "" : "; ", key.range);
}

// "[lines](monitoring.md#log)" is "lines"; neither backquotes nor double stars.
std::string plain(std::string_view markdown) {
  std::string out;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const char c = markdown[i];
    const auto bracket = c == '[' ? markdown.find("](", i) : std::string_view::npos;
    const auto end = bracket == std::string_view::npos ? bracket : markdown.find(')', bracket);
    if (end != std::string_view::npos) {
      out += plain(markdown.substr(i + 1, bracket - i - 1));
      i = end;
    } else if (markdown.substr(i).starts_with("**")) {
      ++i;
    } else if (c != '`') {
      out += c;
    }
  }
  return out;
}

std::string_view words_of(reload_effect effect) {
  switch (effect) {
    case reload_effect::now:
      return "holds at once, or for clients that come from then on";
    case reload_effect::new_links:
      return "holds for new links";
    case reload_effect::upgrade:
      return "stays as it is: needs an upgrade or a restart";
    case reload_effect::restart:
      return "stays as it is: needs a restart";
  }
  return {};
}

// For most keys nothing.
std::string_view mark_of(reload_effect effect) {
  switch (effect) {
    case reload_effect::now:
      return "";
    case reload_effect::new_links:
      return "; **new links**";
    case reload_effect::upgrade:
      return "; **upgrade**";
    case reload_effect::restart:
      return "; **restart**";
  }
  return {};
}

std::string default_of(const described_key& key, const key_text& text) {
  if (!text.default_words.empty()) return std::string(text.default_words);
  return key.value.empty() ? "none" : key.value;
}

std::string line_of(const described_key& key) {
  const key_text text = text_of_key(key.name());
  std::string value = plain(default_of(key, text));
  return fmt::format("{:<36} {:<16} {}\n", key.name(), value, plain(with_range(text, key)));
}

std::string page_of(const described_key& key) {
  const key_text text = text_of_key(key.name());
  return fmt::format("{}\n  {}\n  default      {}\n  environment  {}\n  at a reload  {}\n",
                     key.name(), plain(with_range(text, key)), plain(default_of(key, text)),
                     variable_of(key), words_of(text.effect));
}

std::string row_of(const described_key& key) {
  const key_text text = text_of_key(key.name());
  const std::string value = text.default_words.empty() ? fmt::format("`{}`", default_of(key, text))
                                                       : std::string(text.default_words);
  return fmt::format("| `{}` | {} | {}{} |\n", key.name(), value, with_range(text, key),
                     mark_of(text.effect));
}

}  // namespace

std::optional<std::string> config_help(std::string_view about, std::string& mistake) {
  const auto keys = describe({});
  const auto found =
      std::ranges::find(keys, about, [](const described_key& each) { return each.name(); });
  if (found != keys.end()) return page_of(*found);
  std::string lines;
  std::vector<std::string> known;
  for (const described_key& each : keys) {
    known.push_back(each.name());
    if (about.empty() || about == each.table.name) lines += line_of(each);
  }
  if (!lines.empty()) return lines;
  const auto near = closest_of(about, known);
  mistake = fmt::format("there is no key or section '{}'", about);
  if (near) mistake += fmt::format(", did you mean '{}'?", *near);
  return std::nullopt;
}

std::string config_markdown() {
  std::string out;
  std::string section;
  for (const described_key& each : describe({})) {
    if (each.table.name != section) {
      section = each.table.name;
      out += fmt::format("## [{}]\n\n| key | default | what it does |\n|---|---|---|\n", section);
    }
    out += row_of(each);
  }
  return out;
}

}  // namespace presenter::gateway
