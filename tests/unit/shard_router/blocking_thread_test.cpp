#include "shard_router/blocking_thread.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

namespace presenter::shard_router {
namespace {

using namespace std::chrono_literals;

TEST(BlockingThread, DoesAllJobsInTheirOrderBeforeItEnds) {
  std::vector<int> done;
  blocking_thread thread("test");
  for (int job = 0; job < 100; ++job)
    thread.post([&done, job] { done.push_back(job); });
  ASSERT_TRUE(thread.end(60s));
  ASSERT_EQ(done.size(), 100U);
  for (int job = 0; job < 100; ++job)
    EXPECT_EQ(done[static_cast<std::size_t>(job)], job);
  EXPECT_TRUE(thread.end(0s));
}

TEST(BlockingThread, IsLetGoWhenAJobHangs) {
  std::promise<void> hangs;
  auto later = std::make_shared<std::promise<void>>();
  {
    blocking_thread thread("test");
    thread.post([held = hangs.get_future().share()] { held.wait(); });
    thread.post([later] { later->set_value(); });
    EXPECT_FALSE(thread.end(1ms));
  }
  // What is left is done when that is possible again, whoever has gone meanwhile.
  hangs.set_value();
  later->get_future().wait();
}

}  // namespace
}  // namespace presenter::shard_router
