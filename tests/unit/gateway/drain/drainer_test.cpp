#include "gateway/drain/drainer.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// A record that leaves DNS when the test says so.
class test_record final : public record_keeper {
 public:
  void withdraw() override { is_wanted_away = true; }
  void restore() override { is_wanted_away = false; }
  void mark_drained() override { is_drained = true; }
  bool is_withdrawn() const override { return is_wanted_away && is_gone; }
  bool is_last() const override { return is_wanted_away && is_kept; }
  std::string obstacle() const override { return why; }

  bool is_wanted_away = false;
  bool is_gone = false;
  bool is_kept = false;
  bool is_drained = false;
  std::string why;
};

class Drainer : public testing::Test {
 protected:
  Drainer() { settings.quiet = 1ms; }

  void run_until(const std::function<bool()>& done) {
    while (!done())
      ASSERT_GT(io.run_one_for(30s), 0U) << "hung";
  }
  // So many looks of the drainer, each of which would end it if it could.
  void run_looks(int count) {
    for (const int until = looks + count; looks < until;)
      ASSERT_GT(io.run_one_for(30s), 0U) << "hung";
  }

  boost::asio::io_context io{1};
  drain_config settings;
  test_record record;
  arrival_watch arrivals;
  std::int64_t clients = 0;
  std::int64_t closed = 0;
  const duration notice = 10min;
  duration ahead{0};
  int kept = 0;
  int looks = 0;
  std::vector<std::string> events;
  std::function<void()> last_hook_ends;
  drainer tested{io,
                 settings,
                 0ms,
                 notice,
                 record,
                 arrivals,
                 drain_parts{.clients = [this] { return clients; },
                             .clients_staying = [this] { return ++looks, clients; },
                             .close_clients =
                                 [this](std::int64_t count, duration by) {
                                   closed += count;
                                   ahead = by;
                                 },
                             .keep_clients = [this] { ++kept; },
                             .run_hooks =
                                 [this](hook_event event, std::function<void()> done) {
                                   events.emplace_back(name_of(event));
                                   last_hook_ends = std::move(done);
                                 },
                             .on_drained = [this] { events.emplace_back("end"); },
                             .tell_service_manager = [](std::string_view) {}}};
};

TEST_F(Drainer, EndsWhenTheRecordIsGoneAndTheHooksHaveRun) {
  record.is_gone = true;
  EXPECT_TRUE(tested.begin(std::nullopt, "test"));
  EXPECT_EQ(tested.state(), drain_state::withdrawing);
  EXPECT_TRUE(record.is_wanted_away);
  run_until([this] { return tested.state() == drain_state::drained; });
  EXPECT_THAT(events, ElementsAre("draining", "drained")) << "it waits for the hooks";
  EXPECT_TRUE(record.is_drained);
  EXPECT_FALSE(tested.undo("test")) << "too late";
  EXPECT_FALSE(tested.begin(std::nullopt, "test"));
  last_hook_ends();
  EXPECT_THAT(events, ElementsAre("draining", "drained", "end"));
}

TEST_F(Drainer, DoesNotEndWhileTheRecordIsThere) {
  record.why = "the name server does not answer";
  tested.begin(std::nullopt, "test");
  run_looks(5);
  EXPECT_EQ(tested.state(), drain_state::withdrawing);
  const drain_report report = tested.report();
  EXPECT_EQ(report.obstacle, record.why);
  EXPECT_EQ(report.quiet_left, std::nullopt);
  record.is_gone = true;
  run_until([this] { return tested.state() == drain_state::drained; });
}

TEST_F(Drainer, TheLastGatewayEndsWhenNobodyComes) {
  settings.quiet = 1h;
  record.is_kept = true;
  tested.begin(std::nullopt, "test");
  run_looks(2);
  EXPECT_EQ(tested.state(), drain_state::withdrawing);
  EXPECT_NEAR(tested.report().quiet_left.value_or(0), 3'600, 30);
  record.is_kept = false;
  run_looks(1);
  EXPECT_EQ(tested.report().quiet_left, std::nullopt) << "its record is to go now";
}

TEST_F(Drainer, TheLastGatewayStaysForThoseWhoCome) {
  settings.quiet = 300ms;
  record.is_kept = true;
  tested.begin(std::nullopt, "test");
  run_looks(2);
  const auto came = std::chrono::steady_clock::now();
  arrivals.note(boost::asio::ip::make_address("192.0.2.1"), came);
  run_until([this] { return tested.state() == drain_state::drained; });
  EXPECT_GE(std::chrono::steady_clock::now() - came, settings.quiet);
}

TEST_F(Drainer, WhoComesBeforeTheRecordIsGoneIsNoArrival) {
  settings.quiet = 1h;
  tested.begin(std::nullopt, "test");
  run_looks(1);
  arrivals.note(boost::asio::ip::make_address("192.0.2.1"), std::chrono::steady_clock::now());
  EXPECT_EQ(tested.facts().arrivals, 0U);
  record.is_gone = true;
  run_until([this] { return tested.state() == drain_state::draining; });
  arrivals.note(boost::asio::ip::make_address("192.0.2.1"), std::chrono::steady_clock::now());
  EXPECT_EQ(tested.facts().arrivals, 1U);
}

TEST_F(Drainer, ItsDeadlineHoldsWhereverTheRecordIs) {
  clients = 3;
  tested.begin(1s, "test");
  run_until([this] { return tested.state() == drain_state::drained; });
  EXPECT_GE(closed, 3);
  EXPECT_EQ(tested.facts().closed, static_cast<std::uint64_t>(closed));
}

TEST_F(Drainer, BackendsAreToldAheadUntilItIsTakenBack) {
  clients = 3;
  tested.begin(1s, "test");
  run_until([this] { return closed > 0; });
  EXPECT_EQ(ahead, 250ms) << "at most a quarter of the deadline";
  EXPECT_EQ(kept, 0);
  tested.undo("test");
  EXPECT_EQ(kept, 1);
}

TEST_F(Drainer, IsTakenBack) {
  settings.quiet = 1h;
  record.is_gone = true;
  EXPECT_TRUE(tested.undo("test")) << "nothing to do";
  EXPECT_THAT(events, IsEmpty());
  tested.begin(std::nullopt, "test");
  run_until([this] { return tested.state() == drain_state::draining; });
  arrivals.note(boost::asio::ip::make_address("192.0.2.1"), std::chrono::steady_clock::now());
  EXPECT_TRUE(tested.undo("test"));
  EXPECT_EQ(tested.state(), drain_state::up);
  EXPECT_FALSE(record.is_wanted_away);
  EXPECT_THAT(events, ElementsAre("draining", "ready"));
  EXPECT_EQ(tested.facts().arrivals, 1U) << "a counter never falls";
  EXPECT_EQ(tested.facts().seconds, 0);
  io.run();  // nothing is left to wait for
}

TEST_F(Drainer, ItsPageSaysWhatAnOperatorAsks) {
  settings.quiet = 1h;
  record.is_gone = true;
  clients = 2;
  tested.begin(2h, "test");
  run_until([this] { return tested.state() == drain_state::draining; });
  arrivals.note(boost::asio::ip::make_address("192.0.2.1"), std::chrono::steady_clock::now());
  drain_report report = tested.report();
  report.gateway = "gw-1";
  const auto page = nlohmann::json::parse(to_json(report, std::chrono::steady_clock::now()));
  EXPECT_EQ(page["gateway"], "gw-1");
  EXPECT_EQ(page["state"], "draining");
  EXPECT_EQ(page["clients"], 2);
  EXPECT_EQ(page["quiet_seconds"], 3'600);
  EXPECT_TRUE(page["record_obstacle"].is_null());
  EXPECT_TRUE(page["eta_seconds"]["rule"].is_null());
  EXPECT_NEAR(page["eta_seconds"]["deadline"].get<double>(), 7'200, 30);
  EXPECT_EQ(page["arrivals"]["networks"][0]["network"], "192.0.2.0/24");
}

}  // namespace
}  // namespace presenter::gateway
