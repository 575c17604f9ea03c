#include "gateway/operate/notable_events.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <string>

#include "gateway/operate/log.hpp"

namespace presenter::gateway {
namespace {

TEST(NotableEvents, AreTheLastLinesButThoseOfClients) {
  init_logging(log_level::debug);
  keep_notable_events();
  EXPECT_TRUE(notable_events().empty());
  spdlog::debug("nobody cares");
  spdlog::info("client gw-0-1 closed");
  spdlog::info("link to chat-a is up");
  spdlog::warn("ZooKeeper is away");
  spdlog::error("{}", std::string(10'000, 'x'));
  const auto kept = notable_events();
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].text, "link to chat-a is up");
  EXPECT_EQ(kept[0].level, log_level::info);
  EXPECT_EQ(kept[1].level, log_level::warning);
  EXPECT_EQ(kept[2].level, log_level::error);
  EXPECT_EQ(kept[2].text.size(), 512U);
  for (std::size_t i = 0; i < notable_events_max; ++i)
    spdlog::info("number {}", i);
  EXPECT_EQ(notable_events().size(), notable_events_max);
  EXPECT_EQ(notable_events().front().text, "number 0");
}

}  // namespace
}  // namespace presenter::gateway
