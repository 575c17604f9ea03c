// What follows the '?' of an admin request: name=value pairs joined by '&', percent-encoded (RFC
// 3986 §2.1). A '+' is a '+'. Values may be keys of users: they are for the page alone, never for a
// log.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace presenter::gateway {

// Nothing: not percent-encoded as it should be.
std::optional<std::string> percent_decoded(std::string_view text);

class admin_query {
 public:
  // Nothing: not percent-encoded as it should be, or a name twice.
  static std::optional<admin_query> parse(std::string_view target);

  // Replaces what there is of this name.
  void set(std::string name, std::string value);
  // A name that is none of these; empty: there is none. So a filter that is misspelled is no filter
  // that lets everybody through.
  std::string unknown_name(std::initializer_list<std::string_view> known) const;

  // Nothing: there is none of this name.
  std::optional<std::string> value(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace presenter::gateway
