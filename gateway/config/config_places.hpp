// Where a configuration's file has which key: for mistakes that are found later than the file is
// read, by those who know what the values name.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace presenter::gateway {

// One mistake, placed for the person who has to mend it.
struct config_error {
  std::string file;          // as it was given to load_config
  std::uint32_t line = 0;    // from 1; 0: the file as a whole
  std::uint32_t column = 0;  // from 1; 0: unknown
  std::string key;           // "tls.certificate"; empty: not about one key
  std::string text;
  std::string variable{};  // of the environment, where the value comes from it

  // "presenter.toml:12: tls.certificate: cannot read 'x.pem': No such file or directory"
  std::string to_string() const;
};

// [tls] is {"tls", 0}, the second of [[tls.certificates]] is {"tls.certificates", 2}.
struct config_table {
  std::string name;
  std::size_t number = 0;
  auto operator<=>(const config_table&) const = default;

  // "tls.certificates[2]"
  std::string to_string() const;
};

// Bounds: the keys of a file, whose size is limited.
class config_places {
 public:
  explicit config_places(std::string file = {}) : file_(std::move(file)) {}

  const std::string& file() const { return file_; }

  struct place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string variable{};
    std::string written{};
  };
  // Without a key: of the table itself.
  void add(const config_table& table, std::string_view key, place at);

  // The key's value comes from this variable of the environment.
  void add_variable(const config_table& table, std::string_view key, std::string variable);
  // The key's value has variables in it: this is how the file has it.
  void add_written(const config_table& table, std::string_view key, std::string written);

  // "environment PRESENTER_LOG_LEVEL", "presenter.toml:12"; empty: neither has the key.
  std::string origin_of(const config_table& table, std::string_view key) const;
  // Nothing: the value has no variables in it.
  const std::string* written(const config_table& table, std::string_view key) const;

  // At the key's value, or at the table if it does not have that key.
  config_error error_at(const config_table& table, std::string_view key, std::string text) const;

 private:
  const place* find(const config_table& table, std::string_view key) const;

  std::string file_;
  std::map<config_table, std::map<std::string, place, std::less<>>> places_;
};

}  // namespace presenter::gateway
