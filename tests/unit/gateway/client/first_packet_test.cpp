#include "gateway/client/first_packet.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace presenter::gateway {
namespace {

std::string big_endian(std::uint32_t n) {
  std::string text;
  for (const int shift : {24, 16, 8, 0})
    text += static_cast<char>(n >> shift);
  return text;
}

std::string framed(const std::string& message) {
  return big_endian(static_cast<std::uint32_t>(message.size())) + message;
}

// authenticate(1: {1: "ab"}), as Thrift encodes it.
std::string binary_call(const std::string& method = "authenticate", char type = 1) {
  return std::string("\x80\x01\x00", 3) + type +
         big_endian(static_cast<std::uint32_t>(method.size())) + method + big_endian(7) +
         std::string("\x0c\x00\x01\x0b\x00\x01", 6) + big_endian(2) + "ab" + std::string(2, '\0');
}

std::string compact_call(const std::string& method = "authenticate") {
  return std::string("\x82\x21\x07", 3) + static_cast<char>(method.size()) + method +
         std::string("\x1c\x18\x02", 3) + "ab" + std::string(2, '\0');
}

struct outcome {
  std::optional<close_reason> reason;
  std::string key;
  std::size_t taken = 0;
};

// Feeds at most `step` bytes at a time, never more than is asked for.
outcome collect(first_packet& packet, const std::string& bytes, std::size_t step) {
  outcome result;
  for (auto wanted = packet.wanted(); !wanted.empty(); wanted = packet.wanted()) {
    const std::size_t n = std::min({wanted.size(), step, bytes.size() - result.taken});
    if (n == 0) return result;
    std::memcpy(wanted.data(), bytes.data() + result.taken, n);
    result.taken += n;
    if ((result.reason = packet.commit(n))) return result;
  }
  result.reason = packet.find_key(result.key);
  return result;
}

std::optional<close_reason> reason_of(const std::string& bytes, const auth_config& settings = {}) {
  first_packet packet(settings);
  return collect(packet, bytes, bytes.size()).reason;
}

TEST(FirstPacket, IsTheSameHoweverItIsSplitAndNeverTakesMore) {
  const auth_config settings;
  for (const std::string& message : {binary_call(), compact_call()}) {
    const std::string whole = framed(message);
    for (std::size_t step = 1; step <= whole.size(); ++step) {
      first_packet packet(settings);
      const outcome result = collect(packet, whole + "what comes behind", step);
      EXPECT_EQ(result.reason, std::nullopt);
      EXPECT_EQ(result.key, "ab");
      EXPECT_EQ(result.taken, whole.size());
      ASSERT_EQ(packet.bytes().size(), whole.size());
      EXPECT_EQ(std::memcmp(packet.bytes().data(), whole.data(), whole.size()), 0);
      packet.release();
      EXPECT_FALSE(packet.is_begun());
    }
  }
}

TEST(FirstPacket, WaitsForEveryPart) {
  const auth_config settings;
  const std::string whole = framed(binary_call());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    first_packet packet(settings);
    const outcome result = collect(packet, whole.substr(0, n), n + 1);
    EXPECT_EQ(result.reason, std::nullopt);
    EXPECT_FALSE(packet.wanted().empty());
    EXPECT_EQ(packet.is_begun(), n != 0);
  }
}

TEST(FirstPacket, NamesWhatIsWrong) {
  EXPECT_EQ(reason_of("GET / HTTP/1.1\r\n"), close_reason::packet_not_thrift);
  EXPECT_EQ(reason_of(std::string(16, '\0')), close_reason::packet_not_thrift);
  EXPECT_EQ(reason_of(big_endian(0) + "\x80"), close_reason::packet_malformed);
  EXPECT_EQ(reason_of(framed("\x80")), close_reason::packet_malformed);
  EXPECT_EQ(reason_of(framed(binary_call("login"))), close_reason::packet_method);
  EXPECT_EQ(reason_of(framed(binary_call("authenticate", 2))), close_reason::packet_not_call);
  EXPECT_EQ(reason_of(framed(binary_call().substr(0, 30))), close_reason::packet_malformed);
  auth_config elsewhere;
  elsewhere.key_path = {1, 2};
  EXPECT_EQ(reason_of(framed(binary_call()), elsewhere), close_reason::packet_key_missing);
  elsewhere.key_path = {1};
  EXPECT_EQ(reason_of(framed(binary_call()), elsewhere), close_reason::packet_key_type);
}

TEST(FirstPacket, NamesTheFieldAndTellsTheClient) {
  struct expected {
    std::vector<std::int16_t> path;
    close_reason reason;
    std::string place;
  };
  for (const expected& each : {expected{{1, 2}, close_reason::packet_key_missing, "field 1.2"},
                               {{2, 1}, close_reason::packet_key_missing, "field 2"},
                               {{1, 1, 3}, close_reason::packet_key_type, "field 1.1"},
                               {{1}, close_reason::packet_key_type, "field 1"}}) {
    auth_config settings;
    settings.key_path = each.path;
    for (const std::string& message : {binary_call(), compact_call()}) {
      first_packet packet(settings);
      EXPECT_EQ(collect(packet, framed(message), 100).reason, each.reason) << each.place;
      EXPECT_EQ(packet.fault_place(), each.place);
      byte_buffer answer;
      packet.append_answer(each.reason, answer);
      const std::string said(reinterpret_cast<const char*>(answer.bytes().data()), answer.size());
      EXPECT_NE(said.find(" (" + each.place + ")"), std::string::npos) << said;
    }
  }
  const auth_config settings;
  first_packet other(settings);
  collect(other, framed(binary_call("login")), 100);
  EXPECT_EQ(other.fault_place(), "") << "it has not come to the arguments";
}

TEST(FirstPacket, ChecksTheLengthBeforeItTakesMemory) {
  auth_config settings;
  settings.packet_bytes_max = 100;
  EXPECT_EQ(reason_of(big_endian(100) + "\x80", settings), std::nullopt);
  EXPECT_EQ(reason_of(big_endian(101) + "\x80", settings), close_reason::packet_oversize);
  EXPECT_EQ(reason_of(big_endian(0xffff'ffff) + "\x82", settings), close_reason::packet_oversize);
  first_packet packet(settings);
  EXPECT_EQ(packet.wanted().size(), 5U);
}

TEST(FirstPacket, IsAnsweredInItsOwnEncodingAndSequence) {
  const auth_config settings;
  for (const std::string& message : {binary_call("login"), compact_call("login")}) {
    first_packet packet(settings);
    ASSERT_EQ(collect(packet, framed(message), 1).reason, close_reason::packet_method);
    byte_buffer answer;
    packet.append_answer(close_reason::packet_method, answer);
    ASSERT_GT(answer.size(), 4U);
    const auto envelope = protocol::read_thrift_message(answer.bytes().subspan(4));
    ASSERT_TRUE(envelope);
    EXPECT_EQ(envelope->type, protocol::thrift_message_type::exception);
    EXPECT_EQ(envelope->method, "login");
    EXPECT_EQ(envelope->sequence, 7);
    EXPECT_EQ(static_cast<char>(answer.bytes()[4]), message[0]);
    // 1: the text.
    const std::vector<std::int16_t> text_path{1};
    const auto text = protocol::find_routing_key(*envelope, text_path);
    ASSERT_TRUE(text);
    EXPECT_EQ(*text, row_of(close_reason::packet_method).answer->text);
  }
}

TEST(FirstPacket, HasNoAnswerWhereNobodyCouldReadIt) {
  const auth_config settings;
  for (const std::string& bytes : {std::string(), std::string("\x00\x00", 2),
                                   big_endian(40) + "\x80", std::string("GET / HTTP/1.1")}) {
    first_packet packet(settings);
    collect(packet, bytes, 1);
    byte_buffer answer;
    packet.append_answer(close_reason::shutting_down, answer);
    EXPECT_TRUE(answer.empty());
  }
  // Nothing is said about a reason that has no answer.
  first_packet packet(settings);
  collect(packet, framed(binary_call()), 1);
  byte_buffer answer;
  packet.append_answer(close_reason::link_lost, answer);
  EXPECT_TRUE(answer.empty());
}

}  // namespace
}  // namespace presenter::gateway
