#include "base/replaced_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace presenter {
namespace {

using boost::system::error_code;

error_code file_error() {
  return {errno, boost::system::system_category()};
}

class open_file {
 public:
  open_file(const std::filesystem::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~open_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  bool is_open() const { return descriptor_ >= 0; }

  error_code write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) return file_error();
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }

  error_code let_all_read() const {
    return ::fchmod(descriptor_, 0644) == 0 ? error_code() : file_error();
  }

  error_code sync() const { return ::fsync(descriptor_) == 0 ? error_code() : file_error(); }

 private:
  int descriptor_;
};

error_code write_synced(const std::filesystem::path& file, std::string_view bytes,
                        file_readers readers) {
  const open_file out(file, O_WRONLY | O_CREAT | O_TRUNC);
  if (!out.is_open()) return file_error();
  error_code failed = readers == file_readers::all ? out.let_all_read() : error_code();
  if (!failed) failed = out.write_all(bytes);
  return failed ? failed : out.sync();
}

}  // namespace

error_code replace_file(const std::filesystem::path& file, std::string_view bytes,
                        file_readers readers) {
  std::filesystem::path fresh = file;
  fresh += ".new";
  error_code failed = write_synced(fresh, bytes, readers);
  if (!failed && ::rename(fresh.c_str(), file.c_str()) != 0) failed = file_error();
  if (failed) {
    ::unlink(fresh.c_str());
    return failed;
  }
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const open_file opened(folder, O_RDONLY | O_DIRECTORY);
  return opened.is_open() ? opened.sync() : file_error();
}

}  // namespace presenter
