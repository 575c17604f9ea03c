#include "base/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error_table.hpp"
#include "base/own_descriptor.hpp"

namespace presenter {
namespace {

namespace fs = std::filesystem;
using boost::system::error_code;
using boost::system::result;

constexpr std::size_t piece_bytes = 65'536;

constexpr error_row row_of(file_errc code) {
  switch (code) {
    case file_errc::not_regular:
      return {"not_regular", "it is not a regular file"};
    case file_errc::too_large:
      return {"too_large", "it is too large"};
  }
  return unknown_error;
}

error_code last_error() {
  return {errno, boost::system::system_category()};
}

struct opened_file {
  own_descriptor descriptor;
  std::size_t bytes;  // 0 of what is not regular
};

result<opened_file> open_file(const fs::path& file, file_kinds kinds) {
  // Without O_NONBLOCK the open itself waits for a pipe's writer.
  const int may_wait = kinds == file_kinds::any ? 0 : O_NONBLOCK;
  own_descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | may_wait));
  if (descriptor.get() < 0) return last_error();
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) return last_error();
  if (S_ISDIR(status.st_mode)) return error_code(EISDIR, boost::system::system_category());
  if (S_ISREG(status.st_mode))
    return opened_file{std::move(descriptor), static_cast<std::size_t>(status.st_size)};
  if (kinds != file_kinds::any) return error_code(file_errc::not_regular);
  return opened_file{std::move(descriptor), 0};
}

// What there is, up to `bytes` more. Fewer: it has ended.
error_code append(int descriptor, std::size_t bytes, std::string& to) {
  std::size_t size = to.size();
  to.resize(size + bytes);
  while (size < to.size()) {
    const ssize_t count = ::read(descriptor, to.data() + size, to.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  to.resize(size);
  return {};
}

// What is not regular tells no size before it has ended.
result<std::string> read_to_the_end(int descriptor, std::size_t bytes_max) {
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    const std::size_t wanted = std::min(piece_bytes, bytes_max + 1 - before);
    if (const error_code failed = append(descriptor, wanted, text)) return failed;
    if (text.size() > bytes_max) return error_code(file_errc::too_large);
    if (text.size() < before + wanted) return text;
  }
}

}  // namespace

const boost::system::error_category& file_error_category() noexcept {
  static const error_table<file_errc> table("presenter.file", row_of);
  return table;
}

error_code make_error_code(file_errc code) noexcept {
  return {static_cast<int>(code), file_error_category()};
}

result<std::string> read_whole_file(const fs::path& file, std::size_t bytes_max, file_kinds kinds) {
  const auto opened = open_file(file, kinds);
  if (!opened) return opened.error();
  if (opened->bytes == 0) return read_to_the_end(opened->descriptor.get(), bytes_max);
  if (opened->bytes > bytes_max) return error_code(file_errc::too_large);
  std::string text;
  if (const error_code failed = append(opened->descriptor.get(), opened->bytes, text))
    return failed;
  return text;
}

error_code check_regular_file(const fs::path& file) {
  const auto opened = open_file(file, file_kinds::regular);
  return opened ? error_code() : opened.error();
}

}  // namespace presenter
