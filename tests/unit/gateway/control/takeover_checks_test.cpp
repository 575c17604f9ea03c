#include "gateway/control/takeover_checks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/upgrade/state_file.hpp"

namespace presenter::gateway {
namespace {

std::vector<std::string> mistakes_of(const config& settings, std::vector<std::string> running,
                                     std::uint32_t version = state_version) {
  config_result loaded;
  loaded.value = settings;
  std::vector<std::string> all = check_takeover(loaded, {version, std::move(running)});
  for (const config_error& each : loaded.errors)
    all.push_back(each.key + ": " + each.text);
  return all;
}

using texts = std::vector<std::string>;

TEST(TakeoverChecks, TakeWhatIsTheSame) {
  config settings;
  settings.gateway.name = "a";
  settings.workers.count = 2;
  EXPECT_EQ(
      mistakes_of(settings, {"gateway.name=a", "listen.address=0.0.0.0:443", "workers.count=2"}),
      texts());
  settings.workers.count = 0;
  EXPECT_EQ(mistakes_of(settings, {"workers.count=7"}), texts()) << "as many as there are";
  EXPECT_EQ(mistakes_of(settings, {"some.later_key=7"}), texts());
}

TEST(TakeoverChecks, NameWhatMayNotDiffer) {
  config settings;
  settings.workers.count = 2;
  EXPECT_EQ(mistakes_of(settings, {"gateway.name=a"}),
            texts{"gateway.name: is '', and 'a' in the gateway that runs: that needs a restart"});
  EXPECT_EQ(mistakes_of(settings, {"listen.address=127.0.0.1:1"}),
            texts{"listen.address: is '0.0.0.0:443', and '127.0.0.1:1' in the gateway that runs: "
                  "that needs a restart"});
  EXPECT_EQ(mistakes_of(settings, {"workers.count=3"}),
            texts{"workers.count: is '2', and '3' in the gateway that runs: that needs a restart"});
}

TEST(TakeoverChecks, NameAnotherVersionOfTheState) {
  EXPECT_EQ(mistakes_of({}, {}, state_version + 1),
            texts{fmt::format("takes over states of version {}, and not of version {}",
                              state_version, state_version + 1)});
}

TEST(TakeoverChecks, SayNothingIfNobodyAsks) {
  config_result loaded;
  EXPECT_EQ(check_takeover(loaded, {}), texts());
  EXPECT_TRUE(loaded.errors.empty());
}

}  // namespace
}  // namespace presenter::gateway
