// Streams that may be ours, but not yet for certain: their Opens wait, neither accepted nor
// refused, until the fence knows, and not for long. What comes behind an Open waits in its stream,
// within its window; no credit goes back meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>

#include "base/life_token.hpp"
#include "protocol/backend_sdk/acceptor_options.hpp"
#include "protocol/backend_sdk/stream_state.hpp"
#include "protocol/transport/mux_link.hpp"

namespace presenter::protocol {

// The acceptor, as the held streams see it.
class held_opens_owner {
 public:
  // The fence serves it: it waits for the application now.
  virtual void on_held_served(std::shared_ptr<stream_state> stream) = 0;
  // It does not, or could not say in time.
  virtual void on_held_refused(stream_state& stream, const refusal& why) = 0;
  virtual void on_held_abandoned() = 0;

 protected:
  ~held_opens_owner() = default;
};

// Life: a member of its owner. Confined to: the acceptor's thread.
// Bounds: held_max, held_bytes_max and hold_timeout of the options, which outlive it.
class held_opens final : private stream_queue {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  held_opens(const link_executor& executor, const acceptor_options& options,
             held_opens_owner& owner);

  // Takes the stream, or refuses it as busy.
  void hold(std::shared_ptr<stream_state> stream, const hold_stream& wait, time_point now);

  // Asks the fence for each of them, in the order of their coming.
  void ask_again(time_point now);

  void refuse_all(const refusal& why);

  std::size_t size() const { return held_.size(); }

 private:
  struct held {
    std::shared_ptr<stream_state> stream;
    time_point deadline;
    time_point ask_at;  // the deadline at the latest
    std::size_t bytes = 0;
  };
  using position = std::map<ticket, held>::iterator;

  void forget(ticket at) override;
  void on_input(ticket at, std::size_t n) override;

  bool has_room() const;
  refusal busy() const;
  void ask(position at, time_point now);
  void refuse(position at, const refusal& why);
  std::shared_ptr<stream_state> take(position at);
  void watch_time();
  void start_timer(time_point at);
  void on_time(time_point now);

  const acceptor_options& options_;
  held_opens_owner& owner_;
  link_timer timer_;
  time_point timer_at_ = time_point::max();  // when it fires; max: it does not run
  std::map<ticket, held> held_;
  std::size_t bytes_ = 0;  // of all of them
  ticket last_ticket_ = 0;
  life_token life_;
};

}  // namespace presenter::protocol
