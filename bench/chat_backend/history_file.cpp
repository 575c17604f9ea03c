#include "bench/chat_backend/history_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/system/errc.hpp>
#include <cerrno>
#include <utility>

namespace presenter::chat_backend {

using boost::system::error_code;
namespace errc = boost::system::errc;

namespace {

constexpr std::size_t read_bytes = 64 * 1'024;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

// Life: one look at the file; closing it gives the lock back, and so does the end of the process.
class locked_file {
 public:
  explicit locked_file(const std::string& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    // Of fcntl's kind, as Java's are; of this opening, as there may be others in this process.
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    int failed = file_ < 0 ? -1 : 0;
    do {
      if (file_ >= 0) failed = ::fcntl(file_, F_OFD_SETLKW, &whole);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0) error_ = last_error();
  }
  ~locked_file() {
    if (file_ >= 0) ::close(file_);
  }
  locked_file(const locked_file&) = delete;
  locked_file& operator=(const locked_file&) = delete;

  error_code error() const { return error_; }
  int get() const { return file_; }

 private:
  const int file_;
  error_code error_;
};

}  // namespace

error_code history_file::read_news(const record_sink& sink) {
  const locked_file file(path_);
  return file.error() ? file.error() : read_to_end(file.get(), sink);
}

error_code history_file::append(const record_sink& sink, const record_maker& make) {
  const locked_file file(path_);
  if (file.error()) return file.error();
  if (const error_code failed = read_to_end(file.get(), sink)) return failed;
  std::optional<chat::Message> record = make();
  if (!record) return {};
  byte_buffer bytes;
  codec_.encode_deliver({protocol::thrift_encoding::compact, 0}, *record, bytes);
  if (const error_code failed = write_at_end(file.get(), bytes)) return failed;
  sink(std::move(*record));
  return {};
}

error_code history_file::read_again(const visitor& visit) const {
  const locked_file file(path_);
  if (file.error()) return file.error();
  return scan(file.get(), 0, end_, [&](chat::Message&& record) { return visit(record); }).error();
}

error_code history_file::read_to_end(int file, const record_sink& sink) {
  struct stat facts {};
  if (::fstat(file, &facts) != 0) return last_error();
  const auto end = scan(file, end_, facts.st_size, [&](chat::Message&& record) {
    sink(std::move(record));
    return true;
  });
  if (!end) return end.error();
  end_ = *end;
  // Nobody else is writing, so whoever has begun this record was killed over it, and has told
  // nobody that it was there.
  if (end_ < facts.st_size && ::ftruncate(file, end_) != 0) return last_error();
  return {};
}

// Where the last whole record ends.
boost::system::result<std::int64_t> history_file::scan(int file, std::int64_t from, std::int64_t to,
                                                       const taker& take) const {
  byte_buffer bytes;
  std::int64_t end = from;
  while (from < to) {
    const auto room = bytes.prepare(read_bytes);
    const ssize_t n = ::pread(file, room.data(), room.size(), from);
    if (n < 0) return last_error();
    if (n == 0) break;
    bytes.commit(static_cast<std::size_t>(n));
    from += n;
    while (true) {
      const auto found = next_packet(bytes.bytes());
      if (!found) return found.error();
      if (!*found) break;
      auto decoded = codec_.decode(**found);
      if (!decoded) return decoded.error();
      auto* const record = std::get_if<deliver_call>(&decoded->content);
      if (record == nullptr) return errc::make_error_code(errc::bad_message);
      const std::size_t used = packet_header_bytes + (*found)->size();
      bytes.consume(used);
      end += static_cast<std::int64_t>(used);
      if (!take(std::move(record->message))) return end;
    }
  }
  return end;
}

error_code history_file::write_at_end(int file, const byte_buffer& bytes) {
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (end_ + size > history_file_bytes_max) return errc::make_error_code(errc::file_too_large);
  const ssize_t written = ::pwrite(file, bytes.bytes().data(), bytes.size(), end_);
  if (written == size) {
    end_ += size;
    return {};
  }
  const error_code failed =
      written < 0 ? last_error() : errc::make_error_code(errc::no_space_on_device);
  // A part of it must not stand in the way of the next; who reads would cut it off as well.
  if (::ftruncate(file, end_) != 0) return last_error();
  return failed;
}

}  // namespace presenter::chat_backend
