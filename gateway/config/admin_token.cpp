#include "gateway/config/admin_token.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/config/config_checks.hpp"

namespace presenter::gateway {

std::optional<std::string> read_admin_token(const std::filesystem::path& file) {
  std::string token;
  if (!read_whole(file, admin_token_bytes_max + 1, token).empty()) return std::nullopt;
  if (token.ends_with('\n')) token.pop_back();
  const auto is_printable = [](char c) { return c > ' ' && c <= '~'; };
  if (token.size() < admin_token_bytes_min || token.size() > admin_token_bytes_max ||
      !std::ranges::all_of(token, is_printable))
    return std::nullopt;
  return token;
}

std::string check_admin_token_file(const std::filesystem::path& file) {
  if (auto mistake = check_secret_file(file); !mistake.empty()) return mistake;
  if (read_admin_token(file)) return {};
  return fmt::format("'{}' does not hold one line of {} to {} printable characters", file.string(),
                     admin_token_bytes_min, admin_token_bytes_max);
}

}  // namespace presenter::gateway
