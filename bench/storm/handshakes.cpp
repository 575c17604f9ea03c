#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/storm/storm.hpp"

namespace presenter::bench {
namespace {

struct deleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

// One after another, on one thread.
class handshaker {
 public:
  explicit handshaker(const storm_options& options) : options_(options) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context_.get(), "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(context_.get(), "X25519");
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), on_new_session);
  }

  void run(std::size_t number, std::chrono::steady_clock::time_point end) {
    std::size_t source = number;
    while (std::chrono::steady_clock::now() < end) {
      const std::size_t from =
          options_.source_addresses == 0 ? 0 : source++ % options_.source_addresses + 1;
      const auto socket = start_connect(options_.target, from);
      if (!socket) {
        ++counts.failures;
        continue;
      }
      shake(*socket);
      ::close(*socket);
    }
  }

  storm_counts counts;

 private:
  static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    static_cast<handshaker*>(SSL_get_app_data(ssl))->ticket_.reset(session);
    return 1;
  }

  void shake(int socket) {
    const std::unique_ptr<SSL, deleter> ssl(SSL_new(context_.get()));
    SSL_set_app_data(ssl.get(), this);
    SSL_set_fd(ssl.get(), socket);
    const auto offered = std::move(ticket_);
    if (options_.resumes && offered) SSL_set_session(ssl.get(), offered.get());
    SSL_set_connect_state(ssl.get());
    const bool whole = until(socket, ssl.get(), [&] { return SSL_do_handshake(ssl.get()); });
    // The ticket comes behind the handshake: without it the server might not be done.
    char byte = 0;
    const bool ticketed = whole && until(socket, ssl.get(), [&] {
                            const int read = SSL_read(ssl.get(), &byte, 1);
                            return ticket_ ? 1 : read;
                          });
    if (!ticketed) {
      ++counts.failures;
      return;
    }
    // Else OpenSSL takes the end for an accident, and its ticket for spoilt.
    SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ++counts.done;
    if (SSL_session_reused(ssl.get()) == 1) ++counts.resumed;
  }

  template <class Step>
  static bool until(int socket, SSL* ssl, Step step) {
    constexpr int patience_ms = 10'000;
    while (true) {
      const int result = step();
      if (result > 0) return true;
      pollfd waits{socket, 0, 0};
      switch (SSL_get_error(ssl, result)) {
        case SSL_ERROR_WANT_READ:
          waits.events = POLLIN;
          break;
        case SSL_ERROR_WANT_WRITE:
          waits.events = POLLOUT;
          break;
        default:
          return false;
      }
      if (::poll(&waits, 1, patience_ms) != 1) return false;
    }
  }

  const storm_options& options_;
  std::unique_ptr<SSL_CTX, deleter> context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL_SESSION, deleter> ticket_;
};

}  // namespace

storm_counts run_handshakes(const storm_options& options) {
  std::vector<std::unique_ptr<handshaker>> all;
  std::vector<std::jthread> threads;  // one that cannot be made throws, and the others are joined
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i != options.at_once; ++i) {
    all.push_back(std::make_unique<handshaker>(options));
    threads.emplace_back(
        [each = all.back().get(), i, end = begin + options.duration] { each->run(i, end); });
  }
  storm_counts sum;
  for (std::size_t i = 0; i != options.at_once; ++i) {
    threads[i].join();
    sum.done += all[i]->counts.done;
    sum.resumed += all[i]->counts.resumed;
    sum.failures += all[i]->counts.failures;
  }
  sum.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return sum;
}

}  // namespace presenter::bench
