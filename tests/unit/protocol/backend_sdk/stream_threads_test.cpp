// Backend and gateway in a thread each, as in production; for the thread sanitizer above all.
#include <atomic>
#include <boost/asio/write.hpp>
#include <thread>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

asio::awaitable<void> echo(mux_stream stream) {
  std::array<char, 3'000> bytes;
  for (;;) {
    auto [error, n] = co_await stream.async_read_some(asio::buffer(bytes), as_result);
    if (error) co_return;
    auto [failed, sent] = co_await asio::async_write(stream, asio::buffer(bytes, n), as_result);
    if (failed) co_return;
  }
}

asio::awaitable<void> serve(mux_acceptor& acceptor, std::atomic<int>& sessions) {
  for (;;) {
    auto accepted = co_await acceptor.async_accept(as_result);
    if (std::get<0>(accepted)) co_return;
    ++sessions;
    asio::co_spawn(acceptor.get_executor(), echo(std::move(std::get<1>(accepted))),
                   [&sessions](std::exception_ptr) { --sessions; });
  }
}

TEST(StreamThreads, EchoBetweenThreads) {
  constexpr int streams = 40;
  asio::io_context backend;
  mux_acceptor acceptor(backend, {asio::ip::address_v4::loopback(), 0}, {});
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  std::atomic<int> sessions = 0;
  asio::co_spawn(backend, serve(acceptor, sessions), [](std::exception_ptr) {});
  std::thread thread([&] { backend.run(); });

  asio::io_context io;
  link_socket socket(io.get_executor());
  socket.connect(endpoint);
  const auto gateway = std::make_shared<test_gateway>(std::move(socket));
  gateway->start();
  EXPECT_TRUE(run_until(io, [&] { return gateway->ready; }));
  const std::string all = pattern(100'000);
  std::vector<gateway_stream*> far;
  for (int i = 0; i < streams; ++i) {
    far.push_back(&gateway->open(std::to_string(i)));
    far.back()->send(all);
    far.back()->finish();
  }
  for (auto* each : far) {
    EXPECT_TRUE(run_until(io, [&] { return each->finished || each->is_over(); }));
    EXPECT_TRUE(each->received == all);
  }
  asio::post(backend, [&] { acceptor.drain(std::chrono::hours(1)); });
  EXPECT_TRUE(run_until(io, [&] { return gateway->closed; }));
  thread.join();
  EXPECT_EQ(sessions, 0);
}

}  // namespace
}  // namespace presenter::protocol::test
