#include "shard_router/saved_map.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "shard_router/errc.hpp"

namespace presenter::shard_router {
namespace {

using boost::system::error_code;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

class descriptor {
 public:
  descriptor(const std::filesystem::path& path, int flags)
      : value_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  bool is_open() const { return value_ >= 0; }

  error_code write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(value_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) return last_error();
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  error_code read_all(std::string& bytes, std::size_t bytes_max) const {
    for (std::size_t size = 0;;) {
      bytes.resize(size + 65'536);
      const ssize_t count = ::read(value_, bytes.data() + size, 65'536);
      if (count < 0 && errno != EINTR) return last_error();
      if (count > 0) size += static_cast<std::size_t>(count);
      bytes.resize(size);
      if (count == 0) return {};
      if (size > bytes_max) return errc::saved_map_invalid;
    }
  }

  error_code sync() const { return ::fsync(value_) == 0 ? error_code() : last_error(); }

 private:
  int value_;
};

error_code write_synced(const std::filesystem::path& file, std::string_view bytes) {
  const descriptor out(file, O_WRONLY | O_CREAT | O_TRUNC);
  if (!out.is_open()) return last_error();
  if (const error_code failed = out.write_all(bytes)) return failed;
  return out.sync();
}

}  // namespace

error_code save_map(const std::filesystem::path& file, const shard_map& map) {
  std::filesystem::path fresh = file;
  fresh += ".new";
  error_code failed = write_synced(fresh, encode_map(map));
  if (!failed && ::rename(fresh.c_str(), file.c_str()) != 0) failed = last_error();
  if (failed) {
    ::unlink(fresh.c_str());
    return failed;
  }
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const descriptor opened(folder, O_RDONLY | O_DIRECTORY);
  return opened.is_open() ? opened.sync() : last_error();
}

boost::system::result<decoded_map> load_saved_map(const std::filesystem::path& file) {
  const descriptor in(file, O_RDONLY);
  if (!in.is_open()) return last_error();
  std::string bytes;
  if (const error_code failed = in.read_all(bytes, limits::saved_map_bytes_max)) return failed;
  return decode_map(bytes);
}

}  // namespace presenter::shard_router
