#include "bench/load_generator/load_worker.hpp"

#include <algorithm>
#include <ctime>

#include "bench/load_generator/echo_client.hpp"
#include "bench/load_generator/hold_client.hpp"

namespace presenter::bench {

using namespace std::chrono_literals;

namespace {

// How long the gateway has to answer the close_notify of all.
constexpr auto close_deadline = 3s;

// How soon a phase posted by the main thread is seen.
constexpr auto turn_longest = 20ms;

// How often a worker notes how late its timers are, and what CPU it has used.
constexpr std::chrono::nanoseconds heartbeat = 10ms;

std::int64_t thread_cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

}  // namespace

load_worker::load_worker(const load_options& options, std::size_t index, worker_mailbox& mailbox)
    : options_(options),
      index_(index),
      mailbox_(mailbox),
      tls_(options.tls),
      random_(static_cast<std::minstd_rand::result_type>(std::random_device()())),
      around_{loop_, options_, tls_, codec_, statistics_, mailbox.live, random_, scratch_} {
  add_clients();
}

load_worker::~load_worker() {
  mailbox_.phase = run_phase::closing;
  if (thread_.joinable()) thread_.join();
}

void load_worker::add_clients() {
  const std::size_t workers = options_.threads * options_.processes;
  if (options_.kind == load_kind::chat) {
    for (std::size_t n = index_; n < options_.clients / 2; n += workers) {
      couple_record& couple = couples_.emplace_back();
      couple.number = static_cast<std::uint32_t>(n);
      for (std::uint32_t side : {0U, 1U}) {
        // The partners are on neighbouring gateways, so that every message crosses.
        clients_.push_back(
            std::make_unique<couple_client>(around_, servers_, couple, side, n + side));
        client_numbers_.push_back(n * 2 + side);
      }
    }
    return;
  }
  for (std::size_t n = index_; n < options_.clients; n += workers) {
    if (options_.sends_messages()) {
      clients_.push_back(std::make_unique<echo_client>(around_, n, n));
    } else {
      clients_.push_back(std::make_unique<hold_client>(around_, n, n));
    }
    client_numbers_.push_back(n);
  }
}

void load_worker::start_thread(steady_time first_connect) {
  thread_ = std::thread([this, first_connect] {
    try {
      run(first_connect);
    } catch (...) {
      failure_ = std::current_exception();
    }
    mailbox_.has_ended = true;
  });
}

void load_worker::run(steady_time first_connect) {
  const std::chrono::duration<double> interval(1 / options_.connect_rate);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const auto offset = interval * static_cast<double>(client_numbers_[i]);
    clients_[i]->start_at(first_connect +
                          std::chrono::duration_cast<std::chrono::nanoseconds>(offset));
  }
  on_timer(static_cast<std::uint64_t>(loop_.now().time_since_epoch().count()));
  while (phase_ != run_phase::closing) {
    loop_.run_once(turn_longest);
    read_mailbox();
    if (phase_ == run_phase::draining && !mailbox_.is_drained)
      mailbox_.is_drained = outstanding() == 0;
  }
  const auto deadline = loop_.now() + close_deadline;
  while (!are_all_closed() && loop_.now() < deadline)
    loop_.run_once(turn_longest);
}

// Each beat that was missed counts, or a long stop would be one of few late timers.
void load_worker::on_timer(std::uint64_t due_ns) {
  const steady_time due{std::chrono::nanoseconds(static_cast<std::int64_t>(due_ns))};
  mailbox_.live.times.lag.record(loop_.now() - due);
  mailbox_.live.cpu_ns = thread_cpu_ns();
  const steady_time next = due + heartbeat;
  loop_.call_at(next, *this, static_cast<std::uint64_t>(next.time_since_epoch().count()));
}

void load_worker::read_mailbox() {
  if (const double rate = mailbox_.rate; rate != rate_) {
    rate_ = rate;
    for (const auto& client : clients_)
      client->set_rate(rate);
  }
  if (const unsigned losses = mailbox_.losses; losses != losses_) {
    losses_ = losses;
    for (const auto& client : clients_)
      client->lose_server();
  }
  if (const run_phase wanted = mailbox_.phase; wanted != phase_) enter_phase(wanted);
}

void load_worker::enter_phase(run_phase phase) {
  phase_ = phase;
  for (const auto& client : clients_) {
    if (phase == run_phase::traffic) client->start_traffic();
    if (phase == run_phase::draining) client->stop_traffic();
    if (phase == run_phase::closing) {
      client->finish_statistics();
      client->close();
    }
  }
}

std::size_t load_worker::outstanding() const {
  std::size_t sum = 0;
  for (const auto& client : clients_)
    sum += client->outstanding();
  return sum;
}

bool load_worker::are_all_closed() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->is_closed(); });
}

load_statistics load_worker::join() {
  if (thread_.joinable()) thread_.join();
  if (failure_) std::rethrow_exception(failure_);
  return statistics_;
}

}  // namespace presenter::bench
