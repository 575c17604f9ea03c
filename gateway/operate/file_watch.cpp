#include "gateway/operate/file_watch.hpp"

#include <sys/stat.h>

#include <boost/system/error_code.hpp>
#include <utility>

namespace presenter::gateway {
namespace {

std::int64_t nanoseconds_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

file_watch::file_watch(boost::asio::io_context& control, std::vector<std::filesystem::path> paths,
                       std::chrono::milliseconds interval, std::function<void()> on_change)
    : paths_(std::move(paths)),
      interval_(interval),
      on_change_(std::move(on_change)),
      timer_(control),
      known_(look()),
      last_(known_) {}

void file_watch::stop() {
  timer_.cancel();
}

void file_watch::mark_seen() {
  known_ = look();
  last_ = known_;
}

file_watch::stamp file_watch::stamp_of(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, found.st_size, nanoseconds_of(found.st_mtim),
          nanoseconds_of(found.st_ctim)};
}

file_watch::stamps file_watch::look_at(const std::vector<std::filesystem::path>& paths) {
  stamps all;
  all.reserve(paths.size());
  for (const auto& path : paths)
    all.push_back(stamp_of(path));
  return all;
}

void file_watch::change(std::vector<std::filesystem::path> paths,
                        std::chrono::milliseconds interval, stamps seen) {
  paths_ = std::move(paths);
  interval_ = interval;
  known_ = std::move(seen);
  last_ = known_;
  timer_.cancel();
  wait();
}

void file_watch::wait() {
  if (interval_.count() == 0 || paths_.empty()) return;
  timer_.expires_after(interval_);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    step();
    wait();
  });
}

void file_watch::step() {
  auto now = look();
  const bool is_settled = now == last_;
  last_ = std::move(now);
  if (!is_settled || last_ == known_) return;
  known_ = last_;
  on_change_();
}

}  // namespace presenter::gateway
