// The gateway's end of a soak: opens streams on one link, so many at a time, sends the same bytes
// on each and checks what comes back, until it has opened as many as it was told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "protocol/transport/mux_link.hpp"

namespace presenter::testing {

// How a stream ends; where nothing else is said, once all that it sent has come back. Its letter is
// the stream's routing key, by which the backend knows.
enum class soak_kind : char {
  gateway_finishes = 'g',  // the backend's Finish answers the gateway's
  backend_finishes = 'b',
  gateway_resets = 'G',  // at the first payload, which it does not consume
  backend_resets = 'B',  // with its input unread
  refused = 'r',
};

struct soak_plan {
  std::size_t streams = 0;    // to open in all
  std::size_t at_a_time = 1;  // open together
  std::size_t stream_bytes = 0;
  std::vector<soak_kind> kinds;  // in turn
};

struct soak_counts {
  std::size_t ended = 0;   // as their kind says
  std::size_t failed = 0;  // in any other way
  std::size_t wrong = 0;   // payloads that came back changed
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

class soak_gateway;

// Life: owned by its soak_gateway, used for one stream after another.
class soak_stream final : public protocol::stream_handler {
 public:
  explicit soak_stream(soak_gateway& gateway) : gateway_(gateway) {}

  void open(soak_kind kind);
  bool is_free() const { return id_.value == 0; }

 private:
  void on_accepted() override {}
  void on_refused(const protocol::refuse_frame&) override { end(soak_kind::refused); }
  void on_data(std::span<const std::byte> payload, bool more) override;
  void on_finish() override;
  void on_writable() override { send(); }
  void on_reset(protocol::reset_reason reason, bool by_peer) override;
  void on_checkpoint(const protocol::checkpoint_frame&) override {}
  void on_handoff(const protocol::handoff_frame&) override {}
  void on_notice(const protocol::notice_frame&) override {}
  void on_link_lost(bool) override { end(std::nullopt); }

  void send();
  void end(std::optional<soak_kind> how);

  soak_gateway& gateway_;
  protocol::stream_id id_{};
  soak_kind kind_{};
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

// Life: shared_ptr, to the end of the link. Confined to: the thread of its io_context.
class soak_gateway final : public protocol::mux_link {
 public:
  soak_gateway(protocol::link_socket socket, const protocol::mux_options& options)
      : mux_link(std::move(socket), options) {}

  // Begins; `on_done` once every stream of it is over at both ends. One plan after the other.
  void run(const soak_plan& plan, std::function<void()> on_done);

  const soak_plan& plan() const { return plan_; }
  soak_counts& counts() { return counts_; }
  bool is_ready() const { return ready_; }

  std::function<void()> when_ready;

 private:
  void on_ready(const protocol::hello_frame&) override;
  protocol::stream_handler* on_open(protocol::stream_id, const protocol::open_frame&) override {
    return nullptr;
  }
  void on_go_away(const protocol::go_away_frame&) override {}
  void on_can_open() override {}
  void on_input_end() override { fill(); }
  void on_closed(boost::system::error_code) override;

  void fill();
  void tell_if_done();

  soak_plan plan_;
  soak_counts counts_;
  std::vector<soak_stream> slots_;
  std::size_t opened_ = 0;
  bool ready_ = false;
  std::function<void()> on_done_;
};

}  // namespace presenter::testing
