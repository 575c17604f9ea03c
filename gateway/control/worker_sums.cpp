#include "gateway/control/worker_sums.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "gateway/operate/duration_histogram.hpp"
#include "gateway/operate/process_usage.hpp"

namespace presenter::gateway {

using nlohmann::json;

namespace {

json phase_sums(const worker_list& workers) {
  json sums = json::object();
  for (std::size_t phase = 0; phase < client_phase_names.size(); ++phase) {
    std::int64_t sum = 0;
    for (const auto& each : workers)
      sum += each->metrics().clients_open.at_index(phase).value();
    sums[std::string(client_phase_names[phase])] = sum;
  }
  return sums;
}

// Each slot alone, as a difference of two looks is wanted.
json turn_sums(const worker_list& workers) {
  json bounds = json::array();
  for (const auto& bound : duration_histogram::bounds)
    bounds.push_back(std::chrono::duration<double>(bound.most).count());
  json counts = json::array();
  for (std::size_t slot = 0; slot < duration_histogram::size; ++slot) {
    std::uint64_t sum = 0;
    for (const auto& each : workers)
      sum += each->metrics().turns.slot(slot).value();
    counts.push_back(sum);
  }
  return {{"bounds", std::move(bounds)}, {"counts", std::move(counts)}};
}

json counter_sums(const worker_list& workers) {
  std::uint64_t accepted = 0, closes = 0, to_backend = 0, to_client = 0, frames = 0;
  std::uint64_t full = 0, resumed = 0, failed = 0;
  for (const auto& each : workers) {
    const worker_metrics& its = each->metrics();
    accepted += its.clients_accepted.value();
    for (std::size_t reason = 0; reason < close_reason_count; ++reason)
      closes += its.closes.at_index(reason).value();
    to_backend += its.relayed_bytes[relay_direction::to_backend].value();
    to_client += its.relayed_bytes[relay_direction::to_client].value();
    frames += its.link_frames_received.value();
    full += its.handshakes[handshake_kind::full].value();
    resumed += its.handshakes[handshake_kind::resumed].value();
    failed += its.handshakes[handshake_kind::failed].value();
  }
  return {{"accepted", accepted},
          {"closes", closes},
          {"handshakes", {{"full", full}, {"resumed", resumed}, {"failed", failed}}},
          {"bytes_to_backend", to_backend},
          {"bytes_to_client", to_client},
          {"frames_received", frames},
          {"cpu_seconds", read_process_usage().cpu_seconds}};
}

}  // namespace

json worker_sums(const worker_list& workers) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return {{"monotonic_seconds", std::chrono::duration<double>(now).count()},
          {"phases", phase_sums(workers)},
          {"loop_turns", turn_sums(workers)},
          {"counters", counter_sums(workers)}};
}

}  // namespace presenter::gateway
