#include "tests/unit/gateway/tls/tls_peer.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace presenter::testing {
namespace {

constexpr std::size_t header_bytes = 5;  // of a record

}  // namespace

tls_peer::tls_peer(int descriptor, int version, SSL_SESSION* resume)
    : descriptor_(descriptor),
      context_(SSL_CTX_new(TLS_client_method())),
      ssl_(nullptr),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT);
  ssl_ = SSL_new(context_);
  SSL_set_min_proto_version(ssl_, version);
  SSL_set_max_proto_version(ssl_, version);
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_connect_state(ssl_);
  if (resume != nullptr) SSL_set_session(ssl_, resume);
}

tls_peer::~tls_peer() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close_descriptor();
}

void tls_peer::close_descriptor() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

bool tls_peer::step_handshake() {
  ERR_clear_error();
  return SSL_do_handshake(ssl_) == 1;
}

bool tls_peer::write_early(std::string_view text) {
  std::size_t written = 0;
  return SSL_write_early_data(ssl_, text.data(), text.size(), &written) == 1;
}

std::string tls_peer::output() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out_, &data);
  return {data, static_cast<std::size_t>(size)};
}

void tls_peer::offer_protocols(int kilobytes) {
  std::string all;
  for (int i = 0; i < 4 * kilobytes; ++i)
    all += static_cast<char>(255) + std::string(255, 'p');
  ASSERT_EQ(SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(all.data()),
                                static_cast<unsigned int>(all.size())),
            0);
}

void tls_peer::offer_groups(const char* names) {
  ASSERT_EQ(SSL_set1_groups_list(ssl_, names), 1);
}

void tls_peer::ask_for_fragments(int code) {
  ASSERT_EQ(SSL_set_tlsext_max_fragment_length(ssl_, static_cast<std::uint8_t>(code)), 1);
}

std::string tls_peer::in_the_socket() const {
  std::string bytes(1 << 20, '\0');
  const ssize_t n = ::recv(descriptor_, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  return bytes;
}

std::vector<std::uint64_t> tls_peer::nonces_of_records() const {
  const std::string bytes = in_the_socket();
  std::vector<std::uint64_t> nonces;
  std::size_t at = 0;
  for (const std::size_t length : lengths_of_records()) {
    std::uint64_t nonce = 0;
    for (const char byte : bytes.substr(at + header_bytes, 8))
      nonce = nonce << 8 | static_cast<unsigned char>(byte);
    nonces.push_back(nonce);
    at += header_bytes + length;
  }
  return nonces;
}

std::vector<std::size_t> tls_peer::lengths_of_records() const {
  const std::string bytes = in_the_socket();
  std::vector<std::size_t> lengths;
  for (std::size_t at = 0; at + header_bytes <= bytes.size(); at += header_bytes + lengths.back()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
    lengths.push_back(static_cast<std::size_t>(byte(3) << 8 | byte(4)));
  }
  return lengths;
}

void tls_peer::fragment_output() {
  const std::string whole = output();
  ASSERT_EQ(BIO_reset(out_), 1);
  std::size_t at = 0;
  while (at < whole.size()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(whole[at + i]); };
    const std::size_t content = static_cast<std::size_t>(byte(3) << 8 | byte(4));
    for (std::size_t i = 0; i != content; ++i)
      put_raw(whole.substr(at, 3) + std::string("\0\1", 2) + whole[at + header_bytes + i]);
    at += header_bytes + content;
  }
}

void tls_peer::write(std::string_view text) {
  ERR_clear_error();
  ASSERT_EQ(SSL_write(ssl_, text.data(), static_cast<int>(text.size())),
            static_cast<int>(text.size()));
}

std::string tls_peer::read() {
  ERR_clear_error();
  std::string text;
  std::array<char, 16'384> piece;
  for (;;) {
    const int n = SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
    if (n <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
}

void tls_peer::finish() {
  SSL_shutdown(ssl_);
}

void tls_peer::key_update(int type) {
  ASSERT_EQ(SSL_key_update(ssl_, type), 1);
  ASSERT_EQ(SSL_do_handshake(ssl_), 1);
}

void tls_peer::put_raw(std::string_view bytes) {
  BIO_write(out_, bytes.data(), static_cast<int>(bytes.size()));
}

std::size_t tls_peer::unsent() const {
  return BIO_ctrl_pending(out_);
}

std::size_t tls_peer::push(std::size_t most) {
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(out_, &data));
  const std::size_t wanted = std::min(size, most);
  if (wanted == 0) return 0;
  const ssize_t n = ::send(descriptor_, data, wanted, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n <= 0) {
    if (errno != EAGAIN) closed_ = true;
    return 0;
  }
  std::string taken(static_cast<std::size_t>(n), '\0');
  BIO_read(out_, taken.data(), static_cast<int>(n));
  return static_cast<std::size_t>(n);
}

std::size_t tls_peer::pull(std::size_t most) {
  std::size_t taken = 0;
  std::array<char, 16'384> piece;
  while (taken < most) {
    const ssize_t n =
        ::recv(descriptor_, piece.data(), std::min(piece.size(), most - taken), MSG_DONTWAIT);
    if (n <= 0) {
      if (n == 0 || errno != EAGAIN) closed_ = true;
      break;
    }
    BIO_write(in_, piece.data(), static_cast<int>(n));
    taken += static_cast<std::size_t>(n);
  }
  return taken;
}

void tls_peer::wait(short events) {
  pollfd one{descriptor_, events, 0};
  constexpr int hung_ms = 30'000;
  ASSERT_EQ(::poll(&one, 1, hung_ms), 1) << "hung";
}

bool tls_peer::handshake_blocking() {
  while (!closed_) {
    const bool done = step_handshake();
    while (unsent() != 0 && !closed_)
      if (push() == 0) wait(POLLOUT);
    if (done) return true;
    if (::testing::Test::HasFatalFailure()) return false;
    wait(POLLIN);
    pull();
  }
  return false;
}

bool tls_peer::write_blocking(std::string_view text) {
  write(text);
  while (unsent() != 0 && !closed_ && !::testing::Test::HasFatalFailure())
    if (push() == 0) wait(POLLOUT);
  return !closed_;
}

std::string tls_peer::read_blocking(std::size_t size) {
  std::string text = read();
  while (text.size() < size && !closed_ && !::testing::Test::HasFatalFailure()) {
    wait(POLLIN);
    pull();
    text += read();
  }
  return text;
}

bool tls_peer::is_finished_by_peer() const {
  return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
}

}  // namespace presenter::testing
