#include "bench/chat_backend/history_file.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/bench/shared_folder.hpp"

namespace presenter::chat_backend {
namespace {

class HistoryFile : public testing::Test {
 protected:
  // A chat server's view of the file.
  struct view {
    explicit view(const HistoryFile& of) : file(of.path, codec) {}

    boost::system::error_code read() { return file.read_news(keep); }
    boost::system::error_code write(const std::string& body) {
      return file.append(keep, [&] {
        std::optional<chat::Message> message(std::in_place);
        message->body = body;
        return message;
      });
    }

    packet_codec codec;
    history_file file;
    std::string seen;
    history_file::record_sink keep = [this](chat::Message&& message) { seen += message.body; };
  };

  void append_bytes(const std::string& bytes) const {
    std::ofstream(path, std::ios::app | std::ios::binary) << bytes;
  }

  shared_folder folder;
  const std::string path = folder.histories.file_of("couple");
  view here{*this}, there{*this};
};

TEST_F(HistoryFile, HasOneOrderForAllWhoWrite) {
  EXPECT_FALSE(here.write("a"));
  EXPECT_FALSE(there.write("b"));
  EXPECT_FALSE(here.write("c"));
  EXPECT_FALSE(there.read());
  EXPECT_EQ(here.seen, "abc");
  EXPECT_EQ(there.seen, "abc");
  EXPECT_FALSE(there.read());
  EXPECT_EQ(there.seen, "abc");
}

TEST_F(HistoryFile, IsReadWholeByWhoComesLater) {
  std::string all;
  for (int i = 0; i < 40; ++i) {
    all += std::string(10'000, static_cast<char>('a' + i % 26));
    EXPECT_FALSE(here.write(all.substr(all.size() - 10'000)));
  }
  EXPECT_FALSE(there.read());
  EXPECT_TRUE(there.seen == all);
}

// kill -9 in the middle of a write.
TEST_F(HistoryFile, LosesARecordThatWasNotWrittenToItsEnd) {
  EXPECT_FALSE(here.write("a"));
  for (const std::string& torn : {std::string("\0", 1), std::string("\0\0\0\x20half", 8)}) {
    append_bytes(torn);
    EXPECT_FALSE(there.read());
    EXPECT_FALSE(here.write("b"));
  }
  EXPECT_FALSE(there.read());
  EXPECT_EQ(there.seen, "abb");
}

TEST_F(HistoryFile, SaysThatItIsNoHistory) {
  append_bytes(std::string("\0\0\0\x04rags", 8));
  EXPECT_EQ(here.read(), boost::system::errc::bad_message);
  EXPECT_EQ(here.write("a"), boost::system::errc::bad_message);
}

TEST_F(HistoryFile, TakesNoMoreThanItsBound) {
  const std::string long_body(60'000, 'x');
  boost::system::error_code failed;
  int written = 0;
  while (!failed && written < 1'000) {
    failed = here.write(long_body);
    if (!failed) ++written;
  }
  EXPECT_EQ(failed, boost::system::errc::file_too_large);
  EXPECT_EQ(written, history_file_bytes_max / 60'000);
  EXPECT_FALSE(there.read());
}

}  // namespace
}  // namespace presenter::chat_backend
