#include "bench/load_generator/load_client.hpp"

#include <algorithm>
#include <cmath>

namespace presenter::bench {

using namespace std::chrono_literals;

namespace {

// Pauses before connecting again are doubled each time, up to 5 s, each half to one and a half of
// that, so that a crowd that was cut off at once does not come back at once.
constexpr std::chrono::nanoseconds longest_pause = 5s;

// Who wants to leave looks that often whether all that it is owed has come.
constexpr auto leave_poll = 20ms;

// A deadline that is found this much too late says more about this program than about the server.
constexpr auto own_lateness_max = 500ms;

constexpr std::uint64_t timer_kinds = 4;

std::chrono::nanoseconds scaled(std::chrono::nanoseconds duration, double factor) {
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(duration.count()) * factor));
}

// Of the client's number, such that any run of numbers has shares spread evenly over 0 to 1.
double share_of(std::size_t number) {
  constexpr double golden = 0.6180339887498949;
  double whole = 0;
  return std::modf(static_cast<double>(number) * golden, &whole);
}

double activity_of(const load_options& options, std::size_t number) {
  return options.activity.at(share_of(number)) / options.activity.mean();
}

}  // namespace

load_client::load_client(client_surroundings& around, std::size_t number, std::size_t gateway)
    : around_(around),
      number_(number),
      channel_(around.loop, around.tls, *this),
      gateway_(gateway),
      activity_(activity_of(around.options, number)) {}

const gateway_address& load_client::gateway() const {
  const auto& all = around_.options.gateways;
  return all[gateway_ % all.size()];
}

void load_client::start_at(steady_time when) {
  set_timer(timer_kind::connect, attempt_, when);
}

void load_client::set_timer(timer_kind kind, std::uint32_t generation, steady_time when) {
  around_.loop.call_at(when, *this, generation * timer_kinds + static_cast<std::uint64_t>(kind));
}

void load_client::on_timer(std::uint64_t timer) {
  const std::uint64_t generation = timer / timer_kinds;
  switch (static_cast<timer_kind>(timer % timer_kinds)) {
    case timer_kind::connect:
      if (phase_ == phase::waiting) connect();
      break;
    case timer_kind::deadline:
      if (generation == attempt_) on_deadline();
      break;
    case timer_kind::message:
      if (generation == schedules_) send_due();
      break;
    case timer_kind::leave:
      if (generation == attempt_) on_leave_due();
      break;
  }
}

void load_client::set_deadline() {
  deadline_ = around_.loop.now() + around_.options.answer_deadline;
  set_timer(timer_kind::deadline, attempt_, deadline_);
}

void load_client::on_deadline() {
  if (around_.loop.now() < deadline_) return;
  if (phase_ == phase::leaving) {
    channel_.abandon();
    return mark_left();
  }
  if (phase_ != phase::connecting && phase_ != phase::awaiting_reply) return;
  const bool is_late = around_.loop.now() - deadline_ > own_lateness_max;
  give_up(is_late ? "no answer seen in time: the generator itself was late" : "no answer in time");
}

void load_client::connect() {
  ++attempt_;
  phase_ = phase::connecting;
  set_deadline();
  channel_.open(gateway(), source_of(around_.options.sources, number_));
}

void load_client::connect_later() {
  phase_ = phase::waiting;
  const unsigned doublings = std::min(failures_in_a_row_, 10U);
  const auto pause = std::min(around_.options.first_pause * (1U << doublings), longest_pause);
  ++failures_in_a_row_;
  set_timer(timer_kind::connect, attempt_,
            around_.loop.now() + scaled(pause, 0.5 + around_.random_share()));
}

void load_client::on_channel_open() {
  opened_at_ = std::chrono::steady_clock::now();
  auto& times = around_.live.times;
  times.connect.record(channel_.connected_at() - channel_.connect_started());
  times.handshake.record(opened_at_ - channel_.connected_at());
  phase_ = phase::awaiting_reply;
  around_.scratch.clear();
  encode_first_packet(around_.scratch);
  const bool awaits_echo = around_.options.answer == first_answer::echo;
  const bool awaits_nothing =
      around_.options.answer == first_answer::none || (awaits_echo && around_.scratch.empty());
  channel_.send(around_.scratch.bytes());
  if (awaits_nothing) mark_served();
}

void load_client::on_channel_bytes(std::span<const std::byte> bytes) {
  on_bytes(bytes);
}

void load_client::mark_served() {
  if (phase_ != phase::awaiting_reply) return;
  phase_ = phase::served;
  failures_in_a_row_ = 0;
  const auto now = std::chrono::steady_clock::now();
  around_.live.times.first_reply.record(now - opened_at_);
  bump(around_.live.online);
  if (was_lost_) around_.live.times.back.record(now - lost_at_);
  if (was_served_) {
    ++around_.statistics.reconnects;
  } else {
    was_served_ = true;
    ++around_.statistics.clients_served;
    bump(around_.live.served);
  }
  was_lost_ = false;
  if (around_.options.stay > 0ns) leave_soon();
  on_served();
}

void load_client::leave_phase(std::string_view reason) {
  const bool was_online = phase_ == phase::served;
  auto& counts = was_online ? around_.statistics.disconnects : around_.statistics.failures;
  ++counts[std::string(reason)];
  if (was_online) {
    bump(around_.live.online, std::int64_t{-1});
    bump(around_.live.disconnects);
    was_lost_ = true;
    lost_at_ = std::chrono::steady_clock::now();
  } else {
    ++gateway_;  // another gateway may do better
  }
  is_leaving_ = false;
  on_disconnected();
  resume_sending();  // which skips what is due
}

void load_client::on_channel_closed(std::string_view reason) {
  if (phase_ == phase::closing) {
    phase_ = phase::closed;
    return;
  }
  if (phase_ == phase::leaving) return mark_left();
  leave_phase(reason);
  connect_later();
}

void load_client::give_up(std::string_view failure) {
  channel_.abandon();
  leave_phase(failure);
  connect_later();
}

void load_client::lose_server() {
  if (phase_ != phase::served) return;
  channel_.reset();
  leave_phase("lost on purpose");
  connect_later();
}

void load_client::close() {
  const bool was_online = phase_ == phase::served;
  if (was_online) bump(around_.live.online, std::int64_t{-1});
  phase_ = was_online || phase_ == phase::leaving ? phase::closing : phase::closed;
  channel_.close_cleanly();
  if (channel_.current_state() == gateway_channel::state::closed) phase_ = phase::closed;
}

void load_client::leave_soon() {
  const double share = -std::log1p(-around_.random_share());
  set_timer(timer_kind::leave, attempt_, around_.loop.now() + scaled(around_.options.stay, share));
}

void load_client::on_leave_due() {
  if (phase_ != phase::served) return;
  is_leaving_ = true;
  if (outstanding() != 0)
    return set_timer(timer_kind::leave, attempt_, around_.loop.now() + leave_poll);
  phase_ = phase::leaving;
  bump(around_.live.online, std::int64_t{-1});
  set_deadline();
  channel_.close_cleanly();
  if (phase_ == phase::leaving && channel_.current_state() == gateway_channel::state::closed)
    mark_left();
}

void load_client::mark_left() {
  ++around_.statistics.left;
  is_leaving_ = false;
  on_disconnected();
  connect_later();
}

void load_client::start_traffic() {
  is_sending_ = true;
  on_traffic_started();
  restart_schedule();
}

void load_client::stop_traffic() {
  if (is_held_up_) around_.statistics.overdue += schedule_.overdue(around_.loop.now());
  is_sending_ = is_held_up_ = false;
}

void load_client::set_rate(double rate) {
  rate_ = rate * activity_;
  if (is_sending_) restart_schedule();
}

void load_client::restart_schedule() {
  if (!around_.options.sends_messages() || around_.options.window != 0) return;
  if (is_held_up_) around_.statistics.overdue += schedule_.overdue(around_.loop.now());
  is_held_up_ = false;
  schedule_.restart(around_.loop.now(), rate_, around_.random_share());
  ++schedules_;
  if (schedule_.is_running()) set_timer(timer_kind::message, schedules_, schedule_.next());
}

void load_client::send_due() {
  if (!is_sending_ || is_held_up_ || !schedule_.is_running()) return;
  while (schedule_.is_due(around_.loop.now())) {
    if (is_served() && !can_send()) {
      is_held_up_ = true;
      return;
    }
    const steady_time due = schedule_.next();
    if (around_.options.is_poisson) {
      schedule_.advance_randomly(around_.random_share());
    } else {
      schedule_.advance();
    }
    send_message(due);
  }
  set_timer(timer_kind::message, schedules_, schedule_.next());
}

void load_client::resume_sending() {
  if (!is_held_up_) return;
  is_held_up_ = false;
  set_timer(timer_kind::message, schedules_, around_.loop.now());
}

}  // namespace presenter::bench
