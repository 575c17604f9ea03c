#include "gateway/operate/metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <boost/asio/error.hpp>
#include <memory>

#include "gateway/operate/counter_values.hpp"
#include "gateway/operate/process_usage.hpp"
#include "prometheus_parser.hpp"

namespace presenter::gateway {
namespace {

using protocol::errc;
using protocol::refuse_reason;

class Metrics : public testing::Test {
 protected:
  prometheus_page render() const {
    const std::array<const worker_metrics*, 2> workers{&first_, &second_};
    return parse_prometheus(render_prometheus(workers, facts_));
  }

  worker_metrics first_;
  worker_metrics second_;
  process_facts facts_;
};

TEST_F(Metrics, AreAllThereBeforeAnythingHappened) {
  const auto page = render();
  EXPECT_EQ(page.value("presenter_clients_accepted_total"), 0);
  EXPECT_EQ(page.value("presenter_clients_open", {{"phase", "relaying"}}), 0);
  EXPECT_EQ(page.families.at("presenter_closes_total").samples.size(), close_reason_count);
  for (const auto& row : close_table)
    EXPECT_EQ(page.value("presenter_closes_total", {{"reason", std::string{row.name}}}), 0);
  EXPECT_EQ(page.value("presenter_link_errors_total", {{"error", "frame_oversize"}}), 0);
  EXPECT_EQ(page.value("presenter_link_errors_total", {{"error", "go_away"}}), 0);
}

TEST_F(Metrics, SumOverWorkers) {
  first_.clients_accepted.add();
  second_.clients_accepted.add(2);
  first_.closes[close_reason::packet_oversize].add(3);
  second_.closes[close_reason::packet_oversize].add(4);
  first_.relayed_bytes[relay_direction::to_backend].add(std::uint64_t{1} << 40);
  second_.handshakes[handshake_kind::resumed].add(5);
  const auto page = render();
  EXPECT_EQ(page.value("presenter_clients_accepted_total"), 3);
  EXPECT_EQ(page.value("presenter_closes_total", {{"reason", "packet_oversize"}}), 7);
  EXPECT_EQ(page.value("presenter_relayed_bytes_total", {{"direction", "to_backend"}}),
            1'099'511'627'776.0);
  EXPECT_EQ(page.value("presenter_handshakes_total", {{"kind", "resumed"}}), 5);
}

TEST_F(Metrics, TellTicketsAndTheirKeys) {
  first_.tickets[ticket_event::old_key].add(2);
  second_.tickets[ticket_event::old_key].add();
  second_.resumed_elsewhere.add(4);
  facts_.tickets = {
      .origin = "file", .keys = 3, .sealing_seconds = 1.5, .rotations = 6, .refusals = 7};
  const auto page = render();
  EXPECT_EQ(page.value("presenter_tickets_total", {{"event", "old_key"}}), 3);
  EXPECT_EQ(page.value("presenter_tickets_total", {{"event", "unknown_key"}}), 0);
  EXPECT_EQ(page.value("presenter_handshakes_resumed_elsewhere_total"), 4);
  EXPECT_EQ(page.value("presenter_ticket_key_origin", {{"origin", "file"}}), 1);
  EXPECT_EQ(page.value("presenter_ticket_key_origin", {{"origin", "zookeeper"}}), 0);
  EXPECT_EQ(page.value("presenter_ticket_keys"), 3);
  EXPECT_EQ(page.value("presenter_ticket_key_age_seconds"), 1.5);
  EXPECT_EQ(page.value("presenter_ticket_key_rotations_total"), 6);
  EXPECT_EQ(page.value("presenter_ticket_key_refusals_total"), 7);
}

TEST_F(Metrics, TellWhatZooKeeperDoesToTheMap) {
  facts_.zookeeper = {.is_connected = true,
                      .is_map_held = true,
                      .maps_held = 2,
                      .maps_too_large = 3,
                      .entries_rejected = 4,
                      .read_failures = 5,
                      .save_failures = 6,
                      .disconnects = 7,
                      .sessions_expired = 8};
  const auto page = render();
  EXPECT_EQ(page.value("presenter_zookeeper_connected"), 1);
  EXPECT_EQ(page.value("presenter_map_held"), 1);
  EXPECT_EQ(page.value("presenter_map_holds_total"), 2);
  EXPECT_EQ(page.value("presenter_map_too_large_total"), 3);
  EXPECT_EQ(page.value("presenter_map_entries_rejected_total"), 4);
  EXPECT_EQ(page.value("presenter_map_read_failures_total"), 5);
  EXPECT_EQ(page.value("presenter_map_save_failures_total"), 6);
  EXPECT_EQ(page.value("presenter_zookeeper_disconnects_total"), 7);
  EXPECT_EQ(page.value("presenter_zookeeper_sessions_expired_total"), 8);
}

TEST_F(Metrics, TellCertificatesAndHowTheirFilesWereReadAgain) {
  facts_.certificates = {.certificates = {{"a.pem", "chat.example", 1'800'000'000, 1'700'000'000},
                                          {"b.pem", "", 1'900'000'000, std::nullopt}},
                         .reloads = 2,
                         .refusals = 3};
  facts_.tickets.file_reloads = 4;
  facts_.tickets.file_refusals = 5;
  const auto page = render();
  EXPECT_EQ(page.value("presenter_tls_reloads_total", {{"result", "done"}}), 2);
  EXPECT_EQ(page.value("presenter_tls_reloads_total", {{"result", "refused"}}), 3);
  EXPECT_EQ(page.value("presenter_tls_certificate_expiry_seconds",
                       {{"certificate", "a.pem"}, {"name", "chat.example"}}),
            1'800'000'000);
  EXPECT_EQ(page.value("presenter_tls_certificate_expiry_seconds",
                       {{"certificate", "b.pem"}, {"name", ""}}),
            1'900'000'000);
  EXPECT_EQ(page.value("presenter_tls_ocsp_expiry_seconds",
                       {{"certificate", "a.pem"}, {"name", "chat.example"}}),
            1'700'000'000);
  EXPECT_EQ(page.value("presenter_ticket_key_file_reloads_total", {{"result", "done"}}), 4);
  EXPECT_EQ(page.value("presenter_ticket_key_file_reloads_total", {{"result", "refused"}}), 5);
}

TEST_F(Metrics, TellMemoryByPartAndWhatAnIdleClientHolds) {
  first_.memory[memory_part::sessions].set(1'000);
  second_.memory[memory_part::sessions].set(500);
  second_.memory[memory_part::buffers].set(7);
  first_.openssl_sessions.add(2);
  second_.openssl_sessions.add(2);
  facts_.memory = {.openssl = 50'000,
                   .openssl_without_clients = 10'000,
                   .session = 500,
                   .records = 150,
                   .stream = 170,
                   .trims = 3};
  const auto page = render();
  EXPECT_EQ(page.value("presenter_memory_bytes", {{"part", "sessions"}}), 1'500);
  EXPECT_EQ(page.value("presenter_memory_bytes", {{"part", "buffers"}}), 7);
  EXPECT_EQ(page.value("presenter_memory_bytes", {{"part", "openssl"}}), 50'000);
  EXPECT_EQ(page.value("presenter_client_idle_bytes", {{"part", "records"}}), 150);
  EXPECT_EQ(page.value("presenter_client_idle_bytes", {{"part", "streams"}}), 170);
  EXPECT_EQ(page.value("presenter_client_idle_bytes", {{"part", "openssl"}}), 10'000);
  EXPECT_EQ(page.value("presenter_memory_trims_total"), 3);

  first_.openssl_sessions.sub(2);
  second_.openssl_sessions.sub(2);
  EXPECT_EQ(render().value("presenter_client_idle_bytes", {{"part", "openssl"}}), 0);
}

TEST_F(Metrics, CountTheStormShield) {
  first_.clients_refused[refusal::address_rate].add(3);
  second_.clients_refused[refusal::address_unauthenticated].add();
  first_.spared_handshakes[spared_handshake::client_gone].add(2);
  second_.accept_paused[accept_pause::descriptors].set(1);
  const auto page = render();
  EXPECT_EQ(page.value("presenter_clients_refused_total", {{"limit", "address_rate"}}), 3);
  EXPECT_EQ(page.value("presenter_clients_refused_total", {{"limit", "address_unauthenticated"}}),
            1);
  EXPECT_EQ(page.value("presenter_handshakes_spared_total", {{"reason", "client_gone"}}), 2);
  EXPECT_EQ(page.value("presenter_handshakes_spared_total", {{"reason", "timeout"}}), 0);
  EXPECT_EQ(page.value("presenter_accept_paused", {{"limit", "descriptors"}}), 1);
  EXPECT_EQ(page.value("presenter_accept_paused", {{"limit", "clients_max"}}), 0);
}

TEST_F(Metrics, CountClientsByPhase) {
  first_.clients_open[client_phase::handshake].add(2);
  first_.change_phase(client_phase::handshake, client_phase::first_packet);
  second_.clients_open[client_phase::first_packet].add();
  const auto page = render();
  EXPECT_EQ(page.value("presenter_clients_open", {{"phase", "handshake"}}), 1);
  EXPECT_EQ(page.value("presenter_clients_open", {{"phase", "first_packet"}}), 2);
}

TEST_F(Metrics, ShowEachWorkersEpoch) {
  first_.map_epoch.set(7);
  second_.map_epoch.set(9);
  facts_.map_epoch = 9;
  const auto page = render();
  EXPECT_EQ(page.value("presenter_worker_map_epoch", {{"worker", "0"}}), 7);
  EXPECT_EQ(page.value("presenter_worker_map_epoch", {{"worker", "1"}}), 9);
  EXPECT_EQ(page.value("presenter_map_epoch"), 9);
}

TEST_F(Metrics, TellLinkErrorsOfTheProtocolFromThoseOfTheSocket) {
  first_.count_link_error(make_error_code(errc::link_timeout));
  first_.count_link_error(boost::asio::error::connection_reset);
  first_.count_link_error(boost::asio::error::eof);
  first_.count_link_error(make_error_code(errc::packet_method));  // not one of a link
  const auto page = render();
  EXPECT_EQ(page.value("presenter_link_errors_total", {{"error", "link_timeout"}}), 1);
  EXPECT_EQ(page.value("presenter_link_errors_total", {{"error", "socket"}}), 3);
}

TEST_F(Metrics, TakeAnUnknownRefusalAsOther) {
  first_.streams_refused[refuse_reason::busy].add();
  first_.streams_refused[static_cast<refuse_reason>(77)].add();
  first_.streams_refused[static_cast<refuse_reason>(-1)].add();
  const auto page = render();
  EXPECT_EQ(page.value("presenter_opens_refused_total", {{"reason", "busy"}}), 1);
  EXPECT_EQ(page.value("presenter_opens_refused_total", {{"reason", "other"}}), 2);
}

TEST_F(Metrics, SumHistogramsOverWorkers) {
  first_.turns.observe(std::chrono::microseconds(5));  // a bound is of its bucket
  first_.turns.observe(std::chrono::nanoseconds(5'001));
  second_.turns.observe(std::chrono::seconds(60));
  second_.turns.observe(std::chrono::nanoseconds(-3));
  second_.handshake_times[handshake_kind::resumed].observe(std::chrono::milliseconds(3));
  const auto page = render();
  const auto bucket = [&](const std::string& le) {
    return page.value("presenter_loop_turn_seconds_bucket", {{"le", le}});
  };
  EXPECT_EQ(bucket("0.000005"), 2);
  EXPECT_EQ(bucket("0.00001"), 3);
  EXPECT_EQ(bucket("10.0"), 3);
  EXPECT_EQ(bucket("+Inf"), 4);
  EXPECT_EQ(page.value("presenter_loop_turn_seconds_count"), 4);
  EXPECT_NEAR(page.value("presenter_loop_turn_seconds_sum"), 60.000010001, 1e-9);
  EXPECT_EQ(page.value("presenter_handshake_seconds_count", {{"kind", "resumed"}}), 1);
  EXPECT_EQ(page.value("presenter_handshake_seconds_count", {{"kind", "full"}}), 0);
  EXPECT_EQ(page.value("presenter_relay_seconds_count"), 0);
}

TEST_F(Metrics, ListTheFirstBackendsByName) {
  for (int i = 0; i < 300; ++i)
    facts_.each_backend.all[fmt::format("chat-{:03}", i)] = {.streams_open = 7, .links_up = 2};
  facts_.each_backend.all["a\"b\\c\nd\xff"].links_suspect = 1;
  facts_.each_backend.listed_max = 100;
  facts_.backends = 301;
  const auto page = render();
  for (const auto* family : {"presenter_backend_streams_open", "presenter_backend_links_up",
                             "presenter_backend_links_suspect"})
    EXPECT_EQ(page.families.at(family).samples.size(), 100U) << family;
  EXPECT_EQ(page.value("presenter_backends_unlisted"), 201);
  EXPECT_EQ(page.value("presenter_backend_streams_open", {{"backend", "chat-098"}}), 7);
  EXPECT_EQ(page.value("presenter_backend_links_suspect", {{"backend", "a\"b\\c\nd\xef\xbf\xbd"}}),
            1);
  facts_.each_backend.listed_max = 0;
  EXPECT_FALSE(render().families.contains("presenter_backend_links_up"));
}

TEST_F(Metrics, GoOnInAnotherProcess) {
  first_.turns.observe(std::chrono::seconds(60));
  first_.handshake_times[handshake_kind::full].observe(std::chrono::milliseconds(3));
  first_.clients_accepted.add(7);
  add_values(second_, values_of(first_));
  add_values(second_, {{"presenter_loop_turn_seconds le 0.3", 5}, {"presenter_none_total", 1}});
  const auto page = render();
  EXPECT_EQ(page.value("presenter_loop_turn_seconds_count"), 2);
  EXPECT_EQ(page.value("presenter_loop_turn_seconds_sum"), 120);
  EXPECT_EQ(page.value("presenter_handshake_seconds_bucket", {{"kind", "full"}, {"le", "0.005"}}),
            2);
  EXPECT_EQ(page.value("presenter_clients_accepted_total"), 14);
}

TEST_F(Metrics, TellOfTheProcess) {
  facts_.version = "0.1.0 \"test\"";
  facts_.started_at = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'500}};
  facts_.is_ready = true;
  facts_.backends = 3;
  const auto page = render();
  EXPECT_EQ(page.value("presenter_build_info", {{"version", "0.1.0 \"test\""}}), 1);
  EXPECT_EQ(page.value("process_start_time_seconds"), 1.5);
  EXPECT_EQ(page.value("presenter_ready"), 1);
  EXPECT_EQ(page.value("presenter_workers"), 2);
  EXPECT_EQ(page.value("presenter_map_backends"), 3);
  EXPECT_GT(page.value("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(page.value("process_open_fds"), 2);
  EXPECT_GE(page.value("process_max_fds"), page.value("process_open_fds"));
}

TEST_F(Metrics, TellOfHooksAndDrain) {
  facts_.hooks.count(hook_event::drained, hook_result::timed_out);
  facts_.drain = {.state = drain_state::draining,
                  .seconds = 12.5,
                  .arrivals = 3,
                  .closed = 4,
                  .rule_eta_seconds = std::nullopt,
                  .deadline_eta_seconds = 60};
  const auto page = render();
  EXPECT_EQ(
      page.value("presenter_hooks_runs_total", {{"event", "drained"}, {"result", "timed_out"}}), 1);
  EXPECT_EQ(page.value("presenter_hooks_runs_total", {{"event", "ready"}, {"result", "done"}}), 0);
  EXPECT_EQ(page.value("presenter_drain_state", {{"state", "draining"}}), 1);
  EXPECT_EQ(page.value("presenter_drain_state", {{"state", "up"}}), 0);
  EXPECT_EQ(page.value("presenter_drain_seconds"), 12.5);
  EXPECT_EQ(page.value("presenter_drain_arrivals_total"), 3);
  EXPECT_EQ(page.value("presenter_drain_closed_total"), 4);
  EXPECT_EQ(page.value("presenter_drain_eta_seconds", {{"by", "deadline"}}), 60);
  EXPECT_EQ(page.families.at("presenter_drain_eta_seconds").samples.size(), 1U);
}

TEST_F(Metrics, WithoutWorkersOnlyWhatHasOnePerWorkerIsMissing) {
  const auto text = render_prometheus({}, facts_);
  EXPECT_THAT(text, testing::HasSubstr("presenter_clients_accepted_total 0\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("presenter_worker_map_epoch{")));
}

TEST(WorkerMetrics, NeverShareACacheLine) {
  constexpr std::uintptr_t line_bytes = 64;
  const auto workers = std::make_unique<worker_metrics[]>(2);
  const auto last_of_first = reinterpret_cast<std::uintptr_t>(&workers[1]) - 1;
  const auto first_of_second = reinterpret_cast<std::uintptr_t>(&workers[1].clients_accepted);
  EXPECT_NE(last_of_first / line_bytes, first_of_second / line_bytes);
}

TEST(ProcessUsage, CountsTheDescriptorsThatAreOpen) {
  const auto before = read_process_usage();
  const auto close = [](std::FILE* open) { std::fclose(open); };
  const std::unique_ptr<std::FILE, decltype(close)> file{std::tmpfile(), close};
  ASSERT_TRUE(file);
  const auto after = read_process_usage();
  EXPECT_EQ(after.descriptors_open, before.descriptors_open + 1);
  EXPECT_GE(after.cpu_seconds, before.cpu_seconds);
  EXPECT_GE(after.threads, 1U);
  EXPECT_GE(after.virtual_bytes, after.resident_bytes);
}

}  // namespace
}  // namespace presenter::gateway
