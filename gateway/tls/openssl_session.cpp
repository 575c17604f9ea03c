#include "gateway/tls/openssl_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "gateway/tls/certificates/client_subject.hpp"
#include "gateway/tls/tls12_secrets.hpp"

namespace presenter::gateway {
namespace {

// The client wrote it, and OpenSSL takes any bytes but 0. In an Open they would reach Thrift
// libraries that refuse a whole frame for a string that is not UTF-8 (protocol/README.md §4.2), and
// so cost every client of the link. RFC 6066 §3 allows ASCII alone.
bool is_printable_ascii(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
}

// Where OpenSSL itself looks, after a resumption too. Newer ones have another number for none.
std::uint8_t agreed_fragment(const SSL* ssl) {
  const std::uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl));
  return code <= tls_limits::fragment_code_max ? code : std::uint8_t{0};
}

}  // namespace

// OpenSSL's view of the client's socket.
struct session_bio {
  static openssl_session& of(BIO* bio) { return *static_cast<openssl_session*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    return of(bio).bio_read(into, size);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    return of(bio).bio_write(bytes, size);
  }

  static long control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return of(bio).has_seen_end_ ? 1 : 0;
      default:
        return 0;
    }
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const shared = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client");
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return shared;
  }
};

openssl_session::openssl_session(tls_contexts_ptr contexts, client_socket& socket,
                                 turn_share& share)
    : contexts_(std::move(contexts)),
      ssl_(SSL_new(contexts_->front())),
      bio_(BIO_new(session_bio::method())),
      socket_(socket),
      share_(share),
      is_reading_early_(SSL_CTX_get_max_early_data(contexts_->front()) != 0) {
  if (!ssl_ || bio_ == nullptr) {
    BIO_free(bio_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio_, this);
  BIO_set_init(bio_, 1);
  SSL_set_bio(ssl_.get(), bio_, bio_);
  SSL_set_accept_state(ssl_.get());
}

// --- the socket
//
// OpenSSL reads and writes through a BIO of ours, not by the descriptor. So all clients of a worker
// share one receive buffer; records that the socket does not take wait here, for OpenSSL can have
// only one under way; and what a client makes OpenSSL do in a turn is counted, and can be cut
// short.

// OpenSSL goes on by itself behind a record that brings nothing, for as long as there are more: a
// client that sends nothing else would never let go of the worker.
int openssl_session::bio_read(char* into, int size) {
  is_held_up_ = share_.is_used_up();
  if (is_held_up_) {
    BIO_set_retry_read(bio_);
    return -1;
  }
  if (socket_.input().empty()) {
    switch (socket_.receive()) {
      case socket_status::ok:
        break;
      case socket_status::blocked:
        BIO_set_retry_read(bio_);
        return -1;
      case socket_status::ended:
        has_seen_end_ = true;
        return 0;
      case socket_status::failed:
        return -1;
    }
  }
  const auto input = socket_.input();
  const std::size_t n = std::min(input.size(), static_cast<std::size_t>(size));
  if (!takes_hello(n)) {
    refuse_hello();
    return -1;
  }
  std::memcpy(into, input.data(), n);
  socket_.take(n);
  share_.spend(turn_share::openssl_piece_cost + n);
  return static_cast<int>(n);
}

// The first record of a ClientHello that follows a HelloRetryRequest is not counted: it cannot be
// told from early data that was refused.
bool openssl_session::takes_hello(std::size_t bytes) {
  const OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl_.get());
  if (state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO) hello_bytes_ += bytes;
  return hello_bytes_ <= hello_bytes_max;
}

// No key is in use yet, so that the alert goes in the clear and needs no OpenSSL.
void openssl_session::refuse_hello() {
  constexpr std::array alert{std::byte{SSL3_RT_ALERT},
                             std::byte{3},
                             std::byte{3},
                             std::byte{0},
                             std::byte{2},
                             std::byte{SSL3_AL_FATAL},
                             std::byte{SSL_AD_ILLEGAL_PARAMETER}};
  put(alert);
  ERR_raise(ERR_LIB_SSL, SSL_R_EXCESSIVE_MESSAGE_SIZE);
}

// All of it, for OpenSSL. A HelloRetryRequest may be among it.
int openssl_session::bio_write(const char* bytes, int size) {
  hello_bytes_ = 0;
  const auto records = std::as_bytes(std::span(bytes, static_cast<std::size_t>(size)));
  if (is_shaking_hands_) keep_last_written(records);
  return put(records) == socket_status::failed ? -1 : size;
}

// Sends now what the socket takes, and keeps the rest.
socket_status openssl_session::put(std::span<const std::byte> records) {
  std::size_t sent = 0;
  if (unsent_.empty() && socket_.send(records, sent) == socket_status::failed)
    return socket_status::failed;
  unsent_.append(records.subspan(sent));
  return socket_status::ok;
}

tls_status openssl_session::flush() {
  while (!unsent_.empty()) {
    std::size_t sent = 0;
    const socket_status status = socket_.send(unsent_.bytes(), sent);
    unsent_.consume(sent);
    if (status == socket_status::blocked) return tls_status::want_write;
    if (status != socket_status::ok) return tls_status::reset;
  }
  unsent_.release();
  return tls_status::ok;
}

tls_status openssl_session::status_of(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  switch (error) {
    case SSL_ERROR_NONE:
      return tls_status::ok;
    case SSL_ERROR_WANT_READ:
      return is_held_up_ ? tls_status::again : tls_status::want_read;
    case SSL_ERROR_ZERO_RETURN:
      return tls_status::finished;
    default:
      break;
  }
  is_finished_ = true;
  // OpenSSL 3 reports the end of the TCP stream as an error of the protocol.
  if (has_seen_end_) return tls_status::truncated;
  return error == SSL_ERROR_SYSCALL ? tls_status::reset : tls_status::violation;
}

// --- the session
//
// What earlier calls have left is sent before anything new is made, so that records leave in order,
// and a write counts as done only when its record has left. OpenSSL's queue of errors belongs to
// the thread: it is emptied before each call, or one client would be blamed for another's error.

// Done only once all of our records are on their way: detached records could not take along what
// still waits here.
tls_status openssl_session::handshake(std::unique_ptr<byte_buffer>& early) {
  if (const tls_status status = flush(); status != tls_status::ok) return status;
  const tls_status status = shake_hands(early);
  return status == tls_status::ok ? flush() : status;
}

tls_status openssl_session::shake_hands(std::unique_ptr<byte_buffer>& early) {
  ERR_clear_error();
  is_held_up_ = false;
  hear_secrets(has_sent_finished_);
  tls_status status = is_reading_early_ ? read_early_data(early) : tls_status::ok;
  if (status == tls_status::ok) {
    const int result = SSL_do_handshake(ssl_.get());
    status = result == 1 ? tls_status::ok : status_of(result);
    is_shaking_hands_ = status != tls_status::ok;
  }
  hear_secrets(false);
  return status;
}

// Ok once there is no more of it, or never was any. Its size is bounded by what the ticket allowed.
tls_status openssl_session::read_early_data(std::unique_ptr<byte_buffer>& early) {
  std::array<std::byte, 4'096> piece;
  for (;;) {
    std::size_t n = 0;
    switch (SSL_read_early_data(ssl_.get(), piece.data(), piece.size(), &n)) {
      case SSL_READ_EARLY_DATA_SUCCESS:
        if (early == nullptr) early = std::make_unique<byte_buffer>();
        early->append(std::span(piece).first(n));
        break;
      case SSL_READ_EARLY_DATA_FINISH:
        is_reading_early_ = false;
        return tls_status::ok;
      default:
        return status_of(0);
    }
  }
}

bool openssl_session::has_early_data() const {
  return SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_ACCEPTED;
}

bool openssl_session::has_refused_early_data() const {
  return SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_REJECTED;
}

tls_result openssl_session::read(std::span<std::byte> into) {
  if (unsent_.size() >= unsent_bytes_max)
    if (const tls_status status = flush(); status != tls_status::ok) return {status, 0};
  ERR_clear_error();
  is_held_up_ = false;
  std::size_t n = 0;
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
  if (result == 1) return {tls_status::ok, n};
  return {status_of(result), 0};
}

tls_result openssl_session::write(std::span<const std::byte> bytes) {
  if (const tls_status status = flush(); status != tls_status::ok) return {status, 0};
  if (plaintext_waiting_ == 0) {
    ERR_clear_error();
    std::size_t n = 0;
    const auto write = is_shaking_hands_ ? SSL_write_early_data : SSL_write_ex;
    const int result = write(ssl_.get(), bytes.data(), bytes.size(), &n);
    if (result != 1) return {status_of(result), 0};
    plaintext_waiting_ = n;
    if (const tls_status status = flush(); status != tls_status::ok) return {status, 0};
  }
  return {tls_status::ok, std::exchange(plaintext_waiting_, 0)};
}

tls_status openssl_session::finish() {
  if (!std::exchange(is_finished_, true)) {
    ERR_clear_error();
    // 0: ours is made, the peer's has not come. That is all that is asked here.
    const int result = SSL_shutdown(ssl_.get());
    if (result < 0) return status_of(result);
  }
  return flush();
}

bool openssl_session::has_input() const {
  return !socket_.input().empty() || socket_.may_receive() || SSL_has_pending(ssl_.get()) == 1;
}

protocol::tls_facts openssl_session::facts() const {
  const SSL* ssl = ssl_.get();
  protocol::tls_facts facts;
  facts.version = SSL_get_version(ssl);
  facts.suite = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr && is_printable_ascii(name)) facts.server_name = name;
  const unsigned char* alpn = nullptr;
  unsigned int alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  if (alpn != nullptr) facts.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  facts.resumed = is_resumed();
  // A ticket carries the certificate along.
  if (const X509* certificate = SSL_get0_peer_certificate(ssl))
    facts.client_subject = client_subject(certificate).value_or("");
  return facts;
}

// --- detaching
//
// To go on without OpenSSL takes both directions' secrets, and how many records have gone each way
// under them, for that number is part of what each record is sealed with. Of TLS 1.3 OpenSSL has no
// question for either: the secrets come by its callback for key logs. The numbers come by the one
// that shows messages.

void openssl_session::watch_handshakes(SSL_CTX* context) {
  SSL_CTX_set_msg_callback(context, on_message);
}

// OpenSSL writes each secret as text for the callback, which takes some 5 us, and has no other way
// to give it. So it is asked only for those that come behind our Finished. Setting the callback on
// the context is safe: no other thread has this one.
void openssl_session::hear_secrets(bool hear) {
  SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl_.get()), hear ? on_key_line : nullptr);
}

openssl_session& openssl_session::of(const SSL* ssl) {
  return *static_cast<openssl_session*>(BIO_get_data(SSL_get_rbio(ssl)));
}

void openssl_session::on_key_line(const SSL* ssl, const char* line) {
  of(ssl).secrets_.add_line(line);
}

// Each encrypted record is told once, by the type within. OpenSSL names a secret when it begins to
// use it, so what comes after that is under it.
void openssl_session::on_message(int is_write, int, int type, const void* bytes, std::size_t size,
                                 SSL* ssl, void*) {
  openssl_session& session = of(ssl);
  if (type == SSL3_RT_HANDSHAKE && is_write != 0 && size != 0 &&
      *static_cast<const unsigned char*>(bytes) == SSL3_MT_FINISHED) {
    session.has_sent_finished_ = true;
    session.hear_secrets(true);
  }
  if (type == SSL3_RT_HEADER && size != 0) session.count_record12(is_write != 0, bytes);
  if (type != SSL3_RT_INNER_CONTENT_TYPE) return;
  if (is_write != 0 && !session.secrets_.server().empty()) ++session.sent_;
  if (is_write == 0 && !session.secrets_.client().empty()) ++session.received_;
}

// TLS 1.2 seals what comes behind a change_cipher_spec, RFC 5246 §7.1.
void openssl_session::count_record12(bool is_write, const void* header) {
  if (SSL_version(ssl_.get()) != TLS1_2_VERSION) return;
  bool& has_changed = is_write ? has_sent_change12_ : has_received_change12_;
  std::uint64_t& records = is_write ? sent_ : received_;
  if (*static_cast<const unsigned char*>(header) == SSL3_RT_CHANGE_CIPHER_SPEC) {
    has_changed = true;
    records = 0;
  } else if (has_changed) {
    ++records;
  }
}

void openssl_session::keep_last_written(std::span<const std::byte> records) {
  const auto kept = std::span(last_written_);
  const auto latest = records.last(std::min(records.size(), kept.size()));
  std::memmove(kept.data(), kept.data() + latest.size(), kept.size() - latest.size());
  std::ranges::copy(latest, kept.last(latest.size()).begin());
}

// Our Finished is the last that OpenSSL has written: header, nonce, 16 bytes, tag. The nonce must
// not be used again, RFC 5288 §3. Empty: it is something else.
std::span<const std::byte> openssl_session::nonce_of_finished() const {
  constexpr std::array header{std::byte{SSL3_RT_HANDSHAKE}, std::byte{3}, std::byte{3},
                              std::byte{0}, std::byte{finished_bytes - tls_header_bytes}};
  const auto record = std::span(last_written_);
  if (!std::ranges::equal(record.first(header.size()), header)) return {};
  return record.subspan(tls_header_bytes, tls12_nonce_bytes);
}

std::optional<tls_records> openssl_session::detach12(tls_suite suite,
                                                     tls_record_crypto& crypto) const {
  if (received_ == 0 || sent_ != 1) return std::nullopt;
  std::span<const std::byte> nonce;
  if (has_explicit_nonce(suite)) {
    nonce = nonce_of_finished();
    if (nonce.empty()) return std::nullopt;
  }
  const auto secrets = tls12_secrets::of(ssl_.get(), suite, nonce);
  if (!secrets) return std::nullopt;
  return detach_with(suite, secrets->client(), secrets->server(), crypto);
}

std::optional<tls_records> openssl_session::detach_with(tls_suite suite,
                                                        std::span<const std::byte> client,
                                                        std::span<const std::byte> server,
                                                        tls_record_crypto& crypto) const {
  auto records = tls_records::start(
      {suite, client, server, received_, sent_, agreed_fragment(ssl_.get())}, crypto);
  if (!records) return std::nullopt;
  return std::move(*records);
}

std::optional<tls_records> openssl_session::detach(tls_record_crypto& crypto) {
  const SSL* ssl = ssl_.get();
  if (SSL_has_pending(ssl) == 1 || SSL_get_shutdown(ssl) != 0) return std::nullopt;
  if (const auto suite12 = tls12_suite_of(ssl)) return detach12(*suite12, crypto);
  const auto suite = tls_suite_of(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)));
  if (SSL_version(ssl) != TLS1_3_VERSION || !suite || !secrets_.is_complete(*suite))
    return std::nullopt;
  return detach_with(*suite, secrets_.client(), secrets_.server(), crypto);
}

}  // namespace presenter::gateway
