#include <cstring>
#include <initializer_list>
#include <utility>

#include "protocol/wire/mux_frame.hpp"
#include "protocol/wire/mux_frame_ids.hpp"
#include "protocol/wire/thrift_compact.hpp"

namespace presenter::protocol {
namespace {

using compact::field;
using compact::kind;
using compact::reader;

std::uint32_t load_big_endian(const std::byte* from) {
  std::uint32_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return __builtin_bswap32(value);
}

// Which fields of a struct have been taken; ids above 15 are never ours.
class taken {
 public:
  void add(const field& at) { bits_ |= 1U << at.id; }
  bool all(std::initializer_list<int> ids) const {
    for (const int id : ids) {
      if ((bits_ >> id & 1U) == 0) return false;
    }
    return true;
  }

 private:
  std::uint32_t bits_ = 0;
};

// Walks a struct: `take(at)` returns whether the field is known and had the right type.
template <class Take>
taken walk(reader& in, Take&& take) {
  taken seen;
  field at;
  while (in.next(at)) {
    if (take(at)) seen.add(at);
  }
  return seen;
}

bool unknown(reader& in, const field& at) {
  in.skip(at, 1);
  return false;
}

errc check(bool complete, bool in_range) {
  if (!complete) return errc::frame_malformed;
  return in_range ? errc{} : errc::field_invalid;
}

template <class T>
bool within(T value, T low, T high) {
  return value >= low && value <= high;
}

errc decode_body(reader& in, hello_frame& frame) {
  std::int32_t role = 0;
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.version_min);
      case 2:
        return in.take(at, frame.version_max);
      case 3:
        return in.take(at, role);
      case 4:
        return in.take(at, frame.node);
      case 5:
        return in.take(at, frame.map_epoch);
      case 6:
        return in.take(at, frame.frame_bytes_max);
      case 7:
        return in.take(at, frame.stream_window_bytes);
      case 8:
        return in.take(at, frame.link_window_bytes);
      case 9:
        return in.take(at, frame.streams_open_max);
      case 10:
        return in.take(at, frame.ping_interval_ms);
      case 11:
        return in.take(at, frame.features);
      case 12:
        return in.take(at, frame.streams_opening_max);
      default:
        return unknown(in, at);
    }
  });
  frame.role = static_cast<link_role>(role);
  const bool windows_in_range =
      within(frame.stream_window_bytes, limits::stream_window_bytes_min,
             limits::stream_window_bytes_max) &&
      within(frame.link_window_bytes, limits::link_window_bytes_min,
             limits::link_window_bytes_max) &&
      frame.link_window_bytes >= limits::link_windows_per_stream * frame.stream_window_bytes;
  const bool counts_in_range =
      frame.streams_open_max >= 1 && frame.streams_opening_max >= 1 && frame.ping_interval_ms >= 1;
  return check(seen.all({1, 2, 3}),
               frame.version_min >= 1 && frame.version_max >= frame.version_min &&
                   (role == 1 || role == 2) && frame.node.size() <= limits::node_bytes_max &&
                   frame.map_epoch >= 0 &&
                   frame.frame_bytes_max >= static_cast<std::int32_t>(limits::frame_bytes_min) &&
                   windows_in_range && counts_in_range);
}

void decode_tls(reader& in, tls_facts& tls) {
  walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, tls.version);
      case 2:
        return in.take(at, tls.suite);
      case 3:
        return in.take(at, tls.server_name);
      case 4:
        return in.take(at, tls.alpn);
      case 5:
        return in.take(at, tls.resumed);
      case 6:
        return in.take(at, tls.client_subject);
      default:
        return unknown(in, at);
    }
  });
}

errc decode_body(reader& in, open_frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, frame.key);
      case 3:
        return in.take(at, frame.map_epoch);
      case 4:
        return in.take(at, frame.client_address);
      case 5:
        return in.take(at, frame.client_port);
      case 6:
        if (at.type != kind::structure) return unknown(in, at);
        decode_tls(in, frame.tls);
        return true;
      case 7:
        return in.take(at, frame.tag);
      case 8:
        return in.take(at, frame.early_data);
      default:
        return unknown(in, at);
    }
  });
  return check(seen.all({1, 2}),
               frame.stream.value >= 1 &&
                   within(frame.key.size(), std::size_t{1}, limits::key_bytes_max) &&
                   frame.map_epoch >= 0 && within(frame.client_port, 0, 65'535) &&
                   frame.tls.client_subject.size() <= limits::client_subject_bytes_max);
}

errc decode_body(reader& in, refuse_frame& frame) {
  std::int32_t reason = 0;
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, reason);
      case 3:
        return in.take(at, frame.map_epoch);
      case 4:
        return in.take(at, frame.retry_after_ms);
      default:
        return unknown(in, at);
    }
  });
  // A newer peer's reason reads as denied, the one that asks nothing of the gateway: README §4.4.
  frame.reason = reason > static_cast<std::int32_t>(refuse_reason::shutting_down)
                     ? refuse_reason::denied
                     : static_cast<refuse_reason>(reason);
  return check(seen.all({1, 2}), frame.stream.value >= 1 && reason >= 1 &&
                                     frame.map_epoch.value_or(0) >= 0 &&
                                     frame.retry_after_ms.value_or(0) >= 0);
}

// Accept and Finish: a stream id and nothing else.
template <class Frame>
errc decode_stream_only(reader& in, Frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    return at.id == 1 ? in.take(at, frame.stream.value) : unknown(in, at);
  });
  return check(seen.all({1}), frame.stream.value >= 1);
}

errc decode_body(reader& in, accept_frame& frame) {
  return decode_stream_only(in, frame);
}
errc decode_body(reader& in, finish_frame& frame) {
  return decode_stream_only(in, frame);
}

errc decode_body(reader& in, reset_frame& frame) {
  std::int32_t reason = 0;
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, reason);
      default:
        return unknown(in, at);
    }
  });
  frame.reason = static_cast<reset_reason>(reason);
  return check(seen.all({1, 2}), frame.stream.value >= 1 && reason >= 1);
}

errc decode_body(reader& in, credit_frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, frame.bytes);
      default:
        return unknown(in, at);
    }
  });
  return check(seen.all({1, 2}), frame.stream.value >= 0 && frame.bytes >= 1);
}

template <class Frame>
errc decode_opaque(reader& in, Frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    return at.id == 1 ? in.take(at, frame.opaque) : unknown(in, at);
  });
  return check(seen.all({1}), true);
}

errc decode_body(reader& in, ping_frame& frame) {
  return decode_opaque(in, frame);
}
errc decode_body(reader& in, pong_frame& frame) {
  return decode_opaque(in, frame);
}

errc decode_body(reader& in, go_away_frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.last_stream.value);
      case 2:
        return in.take(at, frame.reason);
      case 3:
        return in.take(at, frame.deadline_ms);
      default:
        return unknown(in, at);
    }
  });
  return check(seen.all({1, 2}),
               frame.last_stream.value >= 0 && frame.reason >= 0 && frame.deadline_ms >= 0);
}

errc decode_body(reader& in, data_frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, frame.more);
      case 3:
        return in.take(at, frame.payload);
      default:
        return unknown(in, at);
    }
  });
  return check(seen.all({1, 3}),
               frame.stream.value >= 1 && frame.payload.size() <= limits::data_bytes_max);
}

// The struct inside the union, then the union's stop, then nothing. Shape comes before range: a
// frame with both faults is malformed.
template <class Frame>
errc decode_whole(std::span<const std::byte> body, Frame& frame) {
  reader in(body.subspan(1));
  const errc fault = decode_body(in, frame);
  if (in.byte() != 0 || in.failed() || in.remaining() != 0) return errc::frame_malformed;
  return fault;
}

template <class Frame>
boost::system::result<control_frame> decode_as(std::span<const std::byte> body) {
  Frame frame;
  const errc fault = decode_whole(body, frame);
  if (fault != errc{}) return fault;
  return control_frame(std::move(frame));
}

// The form that every Thrift writer produces, without the general walk. False: not of that form.
bool decode_data_straight(std::span<const std::byte> body, data_frame& frame) {
  const std::byte* at = body.data() + 2;
  const std::byte* const end = body.data() + body.size();
  const auto varint = [&](std::uint64_t& value, unsigned shift_max) {
    value = 0;
    for (unsigned shift = 0; at != end && shift <= shift_max; shift += 7) {
      const auto next = std::to_integer<std::uint64_t>(*at++);
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return true;
    }
    return false;
  };

  if (body.size() < 7 || !is_data(body) || body[1] != std::byte{0x16}) return false;
  std::uint64_t stream = 0;
  if (!varint(stream, 56) || end - at < 4) return false;
  frame.more = *at == std::byte{0x11};
  at += frame.more ? 1 : 0;
  if (*at++ != (frame.more ? std::byte{0x18} : std::byte{0x28})) return false;
  std::uint64_t size = 0;
  if (!varint(size, 14) || static_cast<std::uint64_t>(end - at) != size + 2) return false;
  if (at[size] != std::byte{0} || at[size + 1] != std::byte{0}) return false;
  frame.stream.value = compact::unzigzag(stream);
  frame.payload = {at, static_cast<std::size_t>(size)};
  return true;
}

}  // namespace

boost::system::result<frame_slice> slice_frame(std::span<const std::byte> input) {
  if (input.size() < length_bytes) return frame_slice{};
  const std::size_t length = load_big_endian(input.data());
  if (length == 0) return errc::frame_empty;
  if (length > limits::frame_bytes_max) return errc::frame_oversize;
  if (input.size() == length_bytes) return frame_slice{};

  const std::byte first = input[length_bytes];
  if (length > limits::control_bytes_max && first != union_header(data_id)) {
    if (first != union_header(open_id) || length > limits::open_bytes_max) {
      return errc::frame_oversize;
    }
  }
  if (input.size() - length_bytes < length) return frame_slice{};
  return frame_slice{length_bytes + length, input.subspan(length_bytes, length)};
}

boost::system::result<data_frame> decode_data(std::span<const std::byte> body) {
  data_frame frame;
  if (decode_data_straight(body, frame)) [[likely]] {
    if (frame.stream.value < 1 || frame.payload.size() > limits::data_bytes_max) {
      return errc::field_invalid;
    }
    return frame;
  }
  if (!is_data(body)) return errc::frame_malformed;
  frame = {};
  const errc fault = decode_whole(body, frame);
  if (fault != errc{}) return fault;
  return frame;
}

boost::system::result<control_frame> decode_control(std::span<const std::byte> body) {
  reader in(body);
  field at;
  if (!in.next(at)) return errc::frame_malformed;
  if (at.id < hello_id || at.id > go_away_id) return errc::frame_unknown;
  // Every writer uses the short form for ids up to 15, and Data never comes this way.
  if (body.front() != union_header(at.id) || at.id == data_id) return errc::frame_malformed;
  switch (at.id) {
    case hello_id:
      return decode_as<hello_frame>(body);
    case open_id:
      return decode_as<open_frame>(body);
    case accept_id:
      return decode_as<accept_frame>(body);
    case refuse_id:
      return decode_as<refuse_frame>(body);
    case finish_id:
      return decode_as<finish_frame>(body);
    case reset_id:
      return decode_as<reset_frame>(body);
    case credit_id:
      return decode_as<credit_frame>(body);
    case ping_id:
      return decode_as<ping_frame>(body);
    case pong_id:
      return decode_as<pong_frame>(body);
    default:
      return decode_as<go_away_frame>(body);
  }
}

}  // namespace presenter::protocol
