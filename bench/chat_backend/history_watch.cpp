#include "bench/chat_backend/history_watch.hpp"

#include <sys/inotify.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace presenter::chat_backend {
namespace asio = boost::asio;

namespace {

int checked(int result, const char* what) {
  if (result >= 0) return result;
  throw std::system_error(errno, std::system_category(), what);
}

history_watch::changes changes_of(std::string_view bytes) {
  history_watch::changes found;
  while (!bytes.empty()) {
    inotify_event event{};
    std::memcpy(&event, bytes.data(), sizeof(event));
    if ((event.mask & IN_Q_OVERFLOW) != 0) found.has_missed_some = true;
    // The name ends with a zero, and with more of them for the alignment of the next.
    if (event.len != 0) found.files.emplace(bytes.data() + sizeof(event));
    bytes.remove_prefix(sizeof(event) + event.len);
  }
  return found;
}

}  // namespace

history_watch::history_watch(asio::io_context& io, const std::string& folder)
    : events_(io, checked(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1")) {
  checked(::inotify_add_watch(events_.native_handle(), folder.c_str(), IN_MODIFY), folder.c_str());
}

asio::awaitable<history_watch::changes> history_watch::wait() {
  std::array<char, 16 * 1'024> bytes{};
  const std::size_t size =
      co_await events_.async_read_some(asio::buffer(bytes), asio::use_awaitable);
  co_return changes_of({bytes.data(), size});
}

}  // namespace presenter::chat_backend
