#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "bench/load_generator/storm.hpp"

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
  handshaker(const storm_options& options, const std::atomic<bool>& stop)
      : options_(options), stop_(stop) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context_.get(), "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(context_.get(), "X25519");
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), on_new_session);
  }

  void run(std::size_t number) {
    for (std::size_t source = number; !stop_; ++source) {
      const auto begun = std::chrono::steady_clock::now();
      const auto socket = start_connect(options_.target, source_of(options_.sources, source));
      if (!socket) {
        ++counts.failures;
        // A table of descriptors that is full, say, does not empty itself faster for it.
        ::poll(nullptr, 0, 1);
        continue;
      }
      shake(*socket, begun);
      ::close(*socket);
    }
  }

  storm_result counts;

 private:
  static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    static_cast<handshaker*>(SSL_get_app_data(ssl))->ticket_.reset(session);
    return 1;
  }

  void shake(int socket, std::chrono::steady_clock::time_point begun) {
    const std::unique_ptr<SSL, deleter> ssl(SSL_new(context_.get()));
    SSL_set_app_data(ssl.get(), this);
    SSL_set_fd(ssl.get(), socket);
    if (!options_.server_name.empty())
      SSL_set_tlsext_host_name(ssl.get(), options_.server_name.c_str());
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
      ++(stop_ ? counts.waiting : counts.failures);
      return;
    }
    counts.times.record(std::chrono::steady_clock::now() - begun);
    // Else OpenSSL takes the end for an accident, and its ticket for spoilt.
    SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ++counts.done;
    if (SSL_session_reused(ssl.get()) == 1) ++counts.resumed;
  }

  template <class Step>
  bool until(int socket, SSL* ssl, Step step) {
    constexpr auto patience = std::chrono::seconds(10);
    constexpr int look_for_stop_ms = 100;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!stop_ && std::chrono::steady_clock::now() < deadline) {
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
      ::poll(&waits, 1, look_for_stop_ms);
    }
    return false;
  }

  const storm_options& options_;
  const std::atomic<bool>& stop_;
  std::unique_ptr<SSL_CTX, deleter> context_{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL_SESSION, deleter> ticket_;
};

}  // namespace

storm_result run_handshakes(const storm_options& options, const storm_wait& wait) {
  std::atomic<bool> stop = false;
  std::vector<std::unique_ptr<handshaker>> all;
  for (std::size_t i = 0; i != options.at_once; ++i)
    all.push_back(std::make_unique<handshaker>(options, stop));
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t i = 0; i != options.at_once; ++i)
        threads.emplace_back([each = all[i].get(), i] { each->run(i); });
    } catch (...) {
      stop = true;  // for those that were made: they are joined now
      throw;
    }
    wait(options.duration);
    stop = true;
  }
  storm_result sum;
  for (const auto& each : all) {
    sum.done += each->counts.done;
    sum.resumed += each->counts.resumed;
    sum.failures += each->counts.failures;
    sum.waiting += each->counts.waiting;
    sum.times.merge(each->counts.times);
  }
  return sum;
}

}  // namespace presenter::bench
