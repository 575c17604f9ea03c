#include "gateway/client/client_closing.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace presenter::gateway {
namespace {

// 64 KiB a turn, as much as a relay moves: one that never stops must not hold the worker.
constexpr int drops_per_turn = 16;

tls_status send_all(tls_channel& tls, byte_buffer& rest) {
  while (!rest.empty()) {
    const tls_result put = tls.write(rest.bytes());
    if (put.status != tls_status::ok) return put.status;
    rest.consume(put.n);
  }
  return tls_status::ok;
}

closing_step drop_input(int descriptor) {
  std::array<std::byte, 4'096> ignored;
  for (int i = 0; i < drops_per_turn; ++i) {
    const ssize_t n = ::recv(descriptor, ignored.data(), ignored.size(), 0);
    if (n > 0) continue;
    const bool is_empty = n < 0 && (errno == EAGAIN || errno == EINTR);
    return is_empty ? closing_step::await_socket : closing_step::over;
  }
  return closing_step::await_turn;
}

}  // namespace

tls_status client_closing::finish_writing(tls_channel& tls) {
  if (is_close_notify_sent_) return tls_status::ok;
  const tls_status status = tls.finish();
  is_close_notify_sent_ = status == tls_status::ok;
  return status;
}

closing_step client_closing::go_on(tls_channel& tls, int descriptor, byte_buffer& rest,
                                   bool is_client_finished) {
  tls_status status = send_all(tls, rest);
  if (status == tls_status::ok) status = finish_writing(tls);
  if (status == tls_status::again) return closing_step::await_turn;
  if (goes_on(status)) return closing_step::await_socket;
  if (status != tls_status::ok || is_client_finished) return closing_step::over;
  if (!std::exchange(is_fin_sent_, true)) ::shutdown(descriptor, SHUT_WR);
  return drop_input(descriptor);
}

}  // namespace presenter::gateway
