// A program that is in no fleet: the component backend_sdk is all that it links, log and all.
#include <boost/asio/io_context.hpp>
#include <presenter/base/log_handler.hpp>
#include <presenter/protocol/backend_sdk/mux_acceptor.hpp>
#include <string_view>

int main() {
  presenter::set_log_handler([](presenter::log_level, std::string_view) {});
  boost::asio::io_context io{1};
  presenter::protocol::mux_acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0}, {});
}
