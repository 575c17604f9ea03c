// One TLS 1.3 record out and in on the gateway's side: detached records beside OpenSSL's own record
// layer on memory BIOs, for one client that talks alone and for many that take turns.
#include <benchmark/benchmark.h>
#include <openssl/bio.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/tls/records/tls_records.hpp"
#include "tests/support/tls_pair.hpp"

namespace presenter::gateway {
namespace {

using testing::byte_string;
using testing::tls_pair;

// Records made, then measured, at a time.
constexpr std::size_t batch = 256;

// Arguments: bytes of plaintext, clients, suite.
struct scene {
  explicit scene(const benchmark::State& state)
      : text(static_cast<std::size_t>(state.range(0)), 'x'),
        room(text.size() + tls13_overhead_bytes) {
    const auto suite = static_cast<tls_suite>(state.range(2));
    for (std::int64_t i = 0; i != state.range(1); ++i) {
      pairs.push_back(std::make_unique<tls_pair>(suite));
      // As the gateway has them.
      SSL_set_mode(pairs.back()->server.ssl(), SSL_MODE_RELEASE_BUFFERS);
      records.push_back(tls_records::start(pairs.back()->server_side(), crypto).value());
    }
  }

  // One record of the next client, then of the one after it.
  void receive_batch() {
    received.clear();
    for (std::size_t i = 0; i != batch; ++i) {
      tls_pair& pair = *pairs[i % pairs.size()];
      pair.client.write(text);
      received.push_back(pair.client.take());
    }
  }

  std::string text;
  byte_string room;
  tls_record_crypto crypto;
  std::vector<std::unique_ptr<tls_pair>> pairs;
  std::vector<tls_records> records;
  std::vector<byte_string> received;
};

void finish(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// The number of the first record.
std::size_t receive_untimed(benchmark::State& state, scene& on) {
  state.PauseTiming();
  on.receive_batch();
  state.ResumeTiming();
  return 0;
}

void seal_detached(benchmark::State& state) {
  scene on(state);
  const auto text = std::as_bytes(std::span(on.text));
  std::size_t i = 0;
  for (auto _ : state) {
    const auto used = on.records[i++ % on.records.size()].seal(text, on.room, on.crypto);
    if (!used) state.SkipWithError("not sealed");
    benchmark::ClobberMemory();
  }
  finish(state);
}

void seal_openssl(benchmark::State& state) {
  scene on(state);
  const auto size = static_cast<int>(on.text.size());
  std::size_t i = 0;
  for (auto _ : state) {
    SSL* const ssl = on.pairs[i++ % on.pairs.size()]->server.ssl();
    if (SSL_write(ssl, on.text.data(), size) != size) state.SkipWithError("not sealed");
    BIO_reset(SSL_get_wbio(ssl));
  }
  finish(state);
}

void open_detached(benchmark::State& state) {
  scene on(state);
  std::size_t i = batch;
  for (auto _ : state) {
    if (i == batch) i = receive_untimed(state, on);
    const auto opened = on.records[i % on.records.size()].open(on.received[i], on.crypto);
    if (!opened || opened->plaintext.size() != on.text.size()) state.SkipWithError("not opened");
    ++i;
  }
  finish(state);
}

void open_openssl(benchmark::State& state) {
  scene on(state);
  std::size_t i = batch;
  for (auto _ : state) {
    if (i == batch) i = receive_untimed(state, on);
    auto& server = on.pairs[i % on.pairs.size()]->server;
    server.give(on.received[i++]);
    const int n = SSL_read(server.ssl(), on.room.data(), static_cast<int>(on.room.size()));
    if (n != static_cast<int>(on.text.size())) state.SkipWithError("not opened");
  }
  finish(state);
}

void arguments(benchmark::internal::Benchmark* measured) {
  measured->ArgNames({"bytes", "clients", "suite"});
  for (const auto suite : {tls_suite::aes_128_gcm_sha256, tls_suite::aes_256_gcm_sha384,
                           tls_suite::chacha20_poly1305_sha256})
    for (const std::int64_t size : {128, 16'384})
      for (const std::int64_t clients : {1, 256})
        measured->Args({size, clients, static_cast<std::int64_t>(suite)});
}

BENCHMARK(seal_detached)->Apply(arguments);
BENCHMARK(seal_openssl)->Apply(arguments);
BENCHMARK(open_detached)->Apply(arguments);
BENCHMARK(open_openssl)->Apply(arguments);

}  // namespace
}  // namespace presenter::gateway
