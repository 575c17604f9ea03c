#include "shard_router/map_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "shard_router/errc.hpp"
#include "shard_router/saved_map.hpp"
#include "tests/support/own_folder.hpp"
#include "tests/unit/shard_router/made_map.hpp"

namespace presenter::shard_router {
namespace {

namespace fs = std::filesystem;

class MapFile : public ::testing::Test {
 protected:
  fs::path write(const std::string& text) const {
    std::ofstream(folder_ / "shards.toml") << text;
    return folder_ / "shards.toml";
  }

  // "3: server[1].port: …" for each, without the file's name.
  std::vector<std::string> errors_of(const std::string& text) const {
    const fs::path file = write(text);
    const map_file_result result = load_map_file(file);
    EXPECT_EQ(result.map, nullptr);
    std::vector<std::string> found;
    for (const map_file_error& each : result.errors) {
      const std::string line = each.to_string();
      EXPECT_TRUE(line.starts_with(file.string() + ":")) << line;
      found.push_back(line.substr(file.string().size() + 1));
    }
    return found;
  }

  tests::own_folder folder_;
};

using lines = std::vector<std::string>;
using SavedMap = MapFile;

TEST_F(MapFile, ReadsAFleet) {
  const auto result = load_map_file(write(R"(
[[server]]
name = "chat-b"
host = "10.0.0.2"
port = 7000

[[server]]
name = "chat-a"
host = "10.0.0.1"
port = 7001
weight = 300
)"));
  ASSERT_TRUE(result.errors.empty()) << result.errors.front().to_string();
  ASSERT_NE(result.map, nullptr);
  EXPECT_EQ(result.map->epoch(), 0);
  EXPECT_EQ(result.map->find("chat-a")->weight, 300);
  EXPECT_EQ(result.map->find("chat-b")->weight, limits::weight_default);
  EXPECT_EQ(result.map->find("chat-b")->host, "10.0.0.2");
}

TEST_F(MapFile, ReportsEveryMistakeAtOnceFromTheTop) {
  const lines expected{
      "1: servers: unknown key",
      "3: server[1].weight: must be a whole number, 1 to 1000",
      "4: server[1].name: must be 1 to 255 letters, digits, '.', '_' and '-'",
      "5: server[1].host: must be a string, and not empty",
      "6: server[1].port: must be a whole number, 1 to 65535",
      "7: server[1].colour: unknown key",
      "8: server[2].host: is missing",
      "8: server[2].port: is missing",
      "13: server[3].name: 'chat-a' is there twice",
  };
  EXPECT_EQ(errors_of(R"(servers = 3
[[server]]
weight = 1001
name = "chat a"
host = ""
port = "7000"
colour = "red"
[[server]]
name = "chat-a"
[[server]]
host = "h"
port = 7000
name = "chat-a"
)"),
            expected);
}

TEST_F(MapFile, AHostIsANameOrAnAddressThatCanBeConnectedTo) {
  const lines expected{
      "3: server[1].host: 'host' must be an address to connect to, no wildcard or multicast",
      "7: server[2].host: 'host' must be a host name, an IPv4 or an IPv6 address",
      "11: server[3].host: 'host' must be a host name, an IPv4 or an IPv6 address",
  };
  EXPECT_EQ(errors_of(R"([[server]]
name = "chat-a"
host = "::"
port = 1
[[server]]
name = "chat-b"
host = "chat-b "
port = 1
[[server]]
name = "chat-c"
host = "[::1]"
port = 1
[[server]]
name = "chat-d"
host = "::1"
port = 1
)"),
            expected);
}

TEST_F(MapFile, AFileWithoutServersIsAMistake) {
  const lines none{" server: names no backend: at least one [[server]] is needed"};
  EXPECT_EQ(errors_of(""), none);
  EXPECT_EQ(errors_of("server = []"), none);
  EXPECT_EQ(errors_of("server = 1"), lines{"1: server: must be tables, each headed [[server]]"});
  EXPECT_EQ(errors_of("[server]\nname = 'a'"),
            lines{"1: server: must be tables, each headed [[server]]"});
}

TEST_F(MapFile, WeightsAddUpToAMillionAtTheMost) {
  std::string text;
  for (int number = 0; number < 1'000; ++number)
    text += "[[server]]\nname='" + std::to_string(number) + "'\nhost='h'\nport=1\nweight=1000\n";
  EXPECT_EQ(errors_of(text + "[[server]]\nname='more'\nhost='h'\nport=1\nweight=1\n"),
            lines{"1: server: the weights add up to more than 1000000"});
}

TEST_F(MapFile, ASyntaxErrorHasItsLine) {
  const lines found = errors_of("[[server]]\nname = \"chat-a\nhost = 1\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with("2: ")) << found[0];
}

TEST_F(MapFile, AFileThatCannotBeReadIsSaid) {
  const auto only_error_of = [](const fs::path& path) {
    const auto result = load_map_file(path);
    return result.errors.size() == 1 ? result.errors[0].to_string() : "not one error";
  };
  const fs::path absent = folder_ / "absent.toml";
  EXPECT_EQ(only_error_of(absent), absent.string() + ": cannot be read: No such file or directory");
  EXPECT_EQ(only_error_of(folder_.path()),
            folder_.path().string() + ": cannot be read: Is a directory");
  EXPECT_EQ(only_error_of("/dev/zero"), "/dev/zero: cannot be read: it is not a regular file");
}

TEST_F(SavedMap, ComesBackAsItWas) {
  const fs::path file = folder_ / "map.json";
  const shard_map_ptr map = made_map({"chat-a", "chat-b"}, 17);
  ASSERT_FALSE(save_map(file, *map));
  const auto loaded = load_saved_map(file);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->map->epoch(), 17);
  EXPECT_EQ(loaded->map->backends(), map->backends());

  ASSERT_FALSE(save_map(file, *made_map({"chat-a"}, 18)));
  EXPECT_EQ(load_saved_map(file)->map->epoch(), 18);
  EXPECT_FALSE(fs::exists(folder_ / "map.json.new"));
}

TEST_F(SavedMap, AFailureLeavesTheEarlierCopy) {
  const fs::path file = folder_ / "map.json";
  ASSERT_FALSE(save_map(file, *made_map({"chat-a"}, 1)));
  // Where the new copy would be written there is a folder.
  fs::create_directory(folder_ / "map.json.new");
  EXPECT_TRUE(save_map(file, *made_map({"chat-a"}, 2)).failed());
  EXPECT_EQ(load_saved_map(file)->map->epoch(), 1);
  EXPECT_TRUE(save_map(folder_ / "absent/map.json", *made_map({}, 2)).failed());
}

TEST_F(SavedMap, CutAnywhereItIsNotTaken) {
  const fs::path file = folder_ / "map.json";
  ASSERT_FALSE(save_map(file, *made_map({"chat-a"}, 1)));
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  for (std::size_t size = 0; size < text.str().size(); ++size) {
    std::ofstream(file) << text.str().substr(0, size);
    const auto loaded = load_saved_map(file);
    ASSERT_FALSE(loaded) << size;
    EXPECT_EQ(loaded.error(), errc::saved_map_invalid);
  }
}

TEST_F(SavedMap, NoCopyIsTheSystemsError) {
  EXPECT_EQ(load_saved_map(folder_ / "absent").error(),
            boost::system::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace presenter::shard_router
