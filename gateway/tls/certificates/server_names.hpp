// Which certificates a server name belongs to: exact names first, then wildcards for one left-most
// label (RFC 9525 §6.3). Sans-I/O.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace presenter::gateway {

// "chat.example" or "*.chat.example" in lower case; nothing if it is neither: an address, a
// wildcard within a label, text that is no DNS name.
std::optional<std::string> server_name_pattern(std::string_view text);

// Life: immutable once filled; any thread may look up.
class server_name_index {
 public:
  // `pattern` as server_name_pattern gives it, not yet in the index.
  void add(std::string pattern, std::size_t value) { values_.emplace(std::move(pattern), value); }

  // What a client asks for, in any case, with or without the root's dot. Nothing: unknown.
  std::optional<std::size_t> find(std::string_view name) const;

  std::size_t size() const { return values_.size(); }

 private:
  std::map<std::string, std::size_t, std::less<>> values_;
};

}  // namespace presenter::gateway
