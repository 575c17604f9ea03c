#include "idl_frames.hpp"

#include <gtest/gtest.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <limits>
#include <memory>
#include <utility>

namespace presenter::testing {
namespace {

using apache::thrift::protocol::TCompactProtocolT;
using apache::thrift::transport::TMemoryBuffer;
using compact_protocol = TCompactProtocolT<TMemoryBuffer>;

constexpr std::int32_t i32_max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t i64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t i64_min = std::numeric_limits<std::int64_t>::min();

struct convert {
  idl::Frame& out;

  void operator()(const protocol::hello_frame& frame) const {
    idl::Hello hello;
    hello.__set_version_min(frame.version_min);
    hello.__set_version_max(frame.version_max);
    hello.__set_role(static_cast<idl::Role::type>(frame.role));
    hello.__set_node(frame.node);
    hello.__set_map_epoch(frame.map_epoch);
    hello.__set_frame_bytes_max(frame.frame_bytes_max);
    hello.__set_stream_window_bytes(frame.stream_window_bytes);
    hello.__set_link_window_bytes(frame.link_window_bytes);
    hello.__set_streams_open_max(frame.streams_open_max);
    hello.__set_ping_interval_ms(frame.ping_interval_ms);
    hello.__set_features(frame.features);
    hello.__set_streams_opening_max(frame.streams_opening_max);
    if (frame.deposit_bytes_max != 0) hello.__set_deposit_bytes_max(frame.deposit_bytes_max);
    out.__set_hello(hello);
  }
  void operator()(const protocol::open_frame& frame) const {
    idl::TlsFacts tls;
    tls.__set_version(frame.tls.version);
    tls.__set_suite(frame.tls.suite);
    tls.__set_server_name(frame.tls.server_name);
    tls.__set_alpn(frame.tls.alpn);
    tls.__set_resumed(frame.tls.resumed);
    if (!frame.tls.client_subject.empty()) tls.__set_client_subject(frame.tls.client_subject);
    idl::Open open;
    open.__set_stream(frame.stream.value);
    open.__set_key(frame.key);
    open.__set_map_epoch(frame.map_epoch);
    open.__set_client_address(frame.client_address);
    open.__set_client_port(frame.client_port);
    open.__set_tls(tls);
    open.__set_tag(frame.tag);
    if (frame.early_data) open.__set_early_data(true);
    if (frame.continued) {
      idl::Continued continued;
      continued.__set_cause(static_cast<std::int32_t>(frame.continued->cause));
      continued.__set_node(frame.continued->node);
      open.__set_continued(continued);
    }
    out.__set_open(open);
  }
  void operator()(const protocol::accept_frame& frame) const {
    idl::Accept accept;
    accept.__set_stream(frame.stream.value);
    out.__set_accept(accept);
  }
  void operator()(const protocol::refuse_frame& frame) const {
    idl::Refuse refuse;
    refuse.__set_stream(frame.stream.value);
    refuse.__set_reason(static_cast<idl::RefuseReason::type>(frame.reason));
    if (frame.map_epoch) refuse.__set_map_epoch(*frame.map_epoch);
    if (frame.retry_after_ms) refuse.__set_retry_after_ms(*frame.retry_after_ms);
    out.__set_refuse(refuse);
  }
  void operator()(const protocol::finish_frame& frame) const {
    idl::Finish finish;
    finish.__set_stream(frame.stream.value);
    out.__set_finish(finish);
  }
  void operator()(const protocol::reset_frame& frame) const {
    idl::Reset reset;
    reset.__set_stream(frame.stream.value);
    reset.__set_reason(static_cast<std::int32_t>(frame.reason));
    out.__set_reset(reset);
  }
  void operator()(const protocol::credit_frame& frame) const {
    idl::Credit credit;
    credit.__set_stream(frame.stream.value);
    credit.__set_bytes(frame.bytes);
    out.__set_credit(credit);
  }
  void operator()(const protocol::ping_frame& frame) const {
    idl::Ping ping;
    ping.__set_opaque(frame.opaque);
    out.__set_ping(ping);
  }
  void operator()(const protocol::pong_frame& frame) const {
    idl::Pong pong;
    pong.__set_opaque(frame.opaque);
    out.__set_pong(pong);
  }
  void operator()(const protocol::go_away_frame& frame) const {
    idl::GoAway go_away;
    go_away.__set_last_stream(frame.last_stream.value);
    go_away.__set_reason(frame.reason);
    go_away.__set_deadline_ms(frame.deadline_ms);
    out.__set_go_away(go_away);
  }
  void operator()(const protocol::handoff_frame& frame) const {
    idl::Handoff handoff;
    handoff.__set_stream(frame.stream.value);
    handoff.__set_reason(static_cast<std::int32_t>(frame.reason));
    handoff.__set_map_epoch(frame.map_epoch);
    handoff.__set_deadline_ms(frame.deadline_ms);
    out.__set_handoff(handoff);
  }
  void operator()(const protocol::checkpoint_frame& frame) const {
    idl::Checkpoint checkpoint;
    checkpoint.__set_stream(frame.stream.value);
    checkpoint.__set_consumed(frame.consumed);
    checkpoint.__set_produced(frame.produced);
    checkpoint.__set_state(std::string(frame.state));
    checkpoint.__set_unread(std::string(frame.unread));
    if (frame.last) checkpoint.__set_last(true);
    if (frame.finished) checkpoint.__set_finished(true);
    out.__set_checkpoint(checkpoint);
  }
  void operator()(const protocol::notice_frame& frame) const {
    idl::Notice notice;
    notice.__set_stream(frame.stream.value);
    notice.__set_reason(static_cast<std::int32_t>(frame.reason));
    notice.__set_within_ms(frame.within_ms);
    out.__set_notice(notice);
  }
};

frame_bytes copy_of(const byte_buffer& buffer) {
  return {buffer.bytes().begin(), buffer.bytes().end()};
}

protocol::hello_frame largest_hello() {
  protocol::hello_frame hello;
  hello.version_min = 1;
  hello.version_max = i32_max;
  hello.role = protocol::link_role::backend;
  hello.node = std::string(protocol::limits::node_bytes_max, 'n');
  hello.map_epoch = i64_max;
  hello.frame_bytes_max = i32_max;
  hello.stream_window_bytes = protocol::limits::stream_window_bytes_max;
  hello.link_window_bytes = protocol::limits::link_window_bytes_max;
  hello.streams_open_max = i32_max;
  hello.ping_interval_ms = i32_max;
  hello.features = i64_min;
  hello.streams_opening_max = i32_max;
  hello.deposit_bytes_max = static_cast<std::int32_t>(protocol::limits::state_bytes_max);
  return hello;
}

protocol::open_frame full_open() {
  protocol::open_frame open;
  open.stream.value = i64_max;
  open.key = std::string("\0\xff key", 6);
  open.map_epoch = i64_max;
  open.client_address = "2001:db8::ffff";
  open.client_port = 65'535;
  open.tls = {"TLSv1.3", "TLS_AES_128_GCM_SHA256", "chat.example.org", "thrift", true, "CN=a"};
  open.tag = "gw-1/0/17";
  open.early_data = true;
  open.continued = {protocol::continue_cause::crash, "chat-1"};
  return open;
}

protocol::open_frame least_open() {
  protocol::open_frame open;
  open.stream.value = 1;
  open.key = "k";
  return open;
}

protocol::open_frame widest_open() {
  protocol::open_frame open = full_open();
  open.key = std::string(protocol::limits::key_bytes_max, 'k');
  open.tls.resumed = false;
  open.early_data = false;
  open.tag = std::string(2'885, 't');
  return open;
}

}  // namespace

idl::Frame to_idl(const protocol::control_frame& frame) {
  idl::Frame converted;
  std::visit(convert{converted}, frame);
  return converted;
}

idl::Frame data_to_idl(std::int64_t stream, bool more, const std::string& payload) {
  idl::Data data;
  data.__set_stream(stream);
  if (more) data.__set_more(true);
  data.__set_payload(payload);
  idl::Frame frame;
  frame.__set_data(data);
  return frame;
}

frame_bytes thrift_encode(const idl::Frame& frame) {
  const auto buffer = std::make_shared<TMemoryBuffer>();
  compact_protocol protocol(buffer);
  frame.write(&protocol);
  std::uint8_t* body = nullptr;
  std::uint32_t size = 0;
  buffer->getBuffer(&body, &size);
  frame_bytes framed;
  for (unsigned shift = 32; shift != 0; shift -= 8) {
    framed.push_back(static_cast<std::byte>(size >> (shift - 8) & 0xffU));
  }
  const auto bytes = std::as_bytes(std::span(body, size));
  framed.insert(framed.end(), bytes.begin(), bytes.end());
  return framed;
}

idl::Frame thrift_decode(std::span<const std::byte> framed) {
  const auto body = framed.subspan(4);
  // OBSERVE never writes, whatever its signature says.
  auto* const bytes = const_cast<std::byte*>(body.data());
  const auto buffer = std::make_shared<TMemoryBuffer>(reinterpret_cast<std::uint8_t*>(bytes),
                                                      static_cast<std::uint32_t>(body.size()),
                                                      TMemoryBuffer::OBSERVE);
  compact_protocol protocol(buffer);
  idl::Frame frame;
  frame.read(&protocol);
  EXPECT_EQ(buffer->available_read(), 0U);
  return frame;
}

frame_bytes our_encode(const protocol::control_frame& frame) {
  byte_buffer out;
  protocol::encode(frame, out);
  return copy_of(out);
}

frame_bytes our_encode_data(std::int64_t stream, bool more, const std::string& payload) {
  byte_buffer out;
  protocol::encode_data({stream}, more, std::as_bytes(std::span(payload)), out);
  return copy_of(out);
}

std::span<const std::byte> body_of(std::span<const std::byte> framed) {
  const auto slice = protocol::slice_frame(framed);
  EXPECT_TRUE(slice.has_value()) << slice.error().message();
  if (!slice) return {};
  EXPECT_EQ(slice->size, framed.size());
  return slice->body;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    hex += digits[value >> 4];
    hex += digits[value & 15];
  }
  return hex;
}

frame_bytes from_hex(const std::string& hex) {
  frame_bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<protocol::control_frame> sample_frames() {
  using namespace protocol;
  hello_frame least;
  least.frame_bytes_max = static_cast<std::int32_t>(limits::frame_bytes_min);
  least.stream_window_bytes = limits::stream_window_bytes_min;
  least.link_window_bytes = limits::link_window_bytes_min;
  least.streams_open_max = 1;
  least.streams_opening_max = 1;
  least.ping_interval_ms = 1;
  static const std::string largest_state(limits::data_bytes_max, 's');
  std::vector<control_frame> frames{
      hello_frame{},
      least,
      largest_hello(),
      least_open(),
      full_open(),
      widest_open(),
      refuse_frame{{1}, refuse_reason::not_owner, 0, {}},
      refuse_frame{{1}, refuse_reason::not_owner, i64_max, {}},
      refuse_frame{{2}, refuse_reason::busy, {}, 0},
      refuse_frame{{3}, refuse_reason::denied, {}, {}},
      refuse_frame{{i64_max}, refuse_reason::shutting_down, 1, i32_max},
      reset_frame{{1}, static_cast<reset_reason>(i32_max)},
      credit_frame{{0}, 1},
      credit_frame{{1}, 64},
      credit_frame{{i64_max}, i64_max},
      ping_frame{0},
      ping_frame{i64_min},
      pong_frame{i64_max},
      pong_frame{-1},
      go_away_frame{{0}, 0, 0},
      go_away_frame{{i64_max}, i32_max, i32_max},
      handoff_frame{{1}, handoff_reason::rebalanced, 0, 1},
      handoff_frame{{i64_max}, static_cast<handoff_reason>(i32_max), i64_max, i32_max},
      checkpoint_frame{{1}, 0, 0, {}, {}, false, false},
      checkpoint_frame{{64}, 300, 70, "state", "unread", true, true},
      checkpoint_frame{{i64_max}, i64_max, i64_max, largest_state, {}, true, false},
      checkpoint_frame{{i64_max}, 1, 1, {}, largest_state, false, true},
      notice_frame{{1}, notice_reason::gateway_draining, 1},
      notice_frame{{i64_max}, static_cast<notice_reason>(i32_max), i32_max}};
  for (const std::int64_t stream : {std::int64_t{1}, std::int64_t{63}, std::int64_t{64}, i64_max}) {
    frames.emplace_back(accept_frame{{stream}});
    frames.emplace_back(finish_frame{{stream}});
  }
  for (int reason = 1; reason <= 14; ++reason) {
    frames.emplace_back(reset_frame{{reason * 100}, static_cast<reset_reason>(reason)});
  }
  return frames;
}

}  // namespace presenter::testing
