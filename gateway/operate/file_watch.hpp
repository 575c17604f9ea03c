// Tells when files have changed, by looking at what their paths lead to: so a rename over a file, a
// Kubernetes volume's exchanged link and a file system without notifications are all the same.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace presenter::gateway {

// Life: from the constructor it knows the files as they are; `start` begins to look.
// Confined to: the control thread; a look is one stat for each path.
class file_watch {
 public:
  // Of one file; zeros: there is no such file.
  struct stamp {
    std::uint64_t device = 0;
    std::uint64_t node = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const stamp&) const = default;
  };
  using stamps = std::vector<stamp>;
  // As these files are now.
  static stamps look_at(const std::vector<std::filesystem::path>& paths);

  // `interval` 0: it never looks. `on_change` is called when something has changed and has then
  // stayed as it was for one interval: files that belong together are seldom replaced at once.
  file_watch(boost::asio::io_context& control, std::vector<std::filesystem::path> paths,
             std::chrono::milliseconds interval, std::function<void()> on_change);

  void start() { wait(); }
  void stop();

  // The files are about to be read for another reason: their state of now counts as known.
  void mark_seen();

  // Other files, or another interval, from now on. `seen`: as they were before they were read.
  void change(std::vector<std::filesystem::path> paths, std::chrono::milliseconds interval,
              stamps seen);

 private:
  static stamp stamp_of(const std::filesystem::path& path);
  stamps look() const { return look_at(paths_); }
  void wait();
  void step();

  std::vector<std::filesystem::path> paths_;
  std::chrono::milliseconds interval_;
  const std::function<void()> on_change_;
  boost::asio::steady_timer timer_;
  stamps known_;
  stamps last_;  // look
};

}  // namespace presenter::gateway
