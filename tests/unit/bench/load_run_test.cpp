// Whole runs of the load generator against a TLS server on loopback. Time passes, but nothing is
// asserted about how much.
#include "bench/load_generator/load_run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "bench/chat_backend/chat_session.hpp"
#include "bench/chat_backend/echo_session.hpp"
#include "bench/load_generator/report.hpp"
#include "tests/unit/bench/tls_test_server.hpp"

namespace presenter::bench {
namespace {

using namespace std::chrono_literals;

class LoadRun : public testing::Test {
 protected:
  LoadRun() {
    server.serve_with([this](tls_test_stream stream) { return serve(std::move(stream)); });
    options.clients = 20;
    options.threads = 2;
    options.rate = 50;
    options.connect_rate = 10'000;
    options.duration = 400ms;
    options.tls.verifies = false;
    options.run_name = "test";
    hooks.wait = [this](std::chrono::nanoseconds longest) { return wait(longest); };
    hooks.on_ready = [this] { was_ready = true; };
    hooks.on_progress = [](const load_progress&) {};
  }

  virtual asio::awaitable<void> serve(tls_test_stream stream) {
    return chat_backend::chat_session(std::move(stream), *service);
  }

  load_result run() {
    server.start_thread();
    options.gateways = {resolve_gateway(server.address())};
    load_result result = run_load(options, hooks);
    SCOPED_TRACE(format_report(options, result));
    EXPECT_EQ(make_json_report(options, result).at("messages").at("sent"),
              result.seen.messages.sent);
    return result;
  }

  bool wait(std::chrono::nanoseconds longest) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, longest);
    // Once in the middle of the traffic.
    if (was_ready && ++ticks_ready == 3 && in_the_middle) in_the_middle();
    return stop || (is_enough && is_enough());
  }

  // The run ends once everyone was cut off in the middle and is back.
  void cut_off_everyone_and_stop_when_back(std::function<void()> meanwhile = {}) {
    options.duration = 1h;
    in_the_middle = [this, meanwhile] {
      asio::post(server.io(), [this, meanwhile] {
        server.cut_off_everyone();
        if (meanwhile) meanwhile();
      });
    };
    hooks.on_progress = [this](const load_progress& now) {
      stop = now.disconnects == options.clients && now.online == 20;
    };
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool was_ready = false;
  int ticks_ready = 0;
  std::function<void()> in_the_middle;
  std::function<bool()> is_enough;
  load_options options;
  run_hooks hooks;
  // The service outlives the server's thread and its sessions.
  std::vector<std::unique_ptr<chat_backend::chat_service>> services;
  std::unique_ptr<chat_backend::chat_service> first_service =
      std::make_unique<chat_backend::chat_service>("c1");
  chat_backend::chat_service* service = first_service.get();
  tls_test_server server;
};

TEST_F(LoadRun, DeliversEveryMessageOfManyCouplesInBinary) {
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_TRUE(result.has_drained);
  EXPECT_TRUE(was_ready);
  EXPECT_GT(result.seen.messages.sent, 0U);
  EXPECT_EQ(result.seen.messages.delivered, result.seen.messages.sent);
  EXPECT_EQ(result.seen.messages.acknowledged, result.seen.messages.sent);
  EXPECT_EQ(result.seen.streams_per_server, (count_by_text{{"c1", 20}}));
  EXPECT_TRUE(result.seen.disconnects.empty());
}

TEST_F(LoadRun, DeliversEveryMessageOfManyCouplesInCompact) {
  options.encoding = protocol::thrift_encoding::compact;
  options.message_bytes = weighted_choice("20000");  // more than a TLS record
  options.clients = 4;
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_EQ(result.seen.messages.delivered, result.seen.messages.sent);
}

TEST_F(LoadRun, ComesBackAndFillsTheGapWhenEveryoneIsCutOff) {
  cut_off_everyone_and_stop_when_back();
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_EQ(result.seen.reconnects, 20U);
  EXPECT_EQ(result.seen.messages.lost_with_server, 0U);
  EXPECT_EQ(result.seen.messages.sent,
            result.seen.messages.delivered + result.seen.messages.interrupted);
}

TEST_F(LoadRun, ReportsApartWhatAServerTookWithIt) {
  cut_off_everyone_and_stop_when_back([this] {
    services.push_back(std::make_unique<chat_backend::chat_service>("c2"));
    service = services.back().get();
  });
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_EQ(result.seen.moves, (count_by_text{{"c1 > c2", 20}}));
  EXPECT_EQ(result.seen.streams_first_server, (count_by_text{{"c1", 20}}));
  EXPECT_EQ(result.seen.streams_per_server, (count_by_text{{"c2", 20}}));
}

TEST_F(LoadRun, StopsEarlyWithoutCallingWhatIsOnItsWayLost) {
  options.duration = 1h;
  in_the_middle = [this] { stop = true; };
  const load_result result = run();
  EXPECT_TRUE(result.was_stopped_early);
  EXPECT_EQ(result.seen.messages.lost, 0U) << format_report(options, result);
}

TEST_F(LoadRun, AcceptsACertificateOfTheGivenAuthorityAndName) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("presenter-load-test-" + std::to_string(::getpid()) + ".pem");
  std::ofstream(file) << server.certificate().certificate_pem;
  options.tls = {.ca_file = file.string(), .server_name = "chat.test", .verifies = true};
  options.duration = 0s;
  const load_result result = run();
  std::filesystem::remove(file);
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
}

TEST_F(LoadRun, ServesNobodyThroughACertificateItDoesNotTrust) {
  options.tls = {.ca_file = "", .server_name = "chat.test", .verifies = true};
  is_enough = [this] { return server.failed_handshakes() >= 20; };
  const load_result result = run();
  EXPECT_FALSE(result.is_success());
  EXPECT_EQ(result.seen.clients_served, 0U);
  EXPECT_TRUE(result.seen.failures.contains("certificate verify failed"))
      << format_report(options, result);
}

TEST_F(LoadRun, HoldsIdleClientsOnceTheyAreAnswered) {
  options.kind = load_kind::hold;
  options.duration = 0s;
  const load_result result = run();
  EXPECT_TRUE(was_ready);
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
}

class EchoRun : public LoadRun {
 protected:
  EchoRun() { options.kind = load_kind::echo; }
  asio::awaitable<void> serve(tls_test_stream stream) override {
    return chat_backend::echo_session(std::move(stream));
  }
};

TEST_F(EchoRun, ChecksMessagesSentAtARate) {
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_GT(result.seen.messages.sent, 0U);
  EXPECT_EQ(result.seen.messages.delivered, result.seen.messages.sent);
  EXPECT_EQ(result.times.latency.count(), result.seen.messages.sent);
}

TEST_F(EchoRun, KeepsAWindowInFlight) {
  options.window = 4;
  options.message_bytes = weighted_choice("30000");
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_GE(result.seen.messages.delivered, 80U);
}

TEST_F(EchoRun, GoesOnAfterBeingCutOff) {
  options.window = 2;
  cut_off_everyone_and_stop_when_back();
  const load_result result = run();
  EXPECT_TRUE(result.is_success()) << format_report(options, result);
  EXPECT_EQ(result.seen.reconnects, 20U);
}

// Echoes, but for one bit of the ten-thousandth byte.
asio::awaitable<void> corrupting_session(tls_test_stream stream) {
  std::vector<unsigned char> bytes(1'024);
  std::size_t total = 0;
  constexpr std::size_t position = 10'000;
  while (true) {
    const auto room = asio::buffer(bytes);
    const std::size_t n = co_await stream.async_read_some(room, asio::use_awaitable);
    if (total <= position && position < total + n) bytes[position - total] ^= 1;
    total += n;
    const auto echo = asio::buffer(bytes.data(), n);
    co_await asio::async_write(stream, echo, asio::use_awaitable);
  }
}

asio::awaitable<void> quietly(asio::awaitable<void> session) {
  try {
    co_await std::move(session);
  } catch (const boost::system::system_error&) {
    // The client's end of it.
  }
}

class CorruptedRun : public EchoRun {
 protected:
  asio::awaitable<void> serve(tls_test_stream stream) override {
    return quietly(corrupting_session(std::move(stream)));
  }
};

TEST_F(CorruptedRun, FailsWhenOneBitDiffers) {
  options.window = 1;
  options.clients = 1;
  options.threads = 1;
  options.message_bytes = weighted_choice("20000");  // the first has the bit
  const load_result result = run();
  EXPECT_FALSE(result.is_success());
  EXPECT_GT(result.seen.messages.corrupted, 0U) << format_report(options, result);
}

class RefusedRun : public LoadRun {
 protected:
  asio::awaitable<void> serve(tls_test_stream stream) override {
    return quietly(refuse(std::move(stream)));
  }
  // Answers as the gateway does when no chat server is there.
  static asio::awaitable<void> refuse(tls_test_stream stream) {
    std::vector<std::byte> call(1'024);
    const auto room = asio::buffer(call);
    co_await stream.async_read_some(room, asio::use_awaitable);
    chat_backend::packet_codec codec;
    byte_buffer answer;
    codec.encode({}, "authenticate", chat_backend::exception_reply{6, "no_shard"}, answer);
    const auto bytes = asio::buffer(answer.bytes().data(), answer.size());
    co_await asio::async_write(stream, bytes, asio::use_awaitable);
    ++refusals;
    stream.close();
  }

  static inline std::atomic<unsigned> refusals = 0;
};

TEST_F(RefusedRun, ShowsTheGatewaysExceptionByItsText) {
  // Each client has at most one answer that it has not read.
  is_enough = [] { return refusals >= 40; };
  const load_result result = run();
  EXPECT_FALSE(result.is_success());
  EXPECT_GE(result.seen.exceptions.at("no_shard"), 20U);
}

}  // namespace
}  // namespace presenter::bench
