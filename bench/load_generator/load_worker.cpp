#include "bench/load_generator/load_worker.hpp"

#include <algorithm>

#include "bench/load_generator/echo_client.hpp"
#include "bench/load_generator/idle_client.hpp"

namespace presenter::bench {

using namespace std::chrono_literals;

namespace {

// How long the gateway has to answer the close_notify of all.
constexpr auto close_deadline = 3s;

// How soon a phase posted by the main thread is seen.
constexpr auto turn_longest = 20ms;

}  // namespace

load_worker::load_worker(const load_options& options, std::size_t index)
    : options_(options),
      index_(index),
      tls_(options.tls),
      random_(static_cast<std::minstd_rand::result_type>(std::random_device()())),
      around_{loop_, options_, tls_, codec_, statistics_, live_, random_, scratch_} {
  add_clients();
}

load_worker::~load_worker() {
  post_phase(run_phase::closing);
  if (thread_.joinable()) thread_.join();
}

void load_worker::add_clients() {
  if (options_.kind == load_kind::chat) {
    for (std::size_t n = index_; n < options_.clients / 2; n += options_.threads) {
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
  for (std::size_t n = index_; n < options_.clients; n += options_.threads) {
    if (options_.kind == load_kind::echo) {
      clients_.push_back(std::make_unique<echo_client>(around_, n, n));
    } else {
      clients_.push_back(std::make_unique<idle_client>(around_, n, n));
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
    has_ended_ = true;
  });
}

void load_worker::run(steady_time first_connect) {
  const std::chrono::duration<double> interval(1 / options_.connect_rate);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const auto offset = interval * static_cast<double>(client_numbers_[i]);
    clients_[i]->start_at(first_connect +
                          std::chrono::duration_cast<std::chrono::nanoseconds>(offset));
  }
  while (phase_ != run_phase::closing) {
    loop_.run_once(turn_longest);
    const run_phase wanted = wanted_phase_;
    if (wanted != phase_) enter_phase(wanted);
    if (phase_ == run_phase::draining && !is_drained_) is_drained_ = outstanding() == 0;
  }
  const auto deadline = loop_.now() + close_deadline;
  while (!are_all_closed() && loop_.now() < deadline)
    loop_.run_once(turn_longest);
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
