// What stands behind a mux_acceptor: the listener, the links, the streams that nobody has taken
// yet.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <map>
#include <memory>
#include <thread>
#include <unordered_set>

#include "protocol/backend_sdk/acceptor_options.hpp"
#include "protocol/backend_sdk/backend_link.hpp"
#include "protocol/backend_sdk/held_opens.hpp"
#include "protocol/backend_sdk/mux_stream.hpp"
#include "protocol/backend_sdk/stream_port.hpp"
#include "protocol/backend_sdk/stream_sweeper.hpp"

namespace presenter::protocol {

// Life: held by its mux_acceptor; links know it weakly. close comes before the end.
// Confined to: the thread of its io_context. Bounds: acceptor_options.
class acceptor_state final : public std::enable_shared_from_this<acceptor_state>,
                             public acceptor_port,
                             public operation_owner,
                             public link_owner,
                             private stream_queue,
                             private held_opens_owner {
 public:
  acceptor_state(boost::asio::io_context& context, const boost::asio::ip::tcp::endpoint& endpoint,
                 acceptor_options options);

  // Accepts the next link, and so on until drain or close.
  void start();

  boost::asio::ip::tcp::endpoint local_endpoint() const final { return local_; }
  const std::string& node() const final { return options_.node; }
  bool is_open() const final { return !is_draining_ && !is_closed_; }

  std::uint64_t accept(operation_pointer<accept_operation> operation) final;
  std::uint64_t wait_drained(operation_pointer<drain_operation> operation) final;
  void cancel_accept(std::uint64_t number) final;
  void cancel_drain(std::uint64_t number) final;

  void drain(std::chrono::milliseconds deadline) final;
  void close() final;
  void set_map_epoch(std::int64_t epoch) final { options_.map_epoch = epoch; }
  void on_fence_changed() final;
  acceptor_counters counters() const final;

 private:
  using listener = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, link_executor>;

  stream_handler* on_open(backend_link& link, const open_frame& open) final;
  void on_link_event(const link_event& event) final;
  void on_link_closed(backend_link& link, boost::system::error_code reason) final;
  void forget(stream_queue::ticket at) final;
  void on_input(stream_queue::ticket, std::size_t) final {}
  void on_checkpoint(stream_queue::ticket at) final;
  void on_held_served(std::shared_ptr<stream_state> stream) final;
  void on_held_refused(stream_state& stream, const refusal& why) final;
  void on_held_abandoned() final { ++counters_.streams_abandoned; }
  void destroy_operations() final;

  void listen(const boost::asio::ip::tcp::endpoint& endpoint);
  bool is_on_own_thread();
  void refuse_thread();
  void add_link(link_socket socket);
  void pause_accepting();
  mux_options link_options() const;
  std::optional<refusal> admit(const open_frame& open) const;
  fence_answer ask_fence(const open_frame& open) const;
  void count_refusal(const refusal& why);
  void wait_for_application(std::shared_ptr<stream_state> stream);
  void wait_for_checkpoint(std::shared_ptr<stream_state> stream);
  void pass_on();
  void pass_on(std::shared_ptr<stream_state> stream);
  void refuse_waiting();
  void stop_listening();
  void close_links(boost::system::error_code reason);
  void end_drain(boost::system::error_code result);

  acceptor_options options_;
  listener listener_;
  boost::asio::ip::tcp::endpoint local_;
  link_timer pause_;
  link_timer drain_deadline_;

  std::unordered_set<std::shared_ptr<backend_link>> links_;
  std::map<stream_queue::ticket, std::shared_ptr<stream_state>> waiting_;
  // Continued ones whose state has not come: it is the next frame behind their Open.
  std::map<stream_queue::ticket, std::shared_ptr<stream_state>> incomplete_;
  stream_queue::ticket last_ticket_ = 0;
  held_opens held_;
  stream_sweeper sweeper_;

  operation_pointer<accept_operation> accept_;
  operation_pointer<drain_operation> drain_;
  std::uint64_t operation_number_ = 0;
  std::uint64_t accept_number_ = 0;
  std::uint64_t drain_number_ = 0;

  std::thread::id thread_;  // the first that has run the io_context
  bool is_draining_ = false;
  bool is_closed_ = false;
  std::optional<boost::system::error_code> drain_result_;
  acceptor_counters counters_;
};

}  // namespace presenter::protocol
