// First packets made by hand to hurt: lies about sizes, depth, types.
#include <gtest/gtest.h>

#include <string>

#include "chat_messages.hpp"

namespace presenter::protocol {
namespace {

using testing::error_of;
using testing::key_of;
using testing::message_bytes;

message_bytes bytes_of(const std::string& hex) {
  message_bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string repeat(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i != count; ++i)
    all += text;
  return all;
}

// CALL "m", sequence 1, then the argument struct.
message_bytes binary_call(const std::string& arguments) {
  return bytes_of("80010001000000016d00000001" + arguments);
}
message_bytes compact_call(const std::string& arguments) {
  return bytes_of("822101016d" + arguments);
}

const std::string binary_key = "0b0063000000016b00";  // field 99, "k"
const std::string compact_key = "08c601016b00";       // the same, id in the long form

void expect_binary_skipped(const std::string& field) {
  EXPECT_EQ(error_of(binary_call(field + binary_key), {99}), boost::system::error_code{}) << field;
}
void expect_binary_malformed(const std::string& field) {
  EXPECT_EQ(error_of(binary_call(field + binary_key), {99}), errc::packet_malformed) << field;
}
void expect_compact_skipped(const std::string& field) {
  EXPECT_EQ(error_of(compact_call(field + compact_key), {99}), boost::system::error_code{})
      << field;
}
void expect_compact_malformed(const std::string& field) {
  EXPECT_EQ(error_of(compact_call(field + compact_key), {99}), errc::packet_malformed) << field;
}

TEST(HostileEnvelope, IsNotThriftByItsFirstByte) {
  for (const char* hex : {"", "00", "16", "47455420", "81", "83", "00000010", "ff"}) {
    EXPECT_EQ(read_thrift_message(bytes_of(hex)).error(), errc::packet_not_thrift) << hex;
  }
}

TEST(HostileEnvelope, IsMalformed) {
  for (const char* hex : {
           "80",
           "800100",
           "80010001",
           "8001000100000001",
           "80010001000000016d000000",
           "800200010000000000000001",  // another version
           "800100000000000000000001",  // no such type
           "800100050000000000000001",
           "80010001ffffffff00000001",  // a name of negative size
           "800100017fffffff00000001",
           "82",
           "8221",
           "822101",
           "82210105",
           "82220100",          // another version
           "82010100",          // type 0
           "82a10100",          // type 5
           "8221ffffffff1f00",  // sequence above 32 bits
           "822101ffffffff0f",
       }) {
    const auto read = read_thrift_message(bytes_of(hex));
    ASSERT_TRUE(read.has_error()) << hex;
    EXPECT_EQ(read.error(), errc::packet_malformed) << hex;
  }
}

TEST(HostileBinary, EmptyContainersOfAnyTypeArePassedOver) {
  expect_binary_skipped("0f00010000000000");
  expect_binary_skipped("0f0001ff00000000");
  expect_binary_skipped("0d0001000000000000");
}

TEST(HostileBinary, ValuesOfEveryWidthArePassedOver) {
  expect_binary_skipped("02000101");
  expect_binary_skipped("03000101");
  expect_binary_skipped("0400010102030405060708");
  expect_binary_skipped("0600010102");
  expect_binary_skipped("08000101020304");
  expect_binary_skipped("0a00010102030405060708");
  expect_binary_skipped("0b000100000000");
  expect_binary_skipped("100001" + repeat("aa", 16));
  expect_binary_skipped("0e000103000000020102");
  expect_binary_skipped("0d0001030b000000010100000000");
}

TEST(HostileBinary, LiesAboutSizesAreMalformed) {
  expect_binary_malformed("0b0001ffffffff");
  expect_binary_malformed("0b00017fffffff");
  expect_binary_malformed("0f000103ffffffff");
  expect_binary_malformed("0f0001037fffffff");
  expect_binary_malformed("0f00010a20000001");  // times eight it would wrap in 32 bits
  expect_binary_malformed("0f00010c7fffffff");  // structs: one byte each at least
  expect_binary_malformed("0f0001007fffffff");  // elements without bytes
  expect_binary_malformed("0d000100007fffffff");
  expect_binary_malformed("0d0001030c7fffffff");
  expect_binary_malformed("0d0001030380000000");
}

TEST(HostileBinary, NoSuchTypesAreMalformed) {
  for (const char* type : {"01", "05", "07", "09", "11", "80", "ff"}) {
    expect_binary_malformed(std::string(type) + "000100");
    expect_binary_malformed("0f0001" + std::string(type) + "0000000100");
  }
}

TEST(HostileBinary, NestingIsBoundedAtThirtyTwo) {
  expect_binary_skipped(repeat("0c0001", 31) + repeat("00", 31));
  expect_binary_malformed(repeat("0c0001", 32) + repeat("00", 32));
  expect_binary_malformed(repeat("0c0001", 5'000));
  expect_binary_malformed("0f0001" + repeat("0f00000001", 5'000));
}

TEST(HostileCompact, EmptyMapHasNoByteForItsTypes) {
  expect_compact_skipped("1b00");
  expect_compact_skipped("1900");
  expect_compact_skipped("190f");  // the type of nothing is not looked at
}

TEST(HostileCompact, BoolsTakeAByteInContainersAndNoneInFields) {
  expect_compact_skipped("1112");
  expect_compact_skipped("1932010201");
  expect_compact_skipped("19210002");
  expect_compact_skipped("1b01110102");
}

TEST(HostileCompact, ValuesOfEveryWidthArePassedOver) {
  expect_compact_skipped("1301");
  expect_compact_skipped("14ffff03");
  expect_compact_skipped("15ffffffff0f");
  expect_compact_skipped("16ffffffffffffffffff01");
  expect_compact_skipped("170102030405060708");
  expect_compact_skipped("1800");
  expect_compact_skipped("1d" + repeat("aa", 16));
  expect_compact_skipped("19f310" + repeat("aa", 16));
  expect_compact_skipped("1b02380100020161");
}

TEST(HostileCompact, FieldIdsMayGoBackAndBeNegative) {
  expect_compact_skipped("060302");  // id -2
  EXPECT_EQ(key_of(compact_call("0506020804026b6b00"), {2}).value(), "kk");
}

TEST(HostileCompact, FieldIdsBeyondSixteenBitsAreMalformed) {
  expect_compact_malformed("05ffff0702");
  expect_compact_malformed("05feff03021502");  // 32767, then one more
}

TEST(HostileCompact, LiesAboutSizesAreMalformed) {
  expect_compact_malformed("18ffffffff0f");
  expect_compact_malformed("18ffffffffffffffffff01");
  expect_compact_malformed("19fcffffffff0f");
  expect_compact_malformed("19f1ffffffffffffffffff01");
  expect_compact_malformed("1bffffffff0f33");
  expect_compact_malformed("19e5");
  expect_compact_malformed("16ffffffffffffffffffff01");
  expect_compact_malformed("16ffffffffffffffffff02");
}

TEST(HostileCompact, NoSuchTypesAreMalformed) {
  for (const char* type : {"0", "e", "f"}) {
    expect_compact_malformed("1" + std::string(type) + "0000");
    expect_compact_malformed("191" + std::string(type) + "00");
  }
}

TEST(HostileCompact, NestingIsBoundedAtThirtyTwo) {
  expect_compact_skipped(repeat("1c", 31) + repeat("00", 31));
  expect_compact_malformed(repeat("1c", 32) + repeat("00", 32));
  expect_compact_malformed(repeat("1c", 5'000));
  expect_compact_malformed("19" + repeat("19", 5'000));
}

TEST(HostileCompact, AnIntegerKeyBeyondItsTypeIsMalformed) {
  EXPECT_EQ(error_of(compact_call("14feff0300"), {1}), boost::system::error_code{});
  EXPECT_EQ(error_of(compact_call("1480800400"), {1}), errc::packet_malformed);
  EXPECT_EQ(error_of(compact_call("15808080801000"), {1}), errc::packet_malformed);
}

}  // namespace
}  // namespace presenter::protocol
