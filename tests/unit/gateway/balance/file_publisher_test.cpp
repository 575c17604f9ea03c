#include "gateway/balance/file_publisher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "tests/support/own_folder.hpp"
#include "tests/unit/gateway/balance/made_state.hpp"

namespace presenter::gateway {
namespace {

using ::testing::HasSubstr;

class FilePublisher : public ::testing::Test {
 protected:
  publish_result publish(file_publisher& publisher, const dns_state& state) {
    return wait([&](auto done) { publisher.publish(state, done); });
  }
  publish_result check(file_publisher& publisher) {
    return wait([&](auto done) { publisher.check(done); });
  }
  template <class Call>
  publish_result wait(Call call) {
    std::optional<publish_result> result;
    call([&result](publish_result what) { result = std::move(what); });
    EXPECT_FALSE(result) << "not inside the call";
    io.run();
    io.restart();
    return result.value();
  }
  std::string content() const {
    std::ifstream in(folder / "weights");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  tests::own_folder folder;
  boost::asio::io_context io;
  file_publisher publisher{io, folder / "weights"};
};

// What CoreDNS's parser takes: comments from '#' at a line's begin, a name alone, an address and a
// whole number of 1 … 255. Also the example of README.md.
TEST_F(FilePublisher, WritesWhatCoreDnsReads) {
  dns_state state = state_of({{"g1", 0.889}, {"g2", 2}});
  state.records.insert(state.records.begin() + 1,
                       {"g1", boost::asio::ip::make_address("2001:db8::1"), 0.889});
  const publish_result result = publish(publisher, state);
  EXPECT_TRUE(result.is_ok()) << result.text;
  EXPECT_EQ(result.changed, 3U);
  EXPECT_EQ(
      content(),
      "# Weights of gateways, 100 for an even share. presenter replaces this file: do not edit "
      "it.\n"
      "# ttl 60\n"
      "chat.example\n"
      "# gateway g1\n"
      "192.0.2.1 89\n"
      "2001:db8::1 89\n"
      "# gateway g2\n"
      "192.0.2.2 200\n");
}

TEST_F(FilePublisher, NeverWritesAWeightThatCoreDnsRefuses) {
  publish(publisher, state_of({{"g1", 0.0001}, {"g2", 9}}));
  EXPECT_THAT(content(), HasSubstr("192.0.2.1 1\n"));
  EXPECT_THAT(content(), HasSubstr("192.0.2.2 255\n"));
}

TEST_F(FilePublisher, CountsWhatHasChanged) {
  publish(publisher, state_of({{"g1", 1}, {"g2", 1}}));
  EXPECT_EQ(publish(publisher, state_of({{"g1", 1}, {"g2", 1}})).changed, 0U);
  EXPECT_EQ(publish(publisher, state_of({{"g1", 0.5}, {"g3", 1}})).changed, 3U);
}

// The name server is another user, and a gateway's umask is 077.
TEST_F(FilePublisher, WritesForEverybody) {
  const mode_t before = ::umask(0077);
  publish(publisher, state_of({{"g1", 1}}));
  ::umask(before);
  EXPECT_EQ(std::filesystem::status(folder / "weights").permissions(),
            static_cast<std::filesystem::perms>(0644));
}

// Somebody has deleted it: it is whole again with the next change.
TEST_F(FilePublisher, WritesTheWholeFileEachTime) {
  publish(publisher, state_of({{"g1", 1}, {"g2", 1}}));
  std::filesystem::remove(folder / "weights");
  publish(publisher, state_of({{"g1", 1}, {"g2", 0.5}}));
  EXPECT_THAT(content(), HasSubstr("192.0.2.1 100\n"));
}

TEST_F(FilePublisher, SaysWhatStandsInTheWay) {
  EXPECT_TRUE(check(publisher).is_ok());
  EXPECT_FALSE(std::filesystem::exists(folder / "weights")) << "a check changes nothing";

  file_publisher lost(io, folder / "no/such/weights");
  const publish_result checked = check(lost);
  EXPECT_EQ(checked.error, publish_errc::unwritable);
  EXPECT_THAT(checked.text, HasSubstr("/no/such cannot be written: No such file"));
  EXPECT_EQ(publish(lost, state_of({{"g1", 1}})).error, publish_errc::unwritable);

  std::filesystem::create_directory(folder / "weights");
  EXPECT_THAT(check(publisher).text, HasSubstr("it is a folder"));
  EXPECT_EQ(publish(publisher, state_of({{"g1", 1}})).error, publish_errc::unwritable);
}

TEST_F(FilePublisher, CallsNobodyAfterItsEnd) {
  bool is_called = false;
  {
    file_publisher short_lived(io, folder / "weights");
    short_lived.publish(state_of({{"g1", 1}}), [&](const publish_result&) { is_called = true; });
  }
  io.run();
  EXPECT_FALSE(is_called);
}

}  // namespace
}  // namespace presenter::gateway
