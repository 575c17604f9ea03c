// The secret by which the admin endpoint knows an operator over TCP: one line of a file that nobody
// else may read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace presenter::gateway {

// Shorter ones can be guessed.
inline constexpr std::size_t admin_token_bytes_min = 16;
inline constexpr std::size_t admin_token_bytes_max = 256;

// Printable ASCII without blanks, with or without an end of line. Nothing: it is not that.
std::optional<std::string> read_admin_token(const std::filesystem::path& file);

// What is wrong with the file; empty: nothing.
std::string check_admin_token_file(const std::filesystem::path& file);

}  // namespace presenter::gateway
