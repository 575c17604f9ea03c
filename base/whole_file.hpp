// Reads a file that an operator has named, whole: it never takes more memory than it was allowed,
// and never waits for a pipe that nobody writes.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace presenter {

enum class file_errc {
  not_regular = 1,  // a pipe, a socket or a device
  too_large,
};
const boost::system::error_category& file_error_category() noexcept;
boost::system::error_code make_error_code(file_errc) noexcept;

enum class file_kinds : std::uint8_t {
  regular,  // what a program reads again while it serves
  any,      // a pipe as well, and it is waited for: what a program reads once, at its start
};

// Errors: file_errc, or the system's (a folder: EISDIR). A regular file is read as long as it was
// when it was opened, into memory of that size: no copy of a key is left by a string that grew.
boost::system::result<std::string> read_whole_file(const std::filesystem::path& file,
                                                   std::size_t bytes_max,
                                                   file_kinds kinds = file_kinds::regular);

// Whether it can be opened, and is regular.
boost::system::error_code check_regular_file(const std::filesystem::path& file);

}  // namespace presenter

template <>
struct boost::system::is_error_code_enum<presenter::file_errc> : std::true_type {};
