// The frame decoder against the code that Thrift generates from mux.thrift. The input is the body
// of one frame, and once more the raw bytes of a link.
#include <thrift/Thrift.h>

#include <optional>
#include <string>
#include <vector>

#include "mux_types.h"
#include "protocol/wire/mux_frame.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/watched_thrift.hpp"

namespace presenter::fuzz {
namespace {

using namespace protocol;
namespace idl = protocol::idl;

constexpr std::int32_t i32_max = std::numeric_limits<std::int32_t>::max();

// --- what Thrift makes of a body

struct thrift_reading {
  std::optional<idl::Frame> frame;  // nothing: it threw
  thrift_notes notes;
  std::size_t left = 0;
};

thrift_reading read_by_thrift(std::span<const std::byte> body) {
  // The union is the first level, the frame's struct the second: README §3 counts from there.
  watched_compact in(body, 33);
  thrift_reading reading;
  idl::Frame frame;
  try {
    frame.read(&in);
    reading.frame = std::move(frame);
  } catch (const apache::thrift::TException&) {
  }
  reading.notes = in.notes;
  reading.left = in.left();
  return reading;
}

int fields_set(const idl::Frame& frame) {
  const auto& set = frame.__isset;
  return set.hello + set.open + set.accept + set.refuse + set.data + set.finish + set.reset +
         set.credit + set.ping + set.pong + set.go_away + set.handoff + set.checkpoint + set.notice;
}

template <class T>
T given_or(bool given, T value, T fallback) {
  return given ? value : fallback;
}

// --- the rules of README §4, once more: what is required, what is in range

enum class verdict { fine, incomplete, out_of_range };

verdict judge(bool complete, bool in_range) {
  if (!complete) return verdict::incomplete;
  return in_range ? verdict::fine : verdict::out_of_range;
}

verdict judge(const idl::Hello& hello) {
  const auto& set = hello.__isset;
  const auto range = [](bool given, auto value, auto low, auto high) {
    return !given || (value >= low && value <= high);
  };
  return judge(set.version_min && set.version_max && set.role,
               hello.version_min >= 1 && hello.version_max >= hello.version_min &&
                   (hello.role == 1 || hello.role == 2) && hello.node.size() <= 255 &&
                   hello.map_epoch >= 0 &&
                   range(set.frame_bytes_max, hello.frame_bytes_max, 4'160, i32_max) &&
                   range(set.stream_window_bytes, hello.stream_window_bytes, 1'024, 16'777'216) &&
                   range(set.link_window_bytes, hello.link_window_bytes, 16'384, 1'073'741'824) &&
                   given_or(set.link_window_bytes, hello.link_window_bytes, 33'554'432L) >=
                       2L * given_or(set.stream_window_bytes, hello.stream_window_bytes, 65'536) &&
                   range(set.streams_opening_max, hello.streams_opening_max, 1, i32_max) &&
                   range(set.streams_open_max, hello.streams_open_max, 1, i32_max) &&
                   range(set.deposit_bytes_max, hello.deposit_bytes_max, 0, 16'384) &&
                   ((hello.features & 2) == 0 ||
                    given_or(set.frame_bytes_max, hello.frame_bytes_max, 16'448) >= 16'448) &&
                   range(set.ping_interval_ms, hello.ping_interval_ms, 1, i32_max));
}
verdict judge(const idl::Open& open) {
  const bool is_continued = open.__isset.continued;
  return judge(
      open.__isset.stream && open.__isset.key && (!is_continued || open.continued.__isset.cause),
      open.stream >= 1 && !open.key.empty() && open.key.size() <= 1'024 && open.map_epoch >= 0 &&
          open.client_port >= 0 && open.client_port <= 65'535 &&
          open.tls.client_subject.size() <= 1'024 &&
          (!is_continued || (open.continued.cause >= 1 && open.continued.node.size() <= 255)));
}
verdict judge(const idl::Refuse& refuse) {
  return judge(refuse.__isset.stream && refuse.__isset.reason,
               refuse.stream >= 1 && refuse.reason >= 1 &&
                   (!refuse.__isset.map_epoch || refuse.map_epoch >= 0) &&
                   (!refuse.__isset.retry_after_ms || refuse.retry_after_ms >= 0));
}
verdict judge(const idl::Data& data) {
  return judge(data.__isset.stream && data.__isset.payload,
               data.stream >= 1 && data.payload.size() <= 16'384);
}
verdict judge(const idl::Reset& reset) {
  return judge(reset.__isset.stream && reset.__isset.reason,
               reset.stream >= 1 && reset.reason >= 1);
}
verdict judge(const idl::Credit& credit) {
  return judge(credit.__isset.stream && credit.__isset.bytes,
               credit.stream >= 0 && credit.bytes >= 1);
}
verdict judge(const idl::GoAway& away) {
  return judge(away.__isset.last_stream && away.__isset.reason,
               away.last_stream >= 0 && away.reason >= 0 && away.deadline_ms >= 0);
}

verdict judge(const idl::Handoff& handoff) {
  return judge(handoff.__isset.stream && handoff.__isset.reason && handoff.__isset.deadline_ms,
               handoff.stream >= 1 && handoff.reason >= 1 && handoff.map_epoch >= 0 &&
                   handoff.deadline_ms >= 1);
}
verdict judge(const idl::Checkpoint& checkpoint) {
  return judge(checkpoint.__isset.stream,
               checkpoint.stream >= 1 && checkpoint.consumed >= 0 && checkpoint.produced >= 0 &&
                   checkpoint.state.size() + checkpoint.unread.size() <= 16'384);
}
verdict judge(const idl::Notice& notice) {
  return judge(notice.__isset.stream && notice.__isset.reason && notice.__isset.within_ms,
               notice.stream >= 1 && notice.reason >= 1 && notice.within_ms >= 1);
}

verdict judge(const idl::Frame& frame) {
  const auto& set = frame.__isset;
  if (set.hello) return judge(frame.hello);
  if (set.open) return judge(frame.open);
  if (set.accept) return judge(frame.accept.__isset.stream, frame.accept.stream >= 1);
  if (set.refuse) return judge(frame.refuse);
  if (set.data) return judge(frame.data);
  if (set.finish) return judge(frame.finish.__isset.stream, frame.finish.stream >= 1);
  if (set.reset) return judge(frame.reset);
  if (set.credit) return judge(frame.credit);
  if (set.ping) return judge(frame.ping.__isset.opaque, true);
  if (set.pong) return judge(frame.pong.__isset.opaque, true);
  if (set.handoff) return judge(frame.handoff);
  if (set.checkpoint) return judge(frame.checkpoint);
  if (set.notice) return judge(frame.notice);
  return judge(frame.go_away);
}

// --- the same values

bool same(const hello_frame& ours, const idl::Hello& theirs) {
  const hello_frame defaults;
  const auto& set = theirs.__isset;
  const hello_frame expected{
      theirs.version_min,
      theirs.version_max,
      static_cast<link_role>(theirs.role),
      theirs.node,
      theirs.map_epoch,
      given_or(set.frame_bytes_max, theirs.frame_bytes_max, defaults.frame_bytes_max),
      given_or(set.stream_window_bytes, theirs.stream_window_bytes, defaults.stream_window_bytes),
      given_or(set.link_window_bytes, theirs.link_window_bytes, defaults.link_window_bytes),
      given_or(set.streams_open_max, theirs.streams_open_max, defaults.streams_open_max),
      given_or(set.ping_interval_ms, theirs.ping_interval_ms, defaults.ping_interval_ms),
      theirs.features,
      given_or(set.streams_opening_max, theirs.streams_opening_max, defaults.streams_opening_max),
      given_or(set.deposit_bytes_max, theirs.deposit_bytes_max, defaults.deposit_bytes_max)};
  return ours == expected;
}
bool same(const open_frame& ours, const idl::Open& theirs) {
  std::optional<continued_from> continued;
  if (theirs.__isset.continued) {
    continued = {static_cast<continue_cause>(theirs.continued.cause), theirs.continued.node};
  }
  const open_frame expected{{theirs.stream},
                            theirs.key,
                            theirs.map_epoch,
                            theirs.client_address,
                            theirs.client_port,
                            {theirs.tls.version, theirs.tls.suite, theirs.tls.server_name,
                             theirs.tls.alpn, theirs.tls.resumed, theirs.tls.client_subject},
                            theirs.tag,
                            theirs.__isset.early_data && theirs.early_data,
                            continued};
  return ours == expected;
}
bool same(const refuse_frame& ours, const idl::Refuse& theirs) {
  refuse_frame expected{{theirs.stream}, refuse_reason::denied, {}, {}};
  if (theirs.reason <= 4) expected.reason = static_cast<refuse_reason>(theirs.reason);
  if (theirs.__isset.map_epoch) expected.map_epoch = theirs.map_epoch;
  if (theirs.__isset.retry_after_ms) expected.retry_after_ms = theirs.retry_after_ms;
  return ours == expected;
}

struct same_values {
  const idl::Frame& theirs;
  bool operator()(const hello_frame& ours) const {
    return theirs.__isset.hello && same(ours, theirs.hello);
  }
  bool operator()(const open_frame& ours) const {
    return theirs.__isset.open && same(ours, theirs.open);
  }
  bool operator()(const accept_frame& ours) const {
    return theirs.__isset.accept && ours.stream.value == theirs.accept.stream;
  }
  bool operator()(const refuse_frame& ours) const {
    return theirs.__isset.refuse && same(ours, theirs.refuse);
  }
  bool operator()(const finish_frame& ours) const {
    return theirs.__isset.finish && ours.stream.value == theirs.finish.stream;
  }
  bool operator()(const reset_frame& ours) const {
    return theirs.__isset.reset && ours.stream.value == theirs.reset.stream &&
           static_cast<std::int32_t>(ours.reason) == theirs.reset.reason;
  }
  bool operator()(const credit_frame& ours) const {
    return theirs.__isset.credit && ours.stream.value == theirs.credit.stream &&
           ours.bytes == theirs.credit.bytes;
  }
  bool operator()(const ping_frame& ours) const {
    return theirs.__isset.ping && ours.opaque == theirs.ping.opaque;
  }
  bool operator()(const pong_frame& ours) const {
    return theirs.__isset.pong && ours.opaque == theirs.pong.opaque;
  }
  bool operator()(const go_away_frame& ours) const {
    return theirs.__isset.go_away && ours.last_stream.value == theirs.go_away.last_stream &&
           ours.reason == theirs.go_away.reason && ours.deadline_ms == theirs.go_away.deadline_ms;
  }
  bool operator()(const handoff_frame& ours) const {
    return theirs.__isset.handoff && ours.stream.value == theirs.handoff.stream &&
           static_cast<std::int32_t>(ours.reason) == theirs.handoff.reason &&
           ours.map_epoch == theirs.handoff.map_epoch &&
           ours.deadline_ms == theirs.handoff.deadline_ms;
  }
  bool operator()(const checkpoint_frame& ours) const {
    const idl::Checkpoint& other = theirs.checkpoint;
    return theirs.__isset.checkpoint && ours.stream.value == other.stream &&
           ours.consumed == other.consumed && ours.produced == other.produced &&
           ours.state == other.state && ours.unread == other.unread && ours.last == other.last &&
           ours.finished == other.finished;
  }
  bool operator()(const notice_frame& ours) const {
    return theirs.__isset.notice && ours.stream.value == theirs.notice.stream &&
           static_cast<std::int32_t>(ours.reason) == theirs.notice.reason &&
           ours.within_ms == theirs.notice.within_ms;
  }
};

// --- there and back

void check_round_trip(const control_frame& frame) {
  byte_buffer again;
  encode(frame, again);
  // A sender may leave fields out and we do not, so a full Open can grow beyond its limit.
  if (std::holds_alternative<open_frame>(frame) && again.size() > 4 + limits::open_bytes_max)
    return;
  const auto slice = slice_frame(again.bytes());
  PRESENTER_FUZZ_CHECK(slice && slice->size == again.size());
  const auto decoded = decode_control(slice->body);
  PRESENTER_FUZZ_CHECK(decoded && *decoded == frame);
}

void check_round_trip(const data_frame& frame) {
  byte_buffer again;
  encode_data(frame.stream, frame.more, frame.payload, again);
  PRESENTER_FUZZ_CHECK(again.size() <= frame.payload.size() + data_overhead_max);
  const auto slice = slice_frame(again.bytes());
  PRESENTER_FUZZ_CHECK(slice && slice->size == again.size() && is_data(slice->body));
  const auto decoded = decode_data(slice->body);
  PRESENTER_FUZZ_CHECK(decoded && decoded->stream == frame.stream && decoded->more == frame.more &&
                       as_text(decoded->payload) == as_text(frame.payload));
}

// --- ours against theirs

// Thrift reads the body, and README §3 names nothing that forbids it.
bool is_well_formed(const thrift_reading& theirs) {
  return theirs.frame && !theirs.notes.lax && theirs.left == 0 && theirs.notes.fields == 1 &&
         fields_set(*theirs.frame) == 1 && judge(*theirs.frame) != verdict::incomplete;
}

// Of two structs with one id the last counts; Thrift's C++ reads both into one object.
bool is_judge(const thrift_reading& theirs) {
  return !theirs.notes.unread && !theirs.notes.merged;
}

void check_accepted(const thrift_reading& theirs, bool has_same_values) {
  if (!is_judge(theirs)) return;
  PRESENTER_FUZZ_CHECK(is_well_formed(theirs));
  PRESENTER_FUZZ_CHECK(judge(*theirs.frame) == verdict::fine);
  PRESENTER_FUZZ_CHECK(has_same_values);
}

void check_rejected(const thrift_reading& theirs, std::span<const std::byte> body, errc error) {
  PRESENTER_FUZZ_CHECK(error == errc::frame_malformed || error == errc::frame_unknown ||
                       error == errc::field_invalid);
  if (error == errc::frame_unknown) {
    const unsigned first = body.empty() ? 0 : std::to_integer<unsigned>(body.front());
    PRESENTER_FUZZ_CHECK(first >> 4 == 0 || first >> 4 == 14);
    return;
  }
  if (!is_well_formed(theirs) || !is_judge(theirs)) return;
  // The union's header in its long form is malformed too.
  if (std::to_integer<unsigned>(body.front()) >> 4 == 0) return;
  PRESENTER_FUZZ_CHECK(error == errc::field_invalid);
  PRESENTER_FUZZ_CHECK(judge(*theirs.frame) == verdict::out_of_range);
}

void check_body(std::span<const std::byte> body) {
  const thrift_reading theirs = read_by_thrift(body);
  if (is_data(body)) {
    const auto ours = decode_data(body);
    if (!ours) return check_rejected(theirs, body, static_cast<errc>(ours.error().value()));
    check_accepted(theirs, theirs.frame && theirs.frame->data.stream == ours->stream.value &&
                               theirs.frame->data.more == ours->more &&
                               theirs.frame->data.payload == as_text(ours->payload));
    return check_round_trip(*ours);
  }
  const auto ours = decode_control(body);
  if (!ours) return check_rejected(theirs, body, static_cast<errc>(ours.error().value()));
  check_accepted(theirs, theirs.frame && std::visit(same_values{*theirs.frame}, *ours));
  check_round_trip(*ours);
}

// --- framing

// What the first bytes allow is what all bytes allow: more input never takes an answer back.
void check_prefixes(std::span<const std::byte> link,
                    const boost::system::result<frame_slice>& whole) {
  for (std::size_t n = 0; n <= std::min<std::size_t>(link.size(), 8); ++n) {
    const auto part = slice_frame(link.first(n));
    if (!part) {
      PRESENTER_FUZZ_CHECK(!whole && whole.error() == part.error());
    } else if (part->size != 0) {
      PRESENTER_FUZZ_CHECK(whole && whole->size == part->size);
    }
  }
}

void check_link(std::span<const std::byte> link) {
  while (true) {
    const auto slice = slice_frame(link);
    check_prefixes(link, slice);
    if (!slice || slice->size == 0) return;
    PRESENTER_FUZZ_CHECK(slice->size <= link.size() && slice->body.size() + 4 == slice->size);
    PRESENTER_FUZZ_CHECK(slice->body.size() <= limits::frame_bytes_max);
    check_body(slice->body);
    link = link.subspan(slice->size);
  }
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  if (size > presenter::protocol::limits::frame_bytes_max) return 0;
  const auto bytes = as_bytes(data, size);
  check_link(bytes);
  check_body(bytes);
  return 0;
}
