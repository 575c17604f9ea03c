// protocol/README.md against the code: worked bytes, limits and numbers cannot drift apart.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "idl_frames.hpp"

namespace presenter::protocol {
namespace {

std::string specification() {
  std::ifstream file(PROTOCOL_README);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// From the heading `from` to the heading `to`.
std::string section(const std::string& from, const std::string& to) {
  const std::string text = specification();
  const auto begin = text.find(from);
  const auto end = text.find(to);
  EXPECT_NE(begin, std::string::npos) << from;
  EXPECT_NE(end, std::string::npos) << to;
  return text.substr(begin, end - begin);
}

std::vector<std::string> matches_of(const std::string& text, const std::regex& what,
                                    std::size_t group) {
  std::vector<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), what), end; at != end; ++at) {
    found.push_back((*at)[group]);
  }
  return found;
}

std::string hex_digits_of(const std::string& text) {
  std::string hex;
  for (const char c : text) {
    if (c != ' ' && c != '|') hex += c;
  }
  return hex;
}

TEST(Specification, WorkedBytesAreFrames) {
  const std::regex worked("([0-9a-f]{8} \\|( +[0-9a-f]{2,}| \\|)+)");
  const auto all = matches_of(section("## 4. ", "## 5. "), worked, 1);
  ASSERT_GE(all.size(), 12U);
  for (const std::string& text : all) {
    const auto bytes = testing::from_hex(hex_digits_of(text));
    const auto body = testing::body_of(bytes);
    if (is_data(body)) {
      const auto data = decode_data(body);
      ASSERT_TRUE(data.has_value()) << text;
      const std::string payload(reinterpret_cast<const char*>(data->payload.data()),
                                data->payload.size());
      EXPECT_EQ(testing::our_encode_data(data->stream.value, data->more, payload), bytes) << text;
    } else {
      const auto control = decode_control(body);
      ASSERT_TRUE(control.has_value()) << text << control.error().message();
      EXPECT_EQ(testing::our_encode(*control), bytes) << text;
    }
  }
}

std::map<int, std::string> numbers_in(const std::string& text) {
  const std::regex row("\n\\| (\\d+) \\| ([a-z_]+) \\|");
  std::map<int, std::string> numbers;
  for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
    numbers[std::stoi((*at)[1])] = (*at)[2];
  }
  return numbers;
}

TEST(Specification, LinkErrorsHaveTheirNumbers) {
  const auto numbers = numbers_in(section("## 8. ", "Reasons of Reset"));
  EXPECT_EQ(numbers.size(), 20U);
  for (const auto& [number, name] : numbers) {
    EXPECT_EQ(name_of(static_cast<errc>(number)), name);
  }
}

TEST(Specification, ResetReasonsHaveTheirNumbers) {
  const auto numbers = numbers_in(section("Reasons of Reset", "## 9. "));
  EXPECT_EQ(numbers.size(), 11U);
  for (const auto& [number, name] : numbers) {
    EXPECT_EQ(name_of(static_cast<reset_reason>(number)), name);
  }
}

TEST(Specification, LimitsHaveTheirDefaults) {
  const std::string text = section("## 7. ", "## 8. ");
  const std::map<std::string, std::int64_t> expected{
      {"data_bytes_max", limits::data_bytes_max},
      {"frame_bytes_max", limits::frame_bytes_max},
      {"open_bytes_max", limits::open_bytes_max},
      {"control_bytes_max", limits::control_bytes_max},
      {"key_bytes_max", limits::key_bytes_max},
      {"node_bytes_max", limits::node_bytes_max},
      {"stream_window_bytes", limits::stream_window_bytes_default},
      {"link_window_bytes", limits::link_window_bytes_default},
      {"streams_open_max", limits::streams_open_max_default},
      {"control_queue_bytes_max", limits::control_queue_bytes_max},
      {"data_queue_bytes_max", limits::data_queue_bytes_max},
      {"stream_turn_bytes", limits::stream_turn_bytes},
      {"ping_interval_ms", limits::ping_interval_default.count()},
  };
  std::map<std::string, std::int64_t> written;
  const std::regex row("\n\\| ([a-z_]+)[^|]*\\| ([0-9,]+) \\|");
  for (std::sregex_iterator at(text.begin(), text.end(), row), end; at != end; ++at) {
    written[(*at)[1]] = std::stoll(std::regex_replace((*at)[2].str(), std::regex(","), ""));
  }
  EXPECT_EQ(written, expected);
}

}  // namespace
}  // namespace presenter::protocol
