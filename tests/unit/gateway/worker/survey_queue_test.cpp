#include "gateway/worker/survey_queue.hpp"

#include <gtest/gtest.h>

#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/worker/client_set.hpp"

namespace presenter::gateway {
namespace {

using test_hook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

struct seen_client : test_hook {
  bool mark_surveyed(std::uint32_t survey) { return std::exchange(survey_, survey) != survey; }
  std::uint32_t survey_ = 0;
};

class SurveyQueue : public ::testing::Test {
 protected:
  void make(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      clients.make();
  }
  void add() {
    surveys.add(queue::make([this](const seen_client& client) { seen.push_back(&client); },
                            [this] {
                              if (has_no_memory) throw std::bad_alloc();
                              ++done;
                            }));
  }
  std::set<const seen_client*> different() const { return {seen.begin(), seen.end()}; }

  using queue = survey_queue<seen_client>;
  static constexpr std::size_t step = queue::clients_per_step;
  client_set<seen_client, test_hook> clients;
  queue surveys;
  std::vector<const seen_client*> seen;
  int done = 0;
  bool has_no_memory = false;
};

TEST_F(SurveyQueue, ShowsEverybodyOnceInSteps) {
  make(2 * step + 1);
  add();
  surveys.step(clients);
  EXPECT_EQ(seen.size(), step);
  surveys.step(clients);
  EXPECT_EQ(seen.size(), 2 * step);
  EXPECT_EQ(done, 0);
  surveys.step(clients);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(different().size(), 2 * step + 1);
  EXPECT_EQ(seen.size(), 2 * step + 1);
  EXPECT_TRUE(surveys.empty());
  surveys.step(clients);
  EXPECT_EQ(done, 1);
}

TEST_F(SurveyQueue, EndsAtOnceWhereNobodyIs) {
  add();
  surveys.step(clients);
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(seen.empty());
}

TEST_F(SurveyQueue, TellsItsEndAsSoonAsThereIsMemoryForThat) {
  make(1);
  add();
  has_no_memory = true;
  surveys.step(clients);
  surveys.step(clients);
  EXPECT_FALSE(surveys.empty());
  has_no_memory = false;
  surveys.step(clients);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_TRUE(surveys.empty());
}

TEST_F(SurveyQueue, ShowsNobodyTwiceWhenOthersGoMeanwhile) {
  make(step + 100);
  add();
  surveys.step(clients);
  const auto first = different();
  // Those that it has not seen stand first now.
  for (int i = 0; i < 50; ++i)
    clients.mark_over(*clients.next_in_round());
  clients.bury();
  surveys.step(clients);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(seen.size(), step + 50);
  EXPECT_EQ(different().size(), seen.size());
}

TEST_F(SurveyQueue, EndsWhenAllHaveGone) {
  make(step + 1);
  add();
  surveys.step(clients);
  clients.clear();
  surveys.step(clients);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(seen.size(), step);
}

TEST_F(SurveyQueue, DoesNotCountThoseWhoComeMeanwhile) {
  make(step + 1);
  add();
  surveys.step(clients);
  make(10);
  surveys.step(clients);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(seen.size(), step + 1);
}

TEST_F(SurveyQueue, TakesOneAfterTheOtherAndOneThatIsAddedByTheLast) {
  make(3);
  std::string order;
  const auto writes = [&](char word) {
    return [&order, word](const seen_client&) { order += word; };
  };
  const auto ends = [&] { order += '.'; };
  surveys.add(queue::make(writes('a'), [&] {
    ends();
    surveys.add(queue::make(writes('c'), ends));
  }));
  surveys.add(queue::make(writes('b'), ends));
  while (!surveys.empty())
    surveys.step(clients);
  EXPECT_EQ(order, "aaa.bbb.ccc.");
}

}  // namespace
}  // namespace presenter::gateway
