#include "tests/soak/soak_gateway.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace presenter::testing {
using protocol::limits::data_bytes_max;
using protocol::limits::stream_turn_bytes;

namespace {

// A prime, so that no frame's or window's size divides it: bytes that were lost or doubled show.
constexpr std::size_t period = 65'521;

// What stands at `position` of every stream; one run of it, at most a full frame.
std::span<const std::byte> pattern_at(std::size_t position, std::size_t size) {
  static const std::vector<std::byte> pattern = [] {
    std::vector<std::byte> bytes(period + data_bytes_max);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>((i % period) * 31 + (i % period) / 251);
    return bytes;
  }();
  return std::span(pattern).subspan(position % period, size);
}

}  // namespace

// --- one stream

void soak_stream::open(soak_kind kind) {
  kind_ = kind;
  sent_ = received_ = 0;
  protocol::open_frame open;
  open.key = std::string(1, static_cast<char>(kind));
  id_ = gateway_.core().open(std::move(open), *this);
  send();
}

void soak_stream::send() {
  auto& core = gateway_.core();
  const std::size_t all = gateway_.plan().stream_bytes;
  while (sent_ < all) {
    const std::size_t n = std::min({stream_turn_bytes, all - sent_, core.sendable(id_)});
    if (n == 0) return core.wait_writable(id_);
    const std::size_t taken = core.submit_data(id_, pattern_at(sent_, n), sent_ + n < all);
    sent_ += taken;
    gateway_.counts().bytes_sent += taken;
  }
}

void soak_stream::on_data(std::span<const std::byte> payload, bool) {
  const auto expected = pattern_at(received_, payload.size());
  if (std::memcmp(payload.data(), expected.data(), payload.size()) != 0) ++gateway_.counts().wrong;
  received_ += payload.size();
  gateway_.counts().bytes_received += payload.size();
  if (kind_ == soak_kind::gateway_resets) {
    gateway_.core().reset(id_, protocol::reset_reason::cancelled);
    return end(kind_);
  }
  gateway_.core().consumed(id_, payload.size());
  const bool is_whole = received_ == gateway_.plan().stream_bytes;
  if (is_whole && kind_ == soak_kind::gateway_finishes) gateway_.core().finish(id_);
}

void soak_stream::on_finish() {
  const bool is_whole = received_ == gateway_.plan().stream_bytes;
  if (kind_ == soak_kind::backend_finishes) gateway_.core().finish(id_);
  const bool expected =
      kind_ == soak_kind::gateway_finishes || kind_ == soak_kind::backend_finishes;
  end(is_whole && expected ? std::optional(kind_) : std::nullopt);
}

void soak_stream::on_reset(protocol::reset_reason reason, bool by_peer) {
  const bool expected = by_peer && reason == protocol::reset_reason::cancelled;
  end(expected ? std::optional(soak_kind::backend_resets) : std::nullopt);
}

void soak_stream::end(std::optional<soak_kind> how) {
  ++(how == kind_ ? gateway_.counts().ended : gateway_.counts().failed);
  gateway_.core().release(std::exchange(id_, {}));
}

// --- all of them

void soak_gateway::run(const soak_plan& plan, std::function<void()> on_done) {
  plan_ = plan;
  on_done_ = std::move(on_done);
  counts_ = {};
  opened_ = 0;
  slots_.clear();
  slots_.reserve(plan_.at_a_time);
  for (std::size_t i = 0; i < plan_.at_a_time; ++i)
    slots_.emplace_back(*this);
  fill();
}

void soak_gateway::fill() {
  for (soak_stream& slot : slots_) {
    if (opened_ == plan_.streams || !core().can_open()) break;
    if (slot.is_free()) slot.open(plan_.kinds[opened_++ % plan_.kinds.size()]);
  }
  tell_if_done();
}

void soak_gateway::tell_if_done() {
  const bool all_ended = counts_.ended + counts_.failed == plan_.streams;
  if (all_ended && core().streams_open() == 0 && on_done_) std::exchange(on_done_, nullptr)();
}

void soak_gateway::on_ready(const protocol::hello_frame&) {
  ready_ = true;
  if (when_ready) when_ready();
}

void soak_gateway::on_closed(boost::system::error_code) {
  // Whoever waits sees by the counts that it went wrong.
  if (on_done_) std::exchange(on_done_, nullptr)();
}

}  // namespace presenter::testing
