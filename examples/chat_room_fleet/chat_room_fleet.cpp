// The chat room in a fleet: it registers in ZooKeeper, leaves at SIGTERM, and its members go on at
// the other processes without being disconnected. `chat_room_fleet NAME ADDRESS PORT ZOOKEEPER`
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <presenter/base/log_handler.hpp>
#include <presenter/protocol/backend_sdk/backend.hpp>
#include <presenter/protocol/backend_sdk/departure.hpp>
#include <presenter/protocol/backend_sdk/mux_acceptor.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using presenter::protocol::backend;
using presenter::protocol::departure;
using presenter::protocol::handoff_info;
using presenter::protocol::mux_acceptor;
using presenter::protocol::mux_stream;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t packet_bytes_max = 16'000;  // one in part is the state of a stream
constexpr std::size_t packets_waiting_max = 1'000;

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

struct member;
using member_ptr = std::shared_ptr<member>;
using room = std::set<member_ptr>;

struct member {
  member(mux_stream socket, room& joined) : client(std::move(socket)), in(joined) {}

  mux_stream client;
  room& in;
  std::deque<std::string> waiting;
  std::string begun;  // what has been read of the next packet
  bool is_reading = true;
  bool is_asked_for = false;              // another process is to have the stream
  asio::cancellation_signal cancel_read;  // client.cancel() would end a write as well
};

// Gives the stream up as soon as nothing is under way: what it was to hear has been written.
void hand_over_when_done(const member_ptr& self) {
  if (!self->is_asked_for || self->is_reading || !self->waiting.empty()) return;
  self->in.erase(self);
  error_code gone;  // the client has left meanwhile, or it took too long
  self->client.hand_over(self->begun, gone);
}

void wait_for_handoff(const member_ptr& self) {
  self->client.async_wait_handoff([weak = std::weak_ptr(self)](error_code failed, handoff_info) {
    const auto alive = weak.lock();
    if (failed || !alive) return;
    alive->is_asked_for = true;
    alive->cancel_read.emit(asio::cancellation_type::partial);
  });
}

asio::awaitable<void> write_waiting(member_ptr to) {
  while (!to->waiting.empty()) {
    const auto packet = asio::buffer(to->waiting.front());
    const auto [failed, sent] = co_await asio::async_write(to->client, packet, as_result);
    if (failed) break;
    to->waiting.pop_front();
  }
  to->waiting.clear();
  hand_over_when_done(to);
}

void deliver(const member_ptr& to, const std::string& packet) {
  if (to->waiting.size() == packets_waiting_max) return to->client.close();
  to->waiting.push_back(packet);
  if (to->waiting.size() > 1) return;  // the others will be followed by it
  asio::co_spawn(to->client.get_executor(), write_waiting(to), rethrow);
}

// Reads until there are `size` bytes of the packet. Those that came before it was cancelled stay.
asio::awaitable<bool> read_up_to(member_ptr from, std::size_t size) {
  while (from->begun.size() < size) {
    if (from->is_asked_for) co_return false;
    const auto missing = asio::transfer_exactly(size - from->begun.size());
    const auto buffer = asio::dynamic_buffer(from->begun);
    auto cancellable = asio::bind_cancellation_slot(from->cancel_read.slot(), as_result);
    const auto [ended, n] = co_await asio::async_read(from->client, buffer, missing, cancellable);
    if (ended) co_return false;
  }
  co_return true;
}

// Empty at the end, and when the stream is asked for.
asio::awaitable<std::string> read_packet(member_ptr from) {
  if (!co_await read_up_to(from, 4)) co_return std::string();
  std::size_t size = 0;
  for (const char byte : from->begun.substr(0, 4))
    size = size << 8 | static_cast<unsigned char>(byte);
  if (size > packet_bytes_max) co_return std::string();
  if (!co_await read_up_to(from, 4 + size)) co_return std::string();
  co_return std::exchange(from->begun, std::string());
}

asio::awaitable<void> talk(member_ptr self) {
  wait_for_handoff(self);
  if (const auto before = self->client.info().continued) self->begun = before->state;
  self->in.insert(self);
  for (;;) {
    const std::string packet = co_await read_packet(self);
    if (packet.empty()) break;
    for (const member_ptr& other : self->in)
      if (other != self) deliver(other, packet);
  }
  self->is_reading = false;
  if (self->is_asked_for) co_return hand_over_when_done(self);
  self->in.erase(self);
}

asio::awaitable<void> serve(mux_acceptor& acceptor) {
  std::map<std::string, room> rooms;
  for (;;) {
    error_code failed;
    auto token = asio::redirect_error(asio::use_awaitable, failed);
    mux_stream client = co_await acceptor.async_accept(token);
    if (!acceptor.is_open()) co_return;  // it drains: each further accept would end at once
    if (failed) continue;
    std::cout << client.remote_endpoint() << (client.info().continued ? " goes on" : " comes")
              << std::endl;
    room& of_client = rooms[client.info().key];
    const auto self = std::make_shared<member>(std::move(client), of_client);
    asio::co_spawn(acceptor.get_executor(), talk(self), rethrow);
  }
}

int main(int, char** argv) {
  presenter::set_log_handler(
      [](presenter::log_level, std::string_view line) { std::cout << line << std::endl; });
  asio::io_context io{1};
  const std::string name = argv[1];
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  const tcp::endpoint here(asio::ip::make_address(argv[2]), port);
  backend self(io, {.zookeeper = argv[4], .self = {.name = name}});
  mux_acceptor acceptor(io, here, {.node = name, .hands_over = true, .fence = self.fence()});
  self.start(acceptor, argv[2], port);
  departure going(io, {&acceptor}, &self, {}, [&io] { io.stop(); });
  self.on_ordered([&going](auto state) { going.on_ordered(state); });
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&going](error_code failed, int) {
    if (!failed) going.start();
  });
  asio::co_spawn(io, serve(acceptor), rethrow);
  io.run();
}
