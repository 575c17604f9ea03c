// What follows the '?' of an admin request: name=value pairs joined by '&', percent-encoded (RFC
// 3986 §2.1). A '+' is a '+'. Values may be keys of users: they are for the page alone, never for a
// log.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace presenter::gateway {

class admin_query {
 public:
  // Nothing: not percent-encoded as it should be, or a name twice.
  static std::optional<admin_query> parse(std::string_view target);

  // Nothing: there is none of this name.
  std::optional<std::string> value(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace presenter::gateway
