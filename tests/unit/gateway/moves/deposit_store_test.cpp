#include "gateway/moves/deposit_store.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

protocol::checkpoint_frame from(std::string_view state, std::int64_t consumed = 0) {
  protocol::checkpoint_frame frame;
  frame.consumed = consumed;
  frame.produced = 2 * consumed;
  frame.state = state;
  return frame;
}

class DepositStore : public ::testing::Test {
 protected:
  ~DepositStore() override { store.drop(kept); }
  void keep(const std::string& state, std::int64_t consumed = 0) {
    kept = store.keep(kept, from(state, consumed));
  }

  deposit_store store;
  deposit* kept = nullptr;
};

TEST_F(DepositStore, KeepsTheNewestOfAStream) {
  keep("first", 1);
  keep("a longer one than that, and in another size class", 2);
  EXPECT_EQ(kept->state(), "a longer one than that, and in another size class");
  keep("", std::int64_t{1} << 40);
  EXPECT_EQ(kept->state(), "");
  EXPECT_EQ(kept->consumed, std::int64_t{1} << 40);
  EXPECT_EQ(kept->produced, std::int64_t{1} << 41);
}

TEST_F(DepositStore, TakesNoPlaceButThatOfTheOneBefore) {
  keep("state 1");
  const deposit* const before = kept;
  const std::size_t bytes = store.memory_bytes();
  keep("state 22");
  EXPECT_EQ(kept, before);
  EXPECT_EQ(store.memory_bytes(), bytes);
}

// The promise of deploy/configuration.md.
TEST_F(DepositStore, AStateCostsItsLengthAndFortyBytesAtTheMost) {
  for (std::size_t length = 0; length <= 256; ++length) {
    deposit_store fresh;
    deposit* const one = fresh.keep(nullptr, from(std::string(length, 's')));
    EXPECT_GE(fresh.memory_bytes(), length);
    EXPECT_LE(fresh.memory_bytes(), length + 40) << length;
    fresh.drop(one);
  }
}

TEST_F(DepositStore, ALargeStateGivesItsMemoryBack) {
  keep("small");
  const std::size_t small = store.memory_bytes();
  keep(std::string(protocol::limits::state_bytes_max, 'x'));
  EXPECT_GT(store.memory_bytes(), protocol::limits::state_bytes_max);
  keep("small");
  EXPECT_EQ(store.memory_bytes(), small);
}

TEST_F(DepositStore, ManyAreApartFromEachOther) {
  std::vector<deposit*> all;
  all.reserve(1'000);
  for (int i = 0; i < 1'000; ++i)
    all.push_back(
        store.keep(nullptr, from(std::string(static_cast<std::size_t>(i % 300), 'a'), i)));
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)]->consumed, i);
    EXPECT_EQ(all[static_cast<std::size_t>(i)]->state().size(), static_cast<std::size_t>(i % 300));
    store.drop(all[static_cast<std::size_t>(i)]);
  }
}

}  // namespace
}  // namespace presenter::gateway
