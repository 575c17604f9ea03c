#include "gateway/operate/event_feed.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

TEST(EventFeed, EachLineOfAPageIsALineOfItsEvent) {
  EXPECT_EQ(format_event("status", "{\n  \"a\": 1\n}\n"),
            "event: status\ndata: {\ndata:   \"a\": 1\ndata: }\n\n");
}

TEST(EventFeed, ReadersAreToldAndTakeOnce) {
  event_feed feed;
  EXPECT_FALSE(feed.is_watched());
  const auto reader = feed.add_reader();
  int told = 0;
  reader->on_more = [&] { ++told; };
  feed.publish("sample", "1");
  feed.publish("sample", "2");
  EXPECT_EQ(told, 2);
  EXPECT_EQ(reader->take(), "event: sample\ndata: 1\n\nevent: sample\ndata: 2\n\n");
  EXPECT_EQ(reader->take(), "");
}

TEST(EventFeed, WhoFallsFarBehindIsCutAndHoldsNoMemory) {
  event_feed feed;
  const auto reader = feed.add_reader();
  const std::string large(event_reader::pending_bytes_max / 2, 'x');
  feed.publish("sample", large);
  EXPECT_FALSE(reader->is_cut());
  feed.publish("sample", large);
  EXPECT_TRUE(reader->is_cut());
  feed.publish("sample", "1");
  EXPECT_EQ(reader->take(), "");
}

TEST(EventFeed, WhoLetsGoMakesRoom) {
  event_feed feed;
  std::vector<std::shared_ptr<event_reader>> readers;
  for (std::size_t i = 0; i < event_feed::readers_max; ++i)
    readers.push_back(feed.add_reader());
  EXPECT_EQ(feed.add_reader(), nullptr);
  readers.pop_back();
  EXPECT_NE(feed.add_reader(), nullptr);
  readers.clear();
  EXPECT_FALSE(feed.is_watched());
}

}  // namespace
}  // namespace presenter::gateway
