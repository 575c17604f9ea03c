// Handing over, in the script of mux_core: what the peer sends, what the application commands, and
// what must hold when one is told.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "tests/fuzz/mux_player.hpp"

namespace presenter::fuzz {

using namespace protocol;

namespace {

const std::string& filler() {
  static const std::string bytes(limits::data_bytes_max, 'z');
  return bytes;
}

std::string_view filler_of(std::size_t size) {
  return std::string_view(filler()).substr(0, size);
}

}  // namespace

// --- one stream

void checked_stream::on_handoff(const handoff_frame& handoff) {
  PRESENTER_FUZZ_CHECK(player_.is_backend() && accepted && !ended && !gone && !awaits_checkpoint);
  PRESENTER_FUZZ_CHECK(!std::exchange(asked_over, true));
  PRESENTER_FUZZ_CHECK(handoff.stream == id && handoff.deadline_ms >= 1);
  player_.react(*this);
}

void checked_stream::on_notice(const notice_frame& notice) {
  PRESENTER_FUZZ_CHECK(player_.is_backend() && !ended && !gone && !awaits_checkpoint);
  PRESENTER_FUZZ_CHECK(!asked_over && notice.within_ms >= 1);
  player_.react(*this);
}

// The positions are those of the fuzzed gateway itself, to the byte.
void checked_stream::on_checkpoint(const checkpoint_frame& checkpoint) {
  PRESENTER_FUZZ_CHECK(!ended && !gone && checkpoint.stream == id);
  if (player_.is_backend()) return on_first_checkpoint(checkpoint);
  PRESENTER_FUZZ_CHECK(accepted && checkpoint.finished == peer_finished);
  if (!checkpoint.last && checkpoint.unread.empty()) {
    PRESENTER_FUZZ_CHECK(!peer_finished && unread == 0 && checkpoint.state.size() <= 64);
    has_exact_deposit = checkpoint.consumed == sent && checkpoint.produced == received;
    return player_.react(*this);
  }
  PRESENTER_FUZZ_CHECK(asked_over);
  unread += static_cast<std::int64_t>(checkpoint.unread.size());
  PRESENTER_FUZZ_CHECK(unread <= sent);
  if (!checkpoint.last) {
    PRESENTER_FUZZ_CHECK(checkpoint.state.empty());
    return player_.react(*this);
  }
  PRESENTER_FUZZ_CHECK(checkpoint.consumed + unread == sent && checkpoint.produced == received);
  end();
}

void checked_stream::on_first_checkpoint(const checkpoint_frame& checkpoint) {
  PRESENTER_FUZZ_CHECK(std::exchange(awaits_checkpoint, false));
  PRESENTER_FUZZ_CHECK(!checkpoint.last && checkpoint.unread.empty());
  received = checkpoint.consumed;
  sent = checkpoint.produced;
  finished = finished || checkpoint.finished;
  player_.react(*this);
}

void checked_stream::on_link_lost(bool is_deposit_exact) {
  PRESENTER_FUZZ_CHECK(is_deposit_exact == (has_exact_deposit && !player_.has_given_up()));
  end();
}

// --- the script

void mux_player::handoff_step(unsigned what) {
  const stream_id stream = picked(script_.byte());
  const unsigned shape = script_.byte();
  checked_stream* const known =
      streams_.contains(stream.value) ? streams_[stream.value].get() : nullptr;
  switch (what) {
    case 0:
      return feed_frame(handoff_frame{stream, static_cast<handoff_reason>(1 + (shape & 3U)), 7,
                                      1 + static_cast<std::int32_t>(shape)});
    case 1:
      return feed_frame(notice_frame{stream, static_cast<notice_reason>(1 + (shape & 3U)),
                                     1 + static_cast<std::int32_t>(shape)});
    case 2:
      return feed_checkpoint(stream, shape, script_.byte());
    case 3: {
      open_frame open;
      open.stream = {++opens_fed_};
      open.key = "key";
      open.continued = {static_cast<continue_cause>(1 + (shape & 3U)), "before"};
      return feed_frame(open);
    }
    case 4:
      if (known != nullptr) hand_off(*known, shape);
      return;
    case 5:
      return open_continued(shape);
    case 6:
      return core_.notify(stream, notice_reason::shedding, std::chrono::milliseconds(shape));
    case 7:
      if (known != nullptr) submit_checkpoint(*known, shape);
      return;
    default: {
      // A peer that has nothing else to say.
      for (unsigned n = 1U << (shape & 7U); n != 0; --n)
        feed_checkpoint(stream, shape & 0xfcU, 0);
      return;
    }
  }
}

// Bits of `shape`: 0 last, 1 finished, 2 to 4 how much is unread, 5 to 7 how large the state is.
// The positions are true but for `error`, so that a wrong one is the exception.
void mux_player::feed_checkpoint(stream_id stream, unsigned shape, unsigned error) {
  constexpr std::array<std::size_t, 8> unread_sizes{0, 1, 20, 100, 300, 1'000, 5'000, 8'000};
  constexpr std::array<std::size_t, 8> state_sizes{0, 1, 64, 65, 300, 2'000, 8'000, 8'384};
  checkpoint_frame checkpoint;
  checkpoint.stream = stream;
  checkpoint.last = (shape & 1U) != 0;
  checkpoint.finished = (shape & 2U) != 0;
  checkpoint.unread = filler_of(unread_sizes.at((shape >> 2) & 7U));
  checkpoint.state = filler_of(state_sizes.at(shape >> 5));
  const auto found = streams_.find(stream.value);
  if (found != streams_.end()) {
    const checked_stream& known = *found->second;
    const auto unread = static_cast<std::int64_t>(checkpoint.unread.size());
    checkpoint.consumed = std::max<std::int64_t>(0, known.sent - known.unread - unread);
    checkpoint.produced = known.received;
  }
  checkpoint.consumed += error & 0x0fU;
  checkpoint.produced += error >> 4;
  feed_frame(checkpoint);
}

void mux_player::open_continued(unsigned shape) {
  if (is_backend() || !core_.can_open() || !core_.takes_handoffs()) return;
  checked_stream& stream = add({core_.highest_opened().value + 1});
  // Positions on both sides of 2^32, which are compared modulo that.
  stream.sent = (shape & 1U) != 0 ? 0xffff'fff0LL : 10;
  stream.received = (shape & 2U) != 0 ? 0xffff'fff0LL : 10;
  stream.peer_finished = (shape & 4U) != 0;
  open_frame open;
  open.key = "key";
  open.continued = {continue_cause::crash, "before"};
  checkpoint_frame checkpoint;
  checkpoint.consumed = stream.sent;
  checkpoint.produced = stream.received;
  checkpoint.state = filler_of(shape);
  checkpoint.unread = "is left out";
  checkpoint.last = (shape & 8U) != 0;
  checkpoint.finished = stream.peer_finished;
  PRESENTER_FUZZ_CHECK(core_.open_continued(std::move(open), checkpoint, stream) == stream.id);
  streams_peak_ = std::max(streams_peak_, core_.streams_open());
}

void mux_player::hand_off(checked_stream& stream, unsigned deadline) {
  if (is_backend()) return;
  const bool is_asked = core_.takes_handoffs() && stream.accepted && !stream.ended &&
                        !stream.gone && !(stream.finished && stream.peer_finished) &&
                        !core_.is_over();
  core_.hand_off(stream.id, handoff_reason::draining, 7, std::chrono::milliseconds(deadline));
  stream.asked_over = stream.asked_over || is_asked;
  PRESENTER_FUZZ_CHECK(!is_asked || core_.sendable(stream.id) == 0);
}

// Shape as of the peer's, without `finished`, which the core knows.
void mux_player::submit_checkpoint(checked_stream& stream, unsigned shape) {
  if (!is_backend() || stream.gone || stream.ended || !stream.accepted) return;
  if (stream.awaits_checkpoint || !core_.takes_handoffs()) return;
  checkpoint_frame checkpoint;
  checkpoint.stream = stream.id;
  checkpoint.last = (shape & 1U) != 0;
  checkpoint.unread = filler_of((shape & 4U) != 0 ? 8'000 : 0);
  if (checkpoint.last || checkpoint.unread.empty()) checkpoint.state = filler_of(shape);
  checkpoint.consumed = stream.received;
  checkpoint.produced = stream.sent;
  if (!core_.submit_checkpoint(checkpoint)) {
    stream.wants_checkpoint = true;
    return core_.wait_checkpoint(stream.id);
  }
  const bool is_over = stream.finished && stream.peer_finished;
  if (!stream.asked_over || is_over || (!checkpoint.last && checkpoint.unread.empty())) return;
  stream.is_giving = true;
  if (checkpoint.last) stream.ended = true;
}

}  // namespace presenter::fuzz
