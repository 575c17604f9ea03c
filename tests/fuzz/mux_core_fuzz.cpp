// mux_core of either role, driven by a byte script: what the peer sends (raw bytes, or frames of a
// small grammar), what the application commands, and what its handlers do when they are called.
// Checked after every step: the calls' order that stream_handler.hpp promises, credit to the byte,
// the frames that leave, the bounds of memory. README.md here describes the script.
#include <algorithm>
#include <utility>
#include <vector>

#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/fuzz/mux_player.hpp"

namespace presenter::fuzz {

using namespace protocol;

// --- one stream

void checked_stream::on_accepted() {
  PRESENTER_FUZZ_CHECK(!player_.is_backend() && !accepted && !ended && !gone);
  accepted = true;
  player_.react(*this);
}

void checked_stream::on_data(std::span<const std::byte> payload, bool) {
  PRESENTER_FUZZ_CHECK(!ended && !gone && !peer_finished && !awaits_checkpoint);
  PRESENTER_FUZZ_CHECK(player_.is_backend() ? !asked_over : unread == 0);
  PRESENTER_FUZZ_CHECK(player_.is_backend() || accepted);
  PRESENTER_FUZZ_CHECK(!payload.empty() && payload.size() <= limits::data_bytes_max);
  unconsumed += static_cast<std::int64_t>(payload.size());
  received += static_cast<std::int64_t>(payload.size());
  has_exact_deposit = false;
  player_.react(*this);
}

void checked_stream::on_finish() {
  PRESENTER_FUZZ_CHECK(!ended && !gone && !peer_finished && !awaits_checkpoint);
  peer_finished = true;
  player_.react(*this);
}

void checked_stream::on_writable() {
  PRESENTER_FUZZ_CHECK(!ended && !gone);
  if (std::exchange(wants_checkpoint, false)) return player_.react(*this);
  PRESENTER_FUZZ_CHECK(!finished && asked);
  PRESENTER_FUZZ_CHECK(player_.core().sendable(id) > 0);
  asked = false;
  player_.react(*this);
}

void checked_stream::end() {
  PRESENTER_FUZZ_CHECK(!ended && !gone);
  ended = true;
  player_.react(*this);
}

// --- the script

mux_options mux_player::read_options() {
  const unsigned choice = script_.byte();
  mux_options options;
  options.hello.role = (choice & 1U) != 0 ? link_role::backend : link_role::gateway;
  options.hello.node = "fuzzed";
  if ((choice & 2U) != 0) {
    options.hello.stream_window_bytes = limits::stream_window_bytes_min;
    options.hello.link_window_bytes = limits::link_window_bytes_min;
  }
  if ((choice & 4U) != 0) options.hello.streams_open_max = 3;
  has_long_floods_ = (choice & 0xf8U) == 0xa8U;
  if ((choice & 0xf8U) == 0x50U) options.opens_per_second = 1;
  if ((choice & 0xf8U) == 0x48U) options.hello.streams_opening_max = 2;
  if ((choice & 0xf8U) == 0x10U) {
    options.hello.features = features::handoff | features::notice;
    if (options.hello.role == link_role::gateway) options.hello.deposit_bytes_max = 64;
  }
  return options;
}

void mux_player::step() {
  const unsigned word = script_.byte();
  if ((word & 0x10U) != 0) return handoff_step(word & 0x0fU);
  const unsigned what = word & 0x0fU;
  switch (what) {
    case 0:
      return feed_hello(script_.byte());
    case 1: {
      held_.append(script_.bytes(script_.byte()));
      return show_input();
    }
    case 2: {
      const unsigned step = script_.byte();
      open_frame open;
      open.stream = {opens_fed_ + static_cast<std::int64_t>(step & 0x0fU)};
      opens_fed_ = std::max(opens_fed_, open.stream.value);
      open.key = "key";
      return feed_frame(open);
    }
    case 3: {
      const stream_id stream = picked(script_.byte());
      const unsigned answer = script_.byte();
      if (answer == 0) return feed_frame(accept_frame{stream});
      return feed_frame(refuse_frame{stream, static_cast<refuse_reason>(answer), {}, {}});
    }
    case 4: {
      const stream_id stream = picked(script_.byte());
      return feed_data(stream, script_.byte());
    }
    case 5:
      return feed_frame(finish_frame{picked(script_.byte())});
    case 6: {
      const stream_id stream = picked(script_.byte());
      return feed_frame(reset_frame{stream, static_cast<reset_reason>(script_.byte())});
    }
    case 7: {
      const stream_id stream = picked(script_.byte());
      const unsigned amount = script_.byte();
      return feed_frame(credit_frame{stream, std::int64_t{1} << (amount & 0x3fU)});
    }
    case 8:
      return link_step(script_.byte());
    case 9: {
      if (!is_backend()) return open();
      checked_stream* stream = stream_at(script_.byte());
      if (stream != nullptr) accept(*stream);
      return;
    }
    case 14:
      return take_output();
    case 15: {
      reactions_.clear();
      for (unsigned n = script_.byte() & 7U; n != 0; --n)
        reactions_.push_back(script_.byte());
      return;
    }
    default: {
      checked_stream* stream = stream_at(script_.byte());
      if (stream != nullptr) act(*stream, (what - 9) | (script_.byte() & 0xf8U));
      return;
    }
  }
}

// What the application does with a stream: the low three bits say what, the others how much.
void mux_player::act(checked_stream& stream, unsigned what) {
  const unsigned amount = what >> 3;
  switch (what & 7U) {
    case 0:
      return accept(stream);
    case 1:
      return submit(stream, 1 + std::size_t{amount} * amount * 40);
    case 2:
      return finish(stream);
    case 3:
      if (amount % 3 == 0) return reset(stream);
      return amount % 3 == 1 ? release(stream) : refuse(stream);
    case 4:
      return consume(stream, amount);
    case 5:
      if (!is_backend()) open();
      return;
    case 6:
      stream.asked = true;
      return core_.wait_writable(stream.id);
    default:
      if (is_backend()) return submit_checkpoint(stream, amount);
      return hand_off(stream, amount);
  }
}

void mux_player::link_step(unsigned what) {
  const unsigned amount = what >> 3;
  switch (what & 7U) {
    case 0:
      return feed_frame(ping_frame{amount});
    case 1:
      return feed_frame(pong_frame{amount});
    case 2:
      return feed_frame(go_away_frame{
          {static_cast<std::int64_t>(amount & 7U)}, static_cast<std::int32_t>(amount >> 3), 0});
    case 3:
      now_ += std::chrono::milliseconds(500 * amount);
      return core_.on_time(now_);
    case 4:
      return core_.go_away(std::chrono::milliseconds(amount));
    case 5:
      return feed_flood(amount & 7U, 64U << (2 * (amount >> 3)));
    case 6:
      if (amount == 31) close();
      return;
    default:
      return;
  }
}

// --- the peer

void mux_player::feed_frame(const control_frame& frame) {
  if (held_.size() > held_bytes_max) return;
  encode(frame, held_);
  show_input();
}

void mux_player::feed_hello(unsigned choice) {
  hello_frame hello;
  hello.role = is_backend() ? link_role::gateway : link_role::backend;
  if ((choice & 1U) != 0) hello.stream_window_bytes = limits::stream_window_bytes_min;
  if ((choice & 2U) != 0) {
    hello.link_window_bytes = std::max(limits::link_window_bytes_min,
                                       limits::link_windows_per_stream * hello.stream_window_bytes);
  }
  if ((choice & 4U) != 0) hello.streams_open_max = 2;
  if ((choice & 8U) != 0) {
    hello.frame_bytes_max = static_cast<std::int32_t>(limits::frame_bytes_min);
  }
  if ((choice & 16U) != 0) hello.role = options_.hello.role;
  if ((choice & 32U) != 0) hello.version_min = hello.version_max = 2;
  if ((choice & 64U) != 0) {
    hello.features = features::handoff | features::notice;
    if (!is_backend()) return feed_frame(hello);
    hello.deposit_bytes_max = 64;
  }
  feed_frame(hello);
}

void mux_player::feed_data(stream_id stream, unsigned size) {
  static const std::vector<std::byte> filler(limits::data_bytes_max, std::byte{'x'});
  if (held_.size() > held_bytes_max) return;
  encode_data(stream, (size & 1U) != 0, std::span(filler).first(size * size / 4), held_);
  show_input();
}

// Many frames at a time, in one piece, and nobody reads what we answer.
void mux_player::feed_flood(unsigned kind, unsigned count) {
  byte_buffer flood;
  if (std::exchange(has_long_floods_, false)) flood_frames_left_ = 40'000;
  count = std::min(count, flood_frames_left_);
  flood_frames_left_ -= count;
  for (unsigned i = 0; i != count; ++i) {
    const stream_id next{opens_fed_ + 1};
    open_frame open;
    open.stream = next;
    open.key = "k";
    switch (kind) {
      case 0:
        encode(ping_frame{i}, flood);
        break;
      case 1:
        encode(open, flood);
        ++opens_fed_;
        break;
      case 2:
        encode(open, flood);
        encode(reset_frame{next, reset_reason::cancelled}, flood);
        ++opens_fed_;
        break;
      case 3:
        encode(credit_frame{{0}, 1}, flood);
        break;
      case 4:
        encode(credit_frame{{1}, 1}, flood);
        break;
      case 5:
        encode_data({1}, false, {}, flood);
        break;
      case 6:
        encode_data({1}, false, as_bytes(reinterpret_cast<const std::uint8_t*>("x"), 1), flood);
        break;
      default:
        encode(go_away_frame{{0}, 0, 0}, flood);
        break;
    }
  }
  held_.append(flood.bytes());
  show_input();
}

void mux_player::show_input() {
  const std::vector<std::byte> shown(held_.bytes().begin(), held_.bytes().end());
  audit_.received(shown);
  const std::size_t taken = core_.on_input(shown, now_);
  PRESENTER_FUZZ_CHECK(core_.is_over() ? taken == shown.size() : taken <= shown.size());
  held_.consume(taken);
}

// --- the application

void mux_player::open() {
  if (!core_.can_open()) return;
  checked_stream& stream = add({core_.highest_opened().value + 1});
  open_frame open;
  open.key = "key";
  PRESENTER_FUZZ_CHECK(core_.open(std::move(open), stream) == stream.id);
  streams_peak_ = std::max(streams_peak_, core_.streams_open());
}

stream_handler* mux_player::on_open(stream_id id, const open_frame& open) {
  PRESENTER_FUZZ_CHECK(is_backend() && ready_ && !failed_ && !open.key.empty());
  checked_stream& stream = add(id);
  stream.awaits_checkpoint = open.continued.has_value();
  streams_peak_ = std::max(streams_peak_, core_.streams_open());
  react(stream);
  if (!stream.gone) return &stream;
  stream.ended = true;
  return nullptr;
}

void mux_player::submit(checked_stream& stream, std::size_t size) {
  static const std::vector<std::byte> filler(64 * 1'024, std::byte{'y'});
  // A backend speaks once it has accepted.
  if (is_backend() && !stream.accepted) return;
  const std::size_t room = core_.sendable(stream.id);
  const std::size_t n = core_.submit_data(stream.id, std::span(filler).first(size), false);
  PRESENTER_FUZZ_CHECK(n == std::min(room, size));
  PRESENTER_FUZZ_CHECK(n == 0 || !(stream.gone || stream.finished));
  const bool has_given =
      is_backend() ? stream.is_giving || stream.awaits_checkpoint : stream.asked_over;
  PRESENTER_FUZZ_CHECK(n == 0 || !has_given);
  stream.sent += static_cast<std::int64_t>(n);
  if (n != 0) stream.has_exact_deposit = false;
  if (n == size || stream.gone) return;
  stream.asked = true;
  core_.wait_writable(stream.id);
}

void mux_player::consume(checked_stream& stream, unsigned part) {
  const std::int64_t n = part == 0 ? stream.unconsumed : stream.unconsumed * part / 32;
  stream.unconsumed -= n;
  core_.consumed(stream.id, static_cast<std::size_t>(n));
}

void mux_player::finish(checked_stream& stream) {
  if (is_backend() && !stream.accepted) return;
  if (stream.is_giving || stream.awaits_checkpoint) return;
  if (!is_backend() && stream.asked_over) return core_.finish(stream.id);
  stream.finished = true;
  core_.finish(stream.id);
}

void mux_player::accept(checked_stream& stream) {
  if (!is_backend() || stream.gone || stream.ended) return;
  stream.accepted = true;
  core_.accept(stream.id);
}

void mux_player::refuse(checked_stream& stream) {
  if (!is_backend() || stream.gone || stream.ended || stream.accepted) return;
  stream.gone = stream.ended = true;
  stream.unconsumed = 0;
  core_.refuse({stream.id, refuse_reason::busy, {}, 10});
}

void mux_player::reset(checked_stream& stream) {
  stream.ended = true;
  core_.reset(stream.id, reset_reason::cancelled);
}

void mux_player::release(checked_stream& stream) {
  stream.gone = stream.ended = true;
  stream.unconsumed = 0;
  core_.release(stream.id);
}

void mux_player::take_output() {
  mux_output out;
  core_.take_output(out);
  // README §6, and 16 bytes for the one answer that each stream may have been owed.
  const std::size_t owed = 16 * streams_peak_ + 16'384;
  PRESENTER_FUZZ_CHECK(out.control.size() <= limits::control_queue_bytes_max + owed);
  PRESENTER_FUZZ_CHECK(out.data.size() <=
                       limits::data_queue_bytes_max + limits::frame_bytes_max + owed);
  streams_peak_ = core_.streams_open();
  audit_.sent(out.control.bytes(), out.data.bytes());
}

void mux_player::check() {
  if (core_.is_over()) return;
  std::int64_t unconsumed = 0;
  for (const auto& [id, stream] : streams_) {
    PRESENTER_FUZZ_CHECK(stream->unconsumed <= options_.hello.stream_window_bytes);
    unconsumed += stream->unconsumed;
  }
  PRESENTER_FUZZ_CHECK(core_.link_bytes_buffered() == unconsumed);
  PRESENTER_FUZZ_CHECK(unconsumed <= options_.hello.link_window_bytes);
  PRESENTER_FUZZ_CHECK(core_.link_credit() >= 0);
}

}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter::fuzz;
  // An abort of the player's own is a finding; so is a leak.
  mux_player(byte_script(data, std::min<std::size_t>(size, 4'096))).play();
  return 0;
}
