// A chat room behind Presenter: a packet (4 bytes of length, and so many bytes) of one member goes
// to all others. `chat_room ADDRESS PORT`
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <presenter/protocol/backend_sdk/mux_acceptor.hpp>
#include <set>
#include <string>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;
using presenter::protocol::mux_acceptor;
using presenter::protocol::mux_stream;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t packet_bytes_max = 65'536;
constexpr std::size_t packets_waiting_max = 1'000;

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

struct member {
  explicit member(mux_stream socket) : client(std::move(socket)) {}

  mux_stream client;
  std::deque<std::string> waiting;
};

using member_ptr = std::shared_ptr<member>;
using room = std::set<member_ptr>;

asio::awaitable<void> write_waiting(member_ptr to) {
  while (!to->waiting.empty()) {
    const auto packet = asio::buffer(to->waiting.front());
    const auto [failed, sent] = co_await asio::async_write(to->client, packet, as_result);
    if (failed) co_return to->waiting.clear();
    to->waiting.pop_front();
  }
}

void deliver(const member_ptr& to, const std::string& packet) {
  if (to->waiting.size() == packets_waiting_max) return to->client.close();
  to->waiting.push_back(packet);
  if (to->waiting.size() > 1) return;  // the others will be followed by it
  asio::co_spawn(to->client.get_executor(), write_waiting(to), rethrow);
}

// Empty at the end.
asio::awaitable<std::string> read_packet(member_ptr from) {
  std::string packet(4, '\0');
  const auto head = asio::buffer(packet);
  const auto [ended, n] = co_await asio::async_read(from->client, head, as_result);
  if (ended) co_return std::string();
  std::size_t size = 0;
  for (const char byte : packet)
    size = size << 8 | static_cast<unsigned char>(byte);
  if (size > packet_bytes_max) co_return std::string();
  packet.resize(4 + size);
  const auto body = asio::buffer(packet) + 4;
  const auto [cut, m] = co_await asio::async_read(from->client, body, as_result);
  co_return cut ? std::string() : packet;
}

asio::awaitable<void> talk(member_ptr self, room& others) {
  others.insert(self);
  for (;;) {
    const std::string packet = co_await read_packet(self);
    if (packet.empty()) break;
    for (const member_ptr& other : others)
      if (other != self) deliver(other, packet);
  }
  others.erase(self);
}

asio::awaitable<void> serve(mux_acceptor& acceptor) {
  std::map<std::string, room> rooms;
  for (;;) {
    mux_stream client = co_await acceptor.async_accept(asio::use_awaitable);
    std::cout << client.remote_endpoint() << " comes" << std::endl;
    room& of_client = rooms[client.info().key];
    const auto self = std::make_shared<member>(std::move(client));
    asio::co_spawn(acceptor.get_executor(), talk(self, of_client), rethrow);
  }
}

int main(int, char** argv) {
  asio::io_context io{1};
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const tcp::endpoint here(asio::ip::make_address(argv[1]), port);
  mux_acceptor acceptor(io, here, {.node = "chat-room"});
  asio::co_spawn(io, serve(acceptor), rethrow);
  io.run();
}
