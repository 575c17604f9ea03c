// A backend of two threads under one name, as the README shows it; here only to be linked.
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <presenter/base/log_handler.hpp>
#include <presenter/protocol/backend_sdk/departure.hpp>

namespace asio = boost::asio;
using namespace presenter::protocol;

int main(int count, char**) {
  presenter::set_log_handler([](presenter::log_level, std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  });
  if (count == 1) return 0;
  asio::io_context first{1}, second{1};
  backend member(first, {.zookeeper = "zk1:2181/chat", .self = {.name = "chat-a"}});
  const acceptor_options options{
      .node = "chat-a", .hands_over = true, .shares_port = true, .fence = member.fence()};
  mux_acceptor one(first, {asio::ip::address_v4::any(), 7'000}, options);
  mux_acceptor two(second, one.local_endpoint(), options);
  mux_acceptor* const both[] = {&one, &two};
  member.start(both, "10.0.0.7", 7'000);
  departure going(first, {&one, &two}, &member, {}, [&first] { first.stop(); });
  first.run();
}
