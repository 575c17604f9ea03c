// Frames against the generated code: the same bytes, both ways, whatever the fields hold.
#include "protocol/wire/mux_frame.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <limits>

#include "idl_frames.hpp"
#include "tests/support/frame_script.hpp"

namespace rc {

template <>
struct Arbitrary<presenter::protocol::tls_facts> {
  static Gen<presenter::protocol::tls_facts> arbitrary() {
    using presenter::protocol::tls_facts;
    return gen::build<tls_facts>(gen::set(&tls_facts::version), gen::set(&tls_facts::suite),
                                 gen::set(&tls_facts::server_name), gen::set(&tls_facts::alpn),
                                 gen::set(&tls_facts::resumed),
                                 gen::set(&tls_facts::client_subject));
  }
};

}  // namespace rc

namespace presenter::protocol {
namespace {

using testing::body_of;
using testing::frame_bytes;
using testing::frame_script;
using testing::our_encode;
using testing::our_encode_data;
using testing::thrift_decode;
using testing::thrift_encode;
using testing::to_hex;
using testing::to_idl;

constexpr std::int64_t i64_max = std::numeric_limits<std::int64_t>::max();

void expect_same_as_thrift(const control_frame& frame) {
  const frame_bytes ours = our_encode(frame);
  const frame_bytes theirs = thrift_encode(to_idl(frame));
  ASSERT_EQ(to_hex(ours), to_hex(theirs));
  EXPECT_TRUE(thrift_decode(ours) == to_idl(frame)) << to_hex(ours);
  EXPECT_FALSE(is_data(body_of(theirs)));
  const auto decoded = decode_control(body_of(theirs));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message() << " " << to_hex(theirs);
  EXPECT_TRUE(*decoded == frame) << to_hex(theirs);
  EXPECT_EQ(to_hex(our_encode(*decoded)), to_hex(theirs));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void expect_data_same_as_thrift(std::int64_t stream, bool more, const std::string& payload) {
  const frame_bytes ours = our_encode_data(stream, more, payload);
  const testing::idl::Frame frame = testing::data_to_idl(stream, more, payload);
  ASSERT_TRUE(ours == thrift_encode(frame)) << "stream " << stream << " size " << payload.size();
  EXPECT_TRUE(thrift_decode(ours) == frame);
  EXPECT_LE(ours.size(), payload.size() + data_overhead_max);
  EXPECT_TRUE(is_data(body_of(ours)));
  const auto decoded = decode_data(body_of(ours));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
  EXPECT_EQ(decoded->stream.value, stream);
  EXPECT_EQ(decoded->more, more);
  EXPECT_TRUE(text_of(decoded->payload) == payload);
}

TEST(MuxFrame, ControlFramesEqualThoseOfGeneratedCode) {
  for (const control_frame& frame : testing::sample_frames())
    expect_same_as_thrift(frame);
}

TEST(MuxFrame, DataEqualsThatOfGeneratedCodeAtEveryVarintEdge) {
  for (const std::int64_t stream :
       {std::int64_t{1}, std::int64_t{63}, std::int64_t{64}, std::int64_t{8'191},
        std::int64_t{8'192}, std::int64_t{1} << 31, std::int64_t{1} << 55, i64_max}) {
    for (const std::size_t size : {1U, 2U, 127U, 128U, 129U, 16'383U, 16'384U}) {
      for (const bool more : {false, true}) {
        expect_data_same_as_thrift(stream, more, std::string(size, 'p'));
      }
    }
  }
}

RC_GTEST_PROP(MuxFrame, DataWithAnyFieldsEqualsThatOfGeneratedCode,
              (bool more, const std::string& payload)) {
  expect_data_same_as_thrift(*rc::gen::inRange<std::int64_t>(1, i64_max), more, payload);
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(MuxFrame, HelloWithAnyFieldsEqualsThatOfGeneratedCode, (std::int64_t features)) {
  hello_frame hello;
  hello.version_min = *rc::gen::inRange(1, 100);
  hello.version_max = *rc::gen::inRange(100, std::numeric_limits<std::int32_t>::max());
  hello.role = *rc::gen::element(link_role::gateway, link_role::backend);
  hello.node = *rc::gen::resize(200, rc::gen::arbitrary<std::string>());
  hello.map_epoch = *rc::gen::nonNegative<std::int64_t>();
  const bool hands_over = (features & features::handoff) != 0;
  hello.frame_bytes_max = *rc::gen::inRange(
      static_cast<std::int32_t>(hands_over ? limits::frame_bytes_max : limits::frame_bytes_min),
      1 << 30);
  hello.stream_window_bytes =
      *rc::gen::inRange(limits::stream_window_bytes_min, limits::stream_window_bytes_max + 1);
  const std::int64_t link_least = std::max(
      limits::link_window_bytes_min, limits::link_windows_per_stream * hello.stream_window_bytes);
  hello.link_window_bytes = *rc::gen::inRange(link_least, limits::link_window_bytes_max + 1);
  hello.streams_open_max = *rc::gen::positive<std::int32_t>();
  hello.streams_opening_max = *rc::gen::positive<std::int32_t>();
  hello.ping_interval_ms = *rc::gen::positive<std::int32_t>();
  hello.features = features;
  expect_same_as_thrift(hello);
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(MuxFrame, OpenWithAnyFieldsEqualsThatOfGeneratedCode,
              (const std::string& address, const tls_facts& tls, const std::string& tag)) {
  open_frame open;
  open.stream.value = *rc::gen::positive<std::int64_t>();
  open.key = *rc::gen::nonEmpty<std::string>();
  open.map_epoch = *rc::gen::nonNegative<std::int64_t>();
  open.client_address = address;
  open.client_port = *rc::gen::inRange(0, 65'536);
  open.tls = tls;
  open.tag = tag;
  open.early_data = *rc::gen::arbitrary<bool>();
  expect_same_as_thrift(open);
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(MuxFrame, RefuseWithAnyFieldsEqualsThatOfGeneratedCode, (bool epoch, bool retry)) {
  refuse_frame refuse;
  refuse.stream.value = *rc::gen::positive<std::int64_t>();
  refuse.reason = static_cast<refuse_reason>(*rc::gen::inRange(1, 5));
  if (epoch) refuse.map_epoch = *rc::gen::nonNegative<std::int64_t>();
  if (retry) refuse.retry_after_ms = *rc::gen::nonNegative<std::int32_t>();
  expect_same_as_thrift(refuse);
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(MuxFrame, SmallFramesWithAnyFieldsEqualThoseOfGeneratedCode, (std::int64_t opaque)) {
  const stream_id stream{*rc::gen::positive<std::int64_t>()};
  const auto number = *rc::gen::positive<std::int32_t>();
  expect_same_as_thrift(accept_frame{stream});
  expect_same_as_thrift(finish_frame{stream});
  expect_same_as_thrift(reset_frame{stream, static_cast<reset_reason>(number)});
  expect_same_as_thrift(credit_frame{stream, *rc::gen::positive<std::int64_t>()});
  expect_same_as_thrift(ping_frame{opaque});
  expect_same_as_thrift(pong_frame{opaque});
  expect_same_as_thrift(go_away_frame{stream, number, number});
  RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(MuxFrame, ExplicitFalseMoreReadsAsFalse) {
  testing::idl::Frame frame = testing::data_to_idl(7, false, "hi");
  frame.data.__set_more(false);
  const frame_bytes theirs = thrift_encode(frame);
  const auto decoded = decode_data(body_of(theirs));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_FALSE(decoded->more);
  EXPECT_EQ(text_of(decoded->payload), "hi");
  EXPECT_NE(to_hex(theirs), to_hex(our_encode_data(7, false, "hi")));
}

TEST(MuxFrame, PayloadIsAViewIntoTheBytesDecoded) {
  const frame_bytes bytes = our_encode_data(1, false, "payload");
  const auto decoded = decode_data(body_of(bytes));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->payload.data(), bytes.data() + bytes.size() - 2 - 7);
}

TEST(MuxFrame, FramesFollowOneAnotherInOneBuffer) {
  const auto bytes = frame_script()
                         .hello(link_role::gateway)
                         .open(1, "key")
                         .data(1, "hi")
                         .credit(1, 512)
                         .finish(1)
                         .bytes();
  std::span<const std::byte> rest = bytes;
  std::vector<std::size_t> kinds;
  while (!rest.empty()) {
    const auto slice = slice_frame(rest);
    ASSERT_TRUE(slice.has_value());
    ASSERT_GT(slice->size, 0U);
    if (is_data(slice->body)) {
      EXPECT_EQ(text_of(decode_data(slice->body)->payload), "hi");
    } else {
      kinds.push_back(decode_control(slice->body)->index());
    }
    rest = rest.subspan(slice->size);
  }
  EXPECT_EQ(kinds, (std::vector<std::size_t>{0, 1, 6, 4}));
}

// Each prefix stands in memory of exactly its size, so that reading past it is seen by ASan.
TEST(MuxFrame, EveryPrefixOfAFrameNeedsMoreBytes) {
  std::vector<frame_bytes> all;
  for (const control_frame& frame : testing::sample_frames())
    all.push_back(our_encode(frame));
  all.push_back(our_encode_data(1, true, std::string(300, 'p')));
  for (const frame_bytes& bytes : all) {
    for (std::size_t size = 0; size != bytes.size(); ++size) {
      const frame_bytes prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const auto slice = slice_frame(prefix);
      ASSERT_TRUE(slice.has_value());
      ASSERT_EQ(slice->size, 0U);
    }
  }
}

TEST(MuxFrame, EveryShortenedBodyIsMalformed) {
  for (const control_frame& frame : testing::sample_frames()) {
    const frame_bytes bytes = our_encode(frame);
    for (std::size_t size = 4; size != bytes.size(); ++size) {
      const frame_bytes body(bytes.begin() + 4, bytes.begin() + static_cast<std::ptrdiff_t>(size));
      const auto decoded = decode_control(body);
      ASSERT_TRUE(decoded.has_error()) << to_hex(body);
      ASSERT_EQ(decoded.error(), errc::frame_malformed) << to_hex(body);
    }
  }
  const frame_bytes data = our_encode_data(70, true, std::string(200, 'p'));
  for (std::size_t size = 4; size != data.size(); ++size) {
    const frame_bytes body(data.begin() + 4, data.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(decode_data(body).error(), errc::frame_malformed) << to_hex(body);
  }
}

RC_GTEST_PROP(MuxFrame, AnyBytesDecodeOrFailWithANamedError,
              (const std::vector<std::uint8_t>& any)) {
  const auto body = std::as_bytes(std::span(any));
  const auto control = decode_control(body);
  const auto data = decode_data(body);
  RC_ASSERT(control.has_value() ||
            name_of(static_cast<errc>(control.error().value())) != "unknown");
  RC_ASSERT(data.has_value() || name_of(static_cast<errc>(data.error().value())) != "unknown");
}

RC_GTEST_PROP(MuxFrame, AFlippedBitNeverDecodesToWhatThriftReadsOtherwise, ()) {
  const auto frames = testing::sample_frames();
  frame_bytes bytes = our_encode(*rc::gen::elementOf(frames));
  const auto at = *rc::gen::inRange<std::size_t>(4, bytes.size());
  bytes[at] ^= static_cast<std::byte>(1U << *rc::gen::inRange(0U, 8U));
  const auto decoded = decode_control(std::span(bytes).subspan(4));
  if (!decoded) return;
  const auto* refuse = std::get_if<refuse_frame>(&*decoded);
  if (refuse != nullptr && refuse->reason == refuse_reason::denied) return;  // a newer reason
  testing::idl::Frame theirs;
  try {
    theirs = thrift_decode(bytes);
  } catch (const apache::thrift::TException&) {
    return;  // a field of a type newer than this Thrift, which ours can skip
  }
  std::visit(
      [&](const auto& ours) {
        // What was absent reads as our default, which Thrift does not know: compare what is set.
        const auto again = thrift_decode(our_encode(ours));
        RC_ASSERT(again.__isset.hello == theirs.__isset.hello);
        RC_ASSERT(again.__isset.open == theirs.__isset.open);
        RC_ASSERT(again.reset == theirs.reset);
        RC_ASSERT(again.credit == theirs.credit);
        RC_ASSERT(again.accept == theirs.accept);
        RC_ASSERT(again.finish == theirs.finish);
        RC_ASSERT(again.ping == theirs.ping);
        RC_ASSERT(again.pong == theirs.pong);
      },
      *decoded);
}

}  // namespace
}  // namespace presenter::protocol
