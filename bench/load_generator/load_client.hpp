// What every kind of simulated client does: connect at its turn, send the first packet, be served,
// connect again with a growing, jittered pause when the far side ends it, send when messages are
// due, close at the end. The kinds derive from it and give it its packets.
#pragma once

#include <chrono>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "bench/chat_backend/packet_codec.hpp"
#include "bench/load_generator/event_loop.hpp"
#include "bench/load_generator/gateway_channel.hpp"
#include "bench/load_generator/load_options.hpp"
#include "bench/load_generator/load_statistics.hpp"
#include "bench/load_generator/send_schedule.hpp"

namespace presenter::bench {

// What the clients of one thread share. Life: the worker's, longer than its clients.
struct client_surroundings {
  event_loop& loop;
  const load_options& options;
  const tls_client_context& tls;
  chat_backend::packet_codec& codec;
  load_statistics& statistics;
  live_counters& live;
  std::minstd_rand& random;
  byte_buffer& scratch;  // for one packet on its way out

  // From 0 up to, but not with, 1.
  double random_share() { return std::uniform_real_distribution<double>(0, 1)(random); }
};

// Life: its worker's. Confined to: its worker's thread. Bounds: gateway_channel's.
class load_client : private channel_user, private timer_handler {
 public:
  // `number` counts all clients of the run: it chooses names, gateway and source address.
  load_client(client_surroundings&, std::size_t number, std::size_t gateway);
  virtual ~load_client() = default;
  load_client(const load_client&) = delete;
  load_client& operator=(const load_client&) = delete;

  void start_at(steady_time);
  // Messages from now on, until `stop_traffic`.
  void start_traffic();
  void stop_traffic();
  // Messages per second of the average client; at any time.
  void set_rate(double);
  // Its TLS connection is gone at once; it comes back.
  void lose_server();
  // Still owed to it; none before it is done draining.
  virtual std::size_t outstanding() const { return 0; }
  void close();
  bool is_closed() const { return phase_ == phase::closed; }
  // Adds what is known only at the end.
  virtual void finish_statistics() {}

 protected:
  // TLS is up: the first packet, whole.
  virtual void encode_first_packet(byte_buffer& out) = 0;
  virtual void on_bytes(std::span<const std::byte>) = 0;
  // One message was due at `due`, and goes now.
  virtual void send_message(steady_time /*due*/) {}
  // False puts off what is due, though the client is served, until `resume_sending`.
  virtual bool can_send() const { return true; }
  virtual void on_served() {}
  // The far side ended it; state of the conversation is to be forgotten.
  virtual void on_disconnected() {}
  virtual void on_traffic_started() {}

  // The answer to the first packet is there: the client is served.
  void mark_served();
  // Ends this try; another follows. `failure` is counted.
  void give_up(std::string_view failure);
  void resume_sending();
  bool has_room_for(std::size_t bytes) const { return channel_.has_room_for(bytes); }
  void send(std::span<const std::byte> bytes) { channel_.send(bytes); }
  bool is_sending() const { return is_sending_; }
  bool is_served() const { return phase_ == phase::served && !is_leaving_; }

  client_surroundings& around_;
  const std::size_t number_;

 private:
  enum class phase { waiting, connecting, awaiting_reply, served, leaving, closing, closed };
  enum class timer_kind : std::uint64_t { connect, deadline, message, leave };

  void on_channel_open() final;
  void on_channel_bytes(std::span<const std::byte>) final;
  void on_channel_closed(std::string_view reason) final;
  void on_timer(std::uint64_t timer) final;

  void set_timer(timer_kind, std::uint32_t generation, steady_time);
  void set_deadline();
  void connect();
  void connect_later();
  void leave_phase(std::string_view reason);
  void on_deadline();
  void leave_soon();
  void on_leave_due();
  void mark_left();
  void restart_schedule();
  void send_due();
  const gateway_address& gateway() const;

  gateway_channel channel_;
  std::size_t gateway_;
  phase phase_ = phase::waiting;
  std::uint32_t attempt_ = 0;  // tells the deadline of this try from that of an earlier one
  unsigned failures_in_a_row_ = 0;
  bool was_served_ = false;
  bool was_lost_ = false;  // and is not back
  bool is_leaving_ = false;
  bool is_sending_ = false;
  bool is_held_up_ = false;  // messages are due that cannot be sent
  steady_time deadline_;
  steady_time opened_at_;
  steady_time lost_at_;
  const double activity_;
  double rate_ = 0;
  send_schedule schedule_;
  std::uint32_t schedules_ = 0;
};

}  // namespace presenter::bench
