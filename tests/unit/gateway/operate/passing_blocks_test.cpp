#include "gateway/operate/passing_blocks.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <thread>
#include <vector>

namespace presenter::gateway {
namespace {

constexpr std::size_t size = passing_blocks::block_bytes;

bool is_in_memory(void* block) {
  unsigned char pages[size / 4'096] = {};
  EXPECT_EQ(::mincore(block, size, pages), 0);
  return (pages[0] & 1) != 0;
}

TEST(PassingBlocks, AreApartFromEachOtherAndFromTheHeap) {
  passing_blocks blocks(3);
  void* const first = blocks.take();
  void* const second = blocks.take();
  ASSERT_TRUE(first != nullptr && second != nullptr && first != second);
  std::memset(first, 1, size);
  std::memset(second, 2, size);
  EXPECT_EQ(static_cast<char*>(first)[size - 1], 1);
  EXPECT_TRUE(blocks.holds(first));
  EXPECT_TRUE(blocks.holds(second));
  const std::vector<char> heap(size);
  EXPECT_FALSE(blocks.holds(heap.data()));
  EXPECT_FALSE(blocks.holds(nullptr));
}

TEST(PassingBlocks, TheLastPutBackIsTakenFirst) {
  passing_blocks blocks(3);
  void* const first = blocks.take();
  void* const second = blocks.take();
  blocks.put_back(first);
  blocks.put_back(second);
  EXPECT_EQ(blocks.take(), second);
  EXPECT_EQ(blocks.take(), first);
}

TEST(PassingBlocks, ThereAreNoMoreThanTheMost) {
  passing_blocks blocks(2);
  void* const first = blocks.take();
  ASSERT_NE(blocks.take(), nullptr);
  EXPECT_EQ(blocks.take(), nullptr);
  blocks.put_back(first);
  EXPECT_EQ(blocks.take(), first);
}

TEST(PassingBlocks, WithoutAddressesThereAreNone) {
  passing_blocks blocks((std::size_t{1} << 50) / size);
  EXPECT_EQ(blocks.take(), nullptr);
  EXPECT_FALSE(blocks.holds(&blocks));
  EXPECT_EQ(blocks.give_back(), 0U);
}

TEST(PassingBlocks, GiveTheirPagesBackAndCanBeTakenAgain) {
  passing_blocks blocks(2);
  void* const block = blocks.take();
  std::memset(block, 7, size);
  EXPECT_TRUE(is_in_memory(block));
  blocks.put_back(block);
  EXPECT_EQ(blocks.give_back(), size);
  EXPECT_FALSE(is_in_memory(block));
  EXPECT_EQ(blocks.give_back(), 0U) << "once";
  EXPECT_EQ(blocks.take(), block);
  EXPECT_EQ(static_cast<char*>(block)[0], 0);
}

TEST(PassingBlocks, MayBePutBackByAnotherThread) {
  passing_blocks blocks(64);
  std::vector<std::thread> threads;
  for (char mark = 1; mark <= 4; ++mark)
    threads.emplace_back([&blocks, mark] {
      for (int i = 0; i < 2'000; ++i) {
        auto* const block = static_cast<char*>(blocks.take());
        ASSERT_NE(block, nullptr);
        block[0] = mark;
        if (i % 500 == 0) blocks.give_back();
        ASSERT_EQ(block[0], mark);
        blocks.put_back(block);
      }
    });
  for (std::thread& thread : threads)
    thread.join();
}

}  // namespace
}  // namespace presenter::gateway
