#include "gateway/worker/announced_ends.hpp"

#include <gmock/gmock.h>

#include <array>
#include <vector>

#include "gateway/vocabulary/close_reason.hpp"

namespace presenter::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct ending_client {};

class AnnouncedEnds : public testing::Test {
 protected:
  using time_point = announced_ends<ending_client, close_reason>::time_point;

  // By their numbers.
  std::vector<std::ptrdiff_t> closed_at(time_point now) {
    std::vector<std::ptrdiff_t> closed;
    tested.close_due(now, [&](ending_client& client, close_reason) {
      closed.push_back(&client - clients.data());
    });
    return closed;
  }

  const time_point begun{1h};
  std::array<ending_client, 3> clients;
  announced_ends<ending_client, close_reason> tested;
};

TEST_F(AnnouncedEnds, AreClosedInTime) {
  tested.add(clients[0], close_reason::gateway_draining, begun + 10s);
  tested.add(clients[1], close_reason::gateway_draining, begun + 5s);
  EXPECT_TRUE(tested.contains(clients[0]));
  EXPECT_FALSE(tested.contains(clients[2]));
  EXPECT_THAT(closed_at(begun + 4s), IsEmpty());
  EXPECT_THAT(closed_at(begun + 10s), ElementsAre(1, 0));
  EXPECT_EQ(tested.size(), 0U);
}

TEST_F(AnnouncedEnds, ForgetsWhoIsOver) {
  tested.add(clients[0], close_reason::gateway_draining, begun);
  EXPECT_TRUE(tested.forget(clients[0]));
  EXPECT_FALSE(tested.forget(clients[1]));
  EXPECT_THAT(closed_at(begun), IsEmpty());
}

TEST_F(AnnouncedEnds, OneEndMayBringAnother) {
  for (auto& client : clients)
    tested.add(client, close_reason::rebalanced_away, begun);
  int closed = 0;
  tested.close_due(begun, [&](ending_client&, close_reason) {
    ++closed;
    for (auto& client : clients)
      tested.forget(client);
  });
  EXPECT_EQ(closed, 1);
}

TEST_F(AnnouncedEnds, AreTakenBackByReason) {
  tested.add(clients[0], close_reason::gateway_draining, begun);
  tested.add(clients[1], close_reason::rebalanced_away, begun);
  tested.take_back(close_reason::gateway_draining);
  EXPECT_FALSE(tested.contains(clients[0]));
  EXPECT_THAT(closed_at(begun), ElementsAre(1));
}

}  // namespace
}  // namespace presenter::gateway
