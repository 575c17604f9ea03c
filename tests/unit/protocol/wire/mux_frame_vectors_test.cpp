// protocol/vectors/frames.json: the bytes that every implementation must agree on.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "idl_frames.hpp"

namespace presenter::protocol {
namespace {

using nlohmann::json;
using testing::frame_bytes;
using testing::from_hex;
using testing::to_hex;

json vectors() {
  std::ifstream file(FRAME_VECTORS);
  return json::parse(file);
}

std::string text_from_hex(const json& value) {
  const frame_bytes bytes = from_hex(value.get<std::string>());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

hello_frame hello_from(const json& fields) {
  hello_frame hello;
  fields.at("version_min").get_to(hello.version_min);
  fields.at("version_max").get_to(hello.version_max);
  hello.role = static_cast<link_role>(fields.at("role").get<int>());
  fields.at("node").get_to(hello.node);
  fields.at("map_epoch").get_to(hello.map_epoch);
  fields.at("frame_bytes_max").get_to(hello.frame_bytes_max);
  fields.at("stream_window_bytes").get_to(hello.stream_window_bytes);
  fields.at("link_window_bytes").get_to(hello.link_window_bytes);
  fields.at("streams_open_max").get_to(hello.streams_open_max);
  fields.at("streams_opening_max").get_to(hello.streams_opening_max);
  fields.at("ping_interval_ms").get_to(hello.ping_interval_ms);
  fields.at("features").get_to(hello.features);
  hello.deposit_bytes_max = fields.value("deposit_bytes_max", 0);
  return hello;
}

open_frame open_from(const json& fields) {
  open_frame open;
  fields.at("stream").get_to(open.stream.value);
  open.key = text_from_hex(fields.at("key"));
  fields.at("map_epoch").get_to(open.map_epoch);
  fields.at("client_address").get_to(open.client_address);
  fields.at("client_port").get_to(open.client_port);
  const json& tls = fields.at("tls");
  tls.at("version").get_to(open.tls.version);
  tls.at("suite").get_to(open.tls.suite);
  tls.at("server_name").get_to(open.tls.server_name);
  tls.at("alpn").get_to(open.tls.alpn);
  tls.at("resumed").get_to(open.tls.resumed);
  open.tls.client_subject = tls.value("client_subject", "");
  fields.at("tag").get_to(open.tag);
  open.early_data = fields.value("early_data", false);
  if (fields.contains("continued")) {
    const json& continued = fields["continued"];
    open.continued = {static_cast<continue_cause>(continued.at("cause").get<int>()),
                      continued.at("node").get<std::string>()};
  }
  return open;
}

refuse_frame refuse_from(const json& fields) {
  refuse_frame refuse;
  fields.at("stream").get_to(refuse.stream.value);
  refuse.reason = static_cast<refuse_reason>(fields.at("reason").get<int>());
  if (fields.contains("map_epoch")) refuse.map_epoch = fields["map_epoch"].get<std::int64_t>();
  if (fields.contains("retry_after_ms")) {
    refuse.retry_after_ms = fields["retry_after_ms"].get<std::int32_t>();
  }
  return refuse;
}

// The binaries stand in `kept`, which outlives the frame.
checkpoint_frame checkpoint_from(const json& fields, std::vector<std::string>& kept) {
  kept = {text_from_hex(fields.at("state")), text_from_hex(fields.at("unread"))};
  return {{fields.at("stream").get<std::int64_t>()},
          fields.at("consumed").get<std::int64_t>(),
          fields.at("produced").get<std::int64_t>(),
          kept[0],
          kept[1],
          fields.value("last", false),
          fields.value("finished", false)};
}

control_frame control_from(const std::string& kind, const json& fields) {
  const auto number = [&](const char* name) { return fields.at(name).get<std::int64_t>(); };
  const auto small = [&](const char* name) { return fields.at(name).get<std::int32_t>(); };
  if (kind == "hello") return hello_from(fields);
  if (kind == "open") return open_from(fields);
  if (kind == "accept") return accept_frame{{number("stream")}};
  if (kind == "refuse") return refuse_from(fields);
  if (kind == "finish") return finish_frame{{number("stream")}};
  if (kind == "reset") {
    return reset_frame{{number("stream")}, static_cast<reset_reason>(small("reason"))};
  }
  if (kind == "credit") return credit_frame{{number("stream")}, number("bytes")};
  if (kind == "handoff") {
    return handoff_frame{{number("stream")},
                         static_cast<handoff_reason>(small("reason")),
                         number("map_epoch"),
                         small("deadline_ms")};
  }
  if (kind == "notice") {
    return notice_frame{
        {number("stream")}, static_cast<notice_reason>(small("reason")), small("within_ms")};
  }
  static std::vector<std::string> kept;
  if (kind == "checkpoint") return checkpoint_from(fields, kept);
  if (kind == "ping") return ping_frame{number("opaque")};
  if (kind == "pong") return pong_frame{number("opaque")};
  EXPECT_EQ(kind, "go_away");
  return go_away_frame{{number("last_stream")}, small("reason"), small("deadline_ms")};
}

void expect_data(const json& fields, const frame_bytes& bytes) {
  const auto decoded = decode_data(testing::body_of(bytes));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->stream.value, fields.at("stream").get<std::int64_t>());
  EXPECT_EQ(decoded->more, fields.value("more", false));
  EXPECT_EQ(to_hex(decoded->payload), fields.at("payload").get<std::string>());
}

TEST(FrameVectors, EncodeToTheirBytesAndDecodeToTheirFields) {
  const json all = vectors().at("frames");
  ASSERT_GE(all.size(), 20U);
  for (const json& vector : all) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const auto kind = vector.at("frame").get<std::string>();
    const json& fields = vector.at("fields");
    const auto hex = vector.at("hex").get<std::string>();
    const frame_bytes bytes = from_hex(hex);
    if (kind == "data") {
      EXPECT_EQ(to_hex(testing::our_encode_data(fields.at("stream").get<std::int64_t>(),
                                                fields.value("more", false),
                                                text_from_hex(fields.at("payload")))),
                hex);
      expect_data(fields, bytes);
      continue;
    }
    EXPECT_EQ(to_hex(testing::our_encode(control_from(kind, fields))), hex);
    const auto decoded = decode_control(testing::body_of(bytes));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
    EXPECT_TRUE(*decoded == control_from(kind, fields));
  }
}

TEST(FrameVectors, UnusualButValidBytesReadAsTheirFields) {
  const json all = vectors().at("accepted");
  ASSERT_FALSE(all.empty());
  for (const json& vector : all) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const frame_bytes bytes = from_hex(vector.at("hex").get<std::string>());
    const auto kind = vector.at("frame").get<std::string>();
    if (kind == "data") {
      expect_data(vector.at("fields"), bytes);
      continue;
    }
    const auto decoded = decode_control(testing::body_of(bytes));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
    EXPECT_TRUE(*decoded == control_from(kind, vector.at("fields")));
  }
}

errc error_of(std::span<const std::byte> bytes) {
  const auto slice = slice_frame(bytes);
  if (!slice) return static_cast<errc>(slice.error().value());
  if (is_data(slice->body)) {
    const auto data = decode_data(slice->body);
    return data ? errc{} : static_cast<errc>(data.error().value());
  }
  const auto control = decode_control(slice->body);
  return control ? errc{} : static_cast<errc>(control.error().value());
}

TEST(FrameVectors, RejectedBytesFailWithTheirError) {
  const json all = vectors().at("rejected");
  ASSERT_FALSE(all.empty());
  for (const json& vector : all) {
    const frame_bytes bytes = from_hex(vector.at("hex").get<std::string>());
    EXPECT_EQ(name_of(error_of(bytes)), vector.at("error").get<std::string>()) << vector.at("name");
  }
}

}  // namespace
}  // namespace presenter::protocol
