// The client's end of a TLS session on a descriptor, every step by hand: OpenSSL works on two
// memory BIOs, and bytes move between them and the socket only when the test says so.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::testing {

struct session_deleter {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using session_ptr = std::unique_ptr<SSL_SESSION, session_deleter>;

// Life: closes the descriptor. Confined to: the test.
class tls_peer {
 public:
  static constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

  // `version`: TLS1_2_VERSION or TLS1_3_VERSION. `resume`: nullptr, or an earlier session.
  tls_peer(int descriptor, int version, SSL_SESSION* resume = nullptr);
  ~tls_peer();
  tls_peer(const tls_peer&) = delete;
  tls_peer& operator=(const tls_peer&) = delete;

  SSL* ssl() { return ssl_; }
  int descriptor() const { return descriptor_; }

  // True once it is through.
  bool step_handshake();

  // Before the handshake, and instead of its first step; false if the session allows no such size.
  bool write_early(std::string_view text);
  std::string output();  // a copy of what is to be sent

  // Lays every byte of what is to be sent, records of the handshake in the clear, into a record of
  // its own.
  void fragment_output();
  // Of the ClientHello that comes, some kilobytes more.
  void offer_protocols(int kilobytes);
  // As OpenSSL names them, the first is guessed to be ours: "P-521:X25519" gets a
  // HelloRetryRequest.
  void offer_groups(const char* names);
  // max_fragment_length by its number in RFC 6066 §4.
  void ask_for_fragments(int code);

  void write(std::string_view text);  // encrypts; `push` sends
  std::string read();                 // decrypts all that `pull` has brought
  void finish();                      // close_notify
  void key_update(int type);
  void put_raw(std::string_view bytes);  // behind what is to be sent, not encrypted

  // Sends at most `most` of what is to be sent; the number sent.
  std::size_t push(std::size_t most = all);
  // Takes what the socket has, at most `most`; the number taken.
  std::size_t pull(std::size_t most = all);
  std::size_t unsent() const;
  // What lies in the socket for it, record by record: their lengths without headers.
  std::vector<std::size_t> lengths_of_records() const;
  // Of the records in the socket, the 8 bytes behind each header: with AES-GCM of TLS 1.2 the
  // nonce.
  std::vector<std::uint64_t> nonces_of_records() const;

  // Waits for the socket where it has to; false if the other end closed or failed.
  bool handshake_blocking();
  bool write_blocking(std::string_view text);
  // Until `size` bytes have come or the other end closed.
  std::string read_blocking(std::size_t size);

  // SSL_RECEIVED_SHUTDOWN has come.
  bool is_finished_by_peer() const;
  // The other end of the socket is closed.
  bool is_closed() const { return closed_; }
  void close_descriptor();

 private:
  void wait(short events);
  std::string in_the_socket() const;

  int descriptor_;
  SSL_CTX* context_;
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
  bool closed_ = false;
};

}  // namespace presenter::testing
