#include <cstring>

#include "protocol/wire/mux_frame.hpp"
#include "protocol/wire/mux_frame_ids.hpp"
#include "protocol/wire/thrift_compact.hpp"

namespace presenter::protocol {
namespace {

using compact::writer;

void store_big_endian(std::byte* to, std::size_t value) {
  const std::uint32_t swapped = __builtin_bswap32(static_cast<std::uint32_t>(value));
  std::memcpy(to, &swapped, sizeof swapped);
}

constexpr std::size_t field_bytes_max = 11;  // header and the longest varint

std::size_t size_bound(const hello_frame& frame) {
  return 13 * field_bytes_max + frame.node.size();
}
std::size_t size_bound(const open_frame& frame) {
  const tls_facts& tls = frame.tls;
  const std::size_t before = frame.continued ? frame.continued->node.size() : 0;
  return 20 * field_bytes_max + before + frame.key.size() + frame.client_address.size() +
         frame.tag.size() + tls.version.size() + tls.suite.size() + tls.server_name.size() +
         tls.alpn.size() + tls.client_subject.size();
}
std::size_t size_bound(const checkpoint_frame& frame) {
  return 9 * field_bytes_max + frame.state.size() + frame.unread.size();
}
template <class Frame>
std::size_t size_bound(const Frame&) {
  return 6 * field_bytes_max;
}

constexpr std::int16_t id_of(const hello_frame&) {
  return hello_id;
}
constexpr std::int16_t id_of(const open_frame&) {
  return open_id;
}
constexpr std::int16_t id_of(const accept_frame&) {
  return accept_id;
}
constexpr std::int16_t id_of(const refuse_frame&) {
  return refuse_id;
}
constexpr std::int16_t id_of(const finish_frame&) {
  return finish_id;
}
constexpr std::int16_t id_of(const reset_frame&) {
  return reset_id;
}
constexpr std::int16_t id_of(const credit_frame&) {
  return credit_id;
}
constexpr std::int16_t id_of(const ping_frame&) {
  return ping_id;
}
constexpr std::int16_t id_of(const pong_frame&) {
  return pong_id;
}
constexpr std::int16_t id_of(const go_away_frame&) {
  return go_away_id;
}
constexpr std::int16_t id_of(const handoff_frame&) {
  return handoff_id;
}
constexpr std::int16_t id_of(const checkpoint_frame&) {
  return checkpoint_id;
}
constexpr std::int16_t id_of(const notice_frame&) {
  return notice_id;
}

void write_fields(writer& to, const hello_frame& frame) {
  to.field_i32(1, frame.version_min);
  to.field_i32(2, frame.version_max);
  to.field_i32(3, static_cast<std::int32_t>(frame.role));
  to.field_string(4, frame.node);
  to.field_i64(5, frame.map_epoch);
  to.field_i32(6, frame.frame_bytes_max);
  to.field_i32(7, frame.stream_window_bytes);
  to.field_i64(8, frame.link_window_bytes);
  to.field_i32(9, frame.streams_open_max);
  to.field_i32(10, frame.ping_interval_ms);
  to.field_i64(11, frame.features);
  to.field_i32(12, frame.streams_opening_max);
  if (frame.deposit_bytes_max != 0) to.field_i32(13, frame.deposit_bytes_max);
}

void write_fields(writer& to, const open_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_string(2, frame.key);
  to.field_i64(3, frame.map_epoch);
  to.field_string(4, frame.client_address);
  to.field_i32(5, frame.client_port);
  const std::int16_t outer = to.begin_struct(6);
  to.field_string(1, frame.tls.version);
  to.field_string(2, frame.tls.suite);
  to.field_string(3, frame.tls.server_name);
  to.field_string(4, frame.tls.alpn);
  to.field_bool(5, frame.tls.resumed);
  if (!frame.tls.client_subject.empty()) to.field_string(6, frame.tls.client_subject);
  to.end_struct(outer);
  to.field_string(7, frame.tag);
  if (frame.early_data) to.field_bool(8, true);
  if (!frame.continued) return;
  const std::int16_t open = to.begin_struct(9);
  to.field_i32(1, static_cast<std::int32_t>(frame.continued->cause));
  to.field_string(2, frame.continued->node);
  to.end_struct(open);
}

void write_fields(writer& to, const accept_frame& frame) {
  to.field_i64(1, frame.stream.value);
}

void write_fields(writer& to, const refuse_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_i32(2, static_cast<std::int32_t>(frame.reason));
  if (frame.map_epoch) to.field_i64(3, *frame.map_epoch);
  if (frame.retry_after_ms) to.field_i32(4, *frame.retry_after_ms);
}

void write_fields(writer& to, const finish_frame& frame) {
  to.field_i64(1, frame.stream.value);
}

void write_fields(writer& to, const reset_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_i32(2, static_cast<std::int32_t>(frame.reason));
}

void write_fields(writer& to, const credit_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_i64(2, frame.bytes);
}

void write_fields(writer& to, const ping_frame& frame) {
  to.field_i64(1, frame.opaque);
}
void write_fields(writer& to, const pong_frame& frame) {
  to.field_i64(1, frame.opaque);
}

void write_fields(writer& to, const go_away_frame& frame) {
  to.field_i64(1, frame.last_stream.value);
  to.field_i32(2, frame.reason);
  to.field_i32(3, frame.deadline_ms);
}

void write_fields(writer& to, const handoff_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_i32(2, static_cast<std::int32_t>(frame.reason));
  to.field_i64(3, frame.map_epoch);
  to.field_i32(4, frame.deadline_ms);
}

void write_fields(writer& to, const checkpoint_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_i64(2, frame.consumed);
  to.field_i64(3, frame.produced);
  to.field_string(4, frame.state);
  to.field_string(5, frame.unread);
  if (frame.last) to.field_bool(6, true);
  if (frame.finished) to.field_bool(7, true);
}

void write_fields(writer& to, const notice_frame& frame) {
  to.field_i64(1, frame.stream.value);
  to.field_i32(2, static_cast<std::int32_t>(frame.reason));
  to.field_i32(3, frame.within_ms);
}

}  // namespace

void encode(const control_frame& frame, byte_buffer& out) {
  std::visit(
      [&out](const auto& alternative) {
        std::byte* const start = out.prepare(length_bytes + size_bound(alternative)).data();
        writer to(start + length_bytes);
        const std::int16_t outer = to.begin_struct(id_of(alternative));
        write_fields(to, alternative);
        to.end_struct(outer);
        to.byte(0);
        const auto size = static_cast<std::size_t>(to.position() - start);
        store_big_endian(start, size - length_bytes);
        out.commit(size);
      },
      frame);
}

void encode_data(stream_id stream, bool more, std::span<const std::byte> payload,
                 byte_buffer& out) {
  // Two bytes beyond the bound, so that even a payload above the limit cannot write past the room.
  std::byte* const start = out.prepare(data_overhead_max + 2 + payload.size()).data();
  writer to(start + length_bytes);
  to.byte(0x5c);  // README §4.5: union field 5, a struct
  to.byte(0x16);  // field 1, i64
  to.varint(compact::zigzag(stream.value));
  if (more) to.byte(0x11);        // field 2, true
  to.byte(more ? 0x18U : 0x28U);  // field 3, binary
  to.bytes(payload);
  to.byte(0);
  to.byte(0);
  const auto size = static_cast<std::size_t>(to.position() - start);
  store_big_endian(start, size - length_bytes);
  out.commit(size);
}

}  // namespace presenter::protocol
