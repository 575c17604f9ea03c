#include "gateway/control/drain_control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/config/config_reader.hpp"
#include "gateway/operate/service_manager.hpp"

namespace presenter::gateway {
namespace {

using boost::beast::http::status;

// How much longer than its TimeoutStopSec systemd waits for a gateway that is draining, each time
// that it is told how far that is: several times the pace at which it is told.
constexpr std::chrono::seconds stop_extension{60};

constexpr std::string_view too_late = "the gateway is drained and ends";
constexpr std::string_view no_deadline = "the deadline must be 1s to 48h, with its unit: 90s, 30m";

void tell_service_manager(std::string_view status_line) {
  notify_service_manager(fmt::format("STATUS={}\nEXTEND_TIMEOUT_USEC={}", status_line,
                                     std::chrono::microseconds(stop_extension).count()));
}

std::int64_t staying_of(const worker& one) {
  const worker_metrics& metrics = one.metrics();
  return metrics.clients_total() - metrics.clients_open[client_phase::closing].value() -
         metrics.clients_announced.value();
}

}  // namespace

drain_control::drain_control(boost::asio::io_context& control, const drain_config& settings,
                             duration settle, duration notice, record_keeper& record,
                             const workers& workers, hook_runner& hooks, const std::string& name,
                             std::function<void()> on_drained)
    : settings_(settings),
      workers_(workers),
      name_(name),
      drainer_(control, settings, settle, notice, record, arrivals_,
               parts(hooks, std::move(on_drained))) {}

drain_parts drain_control::parts(hook_runner& hooks, std::function<void()> on_drained) {
  return {.clients = [this] { return clients(); },
          .clients_staying = [this] { return clients_staying(); },
          .close_clients =
              [this](std::int64_t count, duration ahead) {
                close_clients(count, close_reason::gateway_draining, ahead);
              },
          .keep_clients =
              [this] {
                for (const auto& each : workers_)
                  each->post_keep_announced(close_reason::gateway_draining);
              },
          .run_hooks =
              [&hooks](hook_event event, std::function<void()> done) {
                hooks.run(event, [done = std::move(done)](const std::string&) { done(); });
              },
          .on_drained = std::move(on_drained),
          .tell_service_manager = &tell_service_manager};
}

bool drain_control::take_sigterm() {
  if (!settings_.is_configured || std::exchange(has_taken_sigterm_, true)) return false;
  return drainer_.begin(std::nullopt, "SIGTERM");
}

std::int64_t drain_control::clients() const {
  std::int64_t sum = 0;
  for (const auto& each : workers_)
    sum += each->metrics().clients_total();
  return sum;
}

std::int64_t drain_control::clients_staying() const {
  std::int64_t sum = 0;
  for (const auto& each : workers_)
    sum += staying_of(*each);
  return sum;
}

// From each worker as many as it has of all clients, and the rest from the fullest.
void drain_control::close_clients(std::int64_t count, close_reason reason, duration ahead) const {
  const std::int64_t all = std::max<std::int64_t>(clients_staying(), 1);
  const auto close = [reason, ahead](worker& of, std::int64_t so_many) {
    if (so_many > 0) of.post_close_idle(static_cast<std::size_t>(so_many), reason, ahead);
  };
  std::int64_t left = count;
  worker* fullest = workers_.front().get();
  for (const auto& each : workers_) {
    const std::int64_t its = staying_of(*each);
    close(*each, count * its / all);
    left -= count * its / all;
    if (its > staying_of(*fullest)) fullest = each.get();
  }
  close(*fullest, left);
}

void drain_control::answer(const json_reply& reply) const {
  drain_report report = drainer_.report();
  report.gateway = name_;
  reply({status::ok, to_json(report, std::chrono::steady_clock::now())});
}

void drain_control::start(const admin_query& query, const json_reply& reply) {
  std::optional<duration> deadline;
  if (const auto text = query.value("deadline")) {
    deadline = parse_duration(*text);
    if (!deadline || *deadline < drain_deadline_min || *deadline > drain_deadline_max)
      return reply(error_answer(status::bad_request, no_deadline));
  }
  if (!drainer_.begin(deadline, "an order")) return reply(error_answer(status::conflict, too_late));
  answer(reply);
}

void drain_control::undo(const json_reply& reply) {
  if (!drainer_.undo("an order")) return reply(error_answer(status::conflict, too_late));
  has_taken_sigterm_ = false;
  answer(reply);
}

}  // namespace presenter::gateway
