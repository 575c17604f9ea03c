// Takes values out of one TOML table after another and writes down every mistake on the way. The
// calls themselves say which keys exist: what was never asked for is unknown, and gets a
// suggestion. Run over values without a file they describe their keys instead: see config_keys.hpp.
#pragma once

#include <toml++/toml.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/config.hpp"
#include "gateway/config/config_keys.hpp"

namespace presenter::gateway {

// "500ms", "10s", "5m", "12h". Nothing if it is none of these or does not fit.
std::optional<duration> parse_duration(std::string_view text) noexcept;

// The shortest spelling that parse_duration takes: "1500ms", "10s", "5m".
std::string format_duration(duration);

// The candidate that `word` is most likely a misspelling of; nothing if none is near.
std::optional<std::string> closest_of(std::string_view word,
                                      const std::vector<std::string>& candidates);

// Collects the mistakes of one file.
struct config_errors {
  std::string file;
  std::vector<config_error> list;
  std::vector<config_error> warnings{};
  config_places places{};
  const environment_map* environment = nullptr;     // nullptr: it is empty
  std::vector<described_key>* described = nullptr;  // nullptr: a file is read

  void add(toml::source_position at, std::string key, std::string text);
};

// One table of the file, present or not.
// Life: on the stack while the file is read; borrows the table and the errors.
class config_section {
 public:
  // `table` is null when the file does not have it; `at` is where errors about absent keys point.
  // `number` is that of one of [[tables]], from 1.
  config_section(const toml::table* table, std::string name, toml::source_position at,
                 config_errors& errors, std::size_t number = 0);

  // Each leaves `out` alone, and writes down an error, when the value is of the wrong type or
  // outside its range; each leaves it alone silently when the key is absent.
  void read(std::string_view key, std::string& out);
  void read(std::string_view key, bool& out);
  void read(std::string_view key, duration& out, duration min, duration max);
  void read(std::string_view key, std::optional<duration>& out, duration min, duration max);
  // 0, which is off, or within the range.
  void read_or_off(std::string_view key, duration& out, duration min, duration max);
  template <class Integer>
  void read(std::string_view key, Integer& out, std::int64_t min, std::int64_t max) {
    if (const auto value = integer(key, static_cast<std::int64_t>(out), min, max, false))
      out = static_cast<Integer>(*value);
  }
  template <class Integer>
  void read_or_off(std::string_view key, Integer& out, std::int64_t min, std::int64_t max) {
    if (const auto value = integer(key, static_cast<std::int64_t>(out), min, max, true))
      out = static_cast<Integer>(*value);
  }

  // A number with or without a decimal point.
  void read(std::string_view key, double& out, double min, double max);
  // Such a number, or the word, which is nothing.
  void read_or_word(std::string_view key, std::string_view word, std::optional<double>& out,
                    double min, double max);

  // One of the words, which are in the order of the enumerators.
  template <class Enum, class Words>
  void read_word(std::string_view key, const Words& words, Enum& out) {
    const std::vector<std::string_view> all(std::begin(words), std::end(words));
    if (const auto value = word(key, all, static_cast<std::size_t>(out)))
      out = static_cast<Enum>(*value);
  }

  // A string that is not empty; nothing when absent or wrong. `now`: the value so far, in words,
  // for describe.
  std::optional<std::string> text(std::string_view key, std::string now = {});

  // An array of such strings, which may be empty.
  std::optional<std::vector<std::string>> texts(std::string_view key,
                                                const std::vector<std::string>& now = {});

  config_section section(std::string_view name);
  // [[name]]: one for each, in the file's order. `now`: how many there are so far, for describe.
  std::vector<config_section> sections(std::string_view name, std::size_t now = 0);

  // No file is read: the values stay as they are.
  bool is_describing() const { return errors_.described != nullptr; }

  bool has(std::string_view key) const;
  // Writes down an error if the key is absent.
  void require(std::string_view key);

  // Writes down an error at the key's value, or at the table if the key is absent or empty.
  void fail(std::string_view key, std::string text);
  // As fail, but the configuration may still be used.
  void warn(std::string_view key, std::string text);

  // Call last: every key that nobody asked for is an error.
  void finish();

 private:
  const toml::node* find(std::string_view key);
  void describe(std::string_view key, value_type type, std::string value, std::string range = {});
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t now, std::int64_t min,
                                      std::int64_t max, bool may_be_off);
  std::optional<std::size_t> word(std::string_view key, const std::vector<std::string_view>& words,
                                  std::size_t now);
  std::optional<double> number_within(std::string_view key, const toml::node& node, double min,
                                      double max);
  std::optional<duration> duration_within(std::string_view key, const toml::node& node,
                                          duration min, duration max);
  std::optional<duration> duration_of(std::string_view key, const toml::node&);
  bool expand(std::string_view key, std::string& text);
  std::string full_name(std::string_view key) const;
  config_error error_at(std::string_view key, std::string text) const;

  const toml::table* table_;
  std::string name_;
  std::size_t number_;
  toml::source_position at_;
  config_errors& errors_;
  std::vector<std::string> known_;
};

}  // namespace presenter::gateway
