// What no sender should send: each fault has its own name, and a newer sender's additions are
// passed over.
#include <gtest/gtest.h>

#include "idl_frames.hpp"
#include "tests/support/frame_script.hpp"

namespace presenter::protocol {
namespace {

using testing::body_of;
using testing::frame_bytes;
using testing::from_hex;
using testing::our_encode;
using testing::our_encode_data;

boost::system::error_code control_error(const std::string& hex) {
  const frame_bytes body = from_hex(hex);
  const auto decoded = decode_control(body);
  return decoded ? boost::system::error_code{} : decoded.error();
}

boost::system::error_code control_error(const control_frame& frame) {
  const frame_bytes bytes = our_encode(frame);
  const auto decoded = decode_control(std::span(bytes).subspan(4));
  return decoded ? boost::system::error_code{} : decoded.error();
}

boost::system::error_code data_error(const std::string& hex) {
  const frame_bytes body = from_hex(hex);
  const auto decoded = decode_data(body);
  return decoded ? boost::system::error_code{} : decoded.error();
}

boost::system::error_code slice_error(std::initializer_list<int> bytes) {
  const auto input = testing::frame_script().raw(bytes).bytes();
  const auto slice = slice_frame(input);
  return slice ? boost::system::error_code{} : slice.error();
}

std::string nested_structs(std::size_t depth) {
  // Field 2 of Accept, a struct in a struct in a struct …
  std::string hex = "3c16022c";
  for (std::size_t i = 2; i < depth; ++i)
    hex += "1c";
  return hex + std::string(2 * (depth - 1), '0') + "0000";
}

std::string nested_in_tls(std::size_t depth) {
  // Field 7 of the TLS facts in Open, a struct in a struct in a struct …
  std::string hex = "2c160218016b4c7c";
  for (std::size_t i = 3; i < depth; ++i)
    hex += "1c";
  return hex + std::string(2 * (depth - 1), '0') + "0000";
}

TEST(SliceFrame, LengthZeroIsEmpty) {
  EXPECT_EQ(slice_error({0, 0, 0, 0}), errc::frame_empty);
}

TEST(SliceFrame, LengthIsCheckedBeforeTheBodyArrives) {
  // 16 448 = 0x4040
  EXPECT_EQ(slice_error({0, 0, 0x40, 0x40}), boost::system::error_code{});
  EXPECT_EQ(slice_error({0, 0, 0x40, 0x41}), errc::frame_oversize);
  EXPECT_EQ(slice_error({0xff, 0xff, 0xff, 0xff}), errc::frame_oversize);
  EXPECT_EQ(slice_error({0x80, 0, 0, 1}), errc::frame_oversize);
}

TEST(SliceFrame, EachTypeHasItsOwnLimit) {
  EXPECT_EQ(slice_error({0, 0, 0x40, 0x40, 0x5c}), boost::system::error_code{});
  EXPECT_EQ(slice_error({0, 0, 0x10, 0x00, 0x2c}), boost::system::error_code{});
  EXPECT_EQ(slice_error({0, 0, 0x10, 0x01, 0x2c}), errc::frame_oversize);
  EXPECT_EQ(slice_error({0, 0, 0x02, 0x00, 0x1c}), boost::system::error_code{});
  EXPECT_EQ(slice_error({0, 0, 0x02, 0x01, 0x1c}), errc::frame_oversize);
  EXPECT_EQ(slice_error({0, 0, 0x02, 0x01, 0x9c}), errc::frame_oversize);
}

TEST(MuxFrameMalformed, LargestFrameOfEachTypeFits) {
  EXPECT_LE(our_encode_data(std::numeric_limits<std::int64_t>::max(), true,
                            std::string(limits::data_bytes_max, 'p'))
                .size(),
            4 + limits::frame_bytes_max);
  for (const control_frame& frame : testing::sample_frames()) {
    const bool is_open = std::holds_alternative<open_frame>(frame);
    const bool is_checkpoint = std::holds_alternative<checkpoint_frame>(frame);
    EXPECT_LE(our_encode(frame).size(), 4 + (is_checkpoint ? limits::frame_bytes_max
                                             : is_open     ? limits::open_bytes_max
                                                           : limits::control_bytes_max));
  }
}

TEST(MuxFrameMalformed, UnionHoldsExactlyOneField) {
  EXPECT_EQ(control_error(""), errc::frame_malformed);
  EXPECT_EQ(control_error("00"), errc::frame_malformed);
  EXPECT_EQ(control_error("9c160200"), errc::frame_malformed);            // no stop of the union
  EXPECT_EQ(control_error("9c1602001c16020000"), errc::frame_malformed);  // ping and pong
  EXPECT_EQ(control_error("9c1602000000"), errc::frame_malformed);        // bytes after the union
  EXPECT_EQ(control_error("9c16020000"), boost::system::error_code{});
  EXPECT_EQ(data_error("5c16022801780000"), boost::system::error_code{});
  EXPECT_EQ(data_error("5c1602280178000000"), errc::frame_malformed);
  EXPECT_EQ(data_error("5c160228017800"), errc::frame_malformed);
  EXPECT_EQ(data_error("5c1602280178001c16020000"), errc::frame_malformed);
  EXPECT_EQ(data_error(""), errc::frame_malformed);
}

TEST(MuxFrameMalformed, FieldOfTheUnionIsAStructInTheShortForm) {
  EXPECT_EQ(control_error("96020000"), errc::frame_malformed);      // ping as an i64
  EXPECT_EQ(control_error("0c1216020000"), errc::frame_malformed);  // id 9 in the long form
  EXPECT_EQ(control_error("5c16022801780000"), errc::frame_malformed);
  EXPECT_EQ(data_error("9c16020000"), errc::frame_malformed);
}

TEST(MuxFrameMalformed, ReservedAndLaterFramesAreUnknown) {
  for (const char* hex : {"ec0000", "0c1c0000", "0c200000", "0c010000"}) {
    EXPECT_EQ(control_error(hex), errc::frame_unknown) << hex;
  }
}

TEST(MuxFrameMalformed, RequiredFieldsMustBeThere) {
  for (const char* hex : {
           "1c0000",                    // Hello: nothing
           "1c150215020000",            // Hello: no role
           "2c16020000",                // Open: no key
           "2c28016b0000",              // Open: no stream
           "3c0000", "6c0000",          // Accept, Finish: no stream
           "4c16020000",                // Refuse: no reason
           "7c16020000", "7c25020000",  // Reset: no reason, no stream
           "8c16020000", "8c26020000",  // Credit: no bytes, no stream
           "9c0000", "ac0000",          // Ping, Pong: no opaque
           "bc16020000",                // GoAway: no reason
           "cc160215020000",            // Handoff: no deadline_ms
           "dc26020000",                // Checkpoint: no stream
           "fc160215020000",            // Notice: no within_ms
       }) {
    EXPECT_EQ(control_error(hex), errc::frame_malformed) << hex;
  }
  EXPECT_EQ(data_error("5c16020000"), errc::frame_malformed);    // no payload
  EXPECT_EQ(data_error("5c3801780000"), errc::frame_malformed);  // no stream
}

// The field to blame for a control frame.
std::string blamed(std::span<const std::byte> body) {
  std::string_view field = "unchanged";
  const auto decoded = decode_control(body, field);
  return decoded ? "none" : std::string(field);
}

std::string blamed(const control_frame& frame) {
  const frame_bytes bytes = our_encode(frame);
  return blamed(body_of(bytes));
}

TEST(MuxFrameMalformed, AMissingFieldIsNamed) {
  EXPECT_EQ(blamed(from_hex("1c150215020000")), "Hello.role");
  EXPECT_EQ(blamed(from_hex("2c16020000")), "Open.key");
  EXPECT_EQ(blamed(from_hex("3c0000")), "Accept.stream");
  EXPECT_EQ(blamed(from_hex("4c16020000")), "Refuse.reason");
  EXPECT_EQ(blamed(from_hex("9c15020000")), "Ping.opaque") << "an i32 is not it";
  EXPECT_EQ(blamed(from_hex("bc16020000")), "GoAway.reason");
  EXPECT_EQ(blamed(from_hex("1c15021502")), "") << "that it ends early is no field's fault";
}

TEST(MuxFrameMalformed, AValueOutOfRangeIsNamed) {
  const auto hello = [](auto change) {
    hello_frame frame;
    change(frame);
    return blamed(control_frame(frame));
  };
  EXPECT_EQ(hello([](auto&) {}), "none");
  EXPECT_EQ(hello([](auto& frame) { frame.version_min = 0; }), "Hello.version_min");
  EXPECT_EQ(hello([](auto& frame) { frame.version_max = 0; }), "Hello.version_max");
  EXPECT_EQ(hello([](auto& frame) { frame.frame_bytes_max = 1; }), "Hello.frame_bytes_max");
  EXPECT_EQ(hello([](auto& frame) { frame.stream_window_bytes = 1; }), "Hello.stream_window_bytes");
  EXPECT_EQ(hello([](auto& frame) { frame.link_window_bytes = 1; }), "Hello.link_window_bytes");
  EXPECT_EQ(hello([](auto& frame) { frame.streams_open_max = 0; }), "Hello.streams_open_max");
  EXPECT_EQ(hello([](auto& frame) { frame.ping_interval_ms = 0; }), "Hello.ping_interval_ms");
  open_frame open;
  open.stream.value = 1;
  EXPECT_EQ(blamed(control_frame(open)), "Open.key");
  open.key = "k";
  open.client_port = 65'536;
  EXPECT_EQ(blamed(control_frame(open)), "Open.client_port");
  EXPECT_EQ(blamed(control_frame(credit_frame{{1}, 0})), "Credit.bytes");
  EXPECT_EQ(blamed(control_frame(reset_frame{{0}, reset_reason::moved})), "Reset.stream");

  std::string_view field;
  const auto data = our_encode_data({0}, false, "x");
  EXPECT_EQ(decode_data(body_of(data), field).error(), errc::field_invalid);
  EXPECT_EQ(field, "Data.stream");
}

TEST(MuxFrameMalformed, FieldsWithASaneDefaultMayBeAbsent) {
  const auto hello = decode_control(from_hex("1c1502150215020000"));
  ASSERT_TRUE(hello.has_value());
  EXPECT_TRUE(*hello == control_frame(hello_frame{}));
  const auto open = decode_control(from_hex("2c160218016b0000"));
  ASSERT_TRUE(open.has_value());
  open_frame expected;
  expected.stream.value = 1;
  expected.key = "k";
  EXPECT_TRUE(*open == control_frame(expected));
}

TEST(MuxFrameMalformed, AFieldOfAnotherTypeCountsAsAbsent) {
  EXPECT_EQ(control_error("9c15020000"), errc::frame_malformed);    // opaque as an i32
  EXPECT_EQ(control_error("3c1801780000"), errc::frame_malformed);  // stream as a string
  EXPECT_EQ(data_error("5c161425020000"), errc::frame_malformed);
}

// One field of every type behind the known ones, as a newer peer may send them.
TEST(MuxFrameMalformed, UnknownFieldsOfEveryTypeArePassedOver) {
  for (const char* field : {
           "11", "12", "1307", "148001", "15ffff03", "16ffffffffffffffffff01", "170102030405060708",
           "1803616263", "1935020406", "1a230102", "19f50f0102030405060708090a0b0c0d0e0f",
           "19210102", "1b00", "1b01580203616263", "1c150200", "1d000102030405060708090a0b0c0d0e0f",
           "05d0860302",  // an id of 25 000 in the long form
       }) {
    const std::string hex = field;
    EXPECT_EQ(control_error("3c1602" + hex + "0000"), boost::system::error_code{}) << hex;
    EXPECT_EQ(control_error("3c1602" + hex.substr(0, hex.size() - 2)), errc::frame_malformed)
        << hex;
  }
}

TEST(MuxFrameMalformed, UnknownFieldsOfDataArePassedOver) {
  const frame_bytes body = from_hex("5c160228017815020000");
  const auto decoded = decode_data(body);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->payload.size(), 1U);
}

TEST(MuxFrameMalformed, FieldsMayComeInAnyOrderAndTheLastOfTwoCounts) {
  // Credit with bytes first, in the long form for the id that goes back.
  const auto credit = decode_control(from_hex("8c26140602020000"));
  ASSERT_TRUE(credit.has_value());
  EXPECT_TRUE(*credit == control_frame(credit_frame{{1}, 10}));
  const auto ping = decode_control(from_hex("9c16020602040000"));
  ASSERT_TRUE(ping.has_value());
  EXPECT_TRUE(*ping == control_frame(ping_frame{2}));
}

TEST(MuxFrameMalformed, TheLastOfTwoStructsCountsAsAWhole) {
  const auto open_with = [](const std::string& fields) {
    return decode_control(from_hex("2c160218016b" + fields + "0000"));
  };
  const auto continued = open_with("7c1506180161000c12150400");
  ASSERT_TRUE(continued.has_value());
  const auto& from = std::get<open_frame>(*continued).continued;
  EXPECT_TRUE(from == (continued_from{continue_cause::draining, ""}));
  EXPECT_EQ(open_with("7c1506180161000c1200").error(), errc::frame_malformed);
  const auto tls = open_with("4c180161000c0c28016200");
  ASSERT_TRUE(tls.has_value());
  EXPECT_EQ(std::get<open_frame>(*tls).tls.version, "");
  EXPECT_EQ(std::get<open_frame>(*tls).tls.suite, "b");
}

TEST(MuxFrameMalformed, LiesAboutSizesAreMalformed) {
  for (const char* hex : {
           "3c160219fcffffffff0f0000",  // list of 4 billion structs
           "3c160219f5ffffffffffffffffff01",
           "3c16021bffffff7f55",              // map of 268 million
           "3c160218ffffffff0f",              // string of 4 GB
           "3c1602180a6162",                  // string longer than the frame
           "3c16ffffffffffffffffff7f0000",    // varint of more than 64 bits
           "3c16ffffffffffffffffffff010000",  // varint of eleven bytes
           "7c160215ffffffff7f0000",          // i32 above 32 bits
           "3c16021e0000",                    // no such type
           "3c1602191e0000",                  // list of no such type
           "3c160219100000",                  // list of stops
           "3c160205808080080000",            // field id above 16 bits
       }) {
    EXPECT_EQ(control_error(hex), errc::frame_malformed) << hex;
  }
}

TEST(MuxFrameMalformed, NestingIsBounded) {
  EXPECT_EQ(control_error(nested_structs(32)), boost::system::error_code{});
  EXPECT_EQ(control_error(nested_structs(33)), errc::frame_malformed);
  EXPECT_EQ(control_error(nested_in_tls(32)), boost::system::error_code{});
  EXPECT_EQ(control_error(nested_in_tls(33)), errc::frame_malformed);
  EXPECT_EQ(control_error(nested_structs(200)), errc::frame_malformed);
}

struct range_case {
  const char* what;
  control_frame inside;
  control_frame outside;
};

template <class Member, class Value>
hello_frame hello_with(Member member, Value value) {
  hello_frame hello;
  hello.version_max = 3;
  hello.*member = value;
  return hello;
}

template <class Member, class Value>
open_frame open_with(Member member, Value value) {
  open_frame open;
  open.stream.value = 1;
  open.key = "k";
  open.*member = value;
  return open;
}

hello_frame with_windows(std::int32_t stream, std::int64_t link) {
  hello_frame hello;
  hello.stream_window_bytes = stream;
  hello.link_window_bytes = link;
  return hello;
}

std::vector<range_case> hello_ranges() {
  using h = hello_frame;
  const auto below = [](auto value) { return static_cast<decltype(value)>(value - 1); };
  const auto above = [](auto value) { return static_cast<decltype(value)>(value + 1); };
  constexpr auto frame_least = static_cast<std::int32_t>(limits::frame_bytes_min);
  return {
      {"version_min", hello_with(&h::version_min, 1), hello_with(&h::version_min, 0)},
      {"version_max", hello_with(&h::version_min, 3), hello_with(&h::version_min, 4)},
      {"role", hello_with(&h::role, link_role::backend), hello_with(&h::role, link_role{3})},
      {"role 0", hello_with(&h::role, link_role::gateway), hello_with(&h::role, link_role{0})},
      {"node", hello_with(&h::node, std::string(255, 'n')),
       hello_with(&h::node, std::string(256, 'n'))},
      {"map_epoch", hello_with(&h::map_epoch, 0), hello_with(&h::map_epoch, -1)},
      {"frame_bytes_max", hello_with(&h::frame_bytes_max, frame_least),
       hello_with(&h::frame_bytes_max, below(frame_least))},
      {"stream window, low", hello_with(&h::stream_window_bytes, limits::stream_window_bytes_min),
       hello_with(&h::stream_window_bytes, below(limits::stream_window_bytes_min))},
      {"stream window, high", hello_with(&h::stream_window_bytes, limits::stream_window_bytes_max),
       hello_with(&h::stream_window_bytes, above(limits::stream_window_bytes_max))},
      {"link window, low", with_windows(1'024, limits::link_window_bytes_min),
       with_windows(1'024, below(limits::link_window_bytes_min))},
      {"two stream windows", with_windows(100'000, 200'000), with_windows(100'000, 199'999)},
      {"link window, high", hello_with(&h::link_window_bytes, limits::link_window_bytes_max),
       hello_with(&h::link_window_bytes, above(limits::link_window_bytes_max))},
      {"streams_open_max", hello_with(&h::streams_open_max, 1),
       hello_with(&h::streams_open_max, 0)},
      {"streams_opening_max", hello_with(&h::streams_opening_max, 1),
       hello_with(&h::streams_opening_max, 0)},
      {"ping_interval_ms", hello_with(&h::ping_interval_ms, 1),
       hello_with(&h::ping_interval_ms, 0)},
  };
}

std::vector<range_case> other_ranges() {
  using o = open_frame;
  const std::string longest(limits::key_bytes_max, 'k');
  return {
      {"stream", open_with(&o::stream, stream_id{1}), open_with(&o::stream, stream_id{0})},
      {"key, low", open_with(&o::key, "k"), open_with(&o::key, "")},
      {"key, high", open_with(&o::key, longest), open_with(&o::key, longest + "k")},
      {"epoch", open_with(&o::map_epoch, 0), open_with(&o::map_epoch, -1)},
      {"port, low", open_with(&o::client_port, 0), open_with(&o::client_port, -1)},
      {"port, high", open_with(&o::client_port, 65'535), open_with(&o::client_port, 65'536)},
      {"accept", accept_frame{{1}}, accept_frame{{0}}},
      {"finish", finish_frame{{1}}, finish_frame{{-1}}},
      {"refuse", refuse_frame{{1}, refuse_reason::denied, {}, {}},
       refuse_frame{{0}, refuse_reason::denied, {}, {}}},
      {"refuse reason", refuse_frame{{1}, refuse_reason::not_owner, {}, {}},
       refuse_frame{{1}, refuse_reason{0}, {}, {}}},
      {"refuse epoch", refuse_frame{{1}, refuse_reason::not_owner, 0, {}},
       refuse_frame{{1}, refuse_reason::not_owner, -1, {}}},
      {"retry_after", refuse_frame{{1}, refuse_reason::busy, {}, 0},
       refuse_frame{{1}, refuse_reason::busy, {}, -1}},
      {"reset", reset_frame{{1}, reset_reason::moved}, reset_frame{{0}, reset_reason::moved}},
      {"reset reason", reset_frame{{1}, reset_reason{1}}, reset_frame{{1}, reset_reason{0}}},
      {"credit", credit_frame{{0}, 1}, credit_frame{{-1}, 1}},
      {"credit bytes", credit_frame{{1}, 1}, credit_frame{{1}, 0}},
      {"credit taken back", credit_frame{{1}, 1}, credit_frame{{1}, -1}},
      {"go_away", go_away_frame{{0}, 0, 0}, go_away_frame{{-1}, 0, 0}},
      {"go_away reason", go_away_frame{{0}, 0, 0}, go_away_frame{{0}, -1, 0}},
      {"go_away deadline", go_away_frame{{0}, 0, 0}, go_away_frame{{0}, 0, -1}},
  };
}

TEST(MuxFrameRange, EachLimitHoldsAtItsEdge) {
  for (const auto& ranges : {hello_ranges(), other_ranges()}) {
    for (const range_case& range : ranges) {
      EXPECT_EQ(control_error(range.inside), boost::system::error_code{}) << range.what;
      EXPECT_EQ(control_error(range.outside), errc::field_invalid) << range.what;
    }
  }
}

TEST(MuxFrameRange, DataHasAStreamAndAPayloadWithinTheLimit) {
  const auto error_of = [](std::int64_t stream, std::size_t size) {
    const frame_bytes bytes = our_encode_data(stream, false, std::string(size, 'p'));
    const auto decoded = decode_data(std::span(bytes).subspan(4));
    return decoded ? boost::system::error_code{} : decoded.error();
  };
  EXPECT_EQ(error_of(1, limits::data_bytes_max), boost::system::error_code{});
  EXPECT_EQ(error_of(1, limits::data_bytes_max + 1), errc::field_invalid);
  EXPECT_EQ(error_of(1, 1 << 22), errc::field_invalid);
  EXPECT_EQ(error_of(0, 1), errc::field_invalid);
  EXPECT_EQ(error_of(-1, 1), errc::field_invalid);
  EXPECT_EQ(error_of(1, 0), boost::system::error_code{});  // the stream's error, not the link's
}

TEST(MuxFrameRange, ANewerRefuseReasonReadsAsDenied) {
  const auto decoded = decode_control(from_hex("4c1602150a0000"));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<refuse_frame>(*decoded).reason, refuse_reason::denied);
}

TEST(MuxFrameRange, ANewerResetReasonIsKept) {
  const frame_bytes bytes = our_encode(reset_frame{{1}, reset_reason{77}});
  const auto reset = decode_control(body_of(bytes));
  ASSERT_TRUE(reset.has_value());
  EXPECT_EQ(static_cast<int>(std::get<reset_frame>(*reset).reason), 77);
}

}  // namespace
}  // namespace presenter::protocol
