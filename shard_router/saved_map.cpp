#include "shard_router/saved_map.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/replaced_file.hpp"
#include "shard_router/errc.hpp"

namespace presenter::shard_router {
namespace {

using boost::system::error_code;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

class descriptor {
 public:
  explicit descriptor(const std::filesystem::path& path)
      : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  bool is_open() const { return value_ >= 0; }

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

 private:
  int value_;
};

}  // namespace

error_code save_map(const std::filesystem::path& file, const shard_map& map) {
  return replace_file(file, encode_map(map));
}

boost::system::result<decoded_map> load_saved_map(const std::filesystem::path& file) {
  const descriptor in(file);
  if (!in.is_open()) return last_error();
  std::string bytes;
  if (const error_code failed = in.read_all(bytes, limits::saved_map_bytes_max)) return failed;
  return decode_map(bytes);
}

}  // namespace presenter::shard_router
