#include "bench/chat_backend/history_folder.hpp"

#include <gtest/gtest.h>

#include "protocol/limits.hpp"
#include "tests/unit/bench/shared_folder.hpp"

namespace presenter::chat_backend {
namespace {

chat::ClientState state_with(std::size_t output_bytes) {
  chat::ClientState state;
  state.couple_id = "couple/1";
  state.user_id = "ann";
  state.told = 7;
  state.input = "half";
  state.output = std::string(output_bytes, 'x');
  return state;
}

TEST(HistoryFolder, NamesFilesByCouple) {
  shared_folder folder;
  const std::string couple_id("a/\0\xff", 4);
  const std::string path = folder.histories.file_of(couple_id);
  EXPECT_EQ(path, folder.histories.path() + "/612f00ff");
  EXPECT_EQ(history_folder::couple_of("612f00ff"), couple_id);
  for (const char* const other : {"6", "612", "6x", "6161.61"})
    EXPECT_FALSE(history_folder::couple_of(other)) << other;
}

TEST(HistoryFolder, PacksAStateForTheGateway) {
  shared_folder folder;
  const auto state = state_with(10'000);
  const std::string packed = folder.histories.pack(state);
  EXPECT_LE(packed.size(), protocol::limits::state_bytes_max);
  EXPECT_TRUE(folder.histories.unpack(packed).value() == state);
}

// The same bytes as in protocol/backend_sdk/java, ChatMovesTest.
TEST(HistoryFolder, PacksAsTheServerInJava) {
  using namespace std::string_literals;
  shared_folder folder;
  auto state = state_with(0);
  state.is_compact = true;
  state.output = "xyz";
  EXPECT_EQ(folder.histories.pack(state),
            "\x18\x08"
            "couple/1\x18\x03"
            "ann\x11\x16\x0e\x18\x04half\x18\x03xyz\0"s);
}

TEST(HistoryFolder, LeavesInAFileWhatIsTooLong) {
  shared_folder folder;
  const auto state = state_with(300'000);
  const std::string packed = folder.histories.pack(state);
  EXPECT_LE(packed.size(), 100U);
  const auto unpacked = folder.histories.unpack(packed).value();
  EXPECT_TRUE(unpacked.output == state.output && unpacked.input == state.input);
  EXPECT_EQ(unpacked.told, 7);
  EXPECT_EQ(folder.histories.unpack(packed).error(), boost::system::errc::no_such_file_or_directory)
      << "it has been taken";
}

TEST(HistoryFolder, KnowsWhatWasLeftForAnotherTime) {
  shared_folder folder;
  const std::string earlier = folder.histories.pack(state_with(300'000));
  folder.histories.pack(state_with(300'001));
  EXPECT_EQ(folder.histories.unpack(earlier).error(),
            boost::system::errc::no_such_file_or_directory);
}

TEST(HistoryFolder, HasNoPlaceForAClientWithoutAName) {
  shared_folder folder;
  auto state = state_with(300'000);
  state.couple_id.clear();
  EXPECT_GT(folder.histories.pack(state).size(), 300'000U) << "which the SDK refuses";
}

TEST(HistoryFolder, RefusesWhatIsNoState) {
  shared_folder folder;
  EXPECT_FALSE(folder.histories.unpack(""));
  EXPECT_FALSE(folder.histories.unpack("\x7f rags"));
}

}  // namespace
}  // namespace presenter::chat_backend
