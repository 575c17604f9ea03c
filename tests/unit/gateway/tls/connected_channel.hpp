// A TLS channel and its peer on a socket pair: edges come from a real, edge-triggered epoll set.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/tls/tls_channel.hpp"
#include "gateway/tls/tls_context.hpp"
#include "tests/unit/gateway/tls/tls_peer.hpp"

namespace presenter::gateway {

using presenter::testing::tls_peer;

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Life: closes the descriptors. Confined to: the test.
struct connected_channel {
  connected_channel(const tls_contexts_ptr& context, tls_io& io, int version, int socket_bytes = 0,
                    SSL_SESSION* resume = nullptr)
      : contexts_(context), io_(io) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    for (const int end : ends)
      if (socket_bytes != 0)
        ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &socket_bytes, sizeof socket_bytes);
    descriptor = ends[0];
    channel.emplace(context, descriptor, io);
    peer.emplace(ends[1], version, resume);
    epoll_event event{};
    event.events = edges_wanted;
    EXPECT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event), 0);
  }
  ~connected_channel() {
    ::close(epoll);
    channel.reset();
    ::close(descriptor);
  }

  // Begins a turn.
  void edges() {
    if (moves && channel->is_detached()) move();
    channel->begin_turn(now);
    epoll_event event{};
    if (::epoll_wait(epoll, &event, 1, 0) != 1) return;
    if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
      channel->mark_readable((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    if ((event.events & EPOLLOUT) != 0) channel->mark_writable();
  }

  // Another channel goes on, as in a process that takes the gateway's place: all it gets is what
  // was frozen, and the edges of its own registration.
  void move() {
    tls_channel_state state = channel->freeze();
    channel.emplace(contexts_, descriptor, io_);
    ASSERT_FALSE(channel->adopt(std::move(state)));
    epoll_event event{};
    event.events = edges_wanted;
    ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event), 0);
  }

  // Whether both ends are through. If not, `alert` is what ours has told the peer.
  bool shake(std::size_t piece = tls_peer::all) {
    SSL_set_app_data(peer->ssl(), this);
    SSL_set_info_callback(peer->ssl(), &on_info);
    bool ours = false;
    bool theirs = false;
    for (int i = 0; i < 100'000 && !(ours && theirs); ++i) {
      if (!theirs) theirs = peer->step_handshake();
      peer->push(piece);
      edges();
      if (!ours) status = channel->handshake();
      ours = status == tls_status::ok;
      peer->pull();
      if (status == tls_status::again) ++turns_more;
      if (ours || status == tls_status::want_read || status == tls_status::want_write ||
          status == tls_status::again)
        continue;
      peer->step_handshake();
      peer->read();
      return false;
    }
    return ours && theirs;
  }

  void handshake(std::size_t piece = tls_peer::all) {
    ASSERT_TRUE(shake(piece));
    facts = channel->facts();
    if (detaches) {
      ASSERT_TRUE(channel->detach());
    }
    peer->read();  // tickets
  }

  // The peer is through, but what it has to say at the end has not been sent.
  void handshake_to_the_peers_last_flight() {
    peer->step_handshake();
    peer->push();
    edges();
    ASSERT_EQ(channel->handshake(), tls_status::want_read);
    peer->pull();
    ASSERT_TRUE(peer->step_handshake());
  }

  // As above, of a full handshake of TLS 1.2: the peer waits for our Finished.
  void handshake_to_the_peers_last_flight_of_12() {
    peer->step_handshake();
    peer->push();
    edges();
    ASSERT_EQ(channel->handshake(), tls_status::want_read);
    peer->pull();
    ASSERT_FALSE(peer->step_handshake());
  }

  // Reads until it has to wait; the last status in `status`.
  std::string read(std::size_t at_once = 16'384) {
    std::string text;
    std::string piece(at_once, '\0');
    for (;;) {
      const tls_result got = channel->read(std::as_writable_bytes(std::span(piece)));
      status = got.status;
      if (got.status == tls_status::again) {
        ++turns_more;
        channel->begin_turn(now);
        continue;
      }
      if (got.status != tls_status::ok) return text;
      text.append(piece, 0, got.n);
    }
  }

  static void on_info(const SSL* ssl, int where, int value) {
    if (where != SSL_CB_READ_ALERT) return;
    static_cast<connected_channel*>(SSL_get_app_data(ssl))->alert = value & 0xff;
  }

  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};  // by hand
  int alert = -1;
  int turns_more = 0;  // after a share was used up
  bool detaches = false;
  bool moves = false;  // at the beginning of each turn
  protocol::tls_facts facts;
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  int descriptor = -1;
  std::optional<tls_channel> channel;
  std::optional<tls_peer> peer;
  tls_status status = tls_status::ok;

 private:
  static constexpr std::uint32_t edges_wanted =
      static_cast<std::uint32_t>(EPOLLIN | EPOLLOUT | EPOLLRDHUP) | EPOLLET;
  const tls_contexts_ptr& contexts_;
  tls_io& io_;
};

}  // namespace presenter::gateway
