// Which files of a folder have been written to, by whatever process of this machine: inotify(7).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <set>
#include <string>

namespace presenter::chat_backend {

// Life: longer than its waiter. Confined to: the io_context's thread.
// Bounds: the kernel keeps 16,384 changes for who does not read; then has_missed_some is set.
class history_watch {
 public:
  struct changes {
    std::set<std::string> files;  // names within the folder
    bool has_missed_some = false;
  };

  // Throws std::system_error if the folder cannot be watched.
  history_watch(boost::asio::io_context& io, const std::string& folder);

  // The next ones. Throws boost::system::system_error.
  boost::asio::awaitable<changes> wait();

 private:
  boost::asio::posix::stream_descriptor events_;
};

}  // namespace presenter::chat_backend
