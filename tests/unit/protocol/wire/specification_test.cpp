// protocol/README.md against the code: worked bytes, limits and numbers cannot drift apart.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
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

// The cells of each table row in `text`, without the spaces around them.
std::vector<std::vector<std::string>> rows_in(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    std::istringstream parts(line.substr(2));
    for (std::string cell; std::getline(parts, cell, '|');) {
      const auto begin = cell.find_first_not_of(' ');
      if (begin == std::string::npos) continue;
      cells.push_back(cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Every "length | body" in `text`: as many bytes as the length says, whatever explains them behind.
std::vector<testing::frame_bytes> worked_frames(const std::string& text) {
  constexpr std::size_t length_digits = 8;
  std::vector<testing::frame_bytes> frames;
  for (std::size_t bar = text.find(" | "); bar != std::string::npos; bar = text.find(" | ", bar)) {
    std::string hex = bar < length_digits ? "" : text.substr(bar - length_digits, length_digits);
    ++bar;
    if (hex.empty() || !std::all_of(hex.begin(), hex.end(), is_hex)) continue;
    const auto digits = length_digits + 2 * std::stoul(hex, nullptr, 16);
    for (; hex.size() < digits && bar < text.size(); ++bar) {
      if (is_hex(text[bar])) hex += text[bar];
    }
    frames.push_back(testing::from_hex(hex));
  }
  return frames;
}

TEST(Specification, WorkedBytesAreFrames) {
  const auto all = worked_frames(section("## 4. ", "## 5. "));
  ASSERT_GE(all.size(), 13U);
  for (const testing::frame_bytes& bytes : all) {
    SCOPED_TRACE(testing::to_hex(bytes));
    const auto body = testing::body_of(bytes);
    if (is_data(body)) {
      const auto data = decode_data(body);
      ASSERT_TRUE(data.has_value());
      const std::string payload(reinterpret_cast<const char*>(data->payload.data()),
                                data->payload.size());
      EXPECT_EQ(testing::our_encode_data(data->stream.value, data->more, payload), bytes);
    } else {
      const auto control = decode_control(body);
      ASSERT_TRUE(control.has_value()) << control.error().message();
      EXPECT_EQ(testing::our_encode(*control), bytes);
    }
  }
}

std::map<int, std::string> numbers_in(const std::string& text) {
  std::map<int, std::string> numbers;
  for (const auto& row : rows_in(text)) {
    if (row.front() != "number") numbers[std::stoi(row.at(0))] = row.at(1);
  }
  return numbers;
}

TEST(Specification, LinkErrorsHaveTheirNumbers) {
  const auto numbers = numbers_in(section("## 8. ", "Reasons of Reset"));
  EXPECT_EQ(numbers.size(), 24U);
  for (const auto& [number, name] : numbers) {
    EXPECT_EQ(name_of(static_cast<errc>(number)), name);
  }
}

TEST(Specification, ResetReasonsHaveTheirNumbers) {
  const auto numbers = numbers_in(section("Reasons of Reset", "## 9. "));
  EXPECT_EQ(numbers.size(), 14U);
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
      {"state_bytes_max", limits::state_bytes_max},
      {"deposit_bytes_max", limits::deposit_bytes_max_default},
      {"key_bytes_max", limits::key_bytes_max},
      {"node_bytes_max", limits::node_bytes_max},
      {"client_subject_bytes_max", limits::client_subject_bytes_max},
      {"stream_window_bytes", limits::stream_window_bytes_default},
      {"link_window_bytes", limits::link_window_bytes_default},
      {"stream_credit_bytes_min", limits::stream_credit_bytes_min},
      {"link_credit_bytes_min", limits::link_credit_bytes_min},
      {"streams_open_max", limits::streams_open_max_default},
      {"streams_opening_max", limits::streams_opening_max_default},
      {"opens_per_second", limits::opens_per_second_default},
      {"opens_burst_seconds", limits::opens_burst_seconds},
      {"stream_errors_per_second", limits::stream_errors_per_second},
      {"stream_errors_burst", limits::stream_errors_burst},
      {"control_queue_bytes_max", limits::control_queue_bytes_max},
      {"data_queue_bytes_max", limits::data_queue_bytes_max},
      {"stream_turn_bytes", limits::stream_turn_bytes},
      {"ping_interval_ms", limits::ping_interval_default.count()},
      {"dead_after", limits::dead_after_default.count()},
      {"hello_timeout", limits::hello_timeout.count()},
      {"go_away_timeout", limits::go_away_timeout.count()},
      {"stall_timeout", limits::stall_timeout_default.count()},
      {"link_stall_timeout", (2 * limits::stall_timeout_default).count()},
  };
  std::map<std::string, std::int64_t> written;
  for (const auto& row : rows_in(text)) {
    if (row.front() == "name") continue;
    std::string value = row.at(1);
    std::erase(value, ',');
    const std::int64_t unit = value.ends_with(" s") ? 1'000 : 1;  // times: milliseconds
    written[row.front().substr(0, row.front().find(' '))] = std::stoll(value) * unit;
  }
  EXPECT_EQ(written, expected);
}

}  // namespace
}  // namespace presenter::protocol
