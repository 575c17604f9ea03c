#include "protocol/backend_sdk/mux_stream.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>

namespace presenter::protocol {

mux_stream& mux_stream::operator=(mux_stream&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}

mux_stream::endpoint_type mux_stream::remote_endpoint(error_code& error) const {
  error = boost::asio::error::not_connected;
  if (!state_) return {};
  const auto address = boost::asio::ip::make_address(info().client_address, error);
  if (error) return {};
  return {address, static_cast<std::uint16_t>(info().client_port)};
}

mux_stream::endpoint_type mux_stream::remote_endpoint() const {
  error_code error;
  endpoint_type found = remote_endpoint(error);
  if (error) throw boost::system::system_error(error, "remote_endpoint");
  return found;
}

void mux_stream::expires_after(std::chrono::milliseconds delay) {
  state_->set_deadline(std::chrono::steady_clock::now() + delay);
}

void mux_stream::expires_never() {
  state_->set_deadline(std::chrono::steady_clock::time_point::max());
}

void mux_stream::cancel() {
  state_->cancel();
}

void mux_stream::hand_over(std::string_view state, error_code& error) {
  error = boost::asio::error::not_connected;
  if (state_) state_->hand_over(state, error);
}

void mux_stream::hand_over(std::string_view state) {
  error_code error;
  hand_over(state, error);
  if (error) throw boost::system::system_error(error, "hand_over");
}

bool mux_stream::deposit(std::string_view state) {
  return state_ && state_->deposit(state);
}

void mux_stream::shutdown(shutdown_type what, error_code& error) {
  error = {};
  if (!is_open()) {
    error = boost::asio::error::not_connected;
    return;
  }
  if (what != shutdown_type::shutdown_receive) state_->shutdown_send();
  if (what != shutdown_type::shutdown_send) state_->shutdown_receive();
}

void mux_stream::shutdown(shutdown_type what) {
  error_code error;
  shutdown(what, error);
  if (error) throw boost::system::system_error(error, "shutdown");
}

void mux_stream::close() {
  if (state_) state_->close();
}

void mux_stream::close(error_code& error) {
  error = {};
  close();
}

void mux_stream::close(presenter::protocol::reset_reason reason) {
  if (state_) state_->close(reason);
}

}  // namespace presenter::protocol
