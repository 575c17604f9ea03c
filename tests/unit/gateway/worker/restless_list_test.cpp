#include "gateway/worker/restless_list.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/intrusive/list.hpp>
#include <functional>

namespace presenter::gateway {
namespace {

struct member
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  int visits = 0;
};

class RestlessList : public ::testing::Test {
 protected:
  RestlessList() {
    for (member& each : members)
      list.push_back(each);
  }

  int number_of(const member& one) const { return static_cast<int>(&one - members.data()); }

  void visit(const std::function<void(int)>& then) {
    visit_restless(list, [&](member& one) {
      ++one.visits;
      then(number_of(one));
    });
  }

  void expect_all_visited_who_stayed() {
    for (const member& each : list)
      EXPECT_GE(each.visits, 1) << number_of(each);
  }

  std::array<member, 6> members;
  boost::intrusive::list<member, boost::intrusive::constant_time_size<false>> list;
};

TEST_F(RestlessList, ShowsEverybodyOnce) {
  visit([](int) {});
  for (const member& each : members)
    EXPECT_EQ(each.visits, 1);
}

TEST_F(RestlessList, BearsThatTheVisitedLeaves) {
  visit([&](int number) { members[static_cast<std::size_t>(number)].unlink(); });
  EXPECT_TRUE(list.empty());
  for (const member& each : members)
    EXPECT_EQ(each.visits, 1);
}

// What a saved iterator to the next one does not survive.
TEST_F(RestlessList, BearsThatAnyOtherLeavesMeanwhile) {
  for (std::size_t visited = 0; visited < members.size(); ++visited) {
    for (std::size_t leaving = 0; leaving < members.size(); ++leaving) {
      list.clear();
      for (member& each : members) {
        each.visits = 0;
        list.push_back(each);
      }
      visit([&](int number) {
        if (number == static_cast<int>(visited)) members[leaving].unlink();
      });
      expect_all_visited_who_stayed();
      EXPECT_EQ(list.size(), members.size() - 1);
    }
  }
}

TEST_F(RestlessList, BearsThatAllLeaveAtOnce) {
  visit([&](int) { list.clear(); });
  EXPECT_EQ(members[0].visits, 1);
  EXPECT_EQ(members[1].visits, 0);
}

}  // namespace
}  // namespace presenter::gateway
