#include "gateway/operate/worker_thread.hpp"

#include <gtest/gtest.h>

#include <string>

namespace presenter::gateway {
namespace {

class WorkerThread : public ::testing::Test {
 protected:
  void do_work() const { thread.assert_on_worker(); }
  // What do_work says on another thread; empty: nothing.
  std::string elsewhere() const {
    std::string said;
    std::thread other([&] {
      try {
        do_work();
      } catch (const std::logic_error& error) {
        said = error.what();
      }
    });
    other.join();
    return said;
  }

  worker_thread thread;
};

TEST_F(WorkerThread, IsAnybodyBeforeItBegins) {
  EXPECT_NO_THROW(do_work());
  EXPECT_EQ(elsewhere(), "");
}

TEST_F(WorkerThread, NamesTheFunctionThatAnotherThreadCalls) {
  thread.enter();
  EXPECT_NO_THROW(do_work());
  EXPECT_EQ(elsewhere(), "do_work is called on another thread than the worker's");
}

TEST_F(WorkerThread, IsAnybodyAgainWhenItHasLeft) {
  thread.enter();
  thread.leave();
  EXPECT_NO_THROW(do_work());
  EXPECT_EQ(elsewhere(), "");
}

}  // namespace
}  // namespace presenter::gateway
