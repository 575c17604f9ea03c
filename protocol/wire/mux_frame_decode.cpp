#include <cstring>
#include <initializer_list>
#include <string_view>
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
  bool has(int id) const { return (bits_ >> id & 1U) != 0; }

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
  in.skip(at);
  return false;
}

struct required {
  bool is_there;
  std::string_view field;
};
struct rule {
  bool holds;
  std::string_view field;
};

// The first fault, if there is one, and the field that has it. That a field is missing comes before
// any value.
struct verdict {
  errc fault{};
  std::string_view field;
};

verdict check(std::initializer_list<required> fields, std::initializer_list<rule> rules) {
  for (const required& each : fields) {
    if (!each.is_there) return {errc::frame_malformed, each.field};
  }
  for (const rule& each : rules) {
    if (!each.holds) return {errc::field_invalid, each.field};
  }
  return {};
}

template <class T>
bool within(T value, T low, T high) {
  return value >= low && value <= high;
}

// Else a state could not be given to every peer that takes states.
bool takes_whole_checkpoints(const hello_frame& frame) {
  return (frame.features & features::handoff) == 0 ||
         frame.frame_bytes_max >= static_cast<std::int32_t>(limits::frame_bytes_max);
}

verdict decode_body(reader& in, hello_frame& frame) {
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
      case 13:
        return in.take(at, frame.deposit_bytes_max);
      default:
        return unknown(in, at);
    }
  });
  frame.role = static_cast<link_role>(role);
  const bool has_link_window =
      within(frame.link_window_bytes, limits::link_window_bytes_min,
             limits::link_window_bytes_max) &&
      frame.link_window_bytes >= limits::link_windows_per_stream * frame.stream_window_bytes;
  return check(
      {{seen.has(1), "Hello.version_min"},
       {seen.has(2), "Hello.version_max"},
       {seen.has(3), "Hello.role"}},
      {{frame.version_min >= 1, "Hello.version_min"},
       {frame.version_max >= frame.version_min, "Hello.version_max"},
       {role == 1 || role == 2, "Hello.role"},
       {frame.node.size() <= limits::node_bytes_max, "Hello.node"},
       {frame.map_epoch >= 0, "Hello.map_epoch"},
       {frame.frame_bytes_max >= static_cast<std::int32_t>(limits::frame_bytes_min),
        "Hello.frame_bytes_max"},
       {within(frame.stream_window_bytes, limits::stream_window_bytes_min,
               limits::stream_window_bytes_max),
        "Hello.stream_window_bytes"},
       {has_link_window, "Hello.link_window_bytes"},
       {frame.streams_open_max >= 1, "Hello.streams_open_max"},
       {frame.ping_interval_ms >= 1, "Hello.ping_interval_ms"},
       {frame.streams_opening_max >= 1, "Hello.streams_opening_max"},
       {within(frame.deposit_bytes_max, 0, static_cast<std::int32_t>(limits::state_bytes_max)),
        "Hello.deposit_bytes_max"},
       {takes_whole_checkpoints(frame), "Hello.frame_bytes_max"}});
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

// True: `cause` was there.
bool decode_continued(reader& in, continued_from& continued) {
  std::int32_t cause = 0;
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, cause);
      case 2:
        return in.take(at, continued.node);
      default:
        return unknown(in, at);
    }
  });
  continued.cause = static_cast<continue_cause>(cause);
  return seen.has(1);
}

bool is_in_range(const continued_from& continued) {
  return static_cast<std::int32_t>(continued.cause) >= 1 &&
         continued.node.size() <= limits::node_bytes_max;
}

verdict decode_body(reader& in, open_frame& frame) {
  bool has_cause = true;
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
        in.enter_struct();
        decode_tls(in, frame.tls = {});
        in.leave_struct();
        return true;
      case 7:
        return in.take(at, frame.tag);
      case 8:
        return in.take(at, frame.early_data);
      case 9:
        if (at.type != kind::structure) return unknown(in, at);
        in.enter_struct();
        has_cause = decode_continued(in, frame.continued.emplace());
        in.leave_struct();
        return true;
      default:
        return unknown(in, at);
    }
  });
  return check({{seen.has(1), "Open.stream"},
                {seen.has(2), "Open.key"},
                {has_cause, "Open.continued.cause"}},
               {{frame.stream.value >= 1, "Open.stream"},
                {within(frame.key.size(), std::size_t{1}, limits::key_bytes_max), "Open.key"},
                {frame.map_epoch >= 0, "Open.map_epoch"},
                {within(frame.client_port, 0, 65'535), "Open.client_port"},
                {frame.tls.client_subject.size() <= limits::client_subject_bytes_max,
                 "Open.tls.client_subject"},
                {!frame.continued || is_in_range(*frame.continued), "Open.continued"}});
}

verdict decode_body(reader& in, refuse_frame& frame) {
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
  return check({{seen.has(1), "Refuse.stream"}, {seen.has(2), "Refuse.reason"}},
               {{frame.stream.value >= 1, "Refuse.stream"},
                {reason >= 1, "Refuse.reason"},
                {frame.map_epoch.value_or(0) >= 0, "Refuse.map_epoch"},
                {frame.retry_after_ms.value_or(0) >= 0, "Refuse.retry_after_ms"}});
}

// Accept and Finish: a stream id and nothing else.
template <class Frame>
verdict decode_stream_only(reader& in, Frame& frame, std::string_view name) {
  const taken seen = walk(in, [&](const field& at) {
    return at.id == 1 ? in.take(at, frame.stream.value) : unknown(in, at);
  });
  return check({{seen.has(1), name}}, {{frame.stream.value >= 1, name}});
}

verdict decode_body(reader& in, accept_frame& frame) {
  return decode_stream_only(in, frame, "Accept.stream");
}
verdict decode_body(reader& in, finish_frame& frame) {
  return decode_stream_only(in, frame, "Finish.stream");
}

verdict decode_body(reader& in, reset_frame& frame) {
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
  return check({{seen.has(1), "Reset.stream"}, {seen.has(2), "Reset.reason"}},
               {{frame.stream.value >= 1, "Reset.stream"}, {reason >= 1, "Reset.reason"}});
}

verdict decode_body(reader& in, credit_frame& frame) {
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
  return check({{seen.has(1), "Credit.stream"}, {seen.has(2), "Credit.bytes"}},
               {{frame.stream.value >= 0, "Credit.stream"}, {frame.bytes >= 1, "Credit.bytes"}});
}

template <class Frame>
verdict decode_opaque(reader& in, Frame& frame, std::string_view name) {
  const taken seen = walk(in, [&](const field& at) {
    return at.id == 1 ? in.take(at, frame.opaque) : unknown(in, at);
  });
  return check({{seen.has(1), name}}, {});
}

verdict decode_body(reader& in, ping_frame& frame) {
  return decode_opaque(in, frame, "Ping.opaque");
}
verdict decode_body(reader& in, pong_frame& frame) {
  return decode_opaque(in, frame, "Pong.opaque");
}

verdict decode_body(reader& in, go_away_frame& frame) {
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
  return check({{seen.has(1), "GoAway.last_stream"}, {seen.has(2), "GoAway.reason"}},
               {{frame.last_stream.value >= 0, "GoAway.last_stream"},
                {frame.reason >= 0, "GoAway.reason"},
                {frame.deadline_ms >= 0, "GoAway.deadline_ms"}});
}

verdict decode_body(reader& in, handoff_frame& frame) {
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
        return in.take(at, frame.deadline_ms);
      default:
        return unknown(in, at);
    }
  });
  frame.reason = static_cast<handoff_reason>(reason);
  return check({{seen.has(1), "Handoff.stream"},
                {seen.has(2), "Handoff.reason"},
                {seen.has(4), "Handoff.deadline_ms"}},
               {{frame.stream.value >= 1, "Handoff.stream"},
                {reason >= 1, "Handoff.reason"},
                {frame.map_epoch >= 0, "Handoff.map_epoch"},
                {frame.deadline_ms >= 1, "Handoff.deadline_ms"}});
}

verdict decode_body(reader& in, checkpoint_frame& frame) {
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, frame.consumed);
      case 3:
        return in.take(at, frame.produced);
      case 4:
        return in.take(at, frame.state);
      case 5:
        return in.take(at, frame.unread);
      case 6:
        return in.take(at, frame.last);
      case 7:
        return in.take(at, frame.finished);
      default:
        return unknown(in, at);
    }
  });
  const std::size_t size = frame.state.size() + frame.unread.size();
  return check({{seen.has(1), "Checkpoint.stream"}},
               {{frame.stream.value >= 1, "Checkpoint.stream"},
                {frame.consumed >= 0, "Checkpoint.consumed"},
                {frame.produced >= 0, "Checkpoint.produced"},
                {frame.state.size() <= limits::state_bytes_max, "Checkpoint.state"},
                {size <= limits::data_bytes_max, "Checkpoint.unread"}});
}

verdict decode_body(reader& in, notice_frame& frame) {
  std::int32_t reason = 0;
  const taken seen = walk(in, [&](const field& at) {
    switch (at.id) {
      case 1:
        return in.take(at, frame.stream.value);
      case 2:
        return in.take(at, reason);
      case 3:
        return in.take(at, frame.within_ms);
      default:
        return unknown(in, at);
    }
  });
  frame.reason = static_cast<notice_reason>(reason);
  return check({{seen.has(1), "Notice.stream"},
                {seen.has(2), "Notice.reason"},
                {seen.has(3), "Notice.within_ms"}},
               {{frame.stream.value >= 1, "Notice.stream"},
                {reason >= 1, "Notice.reason"},
                {frame.within_ms >= 1, "Notice.within_ms"}});
}

verdict decode_body(reader& in, data_frame& frame) {
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
  return check({{seen.has(1), "Data.stream"}, {seen.has(3), "Data.payload"}},
               {{frame.stream.value >= 1, "Data.stream"},
                {frame.payload.size() <= limits::data_bytes_max, "Data.payload"}});
}

// The struct inside the union, then the union's stop, then nothing. Shape comes before range: a
// frame with both faults is malformed.
template <class Frame>
verdict decode_whole(std::span<const std::byte> body, Frame& frame) {
  reader in(body.subspan(1));
  const verdict found = decode_body(in, frame);
  if (in.byte() != 0 || in.has_failed() || in.remaining() != 0) return {errc::frame_malformed, {}};
  return found;
}

template <class Frame>
boost::system::result<control_frame> decode_as(std::span<const std::byte> body,
                                               std::string_view& field) {
  Frame frame;
  const verdict found = decode_whole(body, frame);
  field = found.field;
  if (found.fault != errc{}) return found.fault;
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
  const bool is_long = first == union_header(data_id) || first == union_header(checkpoint_id);
  if (length > limits::control_bytes_max && !is_long) {
    if (first != union_header(open_id) || length > limits::open_bytes_max) {
      return errc::frame_oversize;
    }
  }
  if (input.size() - length_bytes < length) return frame_slice{};
  return frame_slice{length_bytes + length, input.subspan(length_bytes, length)};
}

boost::system::result<data_frame> decode_data(std::span<const std::byte> body,
                                              std::string_view& field) {
  data_frame frame;
  if (decode_data_straight(body, frame)) [[likely]] {
    if (frame.stream.value < 1 || frame.payload.size() > limits::data_bytes_max) {
      field = frame.stream.value < 1 ? "Data.stream" : "Data.payload";
      return errc::field_invalid;
    }
    return frame;
  }
  field = {};
  if (!is_data(body)) return errc::frame_malformed;
  frame = {};
  const verdict found = decode_whole(body, frame);
  field = found.field;
  if (found.fault != errc{}) return found.fault;
  return frame;
}

boost::system::result<control_frame> decode_control(std::span<const std::byte> body,
                                                    std::string_view& field) {
  reader in(body);
  compact::field at;
  field = {};
  if (!in.next(at)) return errc::frame_malformed;
  if (at.id < hello_id || at.id > notice_id || at.id == multicast_id) return errc::frame_unknown;
  // Every writer uses the short form for ids up to 15, and Data never comes this way.
  if (body.front() != union_header(at.id) || at.id == data_id) return errc::frame_malformed;
  switch (at.id) {
    case hello_id:
      return decode_as<hello_frame>(body, field);
    case open_id:
      return decode_as<open_frame>(body, field);
    case accept_id:
      return decode_as<accept_frame>(body, field);
    case refuse_id:
      return decode_as<refuse_frame>(body, field);
    case finish_id:
      return decode_as<finish_frame>(body, field);
    case reset_id:
      return decode_as<reset_frame>(body, field);
    case credit_id:
      return decode_as<credit_frame>(body, field);
    case ping_id:
      return decode_as<ping_frame>(body, field);
    case pong_id:
      return decode_as<pong_frame>(body, field);
    case go_away_id:
      return decode_as<go_away_frame>(body, field);
    case handoff_id:
      return decode_as<handoff_frame>(body, field);
    case checkpoint_id:
      return decode_as<checkpoint_frame>(body, field);
    default:
      return decode_as<notice_frame>(body, field);
  }
}

}  // namespace presenter::protocol
