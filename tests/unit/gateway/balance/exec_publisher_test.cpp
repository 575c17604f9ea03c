#include "gateway/balance/exec_publisher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/support/own_folder.hpp"
#include "tests/unit/gateway/balance/made_state.hpp"

namespace presenter::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// A shell's script as the program.
class ExecPublisher : public ::testing::Test {
 protected:
  ExecPublisher() { set_program("cat >> \"$(dirname $0)/input\""); }

  void set_program(const std::string& text) {
    std::ofstream(folder / "program") << "#!/bin/sh\n" << text << '\n';
    std::filesystem::permissions(folder / "program", std::filesystem::perms::owner_all);
  }
  publish_result publish(exec_publisher& publisher, const dns_state& state) {
    return wait([&](auto done) { publisher.publish(state, done); });
  }
  publish_result check(exec_publisher& publisher) {
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
  std::string input() const {
    std::ifstream in(folder / "input");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  tests::own_folder folder;
  boost::asio::io_context io;
  exec_publisher publisher{io, folder / "program", seconds(30)};
};

// As README.md shows it.
TEST_F(ExecPublisher, HandsOverTheWholeStateAsJson) {
  dns_state state = state_of({{"g1", 0.5}});
  state.records.push_back({"g1", boost::asio::ip::make_address("2001:db8::1"), 0.5});
  const publish_result result = publish(publisher, state);
  ASSERT_TRUE(result.is_ok()) << result.text;
  EXPECT_EQ(result.changed, 2U);
  EXPECT_THAT(input(), EndsWith("}\n"));
  EXPECT_EQ(nlohmann::json::parse(input()), nlohmann::json::parse(R"({
    "record": "chat.example", "ttl": 60, "records": [
      {"gateway": "g1", "type": "A", "address": "192.0.2.1", "weight": 0.5},
      {"gateway": "g1", "type": "AAAA", "address": "2001:db8::1", "weight": 0.5}]})"));
}

TEST_F(ExecPublisher, RunsTheProgramOnlyForAChange) {
  publish(publisher, state_of({{"g1", 1}}));
  const std::string before = input();
  EXPECT_EQ(publish(publisher, state_of({{"g1", 1}})).changed, 0U);
  EXPECT_EQ(input(), before);
  EXPECT_EQ(publish(publisher, state_of({{"g1", 0.5}})).changed, 1U);
  EXPECT_NE(input(), before);
}

TEST_F(ExecPublisher, TellsAFailureWithTheProgramsLastLine) {
  set_program("echo begins; echo no such zone >&2; exit 3");
  const publish_result result = publish(publisher, state_of({{"g1", 1}}));
  EXPECT_EQ(result.error, publish_errc::program_failed);
  EXPECT_THAT(result.text, EndsWith("/program exit status 3: no such zone"));
  // It believes nothing afterwards.
  set_program("cat > \"$(dirname $0)/input\"");
  const publish_result again = publish(publisher, state_of({{"g1", 1}}));
  EXPECT_EQ(again.changed, 1U) << again.text;
  EXPECT_FALSE(input().empty());
}

TEST_F(ExecPublisher, KillsAProgramThatTakesTooLong) {
  set_program("sleep 60");
  exec_publisher impatient(io, folder / "program", milliseconds(100));
  const publish_result result = publish(impatient, state_of({{"g1", 1}}));
  EXPECT_EQ(result.error, publish_errc::timed_out);
  EXPECT_THAT(result.text, EndsWith("did not end within its time"));
}

TEST_F(ExecPublisher, SaysWhatStandsInTheWay) {
  EXPECT_TRUE(check(publisher).is_ok());
  EXPECT_TRUE(input().empty()) << "a check changes nothing";
  std::filesystem::permissions(folder / "program", std::filesystem::perms::owner_read);
  EXPECT_EQ(check(publisher).error, publish_errc::program_failed);
  EXPECT_THAT(publish(publisher, state_of({{"g1", 1}})).text, HasSubstr("Permission denied"));
  std::filesystem::remove(folder / "program");
  EXPECT_THAT(check(publisher).text, HasSubstr("No such file"));
  std::filesystem::create_directory(folder / "program");
  EXPECT_THAT(check(publisher).text, HasSubstr("is a folder"));
}

TEST_F(ExecPublisher, CallsNobodyAfterItsEnd) {
  set_program("sleep 60");
  bool is_called = false;
  {
    exec_publisher short_lived(io, folder / "program", seconds(30));
    short_lived.publish(state_of({{"g1", 1}}), [&](const publish_result&) { is_called = true; });
  }
  // Until the program is dead.
  io.run();
  EXPECT_FALSE(is_called);
}

}  // namespace
}  // namespace presenter::gateway
