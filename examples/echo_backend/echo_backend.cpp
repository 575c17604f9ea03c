// A backend that sends every byte back. `echo_backend ADDRESS PORT`
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <presenter/protocol/backend_sdk/mux_acceptor.hpp>

namespace asio = boost::asio;
using namespace presenter::protocol;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> echo(mux_stream client) {
  std::array<char, 4'096> bytes;
  for (;;) {
    const auto [ended, n] = co_await client.async_read_some(asio::buffer(bytes), as_result);
    if (ended) co_return;  // the client is done, or gone; ~mux_stream finishes what is left
    const auto text = asio::buffer(bytes, n);
    const auto [failed, sent] = co_await asio::async_write(client, text, as_result);
    if (failed) co_return;
  }
}

asio::awaitable<void> serve(mux_acceptor& acceptor) {
  for (;;) {
    auto client = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), echo(std::move(client)), rethrow);
  }
}

int main(int, char** argv) {
  asio::io_context io{1};
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const asio::ip::tcp::endpoint here(asio::ip::make_address(argv[1]), port);
  mux_acceptor acceptor(io, here, {.node = "echo"});
  asio::co_spawn(io, serve(acceptor), rethrow);
  io.run();
}
