// Gateways hear of each other, and one whose session ends is gone.
#include "gateway/balance/fleet_reports.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::gateway::tests {
namespace {

using boost::system::error_code;

load_report report_of(const std::string& name, std::int64_t clients, std::int64_t started_at = 1) {
  load_report made;
  made.name = name;
  made.addresses = {"192.0.2.1"};
  made.clients = clients;
  made.state = gateway_state::up;
  made.started_at = sys_ms(std::chrono::milliseconds(started_at));
  made.reported_at = sys_ms(std::chrono::seconds(60));
  return made;
}

struct member {
  member(boost::asio::io_context& control, shard_router::zk_session_options options,
         const load_report& own)
      : session(control.get_executor(), std::move(options)), reports(session, own.name) {
    session.start();
    reports.tell(own);
  }
  std::int64_t clients_of(const std::string& name) const {
    for (const load_report& each : reports.others())
      if (each.name == name) return each.clients;
    return -1;
  }
  shard_router::zk_session session;
  fleet_reports reports;
};

class FleetReports : public shard_router::tests::ControlLoop {
 protected:
  std::unique_ptr<member> make(const load_report& own) {
    return std::make_unique<member>(control_, options(), own);
  }
};

TEST_F(FleetReports, TellAndHear) {
  auto one = make(report_of("g1", 10));
  auto two = make(report_of("g2", 20));
  ASSERT_TRUE(
      run_until([&] { return one->clients_of("g2") == 20 && two->clients_of("g1") == 10; }));
  EXPECT_TRUE(run_until([&] { return one->reports.complete_since().has_value(); }));
  two->reports.tell(report_of("g2", 30));
  ASSERT_TRUE(run_until([&] { return one->clients_of("g2") == 30; }));
  two.reset();
  ASSERT_TRUE(run_until([&] { return one->reports.others().empty(); }));
}

TEST_F(FleetReports, ALaterGatewayKeepsTheNameUntilItLeaves) {
  auto one = make(report_of("g1", 10, 1'000));
  auto watching = make(report_of("g2", 0));
  ASSERT_TRUE(run_until([&] { return watching->clients_of("g1") == 10; }));
  auto later = make(report_of("g1", 11, 2'000));
  ASSERT_TRUE(run_until([&] { return one->reports.is_name_taken(); }));
  ASSERT_TRUE(run_until([&] { return watching->clients_of("g1") == 11; }));
  later.reset();
  ASSERT_TRUE(run_until([&] { return watching->clients_of("g1") == 10; }));
  EXPECT_FALSE(one->reports.is_name_taken());
}

TEST_F(FleetReports, NonsenseIsLeftOutAndWrittenAnew) {
  auto one = make(report_of("g1", 10));
  auto two = make(report_of("g2", 20));
  ASSERT_TRUE(run_until([&] { return one->clients_of("g2") == 20; }));
  one->session.set_data("/gateways/g2", "nonsense", -1, [](error_code) {});
  // Whose it is may have written it anew before the other has looked.
  ASSERT_TRUE(run_until([&] { return one->reports.rejected() + two->reports.rejected() > 0; }));
  ASSERT_TRUE(run_until([&] { return one->clients_of("g2") == 20; }));
}

TEST(IsNews, SmallChangesAreNone) {
  const load_report told = report_of("g1", 1'000);
  load_report now = told;
  now.clients = 1'015;
  EXPECT_FALSE(is_news(told, now));
  now.clients = 1'030;
  EXPECT_TRUE(is_news(told, now));
  now = told;
  now.reported_at += std::chrono::seconds(30);
  EXPECT_TRUE(is_news(told, now));
}

}  // namespace
}  // namespace presenter::gateway::tests
