#include "protocol/backend_sdk/mux_acceptor.hpp"

#include "protocol/backend_sdk/acceptor_state.hpp"

namespace presenter::protocol {
namespace {

acceptor_options checked(acceptor_options options) {
  check(options);
  return options;
}

}  // namespace

mux_acceptor::mux_acceptor(boost::asio::io_context& context,
                           const boost::asio::ip::tcp::endpoint& endpoint,
                           acceptor_options options) {
  auto state = std::make_shared<acceptor_state>(context, endpoint, checked(std::move(options)));
  state->start();
  state_ = std::move(state);
}

void mux_acceptor::drain(std::chrono::milliseconds deadline) {
  state_->drain(deadline);
}

}  // namespace presenter::protocol
