// What each worker counts, and how all of it is written for Prometheus.
// Workers write their own `worker_metrics`; the control thread reads them all, sums, and renders.
// To add a metric: a member here, its row in metrics.cpp's table.
#pragma once

#include <array>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/net/errc.hpp"
#include "gateway/operate/backend_facts.hpp"
#include "gateway/operate/balance_facts.hpp"
#include "gateway/operate/config_facts.hpp"
#include "gateway/operate/counter.hpp"
#include "gateway/operate/duration_histogram.hpp"
#include "gateway/operate/prometheus_text.hpp"
#include "gateway/vocabulary/accept_outcome.hpp"
#include "gateway/vocabulary/admin_refusal.hpp"
#include "gateway/vocabulary/client_phase.hpp"
#include "gateway/vocabulary/close_reason.hpp"
#include "gateway/vocabulary/drain_state.hpp"
#include "gateway/vocabulary/handoff_result.hpp"
#include "gateway/vocabulary/handshake_outcome.hpp"
#include "gateway/vocabulary/hook_event.hpp"
#include "gateway/vocabulary/link_outcome.hpp"
#include "gateway/vocabulary/memory_part.hpp"
#include "gateway/vocabulary/move_cause.hpp"
#include "gateway/vocabulary/open_obstacle.hpp"
#include "gateway/vocabulary/relay_direction.hpp"
#include "gateway/vocabulary/removal_result.hpp"
#include "gateway/vocabulary/upgrade_result.hpp"
#include "protocol/errc.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

// One counter, gauge or histogram for each enumerator up to and including `Last`. Values outside,
// which a newer peer may send, fall into slot 0; enumerations of the protocol leave it free.
template <class Value, class Enum, Enum Last>
class metric_array {
 public:
  static constexpr std::size_t size = static_cast<std::size_t>(Last) + 1;

  Value& operator[](Enum of) noexcept { return values_[index_of(of)]; }
  const Value& operator[](Enum of) const noexcept { return values_[index_of(of)]; }
  const Value& at_index(std::size_t index) const noexcept { return values_[index]; }

 private:
  static std::size_t index_of(Enum of) noexcept {
    const auto index = static_cast<std::size_t>(of);
    return index < size ? index : 0;
  }
  std::array<Value, size> values_;
};

// Life: as long as the process. Confined to: see counter.
// Aligned to two cache lines, the unit the prefetcher takes, so that workers never share one.
struct alignas(128) worker_metrics {
  counter clients_accepted;
  metric_array<gauge, client_phase, client_phase::closing> clients_open;
  metric_array<counter, close_reason, close_reason::internal> closes;
  metric_array<counter, handshake_kind, handshake_kind::failed> handshakes;
  metric_array<counter, spared_handshake, spared_handshake::timeout> spared_handshakes;
  counter resumed_elsewhere;  // of handshakes: with a ticket of another gateway
  metric_array<counter, ticket_event, ticket_event::unknown_key> tickets;
  metric_array<counter, early_data_result, early_data_result::rejected> early_data;
  metric_array<counter, relay_direction, relay_direction::to_client> relayed_bytes;

  gauge streams_open;
  counter streams_opened;
  gauge opens_waiting;  // clients whose stream cannot be opened now
  // Tried again, by what the attempt before it met.
  metric_array<counter, open_obstacle, open_obstacle::shutting_down> open_retries;
  metric_array<counter, protocol::refuse_reason, protocol::refuse_reason::shutting_down>
      streams_refused;
  // Streams that this gateway reset because the backend broke a rule.
  metric_array<counter, protocol::reset_reason, protocol::reset_reason::position_mismatch>
      stream_errors;

  metric_array<gauge, move_cause, move_cause::rebalanced> moves_pending;
  gauge handoffs_pending;  // of those, streams that could be handed over when they were queued
  metric_array<counter, move_cause, move_cause::rebalanced> moves;  // made, whichever way
  metric_array<counter, handoff_result, handoff_result::shutting_down> handoffs;
  counter deposits;          // that backends have made
  counter deposits_dropped;  // of them: more a second than one link may make
  gauge crashes_waiting;     // clients of a lost backend, until it is known what became of it
  gauge handoff_held_bytes;  // of streams between two backends, once in a tick

  counter notices;          // to backends, that a client will be closed
  gauge clients_announced;  // of those, clients that are not closed yet

  gauge links_up;
  gauge links_suspect;   // of them: silent or without credit, and given no new streams
  counter links_opened;  // came up, Hello received
  counter link_connects;
  counter link_connect_failures;
  metric_array<counter, address_result, address_result::superseded> link_addresses;  // tried
  metric_array<counter, net::lookup_result, net::lookup_result::timed_out> lookups;
  counter stale_names;  // last good addresses used, for a look-up failed or hung
  // Slot 0: a failure of the socket, not of the protocol.
  metric_array<counter, protocol::errc, protocol::link_error_last> link_errors;
  // Of all links, with frames' headers and control frames; once in a tick.
  metric_array<counter, link_direction, link_direction::received> link_bytes;
  counter link_reads;  // system calls
  counter link_sends;
  counter link_frames_received;
  counter link_late_frames;  // of them: for streams that were over already

  counter accept_failures;
  metric_array<counter, refusal, refusal::address_rate> clients_refused;
  counter addresses_untracked;  // clients let in because the table of addresses was full
  metric_array<gauge, accept_pause, accept_pause::descriptors> accept_paused;  // 1: now
  metric_array<counter, accept_pause, accept_pause::descriptors> accept_pauses;
  metric_array<gauge, memory_part, memory_part::buffers> memory;  // bytes, once in a tick
  counter records_held_back;                                      // of clients, in the log
  gauge openssl_sessions;  // clients for whom OpenSSL holds an object, handshakes included
  gauge map_epoch;         // of the shard map this worker routes by

  duration_histogram turns;  // of the loop, but for those without any event
  metric_array<duration_histogram, handshake_kind, handshake_kind::resumed> handshake_times;
  duration_histogram open_times;   // from the whole first packet to Accept
  duration_histogram relay_times;  // from a client's read to its link's write; see relay_timer

  // Moves a client from one phase to the next.
  void change_phase(client_phase from, client_phase to) noexcept {
    clients_open[from].sub();
    clients_open[to].add();
  }
  // In every phase, those that are closing included.
  std::int64_t clients_total() const noexcept;
  void count_link_error(const boost::system::error_code&) noexcept;
};

// The keys that seal and open session tickets.
struct ticket_facts {
  std::string origin;           // of the key that seals: "zookeeper", "file", "random"
  std::size_t keys = 0;         // that open
  double sealing_seconds = 0;   // how long the sealing key has been that
  std::uint64_t rotations = 0;  // of the fleet's keys, by this gateway
  std::uint64_t refusals = 0;   // of what ZooKeeper held in the keys' place
  std::uint64_t file_reloads = 0;
  std::uint64_t file_refusals = 0;
};

// The certificates that new clients get, and how their files were read again.
struct certificate_facts {
  struct certificate {
    std::string file;
    std::string name;                         // its first server name, if it has one
    std::time_t expires = 0;                  // the earliest of its chain, Unix time
    std::optional<std::time_t> ocsp_expires;  // with a stapled response; 0: never
  };
  std::vector<certificate> certificates;
  std::uint64_t reloads = 0;
  std::uint64_t refusals = 0;  // of new files: the old ones have stayed
};

// ZooKeeper and what it says of the shard map. All zero where a map file is used.
struct zookeeper_facts {
  bool is_connected = false;
  bool is_map_held = false;            // the newest map is not in force: see shard_router/README.md
  std::uint64_t maps_held = 0;         // how often one began to be held
  std::uint64_t maps_too_large = 0;    // refused
  std::uint64_t entries_rejected = 0;  // left out of a map
  std::uint64_t read_failures = 0;     // of the map
  std::uint64_t save_failures = 0;     // of its copy on disk
  std::uint64_t disconnects = 0;
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_expired = 0;
  std::uint64_t open_failures = 0;  // of sessions
  std::uint64_t map_reads = 0;
  std::uint64_t maps_published = 0;
  std::uint64_t secret_reads = 0;  // of nodes that only we may read: the ticket keys
  std::uint64_t secret_refusals = 0;
  std::uint64_t secret_write_failures = 0;
  std::uint64_t moves = 0;          // of a session to servers at other addresses
  std::uint64_t lookups_found = 0;  // of the servers' names
  std::uint64_t lookups_failed = 0;
  std::uint64_t lookups_timed_out = 0;
};

// OpenSSL's part of the memory, and what an idle client's parts are by construction, in bytes.
struct memory_facts {
  std::int64_t openssl = 0;
  std::int64_t openssl_without_clients = 0;  // contexts, certificates, tables
  std::size_t session = 0;
  std::size_t records = 0;
  std::size_t stream = 0;
  std::uint64_t trims = 0;  // freed memory given back to the system
  std::uint64_t handshakes_since_trim = 0;
};

// Hooks that have run.
struct hook_facts {
  using by_result = std::array<std::uint64_t, hook_result_names.size()>;
  std::array<by_result, hook_event_names.size()> runs{};

  void count(hook_event event, hook_result result) {
    ++runs[static_cast<std::size_t>(event)][static_cast<std::size_t>(result)];
  }
};

// How the gateway is taken out.
struct drain_facts {
  drain_state state = drain_state::up;
  double seconds = 0;
  std::uint64_t arrivals = 0;  // of all drains
  std::uint64_t closed = 0;    // of all drains
  std::optional<double> rule_eta_seconds;
  std::optional<double> deadline_eta_seconds;
};

// How many a worker moves in a second.
struct move_paces {
  double closes = 0;    // of clients that are closed, and come back by a handshake
  double handoffs = 0;  // of streams that are handed over; 0: none is
};

// What is known of the process as a whole.
struct process_facts {
  std::string version;  // "0.1.0"
  std::chrono::system_clock::time_point started_at;
  std::int64_t map_epoch = 0;  // 0: no shard map yet
  std::size_t backends = 0;    // that the shard map names
  bool is_ready = false;
  std::size_t clients_max = 0;
  move_paces moves;  // of one worker
  ticket_facts tickets;
  zookeeper_facts zookeeper;
  std::array<std::uint64_t, removal_result_names.size()> removals{};  // of dead backends
  certificate_facts certificates;
  memory_facts memory;
  hook_facts hooks;
  drain_facts drain;
  std::array<std::uint64_t, upgrade_result_names.size()> upgrades{};
  std::array<std::uint64_t, admin_refusal_names.size()> admin_refusals{};
  balance_facts balance;
  config_facts configuration;
  backend_facts each_backend;
  std::uint64_t log_lines_dropped = 0;
};

// Shows every counter of the worker with its family's name, and the label that tells it apart
// there: "presenter_closes_total client_idle".
using counter_visit = std::function<void(std::string key, counter&)>;
void visit_counters(worker_metrics& metrics, const counter_visit& visit);

// How long a worker takes for so many moves: they are made one after the other.
double move_seconds(std::int64_t closes, std::int64_t handoffs, const move_paces& paces);

// How long these workers' moves take, until the last is made; each worker has paces of its own.
double moves_eta_seconds(std::span<const worker_metrics* const> workers, const move_paces& paces);

// The whole page, `process_…` of this process included.
// Counters of all workers are summed; a sum is not one instant's, each of its parts is.
std::string render_prometheus(std::span<const worker_metrics* const> workers,
                              const process_facts& facts,
                              exposition format = exposition::prometheus);

}  // namespace presenter::gateway
