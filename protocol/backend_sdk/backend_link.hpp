// The backend's end of one link: says to its acceptor which streams come, and goes when it is
// drained.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>

#include "protocol/backend_sdk/acceptor_options.hpp"
#include "protocol/transport/mux_link.hpp"

namespace presenter::protocol {

class backend_link;

class link_owner {
 public:
  // As link_handler::on_open.
  virtual stream_handler* on_open(backend_link& link, const open_frame& open) = 0;
  virtual void on_link_event(const link_event& event) = 0;
  // Last call.
  virtual void on_link_closed(backend_link& link, boost::system::error_code reason) = 0;

 protected:
  ~link_owner() = default;
};

// Life: held by its acceptor, by its own waits and by its streams.
// Confined to: the thread of its io_context. Bounds: mux_link.
class backend_link final : public mux_link {
 public:
  // `peer`: where the socket is connected to.
  backend_link(link_socket socket, const boost::asio::ip::tcp::endpoint& peer,
               const mux_options& options, std::weak_ptr<link_owner> owner)
      : mux_link(std::move(socket), options), peer_(peer), owner_(std::move(owner)) {}

  // No new streams; closes when the last of the present ones is over.
  void drain(std::chrono::milliseconds deadline);

  // A stream of this link has been released.
  void on_stream_released() { close_if_drained(); }

  // A stream of this link has been given up for another backend.
  void count_handed_over() { ++streams_handed_over_; }
  std::uint64_t streams_handed_over() const { return streams_handed_over_; }

 private:
  void on_ready(const hello_frame& hello) final;
  stream_handler* on_open(stream_id stream, const open_frame& open) final;
  // The gateway closes the link once its streams are over.
  void on_go_away(const go_away_frame&) final {}
  void on_can_open() final {}
  void on_input_end() final { close_if_drained(); }
  void on_suspect(bool is_suspect) final;
  void on_closed(boost::system::error_code reason) final;

  void tell(link_change change, boost::system::error_code reason = {});
  void close_if_drained();

  const boost::asio::ip::tcp::endpoint peer_;
  std::optional<std::string> gateway_;  // the name in its Hello, once that has come
  std::weak_ptr<link_owner> owner_;
  std::uint64_t streams_handed_over_ = 0;
  bool is_draining_ = false;
  bool is_closing_after_output_ = false;
};

}  // namespace presenter::protocol
