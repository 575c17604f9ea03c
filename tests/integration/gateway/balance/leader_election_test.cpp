// One gateway leads; when its session ends the next one does; and what an earlier leader still
// wants to write is refused.
#include "gateway/balance/leader_election.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "shard_router/zk_error.hpp"
#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::gateway::tests {
namespace {

using boost::system::error_code;

struct candidate {
  candidate(boost::asio::io_context& control, shard_router::zk_session_options options,
            const std::string& name)
      : session(control.get_executor(), std::move(options)),
        election(session, name, [this] { ++changes; }) {
    session.start();
  }
  unsigned changes = 0;
  shard_router::zk_session session;
  leader_election election;
};

class LeaderElection : public shard_router::tests::ControlLoop {
 protected:
  std::unique_ptr<candidate> make(const std::string& name) {
    return std::make_unique<candidate>(control_, options(), name);
  }

  error_code write(candidate& by, const std::string& data) {
    std::optional<error_code> answer;
    by.election.write_as_leader("/note", data, [&](error_code failed) { answer = failed; });
    EXPECT_TRUE(run_until([&] { return answer.has_value(); }));
    return answer.value_or(error_code());
  }

  void make_note(candidate& by) {
    bool is_made = false;
    by.session.create_persistent("/note", [&](error_code failed) {
      EXPECT_FALSE(failed) << failed.message();
      is_made = true;
    });
    ASSERT_TRUE(run_until([&] { return is_made; }));
  }
};

TEST_F(LeaderElection, OneLeadsAndTheNextFollowsWithAHigherFence) {
  auto first = make("g1");
  ASSERT_TRUE(run_until([&] { return first->election.is_leader(); }));
  auto second = make("g2");
  auto third = make("g3");
  const auto fence = first->election.fence();
  EXPECT_GT(fence, 0);
  first.reset();
  ASSERT_TRUE(
      run_until([&] { return second->election.is_leader() || third->election.is_leader(); }));
  EXPECT_NE(second->election.is_leader(), third->election.is_leader());
  EXPECT_GT(second->election.fence() + third->election.fence(), fence);
}

TEST_F(LeaderElection, AnEarlierLeaderCannotWrite) {
  auto first = make("g1");
  ASSERT_TRUE(run_until([&] { return first->election.is_leader(); }));
  make_note(*first);
  EXPECT_EQ(write(*first, "one"), error_code());
  auto second = make("g2");
  // As if it had been stopped: its session ends, which it has not heard.
  const auto credentials = first->session.credentials();
  shard_router::tests::the_zookeeper().end_session(credentials.session_id, credentials.password);
  std::optional<error_code> answer;
  first->election.write_as_leader("/note", "stale", [&](error_code failed) { answer = failed; });
  ASSERT_TRUE(run_until([&] { return second->election.is_leader(); }));
  EXPECT_TRUE(!answer || answer->failed());
  EXPECT_EQ(write(*second, "two"), error_code());
  // It comes back behind the other.
  ASSERT_TRUE(run_until([&] {
    return first->session.state() == shard_router::zk_state::connected &&
           !first->election.is_leader();
  }));
  EXPECT_TRUE(second->election.is_leader());
}

TEST_F(LeaderElection, GoesOnWhenItsNodeIsRemoved) {
  auto first = make("g1");
  ASSERT_TRUE(run_until([&] { return first->election.is_leader(); }));
  std::vector<std::string> names;
  first->session.get_children("/election",
                              [&](error_code, const auto& found, const auto&) { names = found; });
  ASSERT_TRUE(run_until([&] { return names.size() == 1; }));
  const auto fence = first->election.fence();
  first->session.remove("/election/" + names.front(), -1, [](error_code) {});
  ASSERT_TRUE(
      run_until([&] { return first->election.is_leader() && first->election.fence() > fence; }));
}

}  // namespace
}  // namespace presenter::gateway::tests
