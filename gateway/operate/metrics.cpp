#include "gateway/operate/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/operate/lifecycle_metrics.hpp"
#include "gateway/operate/process_usage.hpp"
#include "gateway/operate/prometheus_text.hpp"

namespace presenter::gateway {
namespace {

template <class Enum>
std::string_view label_of(Enum value) {
  return name_of(value);
}

std::string_view label_of(net::lookup_result result) {
  constexpr std::array<std::string_view, 3> names{"found", "failed", "timed_out"};
  return names[static_cast<std::size_t>(result)];
}

std::string_view label_of(protocol::refuse_reason reason) {
  switch (reason) {
    case protocol::refuse_reason::not_owner:
      return "not_owner";
    case protocol::refuse_reason::busy:
      return "busy";
    case protocol::refuse_reason::denied:
      return "denied";
    case protocol::refuse_reason::shutting_down:
      return "shutting_down";
  }
  return "other";
}

std::string_view label_of(protocol::reset_reason reason) {
  return static_cast<int>(reason) == 0 ? "other" : protocol::name_of(reason);
}

std::string_view label_of(protocol::errc code) {
  return static_cast<int>(code) == 0 ? "socket" : protocol::name_of(code);
}

using worker_span = std::span<const worker_metrics* const>;

// One family: its samples are written by a function made from the member.
struct metric_row {
  std::string_view name;
  std::string_view help;
  metric_type type;
  std::string_view label;  // what tells its samples apart; empty: there is one
  void (*write)(prometheus_text&, std::string_view label, worker_span);
  void (*visit)(worker_metrics&, std::string_view name,
                const counter_visit&) = nullptr;  // counters
};

template <class Value>
constexpr metric_type type_of =
    std::is_same_v<Value, counter> ? metric_type::counter : metric_type::gauge;

template <auto Member>
void write_sum(prometheus_text& out, std::string_view, worker_span workers) {
  decltype((workers[0]->*Member).value()) sum = 0;
  for (const auto* worker : workers)
    sum += (worker->*Member).value();
  out.sample({}, sum);
}

template <auto Member>
void write_each_worker(prometheus_text& out, std::string_view label, worker_span workers) {
  for (std::size_t i = 0; i < workers.size(); ++i)
    out.sample({{label, fmt::format_int(i).c_str()}}, (workers[i]->*Member).value());
}

template <auto Member, class Value, class Enum, Enum Last>
void write_array(prometheus_text& out, std::string_view label, worker_span workers) {
  for (std::size_t i = 0; i < metric_array<Value, Enum, Last>::size; ++i) {
    decltype(Value{}.value()) sum = 0;
    for (const auto* worker : workers)
      sum += (worker->*Member).at_index(i).value();
    out.sample({{label, label_of(static_cast<Enum>(i))}}, sum);
  }
}

template <auto Member, class Value>
void visit_counter(worker_metrics& of, std::string_view name, const counter_visit& visit) {
  if constexpr (std::is_same_v<Value, counter>) visit(std::string(name), of.*Member);
}

template <auto Member, class Value, class Enum, Enum Last>
void visit_array(worker_metrics& of, std::string_view name, const counter_visit& visit) {
  if constexpr (std::is_same_v<Value, counter>) {
    for (std::size_t i = 0; i < metric_array<Value, Enum, Last>::size; ++i) {
      const auto at = static_cast<Enum>(i);
      visit(fmt::format("{} {}", name, label_of(at)), (of.*Member)[at]);
    }
  }
}

// The sum over all workers.
template <auto Member, class Value>
constexpr metric_row row_of_member(Value worker_metrics::*, std::string_view name,
                                   std::string_view help) {
  return {name, help, type_of<Value>, "", &write_sum<Member>, &visit_counter<Member, Value>};
}

// The sums over all workers, by enumerator.
template <auto Member, class Value, class Enum, Enum Last>
constexpr metric_row row_of_member(metric_array<Value, Enum, Last> worker_metrics::*,
                                   std::string_view name, std::string_view help,
                                   std::string_view label) {
  return {name,
          help,
          type_of<Value>,
          label,
          &write_array<Member, Value, Enum, Last>,
          &visit_array<Member, Value, Enum, Last>};
}

// One sample per worker.
template <auto Member>
constexpr metric_row row_per_worker(std::string_view name, std::string_view help) {
  return {name, help, metric_type::gauge, "worker", &write_each_worker<Member>};
}

// Summed over all workers. A bucket counts all that took no longer than its bound.
void write_histogram(prometheus_text& out, metric_label label,
                     std::span<const duration_histogram* const> parts) {
  std::uint64_t count = 0;
  std::uint64_t nanoseconds = 0;
  for (std::size_t slot = 0; slot < duration_histogram::size; ++slot) {
    for (const auto* part : parts)
      count += part->slot(slot).value();
    const bool is_last = slot == duration_histogram::bounds.size();
    out.part("_bucket",
             {label, {"le", is_last ? "+Inf" : duration_histogram::bounds[slot].seconds}}, count);
  }
  for (const auto* part : parts)
    nanoseconds += part->nanoseconds().value();
  out.part("_sum", {label}, static_cast<double>(nanoseconds) / 1e9);
  out.part("_count", {label}, count);
}

template <class Pick>
std::vector<const duration_histogram*> of_all(worker_span workers, Pick pick) {
  std::vector<const duration_histogram*> parts;
  for (const auto* worker : workers)
    parts.push_back(&pick(*worker));
  return parts;
}

template <auto Member>
void write_times(prometheus_text& out, std::string_view, worker_span workers) {
  write_histogram(out, {},
                  of_all(
                      workers, [](const worker_metrics& of) -> const auto& { return of.*Member; }));
}

template <auto Member, class Enum, Enum Last>
void write_times_array(prometheus_text& out, std::string_view label, worker_span workers) {
  for (std::size_t i = 0; i < metric_array<duration_histogram, Enum, Last>::size; ++i) {
    write_histogram(out, {label, label_of(static_cast<Enum>(i))},
                    of_all(
                        workers, [i](const worker_metrics& of) -> const auto& {
                          return (of.*Member).at_index(i);
                        }));
  }
}

// As in write_histogram, but each slot alone. A version with other bounds leaves these out.
void visit_slots(duration_histogram& of, const std::string& name, const counter_visit& visit) {
  for (std::size_t slot = 0; slot < duration_histogram::bounds.size(); ++slot)
    visit(fmt::format("{} le {}", name, duration_histogram::bounds[slot].seconds), of.slot(slot));
  visit(name + " le +Inf", of.slot(duration_histogram::bounds.size()));
  visit(name + " nanoseconds", of.nanoseconds());
}

template <auto Member>
void visit_times(worker_metrics& of, std::string_view name, const counter_visit& visit) {
  visit_slots(of.*Member, std::string(name), visit);
}

template <auto Member, class Enum, Enum Last>
void visit_times_array(worker_metrics& of, std::string_view name, const counter_visit& visit) {
  for (std::size_t i = 0; i < metric_array<duration_histogram, Enum, Last>::size; ++i) {
    const auto at = static_cast<Enum>(i);
    visit_slots((of.*Member)[at], fmt::format("{} {}", name, label_of(at)), visit);
  }
}

template <auto Member>
constexpr metric_row row_of_member(duration_histogram worker_metrics::*, std::string_view name,
                                   std::string_view help) {
  return {name, help, metric_type::histogram, "", &write_times<Member>, &visit_times<Member>};
}

template <auto Member, class Enum, Enum Last>
constexpr metric_row row_of_member(metric_array<duration_histogram, Enum, Last> worker_metrics::*,
                                   std::string_view name, std::string_view help,
                                   std::string_view label) {
  return {name,
          help,
          metric_type::histogram,
          label,
          &write_times_array<Member, Enum, Last>,
          &visit_times_array<Member, Enum, Last>};
}

template <auto Member, class... Texts>
constexpr metric_row row(Texts... texts) {
  return row_of_member<Member>(Member, std::string_view{texts}...);
}

using m = worker_metrics;

constexpr std::array metric_table{
    row<&m::clients_accepted>("presenter_clients_accepted_total", "Clients accepted."),
    row<&m::accept_failures>("presenter_accept_failures_total", "Accepts that failed."),
    row<&m::clients_refused>("presenter_clients_refused_total",
                             "Clients closed at accept, by the limit of their address.", "limit"),
    row<&m::addresses_untracked>("presenter_addresses_untracked_total",
                                 "Clients let in unlimited: the table of addresses was full."),
    row<&m::accept_paused>("presenter_accept_paused",
                           "Workers that leave clients in the kernel now, by what is used up.",
                           "limit"),
    row<&m::accept_pauses>("presenter_accept_pauses_total",
                           "Times that a worker began to leave clients in the kernel.", "limit"),
    row<&m::openssl_sessions>("presenter_clients_openssl",
                              "Clients for whom OpenSSL holds an object: handshakes, no AEAD."),
    row<&m::records_held_back>("presenter_log_records_held_back_total",
                               "Records of clients that were too many for the log."),
    row<&m::clients_open>("presenter_clients_open", "Clients now, by phase.", "phase"),
    row<&m::handshakes>("presenter_handshakes_total", "TLS handshakes, by how they ended.", "kind"),
    row<&m::spared_handshakes>("presenter_handshakes_spared_total",
                               "Clients given up before any crypto was done for them, by why.",
                               "reason"),
    row<&m::resumed_elsewhere>("presenter_handshakes_resumed_elsewhere_total",
                               "TLS handshakes resumed with a ticket of another gateway."),
    row<&m::tickets>("presenter_tickets_total",
                     "Session tickets: issued, or shown by a client, by the key they need.",
                     "event"),
    row<&m::early_data>("presenter_early_data_total",
                        "Clients that sent TLS early data, by what became of it.", "result"),
    row<&m::closes>("presenter_closes_total", "Client sessions ended, by reason.", "reason"),
    row<&m::relayed_bytes>("presenter_relayed_bytes_total",
                           "Payload relayed between clients and backends, in bytes.", "direction"),
    row<&m::streams_open>("presenter_streams_open", "Streams now."),
    row<&m::streams_opened>("presenter_streams_opened_total", "Streams opened."),
    row<&m::opens_waiting>("presenter_opens_waiting",
                           "Clients whose stream cannot be opened now, and who wait."),
    row<&m::open_retries>("presenter_open_retries_total",
                          "Streams tried to be opened once more, by what came between.", "reason"),
    row<&m::streams_refused>("presenter_opens_refused_total",
                             "Streams refused by backends, by reason.", "reason"),
    row<&m::stream_errors>("presenter_stream_errors_total",
                           "Streams reset because the backend broke a rule, by reason.", "reason"),
    row<&m::notices>("presenter_notices_total", "Backends told that a client will be closed."),
    row<&m::clients_announced>("presenter_clients_announced",
                               "Clients whose backend was told that they will be closed."),
    row<&m::moves_pending>("presenter_moves_pending",
                           "Clients that wait to be moved away from their backend, by cause.",
                           "cause"),
    row<&m::handoffs_pending>("presenter_handoffs_pending",
                              "Of those, whose streams can be handed over."),
    row<&m::moves>("presenter_moves_total",
                   "Clients moved away from their backend, handed over or closed, by cause; once "
                   "for each.",
                   "cause"),
    row<&m::handoffs>("presenter_handoffs_total",
                      "Streams that were to be handed over to another backend, by what became of "
                      "it.",
                      "result"),
    row<&m::deposits>("presenter_deposits_total",
                      "States that backends deposited for the day they crash."),
    row<&m::deposits_dropped>("presenter_deposits_dropped_total",
                              "Deposits dropped because a backend made too many a second."),
    row<&m::crashes_waiting>("presenter_crashes_waiting",
                             "Clients whose backend may have crashed, until that is known."),
    row<&m::handoff_held_bytes>("presenter_handoff_held_bytes",
                                "States and unread bytes of streams between two backends."),
    row<&m::links_up>("presenter_links_up", "Links that are up now."),
    row<&m::links_suspect>("presenter_links_suspect",
                           "Links that are silent and get no new streams now."),
    row<&m::links_opened>("presenter_links_opened_total", "Links that came up."),
    row<&m::link_connects>("presenter_link_connects_total", "Attempts to bring up a link."),
    row<&m::link_connect_failures>("presenter_link_connect_failures_total",
                                   "Attempts to bring up a link that failed."),
    row<&m::link_addresses>("presenter_link_address_attempts_total",
                            "Connections tried to single addresses of backends, by what came of "
                            "it.",
                            "result"),
    row<&m::lookups>("presenter_name_lookups_total",
                     "Look-ups of backends' names, by what came of it.", "result"),
    row<&m::stale_names>("presenter_names_stale_total",
                         "Times that a name's last good addresses were used, because its look-up "
                         "failed or hung."),
    row<&m::link_errors>("presenter_link_errors_total", "Links that ended, by error.", "error"),
    row<&m::link_bytes>("presenter_link_bytes_total",
                        "Bytes on links, headers and control frames included.", "direction"),
    row<&m::link_reads>("presenter_link_reads_total", "System calls that read from a link."),
    row<&m::link_sends>("presenter_link_sends_total", "System calls that sent on a link."),
    row<&m::link_frames_received>("presenter_link_frames_received_total",
                                  "Frames that backends sent."),
    row<&m::link_late_frames>("presenter_link_late_frames_total",
                              "Frames for streams that were over already."),
    row_per_worker<&m::map_epoch>("presenter_worker_map_epoch",
                                  "Epoch of the shard map that the worker routes by."),
    row<&m::turns>("presenter_loop_turn_seconds",
                   "Turns of the workers' loops, without the wait for what they handle."),
    row<&m::handshake_times>("presenter_handshake_seconds",
                             "From accept to the end of a handshake that succeeded.", "kind"),
    row<&m::open_times>("presenter_stream_open_seconds",
                        "From a client's whole first packet to its backend's Accept."),
    row<&m::relay_times>("presenter_relay_seconds",
                         "From the read of a client's socket to the write on its link; sampled."),
};

// A family of one sample.
template <class Value>
void write_gauge(prometheus_text& out, std::string_view name, std::string_view help, Value value) {
  out.family(name, help, metric_type::gauge);
  out.sample({}, value);
}

template <class Value>
void write_counter(prometheus_text& out, std::string_view name, std::string_view help,
                   Value value) {
  out.family(name, help, metric_type::counter);
  out.sample({}, value);
}

double unix_seconds(std::chrono::system_clock::time_point at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

void write_zookeeper(prometheus_text& out, const zookeeper_facts& facts) {
  write_gauge(out, "presenter_zookeeper_connected", "1 if the session with ZooKeeper is connected.",
              std::uint64_t{facts.is_connected});
  write_counter(out, "presenter_zookeeper_disconnects_total", "Times that ZooKeeper was lost.",
                facts.disconnects);
  write_counter(out, "presenter_zookeeper_sessions_opened_total", "Sessions begun with ZooKeeper.",
                facts.sessions_opened);
  write_counter(out, "presenter_zookeeper_sessions_expired_total", "Sessions that ZooKeeper ended.",
                facts.sessions_expired);
  write_counter(out, "presenter_zookeeper_open_failures_total",
                "Sessions that could not be begun: no name resolved, no thread or memory.",
                facts.open_failures);
  write_counter(out, "presenter_zookeeper_secret_reads_total",
                "Reads of the node of the ticket keys.", facts.secret_reads);
  write_counter(out, "presenter_zookeeper_secret_refusals_total",
                "Times that this node was closed to us, or open to others.", facts.secret_refusals);
  write_counter(out, "presenter_zookeeper_secret_write_failures_total",
                "Writes of this node that failed.", facts.secret_write_failures);
  write_counter(out, "presenter_zookeeper_moves_total",
                "Sessions that went on at other addresses of ZooKeeper.", facts.moves);
  out.family("presenter_zookeeper_name_lookups_total",
             "Look-ups of ZooKeeper's names, by what came of it.", metric_type::counter);
  out.sample({{"result", label_of(net::lookup_result::found)}}, facts.lookups_found);
  out.sample({{"result", label_of(net::lookup_result::failed)}}, facts.lookups_failed);
  out.sample({{"result", label_of(net::lookup_result::timed_out)}}, facts.lookups_timed_out);
  write_gauge(out, "presenter_map_held",
              "1 if ZooKeeper's map is held back: it lacks too many backends.",
              std::uint64_t{facts.is_map_held});
  write_counter(out, "presenter_map_holds_total", "Times that a map began to be held back.",
                facts.maps_held);
  write_counter(out, "presenter_map_too_large_total",
                "Maps of too many servers or too much weight.", facts.maps_too_large);
  write_counter(out, "presenter_map_entries_rejected_total", "Entries that could not be used.",
                facts.entries_rejected);
  write_counter(out, "presenter_map_reads_total", "Times that the list of servers was read.",
                facts.map_reads);
  write_counter(out, "presenter_map_read_failures_total", "Attempts to read the map that failed.",
                facts.read_failures);
  write_counter(out, "presenter_map_published_total", "Maps that came into force.",
                facts.maps_published);
  write_counter(out, "presenter_map_save_failures_total", "Failures to keep the map on disk.",
                facts.save_failures);
}

void write_removals(prometheus_text& out, const process_facts& facts) {
  out.family("presenter_dead_backends_total",
             "Backends found dead whose entry was to be removed, by what came of it.",
             metric_type::counter);
  for (std::size_t i = 0; i < facts.removals.size(); ++i)
    out.sample({{"result", removal_result_names[i]}}, facts.removals[i]);
}

// Numbers of the process that no worker owns.
void write_facts(prometheus_text& out, const process_facts& facts, std::size_t workers) {
  out.family("presenter_build_info", "Version of the program; always 1.", metric_type::gauge);
  out.sample({{"version", facts.version}}, std::uint64_t{1});
  write_gauge(out, "presenter_ready", "1 if the gateway takes clients.",
              std::uint64_t{facts.is_ready});
  write_gauge(out, "presenter_workers", "Workers.", workers);
  write_counter(out, "presenter_log_lines_dropped_total",
                "Lines of the log that standard error did not take.", facts.log_lines_dropped);
  write_gauge(out, "presenter_clients_max", "Clients that the gateway may hold.",
              facts.clients_max);
  write_zookeeper(out, facts.zookeeper);
  write_removals(out, facts);
  write_gauge(out, "presenter_map_backends", "Backends that the shard map names.", facts.backends);
  write_gauge(out, "presenter_map_epoch", "Epoch of the newest shard map; 0: none yet.",
              facts.map_epoch);
}

void write_reloads(prometheus_text& out, std::string_view name, std::string_view help,
                   std::uint64_t reloads, std::uint64_t refusals) {
  out.family(name, help, metric_type::counter);
  out.sample({{"result", "done"}}, reloads);
  out.sample({{"result", "refused"}}, refusals);
}

void write_tickets(prometheus_text& out, const ticket_facts& tickets) {
  out.family("presenter_ticket_key_origin", "1 at the origin of the ticket key that seals.",
             metric_type::gauge);
  for (const std::string_view origin : {"zookeeper", "file", "random"})
    out.sample({{"origin", origin}}, std::uint64_t{origin == tickets.origin ? 1U : 0U});
  write_gauge(out, "presenter_ticket_keys", "Ticket keys that open.", std::uint64_t{tickets.keys});
  write_gauge(out, "presenter_ticket_key_age_seconds",
              "How long the sealing ticket key has sealed.", tickets.sealing_seconds);
  write_counter(out, "presenter_ticket_key_rotations_total",
                "Rotations of the fleet's ticket keys by this gateway.", tickets.rotations);
  write_counter(out, "presenter_ticket_key_refusals_total",
                "Times that ZooKeeper's ticket keys could not be used.", tickets.refusals);
  write_reloads(out, "presenter_ticket_key_file_reloads_total",
                "Times that the file of ticket keys was read again, by what came of it.",
                tickets.file_reloads, tickets.file_refusals);
}

using certificate = certificate_facts::certificate;

// A family without samples is left out.
void write_expiry(prometheus_text& out, std::string_view name, std::string_view help,
                  std::span<const certificate> certificates,
                  std::optional<std::time_t> (*expiry)(const certificate&)) {
  bool is_begun = false;
  for (const certificate& one : certificates) {
    const auto at = expiry(one);
    if (!at) continue;
    if (!std::exchange(is_begun, true)) out.family(name, help, metric_type::gauge);
    out.sample({{"certificate", one.file}, {"name", one.name}}, std::int64_t{*at});
  }
}

void write_certificates(prometheus_text& out, const certificate_facts& facts) {
  write_reloads(out, "presenter_tls_reloads_total",
                "Times that the files of [tls] were read again, by what came of it.", facts.reloads,
                facts.refusals);
  write_expiry(out, "presenter_tls_certificate_expiry_seconds",
               "When the first certificate of the chain expires, in seconds since 1970.",
               facts.certificates,
               [](const certificate& one) { return std::optional(one.expires); });
  write_expiry(out, "presenter_tls_ocsp_expiry_seconds",
               "When the stapled OCSP response ages out, in seconds since 1970; 0: never.",
               facts.certificates, [](const certificate& one) { return one.ocsp_expires; });
}

// An OpenSSL object's share is an average over those there are now.
std::uint64_t openssl_bytes_each(const memory_facts& memory, worker_span workers) {
  std::int64_t sessions = 0;
  for (const auto* worker : workers)
    sessions += worker->openssl_sessions.value();
  const std::int64_t bytes = memory.openssl - memory.openssl_without_clients;
  return sessions > 0 && bytes > 0 ? static_cast<std::uint64_t>(bytes / sessions) : 0;
}

void write_memory(prometheus_text& out, const memory_facts& memory, worker_span workers) {
  using m = worker_metrics;
  out.family("presenter_memory_bytes", "Memory held, by what it is for.", metric_type::gauge);
  write_array<&m::memory, gauge, memory_part, memory_part::buffers>(out, "part", workers);
  out.sample({{"part", "openssl"}}, memory.openssl);
  out.family("presenter_client_idle_bytes",
             "Memory of an idle client, by part; openssl: only of those whose records it keeps.",
             metric_type::gauge);
  out.sample({{"part", "sessions"}}, std::uint64_t{memory.session});
  out.sample({{"part", "records"}}, std::uint64_t{memory.records});
  out.sample({{"part", "streams"}}, std::uint64_t{memory.stream});
  out.sample({{"part", "openssl"}}, openssl_bytes_each(memory, workers));
  write_counter(out, "presenter_memory_trims_total",
                "Times that freed memory was given to the system.", memory.trims);
  write_gauge(out, "presenter_memory_trim_handshakes",
              "Handshakes and clients ended since then, whose memory malloc may still keep.",
              memory.handshakes_since_trim);
}

// The names that every Prometheus client library uses for these.
void write_usage(prometheus_text& out, const process_facts& facts) {
  const auto usage = read_process_usage();
  write_gauge(out, "process_resident_memory_bytes", "Resident memory.", usage.resident_bytes);
  write_gauge(out, "process_virtual_memory_bytes", "Virtual memory.", usage.virtual_bytes);
  write_gauge(out, "process_open_fds", "Descriptors open.", usage.descriptors_open);
  write_gauge(out, "process_max_fds", "Descriptors that may be open.", usage.descriptors_max);
  write_gauge(out, "process_threads", "Threads.", usage.threads);
  write_counter(out, "process_cpu_seconds_total", "CPU time, user and system.", usage.cpu_seconds);
  write_gauge(out, "process_start_time_seconds", "Start, in seconds since 1970.",
              unix_seconds(facts.started_at));
}

void write_moves(prometheus_text& out, worker_span workers, const move_paces& paces) {
  const auto count = static_cast<double>(workers.size());
  write_gauge(out, "presenter_moves_per_second",
              "Pace of clients that are closed to be moved, of all workers together.",
              paces.closes * count);
  write_gauge(out, "presenter_handoffs_per_second",
              "Pace of streams that are handed over, of all workers together.",
              paces.handoffs * count);
  write_gauge(out, "presenter_moves_eta_seconds", "Until the last pending move at these paces.",
              moves_eta_seconds(workers, paces));
}

}  // namespace

double move_seconds(std::int64_t closes, std::int64_t handoffs, const move_paces& paces) {
  const auto part = [](std::int64_t count, double pace) {
    return count > 0 ? static_cast<double>(count) / pace : 0.0;
  };
  return part(closes, paces.closes) + part(handoffs, paces.handoffs);
}

double moves_eta_seconds(worker_span workers, const move_paces& paces) {
  double longest = 0;
  for (const auto* worker : workers) {
    std::int64_t pending = 0;
    for (std::size_t i = 0; i < decltype(worker->moves_pending)::size; ++i)
      pending += worker->moves_pending.at_index(i).value();
    // Of another moment than the sum, if the worker is just at it.
    const std::int64_t handoffs = std::min(worker->handoffs_pending.value(), pending);
    longest = std::max(longest, move_seconds(pending - handoffs, handoffs, paces));
  }
  return longest;
}

void worker_metrics::count_link_error(const boost::system::error_code& ec) noexcept {
  const bool is_protocol = ec.category() == protocol::error_category();
  link_errors[static_cast<protocol::errc>(is_protocol ? ec.value() : 0)].add();
}

std::int64_t worker_metrics::clients_total() const noexcept {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < decltype(clients_open)::size; ++i)
    sum += clients_open.at_index(i).value();
  return sum;
}

void visit_counters(worker_metrics& metrics, const counter_visit& visit) {
  for (const auto& row : metric_table)
    if (row.visit != nullptr) row.visit(metrics, row.name, visit);
}

std::string render_prometheus(worker_span workers, const process_facts& facts, exposition format) {
  prometheus_text out(format);
  for (const auto& row : metric_table) {
    out.family(row.name, row.help, row.type);
    row.write(out, row.label, workers);
  }
  write_facts(out, facts, workers.size());
  write_moves(out, workers, facts.moves);
  write_tickets(out, facts.tickets);
  write_certificates(out, facts.certificates);
  write_balance(out, facts.balance);
  write_backends(out, facts.each_backend, facts.backends);
  write_memory(out, facts.memory, workers);
  write_hooks(out, facts.hooks);
  write_drain(out, facts.drain);
  write_upgrades(out, facts.upgrades);
  write_configuration(out, facts.configuration);
  write_admin_refusals(out, facts.admin_refusals);
  write_usage(out, facts);
  return std::move(out).take();
}

}  // namespace presenter::gateway
