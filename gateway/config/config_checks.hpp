// What a configuration's values must be beyond their type: addresses, ZooKeeper strings, files.
// Each check answers with the whole mistake in words, ready for config_error::text; empty: it is
// fine.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/whole_file.hpp"
#include "gateway/config/config.hpp"

namespace presenter::gateway {

// "127.0.0.1:443", "[::1]:443". Nothing if it is not an address with a port; names are not
// resolved.
std::optional<tcp_endpoint> parse_endpoint(std::string_view text);

// As parse_endpoint takes it.
std::string format_endpoint(const tcp_endpoint& endpoint);

// "host:port,host:port/chroot": one or more hosts, each with a port; the chroot is optional.
std::string check_zookeeper(std::string_view text);

// A regular file that can be opened.
std::string check_readable(const std::filesystem::path&);

// All of it into `text`, if that is at most `bytes_max`. The file is opened once, for it may be a
// pipe if `kinds` allow it.
std::string read_whole(const std::filesystem::path&, std::size_t bytes_max, std::string& text,
                       file_kinds kinds = file_kinds::regular);

// The folder in which the file is, or will be, is there and may be written.
std::string check_writable_folder_of(const std::filesystem::path&);

// Readable, and nobody but its owner (and the owner's group, to read) can touch it.
std::string check_secret_file(const std::filesystem::path&);

// A secret file of one line, "user:password".
std::string check_zookeeper_auth_file(const std::filesystem::path&);

}  // namespace presenter::gateway
