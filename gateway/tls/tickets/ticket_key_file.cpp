#include "gateway/tls/tickets/ticket_key_file.hpp"

#include <fmt/format.h>

#include <utility>

#include "gateway/config/config_checks.hpp"

namespace presenter::gateway {

ticket_key_load load_ticket_key_file(const std::filesystem::path& path) {
  if (auto mistake = check_secret_file(path); !mistake.empty()) return {{}, std::move(mistake)};
  std::string bytes;
  if (auto mistake = read_whole(path, ticket_keys::file_bytes_max, bytes); !mistake.empty())
    return {{}, std::move(mistake)};
  auto keys = ticket_keys::from_file(bytes);
  wipe(bytes);
  if (keys) return {std::move(*keys), {}};
  return {{}, fmt::format("'{}': {}", path.string(), keys.error().message())};
}

}  // namespace presenter::gateway
