#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/load_generator/event_loop.hpp"
#include "bench/load_generator/storm.hpp"

namespace presenter::bench {
namespace {

std::string make_hello() {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL* const ssl = SSL_new(context);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string hello(data, static_cast<std::size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  if (hello.empty()) throw std::runtime_error("OpenSSL made no ClientHello");
  return hello;
}

// What all senders share.
struct flood {
  event_loop loop;
  const storm_options& options;
  const std::string hello = make_hello();
  std::size_t next_source = 0;
  storm_result counts;
  std::vector<class hello_sender*> idle;  // without a socket: to begin again
};

class hello_sender final : private readiness_handler {
 public:
  explicit hello_sender(flood& shared) : shared_(shared) {}
  ~hello_sender() {
    if (socket_ >= 0) ::close(socket_);
  }

  bool is_waiting() const { return has_sent_ && socket_ >= 0; }

  void begin() {
    begun_ = std::chrono::steady_clock::now();
    const auto socket = start_connect(shared_.options.target,
                                      source_of(shared_.options.sources, shared_.next_source++));
    if (!socket) return end(false);
    socket_ = *socket;
    has_sent_ = false;
    shared_.loop.add(socket_, EPOLLOUT, *this);
  }

 private:
  void on_ready(std::uint32_t events) override {
    if (socket_ < 0) return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return end(false);
    if (!has_sent_) {
      const auto size = static_cast<ssize_t>(shared_.hello.size());
      if (::send(socket_, shared_.hello.data(), shared_.hello.size(), MSG_NOSIGNAL) != size) {
        return end(false);
      }
      has_sent_ = true;
      return shared_.loop.modify(socket_, EPOLLIN, *this);
    }
    std::array<char, 4'096> ignored;
    end(::recv(socket_, ignored.data(), ignored.size(), 0) > 0);
  }

  // With a RST, as a crowd that has lost its network: no port is kept in TIME_WAIT.
  void end(bool answered) {
    ++(answered ? shared_.counts.done : shared_.counts.failures);
    if (answered) shared_.counts.times.record(std::chrono::steady_clock::now() - begun_);
    if (socket_ >= 0) {
      const linger at_once{1, 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      shared_.loop.remove(socket_);
      ::close(socket_);
      socket_ = -1;
    }
    shared_.idle.push_back(this);
  }

  flood& shared_;
  int socket_ = -1;
  steady_time begun_;
  bool has_sent_ = false;
};

}  // namespace

storm_result run_hellos(const storm_options& options, const storm_wait& wait) {
  flood shared{.loop = {}, .options = options, .counts = {}, .idle = {}};
  std::vector<std::unique_ptr<hello_sender>> senders;
  for (std::size_t i = 0; i != options.at_once; ++i) {
    senders.push_back(std::make_unique<hello_sender>(shared));
    shared.idle.push_back(senders.back().get());
  }
  const auto end = std::chrono::steady_clock::now() + options.duration;
  while (std::chrono::steady_clock::now() < end && !wait(std::chrono::nanoseconds(0))) {
    for (hello_sender* sender : std::exchange(shared.idle, {}))
      sender->begin();
    shared.loop.run_once(std::chrono::milliseconds(10));
  }
  for (const auto& sender : senders)
    shared.counts.waiting += sender->is_waiting() ? 1 : 0;
  return std::move(shared.counts);
}

}  // namespace presenter::bench
