#include "gateway/worker/client_set.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <new>
#include <vector>

namespace presenter::gateway {
namespace {

using test_hook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

struct test_client : test_hook {
  test_client(int& alive_, std::function<void()> on_death_) : alive(alive_), on_death(on_death_) {
    ++alive;
  }
  ~test_client() {
    --alive;
    if (on_death) on_death();
  }
  int& alive;
  std::function<void()> on_death;
};

struct refusing_client : test_hook {
  refusing_client() { throw std::bad_alloc(); }
};

class ClientSet : public ::testing::Test {
 protected:
  test_client& make(std::function<void()> on_death = {}) {
    return clients.make(alive, std::move(on_death));
  }

  int alive = 0;
  client_set<test_client, test_hook> clients;
};

TEST_F(ClientSet, DestroysAClientThatIsOverOnlyWhenItIsBuried) {
  make();
  test_client& leaving = make();
  clients.mark_over(leaving);
  EXPECT_EQ(clients.size(), 1U);
  EXPECT_EQ(alive, 2);
  EXPECT_TRUE(clients.bury());
  EXPECT_EQ(alive, 1);
  EXPECT_FALSE(clients.bury());
}

TEST_F(ClientSet, ShowsNobodyWhoIsOver) {
  test_client& staying = make();
  clients.mark_over(make());
  std::vector<test_client*> seen;
  clients.visit_all([&](test_client& each) { seen.push_back(&each); });
  EXPECT_EQ(seen, std::vector{&staying});
  EXPECT_EQ(clients.next_in_round(), &staying);
  EXPECT_EQ(clients.next_in_round(), &staying);
}

TEST_F(ClientSet, GoesRoundInTheOrderOfComing) {
  EXPECT_EQ(clients.next_in_round(), nullptr);
  test_client& first = make();
  test_client& second = make();
  EXPECT_EQ(clients.next_in_round(), &first);
  test_client& third = make();
  EXPECT_EQ(clients.next_in_round(), &second);
  EXPECT_EQ(clients.next_in_round(), &first);
  EXPECT_EQ(clients.next_in_round(), &third);
}

TEST_F(ClientSet, BearsThatOnesEndIsAnothersInAWalk) {
  for (int i = 0; i < 6; ++i)
    make();
  int visits = 0;
  clients.visit_all([&](test_client& each) {
    ++visits;
    clients.mark_over(each);
    test_client* const next = clients.next_in_round();
    if (next != nullptr) clients.mark_over(*next);
  });
  EXPECT_EQ(visits, 3);
  EXPECT_TRUE(clients.empty());
  EXPECT_EQ(alive, 6);
  clients.bury();
  EXPECT_EQ(alive, 0);
}

// The one that dies gives room to another, whose end that is.
TEST_F(ClientSet, LeavesThoseForLaterWhoseEndComesOfABurial) {
  test_client& second = make();
  clients.mark_over(make([&] { clients.mark_over(second); }));
  EXPECT_TRUE(clients.bury());
  EXPECT_EQ(alive, 1);
  EXPECT_TRUE(clients.empty());
  EXPECT_TRUE(clients.bury());
  EXPECT_EQ(alive, 0);
}

TEST_F(ClientSet, ClearsThoseAsWellWhoseEndComesOfIt) {
  test_client* last = nullptr;
  make([&] { clients.mark_over(*last); });
  make();
  last = &make();
  clients.mark_over(make());
  clients.clear();
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(clients.empty());
}

TEST_F(ClientSet, KeepsItsMemoryForTheNextCrowd) {
  for (int i = 0; i < 10; ++i)
    make();
  const std::size_t kept = clients.memory_bytes();
  EXPECT_EQ(kept, 10 * sizeof(test_client));
  clients.clear();
  EXPECT_EQ(clients.memory_bytes(), kept);
  for (int i = 0; i < 10; ++i)
    make();
  EXPECT_EQ(clients.memory_bytes(), kept);
}

TEST(ClientSetWithoutMemory, HasNoFurtherClient) {
  client_set<refusing_client, test_hook> clients;
  EXPECT_THROW(clients.make(), std::bad_alloc);
  EXPECT_TRUE(clients.empty());
  EXPECT_EQ(clients.next_in_round(), nullptr);
}

}  // namespace
}  // namespace presenter::gateway
