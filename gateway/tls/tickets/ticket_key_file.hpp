// The file of ticket keys that an operator writes: read, with a mistake in words.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "gateway/tls/tickets/ticket_keys.hpp"

namespace presenter::gateway {

struct ticket_key_load {
  std::optional<ticket_keys> keys;
  std::string mistake;  // empty: there are keys
};

// A secret file (check_secret_file) with keys as ticket_keys::from_file takes them.
ticket_key_load load_ticket_key_file(const std::filesystem::path& path);

}  // namespace presenter::gateway
