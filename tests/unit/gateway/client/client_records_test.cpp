#include "gateway/client/client_records.hpp"

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

std::size_t wanted_of(double share) {
  counter held_back;
  const log_config settings{.clients = share};
  const client_records records(settings, held_back);
  std::size_t wanted = 0;
  for (std::uint64_t number = 1; number <= 10'000; ++number)
    wanted += records.wants(number) ? 1 : 0;
  return wanted;
}

TEST(ClientRecords, AreOfThisShareOfTheClients) {
  EXPECT_EQ(wanted_of(0), 0U);
  EXPECT_EQ(wanted_of(1), 10'000U);
  EXPECT_NEAR(static_cast<double>(wanted_of(0.1)), 1'000, 50);
  EXPECT_NEAR(static_cast<double>(wanted_of(0.001)), 10, 5);
}

TEST(ClientRecords, SayWhatIsKnown) {
  std::vector<log_field> fields;
  append_fields(fields,
                client_record{.tag = "g-1-0-7", .address = "::1", .port = 9, .idle_seconds = -1});
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const auto& field : fields)
    names.emplace_back(field.name);
  EXPECT_THAT(names, ::testing::ElementsAre("tag", "address", "port", "seconds", "idle_seconds",
                                            "bytes_to_backend", "bytes_to_client"));
}

TEST(ClientRecords, AreHeldBackAndCountedAndSaid) {
  counter held_back;
  const log_config settings{.clients = 1, .clients_per_second = 2};
  client_records records(settings, held_back);
  const auto before = spdlog::default_logger();
  ::testing::internal::CaptureStderr();
  init_logging(log_level::info, log_format::json);
  int asked = 0;
  for (int i = 0; i < 5; ++i) {
    records.write("client closed", [&](std::vector<log_field>& fields) {
      ++asked;
      fields.emplace_back("reason", "client_idle");
      append_fields(
          fields,
          {.tag = "a\"b\xff", .key_hash = 0xabc, .handshake = short_time(std::chrono::seconds(0))});
    });
  }
  spdlog::set_default_logger(before);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(held_back.value(), 3U);
  const auto first = nlohmann::json::parse(said.substr(0, said.find('\n')));
  EXPECT_EQ(first.at("level"), "info");
  EXPECT_EQ(first.at("message"), "client closed");
  EXPECT_EQ(first.at("reason"), "client_idle");
  EXPECT_EQ(first.at("tag"), "a\"b\xef\xbf\xbd");
  EXPECT_EQ(first.at("key_hash"), "0000000000000abc");
  EXPECT_EQ(first.at("handshake_ms"), 0);
  EXPECT_FALSE(first.contains("opening_ms"));
  EXPECT_EQ(std::ranges::count(said, '\n'), 2);
}

TEST(ShortTime, IsWholeMillisecondsInTwoBytes) {
  EXPECT_EQ(sizeof(short_time), 2U);
  EXPECT_FALSE(short_time().is_known());
  EXPECT_EQ(short_time(std::chrono::microseconds(1'600)).milliseconds(), 2);
  EXPECT_EQ(short_time(std::chrono::seconds(-1)).milliseconds(), 0);
  EXPECT_EQ(short_time(std::chrono::hours(1)).milliseconds(), 65'534);
  EXPECT_EQ(short_time::of_value(short_time(std::chrono::seconds(3)).value()).milliseconds(),
            3'000);
  EXPECT_FALSE(short_time::of_value(0).is_known());
  EXPECT_FALSE(short_time::of_value(-5).is_known());
  EXPECT_FALSE(short_time::of_value(70'000).is_known());
}

}  // namespace
}  // namespace presenter::gateway
